#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# loopback.sh ZCRXPERF: the modes that need no zcrxd, over loopback; and the exit statuses.
set -eu

perf=$1
work=$(mktemp -d)
pids=
on=() # on what machine the receiver runs: a command's first words
trap 'kill $pids 2>/dev/null || true; rm -rf "$work"' EXIT

die() {
	echo "$@" >&2
	cat "$work"/* >&2
	exit 1
}

# start PORT ARGUMENT...: a receiver in the background; returns when it listens. Sets $pid.
start() {
	local port=$1
	shift
	: >"$work/out"
	"${on[@]}" "$perf" receive --port "$port" "$@" >"$work/out" 2>&1 &
	pid=$!
	pids="$pids $pid"
	for _ in {1..200}; do
		grep -q "^listening on port $port\$" "$work/out" && return
		sleep 0.05
	done
	die "the receiver does not listen"
}

# Some port that is free; another process may still take it, so ask for another then.
port=$((20000 + $$ % 20000))

for mode in recv read; do
	start $port --mode $mode --verify --json
	"$perf" send 127.0.0.1 --port $port --bytes 3M >"$work/sent"
	wait $pid || die "$mode: exit status $?"
	grep -q '"bytes":3145728' "$work/out" || die "$mode: wrong count"
	grep -q '"copiedBytes":3145728' "$work/out" || die "$mode: not counted as copied"
	grep -q '"wrongBytes":0' "$work/out" || die "$mode: wrong bytes"
	port=$((port + 1))

	start $port --mode $mode --verify --connections 5
	"$perf" send "[::1]" --port $port --bytes 100001 --connections 5 >"$work/sent"
	wait $pid || die "$mode: exit status $?"
	grep -q '^received   500005 bytes on 5 connections ' "$work/out" || die "$mode: wrong count"
	grep -q '^verified   every byte$' "$work/out" || die "$mode: wrong bytes"
	port=$((port + 1))

	# Payload that is not the pattern is found out.
	start $port --mode $mode --verify
	head -c 5000 /dev/zero >"/dev/tcp/127.0.0.1/$port"
	wait $pid && die "$mode: zeros were taken for the pattern"
	grep -q 'bytes WRONG' "$work/out" || die "$mode: zeros were taken for the pattern"
	port=$((port + 1))

	# Less than promised is a failure; more is not asked for.
	start $port --mode $mode --bytes 6000
	head -c 5000 /dev/zero >"/dev/tcp/127.0.0.1/$port"
	wait $pid && die "$mode: 5000 of 6000 bytes were enough"
	grep -q 'Only 5000 of 6000 bytes came' "$work/out" || die "$mode: bad message"
	port=$((port + 1))
	start $port --mode $mode --bytes 1M
	"$perf" send 127.0.0.1 --port $port >"$work/sent"
	wait $pid || die "$mode: exit status $?"
	port=$((port + 1))

	# Ends cleanly when asked to.
	start $port --mode $mode
	kill -TERM $pid
	wait $pid || die "$mode: exit status $? after SIGTERM"
	port=$((port + 1))
done

# By the library, without zcrxd: several queues, and the descriptor that is polled.
start $port --backend zcrxd,copy --socket "$work/none" --queues 3 --verify --json --connections 5
"$perf" send "[::1]" --port $port --bytes 3M --connections 5 >"$work/sent"
wait $pid || die "backend copy: exit status $?"
grep -q '"backend":"copy"' "$work/out" || die "backend copy: not said"
grep -q '"copiedBytes":15728640' "$work/out" || die "backend copy: not counted as copied"
grep -q '"wrongBytes":0' "$work/out" || die "backend copy: wrong bytes"
port=$((port + 1))
# In threads, to the end of all connections, to a number of bytes, and until asked to end.
start $port --backend copy --threads 3 --verify --json --connections 7
"$perf" send 127.0.0.1 --port $port --bytes 3M --connections 7 >"$work/sent"
wait $pid || die "threads: exit status $?"
grep -q '"bytes":22020096' "$work/out" || die "threads: wrong count"
grep -q '"wrongBytes":0' "$work/out" || die "threads: wrong bytes"
port=$((port + 1))
start $port --backend copy --threads 2 --bytes 1M
"$perf" send 127.0.0.1 --port $port >"$work/sent"
wait $pid || die "threads: exit status $? after 1M"
port=$((port + 1))
start $port --backend copy --threads 2
kill -TERM $pid
wait $pid || die "threads: exit status $? after SIGTERM"
port=$((port + 1))
start $port --backend copy --verify
"$perf" send 127.0.0.1 --port $port --bytes 3M >"$work/sent"
wait $pid || die "backend copy: exit status $?"
grep -q '^backend copy$' "$work/out" || die "backend copy: not said"
grep -q '^verified   every byte$' "$work/out" || die "backend copy: wrong bytes"
port=$((port + 1))

# On a machine without IPv6 it is IPv4: the receiver listens so, and the sender takes what addresses there are.
on=("$(dirname "$0")/without_ipv6.py")
"${on[@]}" python3 -c 'import socket; socket.socket(socket.AF_INET6)' 2>"$work/out" && die "there is IPv6"
start $port --mode recv --verify
"${on[@]}" "$perf" send localhost --port $port --bytes 100001 >"$work/sent" || die "cannot send without IPv6"
wait $pid || die "without IPv6: exit status $?"
grep -q '^received   100001 bytes on 1 connection ' "$work/out" || die "without IPv6: wrong count"
port=$((port + 1))
# Nobody listens on ::1 then, which is the first address of localhost elsewhere.
start $port --mode recv --verify
"$perf" send localhost --port $port --bytes 100001 >"$work/sent" || die "the sender gave up at the first address"
wait $pid || die "without IPv6: exit status $?"
port=$((port + 1))
on=()

status() {
	local want=$1 got=0
	shift
	# Leaks were looked for above; here it would take longer than all else.
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 "$perf" "$@" >"$work/out" 2>&1 || got=$?
	[ $got = "$want" ] || die "zcrxperf $*: exit status $got instead of $want"
}
status 0 --help
status 0 --version
status 2
status 2 receive
status 2 send --port 1
status 2 receive --port 0
status 2 receive --port 65536
status 2 receive --port 9999 --mode fast
status 2 receive --port 9999 --bytes 1X
status 2 receive --port 9999 again
status 2 receive --port 9999 --buffer-length 5000
status 2 receive --port 9999 --mode recv --stop-after steer
status 2 receive --port 9999 --share
status 2 receive --port 9999 --threads 2 --queues 3
status 2 receive --port 9999 --threads 2 --queues 3 --share
status 1 send 127.0.0.1 --port 1 --bytes 1
status 1 receive --port 9999 --socket "$work/none"
grep -q 'systemctl start zcrxd.socket' "$work/out" || die "no remedy"
# That the port is taken is found out before a lease is asked for.
start $port --mode recv
for command in receive "serve --iperf3" compare; do
	# shellcheck disable=SC2086 # two words
	status 1 $command --port $port --socket "$work/none"
	grep -q "Cannot listen on port $port: Address already in use\. Another program listens there" "$work/out" ||
		die "$command: the port was not tried first"
done
kill -TERM $pid
wait $pid
status 1 receive --port 9999 --backend copy,fast
grep -q '"fast" is no backend' "$work/out" || die "no such backend"
status 2 receive --port 9999 --hardware-queue -1
# What another command would take, or another version took.
status 2 receive --port 9999 -i eth0
grep -q 'an interface is --interface, -I' "$work/out" || die "-i"
status 2 receive --port 9999 --time 5
status 2 receive --port 9999 --iperf3
status 2 serve --port 9999
status 2 serve --iperf3 --threads 2
status 2 serve --iperf3 --bytes 1M
status 2 compare --port 9999 --mode read
status 2 compare --port 9999 --connections 1025
status 2 answer --port 9999
