# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ways by the socket that receives: its options, what is attached to it, who reads from it."""

import ctypes
import os
import pathlib
import socket
import struct
import time
from collections import namedtuple

import simnic
from simnic import HOST4, PEER4, Wire
from unreadable import (ACK, PSH, TCP_REPAIR, TCP_REPAIR_QUEUE, REPAIR_RECEIVED, URG, Bound, Pair,
                        libc, modprobe, received, said, segment, sequence, settle, wait_landed)

Case = namedtuple("Case", "name ends alone work")
TCP_MD5SIG, TCP_AO_ADD_KEY, TCP_ULP, TLS_RX = 14, 38, 31, 2
TCP_FASTOPEN, MSG_FASTOPEN = 23, 0x20000000
SOL_TLS = 282
IPPROTO_MPTCP = 262
SYS_BPF = 321


def by_recv(flags=0):
    with Bound() as bound:
        bound.steer()
        with Pair() as pair:
            before = bound.landed()
            pair.send()
            wait_landed(before)
            return "error", f"recv: {received(pair, flags)}"


def recv():
    return by_recv()


def peek():
    return by_recv(socket.MSG_PEEK)


def truncate():
    """Counts bytes without a look at them."""
    ended, seen = by_recv(socket.MSG_TRUNC)
    return ("fine" if "bytes" in seen else ended), seen


def urgent():
    with Bound() as bound:
        bound.steer()
        with Pair() as pair:
            pair.send(b"!", socket.MSG_OOB)
            settle()
            return "fine", f"recv(MSG_OOB): {received(pair, socket.MSG_OOB)}"


def urgent_before_the_rule():
    """The urgent pointer comes first, on a segment without payload and while the flow is ordinary; what
    it points to lands in the queue, on a segment without the flag."""
    with Bound() as bound, Pair() as pair:
        seq, ack = sequence(pair.far)
        here, there = pair.far.getsockname(), (HOST4, pair.near.getsockname()[1])
        Wire().send(segment(here, there, seq, ack, ACK | URG, urgent=2000))
        settle(0.5)
        bound.steer()
        pair.send()
        settle()
        return "fine", f"recv: {received(pair)}"


def address_of(host, port=0):
    return struct.pack("=HHI", socket.AF_INET, socket.htons(port), int.from_bytes(
        socket.inet_aton(host), "little")).ljust(128, b"\0")


def md5_key(s, other):
    key = b"secret"
    s.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG,
                 address_of(other) + struct.pack("=BBHi80s", 0, 0, len(key), 0, key))


def ao_key(s, other):
    key = b"secret"
    s.setsockopt(socket.IPPROTO_TCP, TCP_AO_ADD_KEY, address_of(other) + struct.pack(
        "=64siIH6B80s", b"hmac(sha1)", 0, 0, 0, 32, 1, 1, 12, 0, len(key), key) + bytes(4))


def signed(prepare):
    with Bound() as bound:
        bound.steer()
        with Pair(prepare=prepare) as pair:
            pair.send()
            settle()
            return "fine", f"recv: {received(pair)}"


def md5():
    return signed(md5_key)


def ao():
    return signed(ao_key)


def mptcp(checksum):
    path = pathlib.Path("/proc/sys/net/mptcp/checksum_enabled")
    path.write_text(str(checksum))
    simnic.run("ip", "netns", "exec", "peer", "sysctl", "-qw",
               f"net.mptcp.checksum_enabled={checksum}")
    with Bound() as bound:
        bound.steer()
        with Pair(protocol=IPPROTO_MPTCP) as pair:
            before = bound.landed()
            pair.send()
            settle()
            return "error", f"recv: {received(pair)}, {bound.landed() - before} bytes landed"


def mptcp_plain():
    return mptcp(0)


def mptcp_checksum():
    return mptcp(1)


def fast_open():
    """Payload on the SYN."""
    for where in (), ("ip", "netns", "exec", "peer"):
        simnic.run(*where, "sysctl", "-qw", f"net.ipv4.tcp_fastopen={0x7}")
        simnic.run(*where, "sysctl", "-qw", f"net.ipv4.tcp_fastopen={0x7 | 0x200}")
    with Bound() as bound, socket.socket() as listener, simnic.peer_socket() as far:
        bound.steer()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST4, 9000))
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 5)
        listener.listen()
        listener.settimeout(5)
        before = bound.landed()
        far.sendto(b"x" * 500, MSG_FASTOPEN, (HOST4, 9000))
        near, _ = listener.accept()
        near.settimeout(5)
        with near:
            return "error", f"recv: {said(near.recv, 1000)}, {bound.landed() - before} bytes landed"


