#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-recovery.sh [DIRECTORY]: each row of the tables in docs/RECOVERY.md names its test, and there
# is such a test: a function `test_...`, or a scenario "..." of tests/crash/scenarios-*.c. And what
# docs/SECURITY.md names under "Test" is a file of tests or a part of the name of one; so is each test that
# docs/COEXISTENCE.md names.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 2

declare -A known
while IFS= read -r name; do
	known[$name]=yes
done < <(grep -rhoE '\btest_[a-z_]+\(|\{ "[^"]+"' tests --include='*.c' --include='*.py' | sort -u)

failed=0 rows=0
while IFS= read -r row; do
	rows=$((rows + 1))
	cell=${row%|}
	cell=${cell##*|}
	if [[ $cell =~ \`(test_[a-z_]+)\` ]]; then
		name="${BASH_REMATCH[1]}("
	elif [[ $cell =~ \"([^\"]+)\" ]]; then
		name="{ \"${BASH_REMATCH[1]}\""
	else
		echo "docs/RECOVERY.md: no test is named in: $row"
		failed=1
		continue
	fi
	if [ -z "${known[$name]:-}" ]; then
		echo "docs/RECOVERY.md: there is no such test:$cell"
		failed=1
	fi
done < <(grep '^|' docs/RECOVERY.md | grep -vE '^\| (---|found|record) ')

names=$(grep -rhoE '\btest_[a-z0-9_]+\(' tests --include='*.c' --include='*.py')
files=$(find tests -name '*.c' -o -name '*.py')
attacks=0

# quoted TEXT: what is in backquotes, a line each. No process: there are a hundred rows.
quoted() {
	local text=$1
	while [[ $text =~ \`([^\`]+)\` ]]; do
		printf '%s\n' "${BASH_REMATCH[1]}"
		text=${text#*"${BASH_REMATCH[0]}"}
	done
}

while IFS= read -r row; do
	attacks=$((attacks + 1))
	cell=${row%|}
	while IFS= read -r name; do
		[[ $names = *"$name"* || $files = *"${name#service-}"* ]] ||
			{ echo "docs/SECURITY.md: there is no such test: $name"; failed=1; }
	done < <(quoted "${cell##*|}")
done < <(awk '/^\|.*\| Test \|$/ { inside = 1; next } !/^\|/ { inside = 0 } inside && !/^\| --- / { print }' docs/SECURITY.md)

while IFS= read -r name; do
	[[ $names = *"$name("* ]] || { echo "docs/COEXISTENCE.md: there is no such test: $name"; failed=1; }
done < <(grep -oE '`test_[a-z0-9_]+`' docs/COEXISTENCE.md | tr -d '`')

# None: the tables have another form than this looks for.
[ "$rows" -gt 20 ] || { echo "docs/RECOVERY.md: $rows rows"; failed=1; }
[ "$attacks" -gt 40 ] || { echo "docs/SECURITY.md: $attacks rows"; failed=1; }
exit $failed
