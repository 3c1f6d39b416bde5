# SPDX-License-Identifier: LGPL-2.1-or-later
"""bob shows sockets that do not receive what he wants to see, or that cease to once they have been
looked at. What is another's never reaches his queue."""

import contextlib
import errno
import os
import re
import signal
import socket
import struct
import threading
import time

import machine
import pytest
import simnic
from client import Connection, Error, libc, new_area, new_ring
from machine import HOST4, HOST6, PEER4, impersonate, listener

SO_BINDTODEVICE, IP_FREEBIND, IP_TRANSPARENT, IPV6_FREEBIND = 25, 15, 19, 78
TCP_MD5SIG, IPPROTO_MPTCP = 14, 262
PORT = 9105
SIZE = 1 << 18  # of what is sent to somebody else


@pytest.fixture(name="bobs", scope="module")
def fixture_bobs(lasting):
    """A lease of bob's, bound."""
    with Connection("bob") as bob, bob.acquire() as lease, new_ring() as ring, new_area() as area:
        lease.register(ring, area)
        yield lease


@pytest.fixture(autouse=True)
def unsteered(bobs):
    """His rules go with his sockets."""
    yield
    machine.until(lambda: not machine.rule_count())


def refusal(lease, sock, text):
    with pytest.raises(Error) as caught:
        lease.add_socket(sock)
    assert (caught.value.name, text in caught.value.message) == ("FlowNotProved", True), \
        caught.value.message


def socket_of(user, *kind):
    with impersonate(user):
        return socket.socket(*kind)


def listener_of(user, *arguments, **options):
    with impersonate(user):
        return listener(*arguments, **options)


def take_port(user, **options):
    """As soon as it is free: who was shown a socket may have it a moment longer than its owner."""
    def attempt():
        try:
            return listener_of(user, **options)
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise
            return None
    return machine.until(attempt)


def disconnect(sock):
    """Whatever it was, it is a new socket now; a port that bind did not give it is given up."""
    libc.connect(sock.fileno(), bytes(16), 16)


def connect_from_peer(port, host=HOST4):
    sock = simnic.peer_socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.settimeout(machine.PATIENCE)
    sock.connect((host, port))
    return sock


def receive(sock, size=SIZE):
    sock.settimeout(machine.PATIENCE)
    while size > 0:
        size -= len(sock.recv(min(size, 1 << 16)))


def send_to(theirs, port, bobs):
    """The peer sends to whoever listens there: all of it arrives, and nothing at bob's queue."""
    with simnic.counted() as grown, connect_from_peer(port) as peer, theirs.accept()[0] as sock:
        sending = threading.Thread(target=peer.sendall, args=(bytes(SIZE),))
        sending.start()
        receive(sock)
        sending.join()
    assert not [name for name in grown if name.startswith(f"rx{bobs.queues[0]}_")], grown
    assert sum(grown[name] for name in grown if re.fullmatch(r"rx\d+_bytes", name)) >= SIZE


# --------------------------------------------------------------------- what proves nothing


@pytest.mark.parametrize("kind", [
    (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP),
    (socket.AF_INET6, socket.SOCK_DGRAM),
    (socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)),
    (socket.AF_UNIX, socket.SOCK_SEQPACKET),
])
def test_sockets_other_than_tcp_prove_nothing(bobs, kind):
    with socket.socket(*kind) as sock:
        refusal(bobs, sock, "no TCP socket")


def test_unconnected_and_closing_sockets_prove_nothing(bobs):
    with socket.socket() as sock:
        refusal(bobs, sock, "merely bound or closed")
        sock.bind((HOST4, 0))
        refusal(bobs, sock, "merely bound or closed")
        sock.setblocking(False)
        assert sock.connect_ex(("10.9.0.77", 1)) == errno.EINPROGRESS
        refusal(bobs, sock, "not connected yet")
    with listener() as server, connect_from_peer(server.getsockname()[1]) as peer:
        with server.accept()[0] as sock:
            peer.shutdown(socket.SHUT_WR)
            machine.until(lambda: not sock.recv(1))
            refusal(bobs, sock, "closed by its peer")
        disconnect(server)
        refusal(bobs, server, "merely bound or closed")


