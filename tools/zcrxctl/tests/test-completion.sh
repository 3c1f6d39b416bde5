#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-completion.sh FILE: what the bash completion offers, as readline would ask for it.
# shellcheck disable=SC2317 # the completion calls what is defined here
set -u
failed=0

zcrxctl() {
	case $1 in
	leases) printf '3f9a01c2 zc0\n77aa0e10 zc0\n' ;;
	status) echo '{"version":"1","interfaces":[{"name":"eth0","index":2,"state":"configured","queues":[{"queue":0}]},\
{"name":"driver: x","state":"missing"},{"name":"eth1","index":3,"state":"degraded"}],"leases":[{"leaseId":"3f9a01c2"}]}' ;;
	esac
}
timeout() { shift; "$@"; }
compopt() { :; }
_command_offset() { COMPREPLY=("command at $1"); }
# shellcheck source=/dev/null
. "$1"

# offers EXPECTED WORD...: completing the last WORD offers these.
offers() {
	local expected=$1
	shift
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_zcrxctl
	[ "${COMPREPLY[*]}" = "$expected" ] ||
		{ echo "$*: offers '${COMPREPLY[*]}' instead of '$expected'"; failed=1; }
}

offers 'status leases lease release run tune watch metrics gres explain plan apply restore revoke reload check' zcrxctl ''
offers 'release restore revoke reload' zcrxctl re
offers 'release reload' zcrxctl --socket /run/x rel
offers 'status' zcrxctl --json = pretty sta
offers '--queues' zcrxctl lease --q
offers '--prometheus' zcrxctl metrics --pr
offers '--all-mine' zcrxctl release --a
offers '' zcrxctl plan --force
offers '3f9a01c2 77aa0e10' zcrxctl release ''
offers '77aa0e10' zcrxctl revoke 7
offers 'eth0 eth1' zcrxctl plan ''
offers 'eth0 eth1' zcrxctl run --interface ''
offers 'eth1' zcrxctl explain tcp4 eth1
offers 'tcp4, tcp6,' zcrxctl explain ''
offers 'tcp6,' zcrxctl lease --flow tcp6
offers 'pretty short off' zcrxctl --json =
offers 'eth0 eth1' zcrxctl status ''
offers 'lo' zcrxctl check lo
offers '--help --version --json= --no-legend --full --no-pager --socket' zcrxctl --
offers 'pretty' zcrxctl --json = p
offers 'command at 5' zcrxctl run --queues 2 -- ec
offers 'command at 2' zcrxctl run cat /etc

exit $failed
