#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-wrapper.sh HEADER WRAPPER...: the wrapper has all that the header declares, or says what it leaves out.
set -eu
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sed -n '/; *\/\*/d; s/^[a-z].*[ *]\(zcrx_[a-z_]*\)(.*/\1/p' "$1" | sort -u >"$work/header"
[ -s "$work/header" ] || { echo "no function found in the header" >&2; exit 1; }
shift
grep -oh 'zcrx_[a-z_]*' "$@" | sort -u >"$work/wrapper"
missing=$(comm -23 "$work/header" "$work/wrapper")
[ -z "$missing" ] || { printf 'not in %s:\n%s\n' "$1" "$missing" >&2; exit 1; }
