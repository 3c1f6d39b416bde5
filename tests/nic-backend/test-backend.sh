#!/bin/bash
# Runs the kernel backend against the simulated NIC, without the daemon:
#
#   tests/vm/run --init none -- /src/tests/nic-backend/test-backend.sh /build/test/tests/nic-backend/zcrxd-nic
#
# Every step says what it expects of the backend's answer, and where it matters what `ip` and
# `ethtool` see afterwards.
set -u

nic=${1:?usage: test-backend.sh PATH-OF-zcrxd-nic}
failures=0 n=0

# Forks are what takes time in an emulated machine: zcrxd-nic is started once, and the shell compares.
tmp=$(mktemp -d)
mkfifo "$tmp/in" "$tmp/out"
ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=1 "$nic" serve "$tmp/answer" <"$tmp/in" >"$tmp/out" &
server=$!
exec 8>"$tmp/in" 9<"$tmp/out"
trap 'rm -r "$tmp"' EXIT

# run COMMAND...: what it prints becomes ${said[@]}. "nic" is zcrxd-nic.
run() {
	local got=125
	if [ "$1" = nic ]; then
		local IFS=$'\t'
		printf '%s\n' "${*:2}" >&8
		read -r got <&9
		mapfile -t said <"$tmp/answer"
	else
		"$@" >"$tmp/said" 2>&1
		got=$?
		mapfile -t said <"$tmp/said"
	fi
	return "$got"
}

# matches REGEX: a line of ${said[@]}; its groups are in ${BASH_REMATCH[@]}.
matches() {
	local line
	for line in "${said[@]}"; do
		[[ $line =~ $1 ]] && return
	done
	return 1
}

