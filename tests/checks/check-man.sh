#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-man.sh SOURCE BUILD: the manual, the shell completions and the default configuration say what
# the programs do, and nothing else. What the programs do is asked of them: their --help, and the
# daemon's reader of the configuration.
set -u
source=$1 build=$2
zcrxctl=$build/tools/zcrxctl/zcrxctl zcrxd=$build/zcrxd/zcrxd zcrxperf=$build/tools/zcrxperf/zcrxperf
failed=0

complain() {
	printf '%s\n' "$*"
	failed=1
}

# same A B FILE-A FILE-B [empty]: both hold the same lines, and some, if they may not be empty.
same() {
	local line
	[ -s "$3" ] || [ "${5:-}" = empty ] || complain "$1: nothing found"
	while read -r line; do complain "$line: in $1, but not in $2"; done < <(comm -23 "$3" "$4")
	while read -r line; do complain "$line: in $2, but not in $1"; done < <(comm -13 "$3" "$4")
}

list() { sort -u >"$tmp/$1"; }

# heads PAGE [SECTION]: what the page defines: what is bold in a line above a deeper one.
heads() {
	awk -v section="${2:-}" '
		/^# / { in_section = section == "" || $0 == "# " section }
		in_section && head != "" && index($0, indent "\t") == 1 { print head }
		{ head = /^\t*\*/ ? $0 : ""; indent = $0; sub(/[^\t].*/, "", indent) }
	' "$source/man/$1.scd" | grep -oE '\*[^*]+\*' | tr -d '*'
}

long_options() { grep -oE -- '--[a-z][a-z-]+'; }

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# zcrxctl: commands and options, in the manual and in both completions.
bash_completion=$source/tools/zcrxctl/completions/zcrxctl
zsh_completion=$source/tools/zcrxctl/completions/_zcrxctl

"$zcrxctl" --help | sed -n 's/^  \([a-z][a-z]*\)\b.*/\1/p' | list verbs
heads zcrxctl.1 COMMANDS | grep -v '^-' | list man-verbs
sed -n 's/^\*zcrxctl\*.* \*\([a-z]*\)\*.*/\1/p' "$source/man/zcrxctl.1.scd" | list synopsis-verbs
sed -n "s/.*verbs='\(.*\)'/\1/p" "$bash_completion" | tr ' ' '\n' | list bash-verbs
sed -n "/verbs=(/,/)/s/^[[:space:]]*'\([a-z]*\):.*/\1/p" "$zsh_completion" | list zsh-verbs
for where in man synopsis bash zsh; do
	same "zcrxctl --help" "$where" "$tmp/verbs" "$tmp/$where-verbs"
done

"$zcrxctl" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p' | list global
while read -r verb; do
	"$zcrxctl" "$verb" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p' | list all
	comm -23 "$tmp/all" "$tmp/global" | list verb
	cat "$tmp/all" >>"$tmp/all-options"
	# In the synopsis, in the explanation ("(lease, run)"), in the completions.
	sed -n "/^\*zcrxctl\*.* \*$verb\*/p" "$source/man/zcrxctl.1.scd" | long_options | list synopsis
	same "zcrxctl $verb --help" "its synopsis" "$tmp/verb" "$tmp/synopsis" empty
	awk -v verb="$verb" '/^\*--/ { option = $1 } /^\t.*\(\*/ && $0 ~ "\\([^)]*\\*" verb "\\*[^)]*\\)" { print option }' \
		"$source/man/zcrxctl.1.scd" | tr -d '*' | list explained
	same "zcrxctl $verb --help" "its explanation" "$tmp/verb" "$tmp/explained" empty
	sed -n "s/^[[:space:]]*\[$verb\]='\(.*\)'/\1/p" "$bash_completion" | long_options | list bash
	same "zcrxctl $verb --help" "its bash completion" "$tmp/verb" "$tmp/bash" empty
done <"$tmp/verbs"
list options <"$tmp/all-options"
heads zcrxctl.1 OPTIONS | grep '^--' | list man-options
same "zcrxctl --help" "zcrxctl(1)" "$tmp/options" "$tmp/man-options"
grep -oE "(^|[ '{,*)])--[a-z][a-z-]+" "$zsh_completion" | long_options | list zsh-options
same "zcrxctl --help" "the zsh completion" "$tmp/options" "$tmp/zsh-options"

# zcrxd: options and configuration keys.
"$zcrxd" --help | long_options | list zcrxd-options
heads zcrxd.8 OPTIONS | grep '^--' | list zcrxd-man
same "zcrxd --help" "zcrxd(8)" "$tmp/zcrxd-options" "$tmp/zcrxd-man"

grep -ohE '\{ "[a-z-]+", (config_)?read_' "$source"/zcrxd/model/config/config-*.c | cut -d'"' -f2 | list keys
heads zcrxd.yaml.5 | list man-keys
same "the daemon" "zcrxd.yaml(5)" "$tmp/keys" "$tmp/man-keys"

# The configuration that is installed is good, also with all that it proposes switched on; so is
# every example in the manual.
check_config() {
	"$zcrxd" --check-config --config="$2" >"$tmp/verdict" 2>&1 || complain "$1: $(cat "$tmp/verdict")"
}
check_config "etc/zcrxd.yaml" "$source/etc/zcrxd.yaml"
sed -E 's/^#([a-z]|  )/\1/' "$source/etc/zcrxd.yaml" >"$tmp/proposed.yaml"
check_config "etc/zcrxd.yaml without #" "$tmp/proposed.yaml"
grep -oE '^[ -]*#? *-? *[a-z-]+:' "$source/etc/zcrxd.yaml" | tr -d '#: ' | sed 's/^-*//' | list default-keys
for key in $(comm -23 "$tmp/default-keys" "$tmp/keys"); do
	complain "$key: in etc/zcrxd.yaml, but not a key"
done
awk -v tmp="$tmp" '/^```/ { open = !open; n += open; next } open { print > tmp "/example" n ".yaml" }' \
	"$source/man/zcrxd.yaml.5.scd"
[ -s "$tmp/example1.yaml" ] || complain "zcrxd.yaml(5): no examples found"
for example in "$tmp"/example*.yaml; do
	check_config "zcrxd.yaml(5), ${example##*/}" "$example"
done

# zcrxperf: options. libzcrx-client: symbols.
"$zcrxperf" --help | long_options | list zcrxperf-options
heads zcrxperf.1 | grep -oE -- '--[a-z][a-z-]+' | list zcrxperf-man
same "zcrxperf --help" "zcrxperf(1)" "$tmp/zcrxperf-options" "$tmp/zcrxperf-man"

grep -oE '\bzcrx_[a-z_]+;' "$source/libzcrx-client/libzcrx-client.sym" | tr -d ';' | list symbols
[ -s "$tmp/symbols" ] || complain "libzcrx-client.sym: nothing found"
grep -oE '\bzcrx_[a-z_]+\b' "$source/man/libzcrx-client.3.scd" | list man-words
for symbol in $(comm -23 "$tmp/symbols" "$tmp/man-words"); do
	complain "$symbol: exported, but not in libzcrx-client(3)"
done

exit $failed
