#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# check-units.sh SERVICE IRQ-SERVICE METRICS-SERVICE SOCKET IRQ-SOCKET TIMER SYSUSERS TMPFILES: systemd itself finds
# nothing wrong with them. Like a directive with a typing error, that would otherwise only be a line in
# somebody's journal.
set -eu

[ $# = 8 ] || { sed -n '3s/:.*/:/p' "$0" >&2; exit 2; }
sysusers=$(realpath "$7") tmpfiles=$(realpath "$8")

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Nothing is installed here: any program stands in for the daemon.
for service in "$1" "$2" "$3"; do
	sed 's,^Exec\(Start\|Reload\)=.*,Exec\1=/bin/true,' "$service" >"$dir/${service##*/}"
done
cp "$4" "$5" "$6" "$dir/"
SYSTEMD_UNIT_PATH=$dir: systemd-analyze verify --man=no \
	"$dir"/zcrxd*.service "$dir"/zcrxd*.socket "$dir"/zcrxd*.timer >"$dir/complaints" 2>&1 ||
	{ cat "$dir/complaints"; exit 1; }
if grep -F zcrxd "$dir/complaints"; then
	exit 1 # a warning is enough
fi

mkdir -p "$dir/root/etc"
systemd-sysusers --root="$dir/root" "$sysusers"
for account in passwd:zcrxd group:zcrxd group:zcrx; do
	grep -q "^${account#*:}:" "$dir/root/etc/${account%:*}" ||
		{ echo "sysusers did not make ${account#*:} in ${account%:*}"; exit 1; }
done
systemd-tmpfiles --create --root="$dir/root" "$tmpfiles"
[ "$(stat -c %a "$dir/root/run/zcrxd")" = 755 ]
