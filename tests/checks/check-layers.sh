#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-layers.sh [DIRECTORY]: who includes what. One sequence of folders, of which each includes itself and
# those before it (docs/ARCHITECTURE.md), and a few beside it. Include paths alone leak: a library's
# headers are often found without being asked for.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 2

sequence='shared zcrxd/model/config zcrxd/model/nic zcrxd/model/lease zcrxd/nic zcrxd/util zcrxd/store zcrxd/server
	zcrxd/device zcrxd/lease zcrxd/reconcile zcrxd/api zcrxd/manager'

# What includes more or less than its turn: folders, single headers, and FOLDER.. for it and all before it.
beside='zcrxd zcrxd/manager.. zcrxd/nic/kernel
zcrxd/nic/kernel zcrxd/nic..
zcrxd/nic/sim zcrxd/nic..
zcrxd/session shared/macro.h shared/session-control.h
zcrxd/irq shared/macro.h shared/irq-affinity.h
libzcrx-client shared
tools/zcrxperf shared libzcrx-client/zcrx-client.h
zcrxd/check zcrxd/nic.. zcrxd/nic/kernel/inspect.h libzcrx-client/zcrx-client.h
tools/zcrxctl shared'

# Headers of the system, and the only files that may include them.
system='(netlink/.*|linux/(genetlink|rtnetlink|netlink|ethtool[a-z_]*|netdev|if_link|sock_diag|inet_diag)\.h) zcrxd/nic/kernel/
(liburing\.h|linux/io_uring.*) (zcrxd/nic/kernel|libzcrx-client|tools/zcrxperf)/
yaml\.h zcrxd/model/config/yaml-node\.c
json-c/.* libzcrx-client/message\.h
(systemd/.*|sd-.*) (shared/(zcrx-idl|metrics-idl|field)|tools/|zcrxd/(check|session|util|store|server|device|lease|reconcile|api|manager)/)
systemd/sd-varlink\.h (shared/zcrx-idl|tools/|zcrxd/(check|server|device|lease|reconcile|api|manager)/)
(time|fcntl|poll|pwd|grp|sys/(time|socket|ioctl|stat|mman|epoll|timerfd))\.h (zcrxd/[^m]|zcrxd/m[^o]|shared|libzcrx-client|tools)'

# What model/ is given as arguments.
impure='(^|[^.>_[:alnum:]])(time|clock_gettime|gettimeofday|open|openat|fopen|ioctl|socket|getenv|getuid|geteuid|getpwnam|getgrnam|random|rand|getrandom|printf|puts|syslog)\('

headers=$(find shared zcrxd libzcrx-client tools -name '*.h' ! -path '*/tests/*')
includes=$(grep -rHoE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*["<][^">]+' shared zcrxd libzcrx-client tools |
	sed -E '/\/tests\//d; s/:.*["<]/ /')
failed=0
refuse() { # WHY WHAT: nothing of that kind may be there.
	[ -z "$2" ] || { printf '%s\n' "$2" "  -> $1"; failed=1; }
}

# Headers by name, then lines of FILE TARGET. Where a file may find a header, it does.
refuse "a folder includes itself and what stands before it" "$(awk -v sequence="$sequence" -v beside="$beside" '
function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
function name(path) { sub(/.*\//, "", path); return path }
BEGIN {
	n = split(sequence, order)
	for (i = 1; i <= n; i++)
		for (k = 1; k <= i; k++)
			may[order[i], order[k]] = known[order[i]] = 1
	n_beside = split(beside, lines, "\n")
	for (i = 1; i <= n_beside; i++) {
		n_words = split(lines[i], words)
		may[words[1], words[1]] = known[words[1]] = 1
		for (k = 2; k <= n_words; k++) {
			all = sub(/\.\.$/, "", words[k])
			may[words[1], words[k]] = 1
			for (j = 1; all && order[j] != words[k]; j++)
				may[words[1], order[j]] = 1
		}
	}
}
NF == 1 { homes[name($1)] = homes[name($1)] " " folder($1); next }
{ seen[folder($1)] = 1 }
$2 !~ /^(systemd|json-c|linux|netlink|sys|net|netinet)\// && name($2) in homes {
	found = 0
	m = split(homes[name($2)], list)
	for (k = 1; k <= m; k++)
		found += ((folder($1), list[k]) in may) + ((folder($1), list[k] "/" name($2)) in may)
	if (!found) print $1 ": " $2
}
END {
	for (f in known) if (!(f in seen)) print f ": there is no such folder"
	for (f in seen) if (!(f in known)) print f ": there is no rule for it"
	for (h in homes) if (gsub(/ (shared|zcrxd)/, "&", homes[h]) > 1) print h ": two headers have this name"
}' <(printf '%s\n' "$headers") <(printf '%s\n' "$includes"))"

while read -r header files; do
	refuse "none of its business" "$(grep -E " $header\$" <<< "$includes" | grep -vE "^$files")"
done <<< "$system"
refuse "model/ is given time, files, users and the environment" \
	"$(grep -rnE "$impure" zcrxd/model | grep -vE ':[0-9]+:[[:space:]]*(/?\*|//)')"
refuse "the public header shows none of the libraries behind it" \
	"$(grep -E '^libzcrx-client/zcrx-client\.h (systemd/|liburing|netlink/|linux/io_uring)' <<< "$includes")"
refuse "a pool is on anybody's ring: only the layer above it has liburing" \
	"$(grep -E '^libzcrx-client/.* liburing' <<< "$includes" | grep -v '^libzcrx-client/queue\.h ')"
refuse "a pool knows nothing of what stands on it" \
	"$(grep -E '^libzcrx-client/(pool|span|refill|ring-call)[^ ]* queue\.h' <<< "$includes")"
refuse "verdicts are computed from facts alone" \
	"$(grep -E '^zcrxd/check/(checks|drivers)[^ ]* (systemd/|sd-|sys/|.*read\.h)' <<< "$includes")"
exit $failed
