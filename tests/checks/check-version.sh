#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-version.sh SOURCE BUILD VERSION: whatever says a version agrees with meson.build: the commands,
# the library's file, its pkg-config file, its symbol versions and what header and manual say of each
# function, NEWS, and what packages are made by.
set -u
source=$1 build=$2 version=$3
minor=${version%.*}
client=$source/libzcrx-client
failed=0

complain() {
	printf '%s\n' "$*"
	failed=1
}

# is WHAT FOUND EXPECTED
is() {
	[ "$2" = "$3" ] || complain "$1: '$2', not '$3'"
}

for program in zcrxd/zcrxd tools/zcrxctl/zcrxctl tools/zcrxperf/zcrxperf; do
	is "$program --version" "$("$build/$program" --version)" "${program##*/} $version"
done
is "NEWS" "$(sed -n 's/^# zcrxd //p' "$source/NEWS.md" | head -n 1)" "$version"

is "the spec" "$(sed -n 's/^Version: *//p' "$source/contrib/rpm/zcrxd.spec")" "$version"
for file in Cargo.toml Cargo.lock; do
	is "$file of the crate" "$(sed -n 's/^version = "\(.*\)"$/\1/p' "$source/bindings/rust/$file")" "$version"
done
is "debian/changelog" "$(sed -n '1s/.*(\(.*\)-[^-]*).*/\1/p' "$source/debian/changelog")" "$version"

# What programs are linked against: another minor version may break them as long as the first is 0.
abi=${version%%.*}
[ "$abi" != 0 ] || abi=$minor
is "soname" "$(readelf -d "$build/libzcrx-client/libzcrx-client.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')" \
	"libzcrx-client.so.$abi"
[ -e "$build/libzcrx-client/libzcrx-client.so.$version" ] || complain "there is no libzcrx-client.so.$version"
is "libzcrx-client.pc" "$(sed -n 's/^Version: //p' "$build/meson-private/libzcrx-client.pc")" "$version"

# Each symbol as "VERSION NAME": by the section that exports it, and by the last "Since:" above it.
sections=$(awk '/^LIBZCRX_CLIENT_/ { v = $1; sub(/.*_/, "", v) }
	/^\tzcrx_/ { sub(/;/, ""); print v, $1 }' "$client/libzcrx-client.sym" | sort)
since=$(awk 'match($0, /Since: [0-9.]+/) { v = substr($0, RSTART + 7, RLENGTH - 7) }
	v != "" && /^[a-z].*[ *]zcrx_[a-z_]+\(/ { match($0, /zcrx_[a-z_]+\(/); print v, substr($0, RSTART, RLENGTH - 1) }' \
	"$client/zcrx-client.h" | sort)
[ "$sections" = "$since" ] || complain "libzcrx-client.sym (<) and Since: in zcrx-client.h (>):" \
	"$(diff <(printf '%s\n' "$sections") <(printf '%s\n' "$since"))"
is "the newest section of libzcrx-client.sym" \
	"$(printf '%s\n' "$sections" | cut -d' ' -f1 | sort -V | tail -n 1)" "$minor"

# What came after the first version is said in the manual: "Since VERSION: *NAME*(), ...".
manual=$(awk '/^Since [0-9.]+:/ { v = $2; sub(/:/, "", v) } v == "" { next } /^$/ { v = ""; next }
	{ while (match($0, /zcrx_[a-z_]+/)) { print v, substr($0, RSTART, RLENGTH); $0 = substr($0, RSTART + RLENGTH) } }' \
	"$source/man/libzcrx-client.3.scd" | sort)
is "the functions of later versions in libzcrx-client(3)" "$manual" "$(printf '%s\n' "$sections" | grep -v '^0\.1 ')"

exit $failed