# expect "DESCRIPTION" "STATUS REGEX" COMMAND...: a line of its output matches.
expect() {
	local what=$1 status=${2%% *} regex=${2#* } got
	[ "$2" != "$status" ] || regex=
	shift 2
	n=$((n + 1))
	run "$@"
	got=$?
	if [ "$got" = "$status" ] && { [ -z "$regex" ] || matches "$regex"; }; then
		echo "ok $n - $what"
		return
	fi
	failures=$((failures + 1))
	echo "not ok $n - $what: expected status $status and /$regex/, got $got and:"
	printf '# %s\n' "${said[@]}"
}

# await REGEX COMMAND...: until its output has such a line; 15 seconds at most.
await() {
	local regex=$1
	shift
	for _ in {1..75}; do
		run "$@"
		matches "$regex" && return
		sleep 0.2
	done
}

# observed REGEX: the first group of what matches of zc0.
observed() {
	run nic observe zc0
	matches "$1" && REPLY=${BASH_REMATCH[1]}
}

contexts() {
	observed '^rss [1-9]'
}

debug=/sys/kernel/debug/zcnic
mountpoint -q /sys/kernel/debug || mount -t debugfs none /sys/kernel/debug
for d in "$debug"/*; do # the port that is zc0
	[ -e "$d/fail" ] && { fail=$d/fail; break; }
done

expect "features" "0 queue-leasing 1" nic features
expect "features: events" "0 events 1" nic features
expect "links" "0 ^link zc0 .* driver 'zcnic' mac '..:..:..:..:..:..' kind '' .* up" nic links
expect "addresses" "0 ^address fd09::1" nic addresses zc0
expect "unknown interface" "1 NoSuchInterface" nic observe 4711

expect "observe" "0 ^channels combined [0-9]+/" nic observe zc0
expect "data split on" "0" nic apply zc0 tcp-data-split 2
expect "data split is seen" "0 ^split enabled" nic observe zc0
expect "threshold too large" "1 KernelRejected.*requested.*exceeds" nic apply zc0 hds-threshold 99999999
expect "threshold" "0" nic apply zc0 hds-threshold 0
expect "ring size" "0" nic apply zc0 rings 256
expect "ring size is seen" "0 ^rx-ring 256/" nic observe zc0
expect "channels" "0" nic apply zc0 channels 8
expect "rss" "0" nic apply zc0 rss 5
expect "rss is seen" "0 ^rss 0 entries [0-9]+: 0 1 2 3 4 0" nic observe zc0
expect "too few channels for the table" "1 indirection table" nic apply zc0 channels 4
expect "too many channels" "1 exceeds maximum" nic apply zc0 channels 4000
expect "rss reset" "0" nic apply zc0 rss 0
expect "default rss is seen" "0 ^rss 0 .*: 0 1 2 3 4 5 6 7 0" nic observe zc0
expect "rss by ioctl" "0" nic apply zc0 rss 3 before-6.17
expect "rss by ioctl is seen" "0 ^rss 0 entries [0-9]+: 0 1 2 0 1 2" nic observe zc0
expect "rss by ioctl refused" "1 KernelRejected 22: Cannot set rss of zc0 to .*: Invalid argument" \
	nic apply zc0 rss 99 before-6.17
expect "rss reset by ioctl" "0" nic apply zc0 rss 0 before-6.17
expect "default rss is seen" "0 ^rss 0 .*: 0 1 2 3 4 5 6 7 0" nic observe zc0
expect "rss again" "0" nic apply zc0 rss 5
expect "ntuple off" "0" nic apply zc0 ntuple-feature 0
expect "rule without ntuple" "1 ntuple on" nic rule-insert zc0 7 tcp4 - 0 10.9.0.1 9000
expect "ntuple on" "0" nic apply zc0 ntuple-feature 1
expect "ntuple is seen" "0 ^ntuple on" nic observe zc0
expect "nothing to split with" "1 KernelRejected.*splits headers" nic apply vnet0 tcp-data-split 2
expect "hardware gro" "1 KernelRejected|" nic apply zc0 gro-hw 1

expect "rule" "0 ^location" nic rule-insert zc0 7 tcp4 - 0 10.9.0.1 9000
expect "rule v6 with prefix" "0 ^location" nic rule-insert zc0 6 tcp6 fd09::/64 1000 fd09::1 9000
expect "rules are seen" "0 ^rule [0-9]+ queue 7 tcp4,dst=10.9.0.1,dst-port=9000" nic observe zc0
expect "rules are seen" "0 ^rule [0-9]+ queue 6 tcp6,.*fd09::/64" nic observe zc0
expect "rule to no queue" "1 KernelRejected 22" nic rule-insert zc0 70 tcp4 - 0 10.9.0.1 9001
expect "foreign rule" "0" ethtool -N zc0 flow-type udp4 dst-port 5 action 3
expect "foreign rule is seen" "0 ^rule [0-9]+ queue 3 [?]" nic observe zc0
observed '^rule ([0-9]+) queue 7 '
locations=$REPLY
expect "not ours" "0" nic rule-delete zc0 5 "$locations" tcp4 - 0 10.9.0.1 9000
expect "it is still there" "0 ^rule $locations queue 7" nic observe zc0
expect "delete" "0" nic rule-delete zc0 7 "$locations" tcp4 - 0 10.9.0.1 9000
expect "delete again" "0" nic rule-delete zc0 7 "$locations" tcp4 - 0 10.9.0.1 9000
expect "it is gone" "0 ^rules yes 2" nic observe zc0
expect "context" "0" ethtool -X zc0 context new equal 2
expect "context is seen" "0 ^rss 1 " nic observe zc0
expect "context of ours" "0 ^context 2\$" nic context-create zc0 5 6 7
expect "it is seen" "0 ^rss 2 entries [0-9]+: 5 6 7 5 6 7" nic observe zc0
expect "rule to it" "0 ^location" nic rule-insert zc0 context:2 tcp4 - 0 10.9.0.1 9200
observed '^rule ([0-9]+) context 2 '
location=$REPLY
expect "busy context" "1 KernelRejected 16: .*delete that rule" nic context-delete zc0 2 5 6 7
expect "rule to another one" "0" nic rule-delete zc0 context:1 "$location" tcp4 - 0 10.9.0.1 9200
expect "it is still there" "0 ^rule $location context 2 tcp4" nic observe zc0
expect "rule deleted" "0" nic rule-delete zc0 context:2 "$location" tcp4 - 0 10.9.0.1 9200
expect "not our context" "0" nic context-delete zc0 2 5 6
expect "it is left alone" "0 ^rss 2 " nic observe zc0
expect "context deleted" "0" nic context-delete zc0 2 5 6 7
expect "context deleted again" "0" nic context-delete zc0 2 5 6 7
expect "it is gone" "1 Cannot get RX RSS|Invalid|No such|not" ethtool -x zc0 context 2
expect "context to no queue" "1 KernelRejected 22" nic context-create zc0 5 70
for quirk in location-any location-given; do
	for f in "$debug"/*/quirks; do echo $quirk >"$f"; done
	expect "$quirk: insert" "0 ^location" nic rule-insert zc0 7 tcp4 - 0 10.9.0.1 91${#quirk}
	expect "$quirk: seen" "0 queue 7 tcp4,dst=10.9.0.1,dst-port=91${#quirk}" nic observe zc0
done
expect "no context of others is in the way" "0" ethtool -X zc0 context 1 delete
for f in "$debug"/*/quirks; do echo no-contexts >"$f"; done
expect "no contexts" "1 NotSupported 0: zc0: the driver has no RSS contexts" nic context-create zc0 5 6
for f in "$debug"/*/quirks; do echo >"$f"; done
if [ -n "${fail:-}" ]; then
	echo "ctx_create 1 0 28" >"$fail"
	expect "no context left" "1 NotSupported 0: zc0 has no RSS context left" nic context-create zc0 5 6
	echo "ctx_create 1 0 5" >"$fail"
	expect "injected failure" "1 KernelRejected 5: .*injected failure" nic context-create zc0 5 6
	expect "nothing is left of it" "1" contexts
fi
ethtool -K zc0 ntuple off; ethtool -K zc0 ntuple on

read -r zc0 </sys/class/net/zc0/ifindex
expect "queues" "0 ^queue 7 napi yes irq 0\$" nic queues zc0 7
expect "no such queue" "1 no such queue" nic queues zc0 70
expect "direct grant" "0 ^grant $zc0 6 7" nic grant zc0 direct - 6 7
run nic grant zc0 netkit zcrx-00000001 6 7
matches '^grant ([0-9]+) ' && index=${BASH_REMATCH[1]}
expect "netkit grant" "0 alias zcrxd lease of zc0" ip -d link show zcrx-00000001
expect "leased" "0 ^queue 7 .*leased" nic queues zc0 7
expect "leased twice" "1 KernelRejected 16.*queue leasing" nic grant zc0 netkit zcrx-00000002 5 7
expect "nothing is left of it" "1 does not exist" ip link show zcrx-00000002
expect "not even the other queue" "0 irq 0\$" nic queues zc0 5
expect "direct on a leased queue" "1 in use by a network device" nic grant zc0 direct - 7
expect "name taken" "1 is not zcrxd.s" nic grant zc0 netkit zcrx-00000001 5
expect "register through the lease" "0 ^ifq 0 entries 1024 size [0-9]+ map 30000000 stats" nic register "$index" 2 0 0
expect "register directly on a leased queue" "1 NotSupported" nic register "$zc0" 7 0 0
"$nic" register "$index" 2 0 60 >/tmp/registered &
client=$!
await "^ifq" cat /tmp/registered
expect "bound" "0 ^queue 7 .*io-uring leased" nic queues zc0 7
expect "bound twice" "1 KernelRejected 17.*already has" nic register "$index" 2 0 0
expect "revoke" "0" nic ungrant zc0 "$index"
expect "free while the client lives" "0 ^queue 7 napi yes irq 0\$" nic queues zc0 7
expect "revoke again" "0" nic ungrant zc0 "$index"
kill "$client"
wait "$client"
expect "not our netkit" "0" ip link add nk0 type netkit peer name nk1
read -r index </sys/class/net/nk0/ifindex
expect "is left alone" "0" nic ungrant zc0 "$index"
expect "and is there" "0 nk0" ip link show nk0
ip link del nk0

expect "register directly" "0 ^ifq 0" nic register "$zc0" 7 0 0
expect "large buffers need huge pages" "1 InvalidArea.*not contiguous" nic register "$zc0" 7 65536 0
expect "odd buffers" "1 KernelRejected 22.*receiveBufferLength" nic register "$zc0" 7 5000 0
expect "queue out of range" "1 KernelRejected|NotSupported" nic register "$zc0" 700 0 0
expect "software" "0 ^ifq 0" nic register software 0 0 0
expect "ring enabled too early" "1 InvalidRing.*enabled already" nic register "$zc0" 7 0 0 enabled
expect "ring with small CQEs" "1 InvalidRing.*CQE32" nic register "$zc0" 7 0 0 small-cqe
expect "no ring" "1 InvalidRing.*no io_uring" nic register "$zc0" 7 0 0 no-ring
expect "nothing is left on the queue" "0 ^queue 7 napi yes irq 0\$" nic queues zc0 7
run nic apply zc0 tcp-data-split 0
expect "no split" "1 KernelRejected 22.*header/data" nic register "$zc0" 7 0 0
run nic apply zc0 tcp-data-split 2

expect "facts" "0 ^facts domain 2 state 10 netns 1 bound 0 v6only 0 local 10.9.0.1 7000" nic facts listen 10.9.0.1 7000
run nic facts listen :: 7000
n_gone=0
for line in "${said[@]}"; do [[ $line != "socket gone"* ]] || n_gone=$((n_gone + 1)); done
expect "end of a socket" "0" [ "$n_gone" = 2 ]

expect "facts of a socket whose lock is held" "0 ^locked facts state 1 port [0-9]+ after [0-9]{1,3} ms" nic facts-locked
modprobe -q udmabuf
expect "dma-buf" "0 ^dmabuf good" nic dmabuf udmabuf 0 8192
expect "first half of a dma-buf" "1 8192 bytes; they are 0 and 4096" nic dmabuf udmabuf 0 4096
expect "second half of a dma-buf" "1 8192 bytes; they are 4096 and 4096" nic dmabuf udmabuf 4096 4096
expect "more than a dma-buf" "1 8192 bytes; they are 0 and 12288" nic dmabuf udmabuf 0 12288
echo "no dma-buf, but named like one" >"/dmabuf:x"
truncate -s 4096 "/dmabuf:x"
expect "file named like a dma-buf" "1 no dma-buf" nic dmabuf "/dmabuf:x" 0 4096
rm "/dmabuf:x"

"$nic" events 60 >/tmp/events &
listener=$!
await "^listening" cat /tmp/events
ip addr add 10.9.0.77/32 dev zc0
ethtool -X zc0 equal 4
ip link add dummy9 type dummy && ip link del dummy9
run nic register "$zc0" 7 0 0
for event in "addresses $zc0" "drift $zc0" "link [0-9]+" "link-gone [0-9]+" "pool $zc0"; do
	await "^event $event" cat /tmp/events
	expect "event: $event" "0 ^event $event" cat /tmp/events
done
kill "$listener"
wait "$listener"
expect "no stranger's socket" "1 " grep socket-gone /tmp/events
ip addr del 10.9.0.77/32 dev zc0

# More notifications than the socket holds; what they said is asked for again.
for _ in {1..4000}; do echo "addr add 10.8.0.1/32 dev lo"; echo "addr del 10.8.0.1/32 dev lo"; done >/tmp/flood
echo "link add flooded type dummy" >>/tmp/flood
"$nic" overrun "ip -batch /tmp/flood" >/tmp/overrun 2>&1
expect "overrun" "0 ^links 0 addresses [0-9]+ overruns [1-9]" cat /tmp/overrun
expect "links after an overrun" "0 ^link flooded .* kind 'dummy'" cat /tmp/overrun
ip link del flooded

if [ -n "${fail:-}" ]; then
	echo "rule_ins 1 0 5" >"$fail"
	expect "injected failure" "1 KernelRejected 5" nic rule-insert zc0 7 tcp4 - 0 10.9.0.1 9000
	echo "channels 1 0 5" >"$fail"
	expect "injected failure" "1 KernelRejected 5" nic apply zc0 channels 9
fi
ip link set zc0 down
expect "down: queues" "1 InterfaceDown" nic queues zc0 7
expect "down: observe" "0 ^name zc0 .* down" nic observe zc0
expect "down: direct grant" "1 InterfaceDown" nic grant zc0 direct - 7
expect "down: netkit grant" "0 ^grant" nic grant zc0 netkit zcrx-00000003 7
ip link del zcrx-00000003

exec 8>&- # it ends, and looks for what any of its commands has leaked
expect "nothing has leaked" "0" wait "$server"

echo "1..$n"
[ "$failures" = 0 ]
