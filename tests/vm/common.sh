# Shared by the scripts of this directory, which source it. It owns the place and the names of
# what the bench caches outside of the tree, the locks on it, and how the bench says that it failed.
#
# Their names are set as variables for the scripts: root, kernel, release, boot, build, nic.
#
#   root-HASH/            the Debian root (recipe: mkroot, packages)
#   kernel-RELEASE-HASH/  a kernel and its headers, unpacked (recipe: mkkernel)
#   boot-RELEASE-HASH/    its initramfs (recipe: mkinitramfs, init)
#   apparmor-HASH/        what compiles AppArmor profiles, unpacked (recipe: mkapparmor)
#   selftests-RELEASE-HASH/  the kernel's own tests of NICs (recipe: mkselftests)
#   build-HASH/           what is built from the checkout with this path
#   ccache/               objects, by what they were compiled from, for every checkout
# Each is built under a temporary name and renamed when it is whole, so that an interrupted build
# leaves nothing that looks finished.
# shellcheck shell=bash disable=SC2034

set -euo pipefail
umask 022

vm=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
src=$(cd "$vm/../.." && pwd -P)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/zcrxd

# The kernel that the project was developed on. When the archive has dropped it, the newest that
# linux-image-amd64 brings is taken.
default_kernel=7.2.12+deb13-amd64

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# The bench itself failed: 125, so that it cannot be taken for the exit status of a test.
die() {
	say "$@"
	exit 125
}

[ "$(id -u)" = 0 ] || die "needs root (it mounts, and installs packages when they are missing); run it with sudo"
mkdir -p "$cache"

# hash_of FILE...: a short name for a recipe. Its comments may change without a rebuild.
hash_of() {
	grep -hv '^[[:space:]]*#' -- "$@" | sha256sum | cut -c1-12
}

# need COMMAND=PACKAGE...: installs the packages whose commands are missing.
need() {
	local pair missing=()
	for pair; do
		case ${pair%%=*} in
		/*) [ -e "${pair%%=*}" ] ;;
		*) command -v "${pair%%=*}" >/dev/null ;;
		esac || missing+=("${pair#*=}")
	done
	[ ${#missing[@]} = 0 ] && return
	say "installing ${missing[*]} on this machine"
	install_packages "${missing[@]}" ||
		die "cannot install ${missing[*]}: see above; install them by hand and try again"
}

# Prints the first comment of the script that runs.
usage() {
	sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
	exit
}

install_packages() {
	export DEBIAN_FRONTEND=noninteractive
	apt-get install -q -y --no-install-recommends "$@" >&2 ||
		{ apt-get update -q >&2 && apt-get install -q -y --no-install-recommends "$@" >&2; }
}

# cached NAME COMMAND...: makes sure that $cache/NAME exists, by running COMMAND with a temporary
# directory as its last argument if not, and keeps it from being pruned while this process and its
# children live.
cached() {
	local name=$1 fd tmp
	shift
	exec {fd}>>"$cache/$name.lock"
	flock -s "$fd"
	if [ ! -d "$cache/$name" ]; then
		flock -u "$fd"
		flock "$fd" # only one builds; the others wait here
		if [ ! -d "$cache/$name" ]; then
			tmp=$cache/$name.tmp
			rm -rf "$tmp"
			"$@" "$tmp" || { rm -rf "$tmp"; die "cannot build $cache/$name: see above"; }
			mv -T "$tmp" "$cache/$name"
		fi
		flock -s "$fd"
		prune -mmin +1440 # a day
	fi
	touch "$cache/$name.lock"
}

# prune FIND-CONDITION...: removes what no process uses: recipes that have changed since.
prune() {
	local lock name
	find "$cache" -maxdepth 1 -name '*.lock' "$@" | while read -r lock; do
		name=${lock%.lock}
		flock -n "$lock" rm -rf "$name" "$name.tmp" "$lock" || true
	done
}

ensure_root() {
	root=root-$(hash_of "$vm/mkroot" "$vm/packages")
	# A fresh machine may never have asked its mirror for anything, and not know its suites.
	[ -d "$cache/$root" ] || [ -n "$(apt-get indextargets)" ] || apt-get update -q >&2
	cached "$root" "$vm/mkroot"
	root=$cache/$root
}

# ensure_root_with FILE: the same root with the packages that FILE names as well, as $root_with. Only machines run on
# it: what is built and by what stays as it is.
ensure_root_with() {
	local name
	[ -r "$1" ] || die "cannot read $1"
	name=root-${1##*/}-$(hash_of "$vm/mkroot" "$vm/packages" "$1")
	[ -d "$cache/$name" ] || [ -n "$(apt-get indextargets)" ] || apt-get update -q >&2
	cached "$name" make_root_with "$1"
	root_with=$cache/$name
}

make_root_with() {
	local all=$2.packages status=0
	cat "$vm/packages" "$1" >"$all"
	"$vm/mkroot" trixie "$all" "$2" || status=$?
	rm -f "$all"
	return $status
}

