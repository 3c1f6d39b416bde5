#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-symbols.sh LIBRARY HEADER SYM MAN...: the four name the same functions.
set -eu
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -D --defined-only "$1" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort >"$work/library"
if nm -D --defined-only "$1" | awk '$2 !~ /[TA]/' | grep .; then
	echo "the library exports more than functions" >&2
	exit 1
fi
# A declaration starts at the left margin; comments and fields do not.
sed -n '/; *\/\*/d; s/^[a-z].*[ *]\(zcrx_[a-z_]*\)(.*/\1/p' "$2" | sort >"$work/header"
sed -n 's/^\t\(zcrx_[a-z_]*\);$/\1/p' "$3" | sort >"$work/sym"
shift 3
grep -ho 'zcrx_[a-z_]*(' "$@" | tr -d '(' | sort -u >"$work/man"

status=0
for other in library sym man; do
	if ! diff -u "$work/header" "$work/$other" >&2; then
		echo "$other and header differ" >&2
		status=1
	fi
done
[ -s "$work/header" ] || { echo "no function found in the header" >&2; status=1; }
exit $status