@pytest.mark.parametrize("family, address, options", [
    (socket.AF_INET, "10.9.0.77", {IP_FREEBIND: socket.IPPROTO_IP}),
    (socket.AF_INET, "10.9.0.77", {IP_TRANSPARENT: socket.IPPROTO_IP}),
    (socket.AF_INET6, "fd09::77", {IPV6_FREEBIND: socket.IPPROTO_IPV6}),
    (socket.AF_INET6, "::ffff:10.9.0.77", {IPV6_FREEBIND: socket.IPPROTO_IPV6}),
    (socket.AF_INET, "10.9.0.255", {}),
    (socket.AF_INET, "255.255.255.255", {}),
    (socket.AF_INET, "224.0.0.5", {}),
])
def test_a_foreign_address_proves_nothing(bobs, family, address, options):
    with socket.socket(family) as sock:
        for option, level in options.items():
            sock.setsockopt(level, option, 1)
        sock.bind((address, 0))
        sock.listen()
        refusal(bobs, sock, "none of the interface's")


def test_addresses_of_other_interfaces_and_peers_prove_nothing(bobs):
    simnic.run("ip", "-batch", "-", input="addr add 10.77.0.1/32 dev lo\n"
               "addr add 10.78.0.1 peer 10.78.0.2/32 dev zc0\n")
    try:
        with listener(address="10.77.0.1") as sock:
            refusal(bobs, sock, "10.77.0.1 is an address of lo, not of zc0")
        with socket.socket() as sock:
            sock.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            sock.bind(("10.78.0.2", 0))
            sock.listen()
            refusal(bobs, sock, "none of the interface's")
        with listener(address="0.0.0.0") as sock:
            flows = bobs.add_socket(sock)["flows"]
            assert {flow["destination"] for flow in flows} == {HOST4, "10.78.0.1"}
    finally:
        simnic.run("ip", "-batch", "-", input="addr del 10.77.0.1/32 dev lo\n"
                   "addr del 10.78.0.1 peer 10.78.0.2/32 dev zc0\n")


def test_a_passed_socket_proves_for_its_holder(bobs):
    """One that alice made and has passed on: who has it can accept and read, so this gives nothing
    away. Bound to the interface, it is as good."""
    with listener_of("alice", SO_BINDTODEVICE=b"zc0\0") as sock:
        assert len(bobs.add_socket(sock)["flows"]) == 1


# ------------------------------------------------------------------------ a port of two users


def test_the_kernel_lets_no_two_users_listen_on_one_port():
    """What every proof by a listener rests on."""
    reuse = {"SO_REUSEADDR": 1, "SO_REUSEPORT": 1}
    for theirs, his in (((socket.AF_INET, HOST4), (socket.AF_INET, "0.0.0.0")),
                        ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET, HOST4)),
                        ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")),
                        ((socket.AF_INET, HOST4), (socket.AF_INET6, "::ffff:" + HOST4)),
                        ((socket.AF_INET6, "::"), (socket.AF_INET6, HOST6))):
        with listener_of("alice", *theirs, PORT, **reuse), pytest.raises(OSError) as caught:
            listener_of("bob", *his, PORT, **reuse).close()
        assert caught.value.errno == errno.EADDRINUSE


def test_a_wildcard_beside_an_ipv4_listener_proves_no_ipv4(bobs):
    """He can have the port for IPv6 alone, and gets no rule for IPv4."""
    with listener_of("alice", socket.AF_INET, "0.0.0.0", PORT) as hers, \
            listener_of("bob", socket.AF_INET6, "::", PORT, IPV6_V6ONLY=1) as his:
        flows = bobs.add_socket(his)["flows"]
        assert {flow["protocol"] for flow in flows} == {"tcp6"}
        send_to(hers, PORT, bobs)


def test_listeners_of_one_user_share_a_port(bobs):
    """The kernel gives it to any of them, and all of them are hers."""
    with contextlib.ExitStack() as stack:
        group = [stack.enter_context(listener_of("bob", port=PORT, SO_REUSEPORT=1))
                 for _ in range(3)]
        for sock in group:
            assert len(bobs.add_socket(sock)["flows"]) == 1


