# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host that forwards: what passes through its NIC for others is nobody's here, whatever port a
wildcard listener has."""

import contextlib
import os
import pathlib
import re
import socket
import threading

import machine
import pytest
import simnic
from client import Connection, new_area, new_ring
from machine import HOST4, HOST6, listener

PORT = 9205
SIZE = 1 << 20
BEHIND4, BEHIND6 = "10.88.0.2", "fd88::2"
FORWARDING = [pathlib.Path("/proc/sys/net", name) for name in
              ("ipv4/ip_forward", "ipv6/conf/all/forwarding")]


@pytest.fixture(name="behind", scope="module")
def fixture_behind():
    """A network behind this host, with one host in it, which the peer can reach: its namespace."""
    was = [path.read_text() for path in FORWARDING]
    for path in FORWARDING:
        path.write_text("1")
    simnic.run("ip", "netns", "add", "behind")
    simnic.run("ip", "-batch", "-", input=f"""\
        link add fwd0 type veth peer name fwd1 netns behind
        addr add 10.88.0.1/24 dev fwd0
        addr add fd88::1/64 dev fwd0 nodad
        link set fwd0 up
        """)
    simnic.run("ip", "-n", "behind", "-batch", "-", input=f"""\
        link set fwd1 up
        addr add {BEHIND4}/24 dev fwd1
        addr add {BEHIND6}/64 dev fwd1 nodad
        route add default via 10.88.0.1
        route add default via fd88::1
        """)
    simnic.run("ip", "-n", "peer", "-batch", "-", input=f"""\
        route add 10.88.0.0/24 via {HOST4}
        route add fd88::/64 via {HOST6}
        """)
    yield "/run/netns/behind"
    simnic.run("ip", "-n", "peer", "-batch", "-", input="""\
        route del 10.88.0.0/24
        route del fd88::/64
        """)
    simnic.run("ip", "link", "del", "fwd0")
    simnic.run("ip", "netns", "del", "behind")
    for path, value in zip(FORWARDING, was):
        path.write_text(value)
    simnic.addresses()


def listener_in(netns, *arguments):
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(netns, os.O_RDONLY)
    try:
        os.setns(there, os.CLONE_NEWNET)
        return listener(*arguments)
    finally:
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)
        os.close(there)


def transfer(server, address):
    """The peer sends SIZE bytes to that address; they all arrive at the server."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with simnic.peer_socket(family, socket.SOCK_STREAM) as peer:
        peer.settimeout(machine.PATIENCE)
        server.settimeout(machine.PATIENCE)
        peer.connect((address, PORT))
        with server.accept()[0] as sock:
            sock.settimeout(machine.PATIENCE)
            sending = threading.Thread(target=peer.sendall, args=(bytes(SIZE),))
            sending.start()
            left = SIZE
            while left > 0:
                left -= len(sock.recv(min(left, 1 << 18)))
            sending.join()


def test_forwarded_traffic_is_never_steered(behind):
    with contextlib.ExitStack() as stack:
        bobs = stack.enter_context(stack.enter_context(Connection("bob")).acquire())
        bobs.register(stack.enter_context(new_ring()), stack.enter_context(new_area()))
        with machine.impersonate("bob"):
            his = stack.enter_context(listener(socket.AF_INET6, "::", PORT))
        flows = bobs.add_socket(his)["flows"]
        assert {HOST4, HOST6} <= {flow["destination"] for flow in flows}
        assert all("/" not in flow["destination"] for flow in flows)

        theirs = stack.enter_context(listener_in(behind, socket.AF_INET6, "::", PORT))
        for address in BEHIND4, BEHIND6:
            with simnic.counted() as grown:
                transfer(theirs, address)
            # It came in on this NIC, on ordinary queues.
            assert sum(grown[name] for name in grown if re.fullmatch(r"rx\d+_bytes", name)) >= SIZE
            assert not [name for name in grown if name.startswith(f"rx{bobs.queues[0]}_")], grown

        # The same port at an address of the host's own is his.
        with simnic.counted() as grown, \
                simnic.peer_socket(socket.AF_INET, socket.SOCK_STREAM) as peer:
            peer.settimeout(machine.PATIENCE)
            peer.connect((HOST4, PORT))
            peer.sendall(b"x" * 1000)
            machine.until(lambda: simnic.counters()[f"rx{bobs.queues[0]}_zc_bytes"] > 0)
        assert grown[f"rx{bobs.queues[0]}_zc_bytes"] >= 1000
