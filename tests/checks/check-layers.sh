#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-layers.sh [DIRECTORY]: who includes what. Each folder may include its own headers, those of
# the folders that it stands on, and the libraries that are its business; docs/ARCHITECTURE.md says
# why. Include paths alone leak: a library's headers are often found without being asked for.
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 2

failed=0

# headers_in FOLDER...: the names by which the headers there are included, as a pattern.
headers_in() {
	local folder names=
	for folder; do
		names+=$(find "$folder" -maxdepth 1 -name '*.h' -printf '%f|')
	done
	printf '%s' "${names%|}"
}

# files_in FOLDER [NAME...]: C files directly in FOLDER, or those named.
files_in() {
	local folder=$1
	shift
	[ $# -gt 0 ] || set -- '*.[ch]'
	local name
	for name; do
		find "$folder" -maxdepth 1 -name "$name"
	done
}

# refuse WHY PATTERN FILE...: no FILE has an #include whose target matches PATTERN (as a whole).
refuse() {
	local why=$1 pattern=$2 hits
	shift 2
	[ $# -gt 0 ] && [ -n "$pattern" ] || return 0
	hits=$(grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*(\"(.*/)?($pattern)\"|<($pattern)>)" "$@" /dev/null)
	[ -z "$hits" ] || { printf '%s\n' "$hits" "  -> $why"; failed=1; }
}

# refuse_use WHY PATTERN FILE...: no FILE mentions PATTERN in code.
refuse_use() {
	local why=$1 pattern=$2 hits
	shift 2
	[ $# -gt 0 ] || return 0
	hits=$(grep -nE "$pattern" "$@" /dev/null | grep -vE ':[0-9]+:[[:space:]]*(/?\*|//)')
	[ -z "$hits" ] || { printf '%s\n' "$hits" "  -> $why"; failed=1; }
}

shared=$(headers_in shared)
model=$(headers_in zcrxd/model)
nic=$(headers_in zcrxd/nic)
kernel=$(headers_in zcrxd/nic/kernel)
sim=$(headers_in zcrxd/nic/sim)
service_folders=(zcrxd/service zcrxd/service/{connections,devices,leases,methods,record})
service=$(headers_in "${service_folders[@]}")
session=$(headers_in zcrxd/session)
zcrxctl=$(headers_in tools/zcrxctl)

libnl='netlink/.*|linux/(genetlink|rtnetlink|netlink|ethtool[a-z_]*|netdev|if_link|sock_diag|inet_diag|io_uring)\.h'
uring='liburing\.h|linux/io_uring.*'
systemd='systemd/.*|sd-[a-z0-9]+\.h'

# A name that two folders share would make the rules above ambiguous.
twice=$(find shared zcrxd -name '*.h' -printf '%f\n' | sort | uniq -d)
[ -z "$twice" ] || { echo "header names used twice: $twice"; failed=1; }

mapfile -t files < <(files_in shared)
refuse "shared/ stands on libc only" "$model|$nic|$kernel|$sim|$service|$zcrxctl" "${files[@]}"
mapfile -t files < <(files_in shared | grep -v /zcrx-idl)
refuse "only the interface description in shared/ knows sd-varlink" "$systemd|$libnl|$uring" "${files[@]}"

mapfile -t files < <(files_in zcrxd/model)
refuse "zcrxd/model/ stands on shared/ only" "$nic|$kernel|$sim|$service" "${files[@]}"
refuse "zcrxd/model/ computes values from values" \
	"$systemd|$libnl|$uring|time\.h|sys/(time|socket|ioctl|stat|mman|epoll|timerfd)\.h|fcntl\.h|poll\.h|pwd\.h|grp\.h" \
	"${files[@]}"
refuse_use "zcrxd/model/ gets time, files, users and the environment as arguments" \
	'(^|[^.>_[:alnum:]])(time|clock_gettime|gettimeofday|open|openat|fopen|ioctl|socket|getenv|getuid|geteuid|getpwnam|getgrnam|random|rand|getrandom|printf|puts|syslog)\(' \
	"${files[@]}"
mapfile -t files < <(files_in zcrxd/model | grep -v '/yaml-node\.c$')
refuse "libyaml stays in yaml-node.c" 'yaml\.h' "${files[@]}"

mapfile -t files < <(files_in zcrxd/nic)
refuse "zcrxd/nic/ is the boundary: it knows neither side of it" \
	"$kernel|$sim|$service|$systemd|$libnl|$uring" "${files[@]}"

mapfile -t files < <(files_in zcrxd/nic/kernel)
refuse "zcrxd/nic/kernel/ knows neither the service nor the simulation" "$service|$sim|$systemd" "${files[@]}"

mapfile -t files < <(files_in zcrxd/nic/sim)
refuse "zcrxd/nic/sim/ touches no kernel interface" "$service|$kernel|$systemd|$libnl|$uring" "${files[@]}"

mapfile -t files < <(for folder in "${service_folders[@]}"; do files_in "$folder"; done)
refuse "zcrxd/service/ reaches NICs through nic.h only" "$kernel|$sim|$libnl|$uring" "${files[@]}"

mapfile -t files < <(files_in zcrxd)
refuse "main.c puts service/ on nic/kernel/, nothing else" "$sim|$libnl|$uring" "${files[@]}"

mapfile -t files < <(files_in zcrxd/irq)
refuse "zcrxd/irq/ is root: it stands on libc, a message and a few helpers" \
	"$model|$nic|$kernel|$sim|$service|$systemd|$libnl|$uring|fault\.h|zcrx-idl\.h" "${files[@]}"

mapfile -t files < <(files_in zcrxd/session)
refuse "zcrxd/session/ has what clients send: it knows nothing of what zcrxd does" \
	"$model|$nic|$kernel|$sim|$service|$libnl|$uring|systemd/sd-varlink\.h|fault\.h|zcrx-idl\.h" "${files[@]}"
mapfile -t files < <(find zcrxd -name '*.[ch]' | grep -v '^zcrxd/session/')
refuse "zcrxd knows its sessions by session-control.h only" "$session" "${files[@]}"

mapfile -t files < <(find libzcrx-client tools -name '*.[ch]' | grep -v '^tools/zcrxctl/check/')
refuse "clients speak Varlink: nothing of zcrxd/ is theirs" \
	"zcrxd/.*|$(printf '%s' "$model|$nic|$kernel|$sim|$service" | tr '|' '\n' |
		grep -vxF -f <(find libzcrx-client tools -name '*.h' -printf '%f\n') | paste -sd '|')" \
	"${files[@]}"

# `zcrxctl check` works without a daemon, and must see what the daemon would: it looks through the one
# door that nic/kernel/ has for that (inspect.h), and judges with the model.
mapfile -t files < <(find tools/zcrxctl/check -name '*.[ch]')
refuse "zcrxctl check sees the kernel through nic/kernel/inspect.h only" \
	"$(printf '%s' "$kernel" | tr '|' '\n' | grep -vx 'inspect\.h' | paste -sd '|')|$sim|$service|$libnl|$uring" \
	"${files[@]}"
mapfile -t files < <(find tools/zcrxctl/check -name 'verdicts*' -o -name drivers.c)
refuse "verdicts are computed from facts alone" "$systemd|read\.h|sys/.*" "${files[@]}"

mapfile -t files < <(find libzcrx-client -maxdepth 1 -name 'zcrx-client.h')
refuse "the public header shows none of the libraries behind it" "$systemd|$libnl|$uring|$shared" "${files[@]}"

# Rules that find no files, or folders that the rules do not know, check nothing.
for folder in shared zcrxd/irq zcrxd/session zcrxd/model zcrxd/nic zcrxd/nic/kernel "${service_folders[@]}" libzcrx-client \
		tools/zcrxctl tools/zcrxctl/check; do
	[ -n "$(files_in "$folder")" ] || { echo "$folder: no C files"; failed=1; }
done
unknown=$(find zcrxd -name '*.[ch]' -printf '%h\n' | sort -u |
	grep -vxE 'zcrxd(/(model|nic|nic/kernel|nic/sim|irq|session))?' | grep -vxF "$(printf '%s\n' "${service_folders[@]}")")
[ -z "$unknown" ] || { echo "no rule for: $unknown"; failed=1; }

exit $failed