def test_connections_of_another_user_keep_the_port_unproved(bobs):
    """Once alice's has ended, bob may listen on her port; her connections go on, and stay hers."""
    with contextlib.ExitStack() as stack:
        with listener_of("alice", port=PORT) as server:
            peer = stack.enter_context(connect_from_peer(PORT))
            with impersonate("alice"):
                hers = stack.enter_context(server.accept()[0])
        his = stack.enter_context(listener_of("bob", address="0.0.0.0", port=PORT))
        refusal(bobs, his, "A socket of another user")
        with simnic.counted() as grown:
            peer.sendall(bytes(1 << 16))
            receive(hers, 1 << 16)
        assert not [name for name in grown if name.startswith(f"rx{bobs.queues[0]}_")], grown
        hers.close()
        assert len(bobs.add_socket(his)["flows"]) == 1


def test_ports_of_other_users_connections_are_refused(bobs):
    """alice has bound it, for a connection to come: that would be one of the listener's rules."""
    with socket_of("alice") as hers, socket_of("bob") as his:
        for sock in hers, his:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((HOST4, PORT))
        his.listen()
        refusal(bobs, his, "A socket of another user")
        hers.close()
        assert len(bobs.add_socket(his)["flows"]) == 1


# ---------------------------------------------------------------------- after the proof


def test_rules_go_when_the_socket_is_closed_and_the_port_taken(bobs):
    with listener_of("bob", port=PORT) as his:
        bobs.add_socket(his)
    with take_port("alice", port=PORT) as hers:
        machine.until(lambda: not machine.rule_count())
        send_to(hers, PORT, bobs)


def test_rules_go_when_the_socket_listens_elsewhere(bobs):
    """It was never seen as anything but a listener: it lets go of its port and takes another one
    before anybody who was woken up comes to look."""
    with socket_of("bob") as his:
        his.listen()
        port = his.getsockname()[1]
        assert bobs.add_socket(his)["flows"]
        while his.getsockname()[1] == port:
            disconnect(his)
            his.listen()
        with take_port("alice", port=port) as hers:
            machine.until(lambda: not machine.rule_count())
            send_to(hers, port, bobs)


def test_rules_go_when_the_socket_is_bound_to_another_device(bobs):
    """No privilege is needed for the first time; then another can have the port on this one."""
    with listener_of("bob", address="0.0.0.0", port=PORT) as his:
        bobs.add_socket(his)
        with impersonate("bob"):
            his.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, b"lo\0")
        with listener_of("alice", port=PORT, SO_BINDTODEVICE=b"zc0\0") as hers:
            machine.until(lambda: not machine.rule_count())
            send_to(hers, PORT, bobs)
        refusal(bobs, his, "bound to another device")


@pytest.mark.parametrize("busy", [False, True], ids=["at-once", "busy"])
def test_rules_go_when_the_port_is_taken_meanwhile(bobs, busy):
    """bob disconnects his listener, alice comes to the port and connects from there, he listens
    again: the same socket, nothing was destroyed, and it receives what it did. Her connection would be
    his for good. The kernel wakes up who watches the socket, but only who looks before he listens again
    sees anything: a daemon that is busy meanwhile does not."""
    reuse = {"SO_REUSEADDR": 1}
    daemon = machine.main_pid()
    with simnic.peer_socket(socket.AF_INET, socket.SOCK_STREAM) as peer, \
            listener_of("bob", address="0.0.0.0", port=PORT, **reuse) as his, \
            socket_of("alice") as hers:
        peer.bind((PEER4, 0))
        peer.listen()
        bobs.add_socket(his)
        hers.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if busy:
            os.kill(daemon, signal.SIGSTOP)
        try:
            disconnect(his)
            hers.bind((HOST4, PORT))
            hers.connect(peer.getsockname())
            his.listen()
        finally:
            os.kill(daemon, signal.SIGCONT)
        machine.until(lambda: not machine.rule_count())
        refusal(bobs, his, "A socket of another user")
        with simnic.counted() as grown, peer.accept()[0] as sender:
            sending = threading.Thread(target=sender.sendall, args=(bytes(SIZE),))
            sending.start()
            receive(hers)
            sending.join()
        assert not [name for name in grown if name.startswith(f"rx{bobs.queues[0]}_")], grown