def repair():
    """A receive queue that is dumped, as CRIU does it."""
    with Bound() as bound:
        bound.steer()
        with Pair() as pair:
            before = bound.landed()
            pair.send()
            wait_landed(before)
            pair.near.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
            pair.near.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, REPAIR_RECEIVED)
            seen = received(pair, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            pair.near.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 0)
            return "error", f"recv(MSG_PEEK): {seen}"


def collapse():
    """More small segments than the socket has room for: the kernel would like to merge them."""
    with Bound() as bound:
        bound.steer()
        with Pair(prepare=lambda s, other: s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)) \
                as pair:
            pair.far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair.far.setblocking(False)
            before = bound.landed()
            for _ in range(2000):
                said(pair.far.send, b"x" * 3)
                time.sleep(0.0005)
            return "error", f"recv: {received(pair)}, {bound.landed() - before} bytes landed"


def out_of_order():
    """Later segments first, with and without a gap, overlapping."""
    with Bound() as bound:
        bound.steer()
        with Pair() as pair:
            seq, ack = sequence(pair.far)
            here, there = pair.far.getsockname(), pair.near.getsockname()
            before = bound.landed()
            wire = Wire()
            for start, length in (2000, 500), (1000, 500), (1400, 700), (0, 1200):
                wire.send(segment(here, there, (seq + start) & 0xFFFFFFFF, ack, ACK | PSH,
                                  b"y" * length))
            settle()
            return "error", f"recv: {received(pair)}, {bound.landed() - before} bytes landed"


def socket_filter():
    """SO_ATTACH_FILTER with a program that reads payload; no privilege is needed for it."""
    program = [(0x20, 0, 0, 200), (0x06, 0, 0, 0xFFFFFFFF)]  # ld [200]; ret -1
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    with Bound() as bound:
        bound.steer()
        with Pair() as pair:
            pair.near.setsockopt(socket.SOL_SOCKET, 26,
                                 struct.pack("=HxxxxxxQ", len(program), ctypes.addressof(code)))
            before = bound.landed()
            pair.send()
            settle()
            landed = bound.landed() - before
            return "error", f"recv: {received(pair)}, {landed} bytes landed"


def bpf(command, *fields):
    attributes = ctypes.create_string_buffer(struct.pack("=" + fields[0], *fields[1:]), 128)
    r = libc.syscall(SYS_BPF, command, attributes, 128)
    assert r >= 0, os.strerror(ctypes.get_errno())
    return r


def sockmap():
    """An sk_skb program that passes everything on: what it passes on is read by recv()."""
    code = ctypes.create_string_buffer(bytes.fromhex("b700000001000000" "9500000000000000"))
    text = ctypes.create_string_buffer(b"GPL")
    program = bpf(5, "IIQQ", 14, 2, ctypes.addressof(code), ctypes.addressof(text))  # SK_SKB
    sockets = bpf(0, "5I", 15, 4, 4, 1, 0)  # SOCKMAP
    bpf(8, "4I", sockets, program, 5, 0)  # SK_SKB_STREAM_VERDICT
    with Bound() as bound:
        bound.steer()
        with Pair() as pair:
            key, value = ctypes.c_uint32(0), ctypes.c_uint32(pair.near.fileno())
            bpf(2, "IxxxxQQQ", sockets, ctypes.addressof(key), ctypes.addressof(value), 0)
            before = bound.landed()
            pair.send()
            wait_landed(before)
            settle(0.5)
            return "error", f"recv: {received(pair)}"


def kernel_tls():
    modprobe("tls")
    with Bound() as bound:
        bound.steer()
        with Pair() as pair:
            pair.near.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
            pair.near.setsockopt(SOL_TLS, TLS_RX, struct.pack("=HH", 0x303, 51) + b"k" * 36)
            pair.send(b"\x17\x03\x03\x03\xe8" + b"x" * 1000)
            settle()
            return "error", f"recv: {received(pair)}"


CASES = [
    Case("recv", "error", False, recv),
    Case("peek", "error", False, peek),
    Case("truncate", "fine", False, truncate),
    Case("urgent", "panic", True, urgent),
    Case("urgent-before-the-rule", "panic", True, urgent_before_the_rule),
    Case("md5", "panic", True, md5),
    Case("ao", "panic", True, ao),
    Case("mptcp", "error", False, mptcp_plain),
    Case("mptcp-checksum", "warning", True, mptcp_checksum),
    Case("fast-open", "error", False, fast_open),
    Case("repair", "error", False, repair),
    Case("collapse", "error", False, collapse),
    Case("out-of-order", "error", False, out_of_order),
    Case("socket-filter", "error", False, socket_filter),
    Case("sockmap", "error", True, sockmap),
    Case("kernel-tls", "error", False, kernel_tls),
]