# ensure_kernel [RELEASE]: sets $release and $kernel. RELEASE may be the beginning of one: 7.3, 6.18.
ensure_kernel() {
	local hash known
	ensure_root
	hash=$(hash_of "$vm/mkkernel")
	release=${1:-$default_kernel}
	if [ ! -d "$cache/kernel-$release-$hash" ]; then
		known=$cache/release-$release-${root##*-}-$hash
		if [ ! -e "$known" ]; then
			"$vm/chroot" "$root" "" /vm/mkkernel resolve "$release" "${1:+exactly}" >"$known.tmp" ||
				{ rm -f "$known.tmp"; die "the archive has no kernel $release, or not all of its packages"; }
			mv "$known.tmp" "$known"
		fi
		release=$(cat "$known")
	fi
	cached "kernel-$release-$hash" "$vm/mkkernel" unpack "$root" "$release"
	kernel=$cache/kernel-$release-$hash
}

# ensure_boot: the initramfs of $kernel, as $boot.
ensure_boot() {
	local name
	name=boot-$release-$(hash_of "$vm/mkinitramfs" "$vm/init" "$vm/packages")
	cached "$name" make_boot
	boot=$cache/$name
}

make_boot() {
	mkdir -p "$1"
	build=$1 src='' "$vm/chroot" "$root" "$kernel" /vm/mkinitramfs "$release" >&2
}

# ensure_build: the build directory of this checkout, as $build.
ensure_build() {
	build=$cache/build-$(printf %s "$src" | sha256sum | cut -c1-12)
	mkdir -p "$build" "$cache/ccache"
	# What runs that were killed or have failed left there.
	find "$build" -maxdepth 1 -mmin +1440 \
		\( -name 'run-*' -o -name 'results-*' -o -name 'failed-*' \) -exec rm -rf {} +
}

# native COMMAND...: runs it in the root.
native() {
	src=$src build=$build ccache=$cache/ccache "$vm/chroot" "$root" "${kernel:-}" "$@"
}

# quietly COMMAND...: shows what it prints only if it fails.
quietly() {
	local output
	output=$("$@" 2>&1) && return
	printf '%s\n' "$output" >&2
	return 1
}

# build_flavour FLAVOUR [TARGET...]: builds the project in $build/FLAVOUR, one builder at a time on this
# machine: each takes all of its processors. Of the test build every test, too.
build_flavour() {
	local targets=(all "${@:2}")
	[ "$1" != test ] || targets+=(meson-test-prereq)
	local options=(-Dbuildtype=debugoptimized -Dwerror=true) setup=(meson setup)
	case $1 in
	# -O1 is what sanitizers are made for, and compiles in two thirds of the time.
	test | clang) options+=(-Doptimization=1 -Db_lundef=false "-Db_sanitize=address,undefined") ;;&
	clang)
		options+=(-Dfuzz=true)
		setup=(env 'CC=ccache clang' 'CXX=ccache clang++' meson setup)
		;;
	esac
	(
		flock 9
		if [ "$(cat "$build/$1/.options" 2>/dev/null)" != "${options[*]} $root" ]; then
			rm -rf "${build:?}/$1"
			say "building the project ($1)"
			quietly native "${setup[@]}" "${options[@]}" "/build/$1" || exit
			echo "${options[*]} $root" >"$build/$1/.options"
		fi
		quietly native ninja -C "/build/$1" --quiet "${targets[@]}"
	) 9>>"$cache/building.lock"
}

# compile_by_clang: everything, for its warnings. Nothing is linked: what the compiler says is known before.
compile_by_clang() {
	local options=(-Dbuildtype=plain -Dwerror=true) objects='s/^\(.*\.o\): .*/\1/p'
	(
		flock 9
		if [ "$(cat "$build/warnings/.options" 2>/dev/null)" != "${options[*]} $root" ]; then
			rm -rf "${build:?}/warnings"
			quietly native env 'CC=ccache clang' 'CXX=ccache clang++' meson setup "${options[@]}" \
				/build/warnings || exit
			echo "${options[*]} $root" >"$build/warnings/.options"
		fi
		quietly native sh -c "ninja -C /build/warnings -t targets all | sed -n '$objects' |
			xargs ninja -C /build/warnings --quiet"
	) 9>>"$cache/building.lock"
}

# compile_tests DIRECTORY...: leaves Python's bytecode of the tests there beside them, as Python does. The checkout is
# read-only in the virtual machine, whose emulated processor takes ten seconds to make the same at each start.
compile_tests() {
	local directory
	for directory; do
		quietly native python3 -m pytest --collect-only -q -p no:cacheprovider "/src/$directory" || return
	done
}

# has_nic_for RELEASE: the simulated NIC speaks to drivers' interfaces as they are since 7.2.
has_nic_for() {
	[ "$(printf '%s\n' 7.2 "$1" | sort -V | head -n 1)" = 7.2 ]
}

# build_nic: the simulated NIC for $release, as $nic; empty if the kernel is too old for it, or the
# archive has forgotten its headers.
build_nic() {
	nic=
	if ! has_nic_for "$release"; then
		say "$release is older than the simulated NIC (7.2): it is not there"
		return
	fi
	if [ ! -d "$kernel/usr/src/linux-headers-$release" ]; then
		say "there are no headers for $release in the archive any more: no simulated NIC"
		return
	fi
	nic=$build/nic-$release/zcnic.ko
	(
		flock 9
		quietly native make -s -C /src/tests/nic "KERNEL=$release" "OUT=/build/nic-$release"
	) 9>>"$build/nic-$release.lock"
}

# ensure_selftests: the kernel's own tests of NICs, of $release, as $selftests.
ensure_selftests() {
	local name
	name=selftests-$release-$(hash_of "$vm/mkselftests")
	cached "$name" "$vm/mkselftests" unpack "$root" "$release"
	selftests=$cache/$name
}

# ensure_apparmor: the parser of profiles and what they include, to be laid over the root, as $apparmor.
ensure_apparmor() {
	local name
	name=apparmor-$(hash_of "$vm/mkapparmor" "$vm/mkroot")
	cached "$name" "$vm/mkapparmor" unpack "$root"
	apparmor=$cache/$name
}