def set_key(sock, number=0):
    """For TCP MD5 signatures of one peer; nobody needs a privilege for it."""
    peer = struct.pack("=HH4s", socket.AF_INET, 0, struct.pack("!I", 0x0a4d0000 + number))
    sock.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG,
                    struct.pack("=128sBBHi80s", peer, 0, 0, 3, 0, b"key"))


def test_listeners_with_md5_keys_prove_nothing(bobs):
    """The kernel computes them over the payload, which it cannot read: it would panic."""
    with listener_of("bob", port=PORT) as his:
        set_key(his)
        refusal(bobs, his, "TCP MD5 signatures")
    # Another port: a session may still have its copy of that socket to close.
    with listener_of("bob", port=PORT + 1) as his:
        bobs.add_socket(his)
        set_key(his)
        machine.until(lambda: not machine.rule_count())
        refusal(bobs, his, "TCP MD5 signatures")


def test_md5_keys_beyond_a_message_hide_no_listener(bobs):
    """A dump of listeners ends without a word at one whose keys do not fit into a message. What it
    hides are no others, and not itself."""
    with listener_of("bob", port=PORT) as his, listener_of("bob", port=PORT + 1) as other:
        bobs.add_socket(his)
        bobs.add_socket(other)
        for number in range(400):
            set_key(his, number)
        machine.until(lambda: machine.rule_count() == 1)
        refusal(bobs, his, "does not say what was switched on")
        time.sleep(2.5)  # asked about twice since
        assert machine.rule_count() == 1


def test_an_mptcp_listener_beside_ends_the_proof(bobs):
    """The kernel gives connections to either; payload of MPTCP has checksums."""
    with listener_of("bob", port=PORT, SO_REUSEPORT=1) as his:
        bobs.add_socket(his)
        with socket_of("bob", socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP) as beside:
            beside.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            beside.bind((HOST4, PORT))
            beside.listen()
            machine.until(lambda: not machine.rule_count())
            refusal(bobs, his, "MPTCP on top of TCP")
            refusal(bobs, beside, "no TCP socket")
        assert len(bobs.add_socket(his)["flows"]) == 1


def test_a_reconnected_socket_loses_its_rule(bobs):
    """Disconnected, and connected to himself before anybody looks."""
    with simnic.peer_socket(socket.AF_INET, socket.SOCK_STREAM) as peer, \
            listener_of("bob", address="127.0.0.1") as own, socket_of("bob") as his:
        peer.bind((PEER4, 0))
        peer.listen()
        his.connect(peer.getsockname())
        bobs.add_socket(his)
        disconnect(his)
        his.connect(own.getsockname())
        machine.until(lambda: not machine.rule_count())
        refusal(bobs, his, "127.0.0.1 is an address of lo, not of zc0")


def test_rules_go_when_the_address_is_removed(bobs):
    """Also while its rule is on the way; and it does not come back with the address."""
    simnic.run("ip", "address", "add", "10.9.0.9/24", "dev", "zc0")
    with listener(address="10.9.0.9") as sock:
        bobs.add_socket(sock)
        simnic.run("ip", "address", "del", "10.9.0.9/24", "dev", "zc0")
        machine.until(lambda: not machine.rule_count())
        refusal(bobs, sock, "none of the interface's")


def test_proofs_end_when_the_interface_enters_a_vrf(bobs):
    """What comes in there is for the sockets of the VRF from then on."""
    with listener_of("bob", address="0.0.0.0", port=PORT) as his:
        bobs.add_socket(his)
        simnic.run("ip", "-batch", "-", input="link add red type vrf table 10\n"
                   "link set red up\nlink set zc0 master red\n")
        try:
            machine.until(lambda: not machine.rule_count())
            refusal(bobs, his, "belongs to red")
            with listener_of("bob", address="0.0.0.0", SO_BINDTODEVICE=b"zc0\0") as bound:
                refusal(bobs, bound, "belongs to red")
            with listener_of("bob", address="0.0.0.0", SO_BINDTODEVICE=b"red\0") as bound:
                refusal(bobs, bound, "zc0 belongs to red")
        finally:
            simnic.run("ip", "link", "del", "red")
            simnic.addresses()
        machine.until(lambda: his and bobs.add_socket(his)["flows"])
