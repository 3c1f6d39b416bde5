#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-left-out.sh [DIRECTORY]: what tests/vm/left-out names is there. A name that has changed would
# have no effect, and nobody would notice.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 2

failed=0
while IFS= read -r name; do
	file=${name%%::*} test=${name#"$file"} test=${test#::}
	if [ ! -e "$file" ] || { [ -n "$test" ] && ! grep -q "^def ${test%%\[*}(" "$file"; }; then
		echo "tests/vm/left-out: there is no $name"
		failed=1
	fi
done < <(grep '^[^#]' tests/vm/left-out)
exit $failed
