# SPDX-License-Identifier: LGPL-2.1-or-later
"""Peers, and users with peers of their own, who want urgent data to be announced to a connection that is steered:
what is on its way while the flow is added, and what the guard cannot see."""

import ctypes
import errno
import itertools
import socket
import struct

import machine
import pytest
import simnic
from client import Connection, Error, new_area, new_ring
from machine import HOST4, impersonate, listener
from unreadable import ACK, URG, segment, sequence

CONFIG = machine.config()
PORTS = itertools.count(9111)  # one each: a flow that was steered a moment ago is not asked about
NOBODY = "10.9.0.77"
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27

# Urgent segments without end, out of nowhere, to an address and a port.
FLOOD = """
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
print("sending", flush=True)
while True:
    time.sleep(0.002)
    for sent in range(8):
        s.sendto(struct.pack(">HHIIBBHHH", 4321, int(sys.argv[2]), sent, 1, 5 << 4, 0x30, 1024, 0, 9), (sys.argv[1], 0))
"""


def deaf(sock):
    """Nothing arrives there any more, not even what answers a first segment."""
    code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, 0))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", 1, ctypes.addressof(code)))


def is_half_made(listening):
    """Does the kernel list such a connection to it?"""
    port = listening.getsockname()[1]
    with open("/proc/net/tcp", encoding="ascii") as f:
        return any(words[1].endswith(f":{port:04X}") and words[3] == "03" for words in map(str.split, f))


@pytest.fixture(name="lease")
def fixture_lease():
    with Connection("alice") as alice, alice.acquire(interface="zc0") as lease, new_ring() as ring, \
            new_area() as area:
        lease.register(ring, area)
        yield lease


@pytest.fixture(name="listening")
def fixture_listening():
    with impersonate("alice"):
        s = listener(port=next(PORTS), SO_REUSEPORT=1)
    with s:
        s.settimeout(machine.PATIENCE)
        yield s


def accept(listening):
    with impersonate("alice"):
        return listening.accept()[0]


def what_is_announced(sock):
    """EINVAL: no urgent data; EAGAIN: some, which has not come."""
    with pytest.raises(OSError) as said:
        sock.recv(1, socket.MSG_OOB | socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return errno.errorcode[said.value.errno]


def test_who_stops_half_way_keeps_no_flow_from_being_added(lease, listening):
    with simnic.peer_socket() as far:
        deaf(far)
        far.setblocking(False)
        assert far.connect_ex(listening.getsockname()) == errno.EINPROGRESS
        machine.until(lambda: is_half_made(listening))
        lease.add_socket(listening)
        assert machine.rule_count() == 1
        assert is_half_made(listening)


def test_a_connection_that_begins_from_here_is_one(lease, listening):
    """Its user can keep its lock, and with it what came for it, until the flow is steered."""
    with impersonate("alice"):
        near = socket.socket()
    with near:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        near.bind(listening.getsockname())
        near.setblocking(False)
        assert near.connect_ex((NOBODY, 9)) == errno.EINPROGRESS
        with pytest.raises(Error) as refused:
            lease.add_socket(listening)
        assert refused.value.name == "WrongState"
        assert f"with {NOBODY} port 9" in refused.value.message


def test_urgent_segments_from_nowhere_change_nothing(lease, listening):
    port = str(listening.getsockname()[1])
    with machine.Program("python3", "-c", FLOOD, HOST4, port, peer=True) as flood:
        flood.wait_for("sending")
        lease.add_socket(listening)
        with simnic.peer_socket() as far:
            far.connect(listening.getsockname())
            with accept(listening) as near:
                assert what_is_announced(near) == "EINVAL"


def has_come(sock, data):
    try:
        return sock.recv(len(data), socket.MSG_PEEK | socket.MSG_DONTWAIT) == data
    except BlockingIOError:
        return False


def pieces(frame, first, identifier):
    """The frame in two fragments, of which the first carries so many bytes."""
    ip, data = frame[14:34], frame[34:]
    for at, part, more in (0, data[:first], 1), (first, data[first:], 0):
        head = ip[:2] + struct.pack(">HHHBBH", 20 + len(part), identifier, more << 13 | at // 8, ip[8], ip[9],
                                    0) + ip[12:]
        yield frame[:14] + head[:10] + struct.pack(">H", simnic.checksum(head)) + head[12:] + part


@pytest.mark.parametrize("first", [8, 16])
def test_a_header_in_pieces_announces_nothing(lease, listening, first):
    """The guard sees one piece at a time, TCP all of them."""
    with simnic.peer_socket() as far:
        lease.add_socket(listening)
        far.connect(listening.getsockname())
        with accept(listening) as near:
            seq, ack = sequence(far)
            ends = far.getsockname(), near.getsockname()
            wire = simnic.Wire()
            wire.send(*pieces(segment(*ends, seq, ack, ACK | URG, urgent=2000, fragments=True), first, 1))
            # Those of a size that some link has are put together, and received.
            wire.send(*pieces(segment(*ends, seq, ack, ACK, b"x" * 200, fragments=True), 104, 2))
            machine.until(lambda: has_come(near, b"x" * 200))
            assert what_is_announced(near) == "EINVAL"
