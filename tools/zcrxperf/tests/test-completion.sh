#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-completion.sh FILE: what the bash completion offers, as readline would ask for it.
set -u
failed=0
# shellcheck source=/dev/null
. "$1"

# offers EXPECTED WORD...: completing the last WORD offers these.
offers() {
	local expected=$1
	shift
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
	_zcrxperf
	[ "${COMPREPLY[*]}" = "$expected" ] ||
		{ echo "$*: offers '${COMPREPLY[*]}' instead of '$expected'"; failed=1; }
}

offers 'receive send serve compare answer' zcrxperf ''
offers 'send serve' zcrxperf s
offers '--port' zcrxperf --p
offers '--iperf3 --interval --interface' zcrxperf serve --i
offers '--time' zcrxperf compare --port 9 --t
offers '' zcrxperf send host --mode-
offers 'read recv' zcrxperf receive --mode re
offers '' zcrxperf receive --port ''
offers '' zcrxperf receive ''
# shellcheck disable=SC2016 # it is not to be expanded
offers '' zcrxperf 'x[$(touch /tmp/zcrxperf-completion)]' --x
[ ! -e /tmp/zcrxperf-completion ] || { echo "a word was run"; failed=1; }
exit $failed
