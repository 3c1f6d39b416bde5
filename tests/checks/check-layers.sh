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
beside='zcrxd: zcrxd/manager.. zcrxd/nic/kernel
zcrxd/nic/kernel: zcrxd/nic..
zcrxd/nic/sim: zcrxd/nic..
zcrxd/session: shared/macro.h shared/session-control.h
zcrxd/irq: shared/macro.h shared/irq-affinity.h
libzcrx-client: shared
tools/zcrxperf: shared libzcrx-client/zcrx-client.h
tools/zcrxctl: shared tools/zcrxctl/check/check.h
tools/zcrxctl/check: tools/zcrxctl zcrxd/nic.. zcrxd/nic/kernel/inspect.h'

# Headers of the system, and which files alone include them.
system='(netlink/.*|linux/(genetlink|rtnetlink|netlink|ethtool[a-z_]*|netdev|if_link|sock_diag|inet_diag)\.h) zcrxd/nic/kernel/
(liburing\.h|linux/io_uring.*) (zcrxd/nic/kernel|libzcrx-client|tools/zcrxperf)/
yaml\.h zcrxd/model/config/yaml-node\.c
(systemd/.*|sd-.*) (shared/zcrx-idl|libzcrx-client/|tools/|zcrxd/(session|util|store|server|device|lease|reconcile|api|manager)/)
systemd/sd-varlink\.h (shared/zcrx-idl|libzcrx-client/|tools/|zcrxd/(server|device|lease|reconcile|api|manager)/)
(time|fcntl|poll|pwd|grp|sys/(time|socket|ioctl|stat|mman|epoll|timerfd))\.h (zcrxd/[^m]|zcrxd/m[^o]|shared|libzcrx-client|tools)'

# What model/ is given as arguments.
impure='(time|clock_gettime|gettimeofday|open|openat|fopen|ioctl|socket|getenv|getuid|geteuid|getpwnam|getgrnam|random|rand|getrandom|printf|puts|syslog)\('

find shared zcrxd libzcrx-client tools -name '*.[ch]' ! -path '*/tests/*' | sort | awk -v sequence="$sequence" -v beside="$beside" \
	-v libraries="$system" -v impure="(^|[^.>_[:alnum:]])$impure" '
function fail(text) { print text; failed = 1 }
BEGIN {
	n = split(sequence, order)
	for (i = 1; i <= n; i++)
		for (k = 1; k <= i; k++)
			may[order[i], order[k]] = 1
	n_beside = split(beside, lines, "\n")
	for (i = 1; i <= n_beside; i++) {
		n_words = split(lines[i], words)
		sub(/:$/, "", words[1])
		may[words[1], words[1]] = 1
		order[++n] = words[1]
		for (k = 2; k <= n_words; k++) {
			all = sub(/\.\.$/, "", words[k])
			may[words[1], words[k]] = 1
			for (j = 1; all && order[j] != words[k]; j++)
				may[words[1], order[j]] = 1
		}
	}
	n_libraries = split(libraries, library, "\n")
}
{
	files[NR] = $0
	folder = $0; sub(/\/[^\/]*$/, "", folder); folder_of[$0] = folder; seen[folder] = 1
	name = $0; sub(/.*\//, "", name)
	if (name ~ /\.h$/) homes[name] = homes[name] " " folder
}
function check_library(file, target,    i, part) {
	for (i = 1; i <= n_libraries; i++) {
		split(library[i], part, " ")
		if (target ~ "^" part[1] "$" && file !~ "^" part[2])
			fail(file ": includes <" target ">, which it has nothing to do with")
	}
}
# Its own folder comes first; where it may find the header is where it does.
function check_include(file, target,    name, own, list, k, m) {
	name = target; sub(/.*\//, "", name)
	check_library(file, target)
	if (target ~ /^(systemd|linux|netlink|sys|net|netinet|arpa)\// || !(name in homes))
		return
	m = split(homes[name], list)
	for (k = 1; k <= m; k++)
		if (((folder_of[file], list[k]) in may) || ((folder_of[file], list[k] "/" name) in may))
			return
	fail(file ": includes " target ", which is above it (" list[1] ")")
}
END {
	for (i = 1; i <= n; i++)
		if (!(order[i] in seen)) fail(order[i] ": no C files")
	for (folder in seen)
		if (!((folder, folder) in may)) fail("no rule for " folder)
	for (name in homes)
		if (gsub(/ (shared|zcrxd[^ ]*)/, "&", homes[name]) > 1) fail(name ": two headers have this name")
	for (i = 1; i <= NR; i++)
		while ((getline line < files[i]) > 0) {
			if (line ~ /^[ \t]*#[ \t]*include[ \t]*["<]/) {
				sub(/^[^"<]*["<]/, "", line); sub(/[">].*/, "", line)
				check_include(files[i], line)
			} else if (files[i] ~ /^zcrxd\/model\// && line ~ impure && line !~ /^[ \t]*(\/?\*|\/\/)/)
				fail(files[i] ": " line " -> model/ is given time, files, users and the environment")
		}
	exit failed
}' || exit 1

# The public header shows none of the libraries behind it; verdicts are computed from facts alone.
! grep -HnE '#[[:space:]]*include.*(systemd/|liburing|netlink/|linux/io_uring|")' libzcrx-client/zcrx-client.h &&
	! grep -HnE '#[[:space:]]*include.*(systemd/|sd-|"read\.h"|<sys/)' tools/zcrxctl/check/verdicts* tools/zcrxctl/check/drivers.c
