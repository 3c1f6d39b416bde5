# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a peer sends to a steered flow does not take the machine down: urgent data, which TCP would read
from a client's memory, and signed segments. Other connections are left as they are, and nobody takes
the guard away as long as there is a flow. (Without it each of these panics the kernel: the test
machine would not survive this file.)"""

import errno
import os
import re
import signal
import socket
import struct

import machine
import nft
import pytest
import simnic
from client import Connection, Error, new_area, new_ring
from machine import HOST4, HOST6, impersonate, listener, run

CONFIG = machine.config()
PORT, ORDINARY, OTHER = 9101, 9102, 9103
CHUNK, URGENT, MANY = 700, 200, 1000
TCP_MD5SIG = 14

# The pattern of zcrxperf (pattern.c), every CHUNK bytes one urgent byte of it.
PEER = f"""
import socket, struct, sys
seed, n = 12345, {CHUNK} * int(sys.argv[3])
words = [seed]
for i in range(1, n // 8 + 1):
    x = (seed + i * 0x9e3779b97f4a7c15) & 0xffffffffffffffff
    x ^= x >> 32
    x = x * 0xd6e8feb86659fd93 & 0xffffffffffffffff
    words.append(x ^ x >> 32)
data = struct.pack(f"<{{len(words)}}Q", *words)[:n]
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for i in range(0, n, {CHUNK}):
    s.sendall(data[i:i + {CHUNK} - 1])
    s.send(data[i + {CHUNK} - 1:i + {CHUNK}], socket.MSG_OOB)
s.shutdown(socket.SHUT_WR)
s.settimeout(60)
while s.recv(4096):
    pass
"""

# A segment with the option, out of nowhere, as anybody can send it.
FORGE = """
import socket, struct, sys
kind, port = int(sys.argv[2]), int(sys.argv[3])
source, destination = "10.9.0.2", sys.argv[1]
options = struct.pack("BB16xBB", kind, 18, 1, 1)
payload = b"x" * 100
header = struct.pack(">HHIIBBHHH", 4321, port, 1, 1, (20 + len(options)) // 4 << 4, 0x18, 1024, 0, 0)
pseudo = (socket.inet_aton(source) + socket.inet_aton(destination) +
          struct.pack(">BBH", 0, 6, len(header) + len(options) + len(payload)))
words = struct.unpack(f">{(len(pseudo + header + options + payload)) // 2}H",
                      pseudo + header + options + payload)
total = sum(words)
total = (total & 0xffff) + (total >> 16)
total = (total & 0xffff) + (total >> 16)
header = header[:16] + struct.pack(">H", ~total & 0xffff) + header[18:]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
s.sendto(header + options + payload, (destination, 0))
"""


def peer(code, *arguments):
    return machine.Program("python3", "-c", code, *map(str, arguments), peer=True)


def count(field):
    return machine.call("Describe")[0]["parameters"]["interfaces"][0].get(field)


def zc0():
    return socket.if_nametoindex("zc0")


def is_guarded():
    return nft.guards() == {zc0(): True}


@pytest.fixture(autouse=True)
def no_guard_left(nothing_left):
    yield
    machine.until(lambda: nft.guards() == {})


def transfer_with_urgent(host, *options, user="alice", urgent=URGENT):
    """How many were met; another flow keeps the count beyond the end."""
    with machine.receiver(OTHER), machine.receiver(PORT, "--verify", *options, user=user) as receiving:
        before = count("urgentSegments")
        with peer(PEER, host, PORT, urgent) as sending:
            assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), CHUNK * urgent)
        return count("urgentSegments") - before


def test_a_thousand_urgent_segments_arrive_in_line():
    """Nothing is lost, not even the urgent bytes, and status says how many there were."""
    assert transfer_with_urgent(HOST4, urgent=MANY) >= MANY / 10  # a sender on a busy machine merges them


def test_urgent_segments_by_ipv6():
    assert transfer_with_urgent(HOST6) >= URGENT / 10


@pytest.fixture(name="vlan")
def fixture_vlan():
    """The address of zc0.5, which zc1.5 of the peer reaches."""
    for device, host, words in ("zc0", "10.9.5.1", ()), ("zc1", "10.9.5.2", ("-n", "peer")):
        run("ip", *words, "-batch", "-", input=(
            f"link add link {device} name {device}.5 type vlan id 5\nlink set {device}.5 up\n"
            f"address add {host}/24 dev {device}.5\n"))
    yield "10.9.5.1"
    run("ip", "link", "del", "zc0.5")
    run("ip", "-n", "peer", "link", "del", "zc1.5")


def test_a_flow_on_a_vlan_is_zero_copy_and_guarded(vlan):
    """Where no socket proves it: by value, as the refusal says, on a NIC whose rules match behind a tag."""
    with machine.receiver(PORT, "--address", vlan, user="root", ready=False) as refused:
        refused.wait_for(re.escape(f"name the flow by value (tcp4,dst={vlan},dst-port={PORT})"))
    assert transfer_with_urgent(vlan, "--by-value", "--address", vlan, user="root") >= URGENT / 10


def test_signed_segments_are_dropped():
    with machine.receiver(PORT):
        for kind in 19, 29:
            before = count("signedSegments")
            with peer(FORGE, HOST4, kind, PORT) as sending:
                assert sending.finish() == 0, sending.said
            machine.until(lambda: count("signedSegments") == before + 1)


# To an address and a port; with a signature if a key is given.
URGENT_AND_SIGNED = f"""
import socket, struct, sys
s = socket.socket()
if sys.argv[3:]:
    s.setsockopt(socket.IPPROTO_TCP, {TCP_MD5SIG}, struct.pack(
        "=HH4s120xBBHi80s", socket.AF_INET, 0, socket.inet_aton(sys.argv[1]), 0, 0, 3, 0, b"key"))
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"abc")
s.send(b"!", socket.MSG_OOB)
s.settimeout(60)
s.recv(1)
"""


@pytest.mark.parametrize("signed", [False, True], ids=["urgent", "signed"])
def test_other_connections_keep_urgent_data_and_signatures(signed):
    with machine.receiver(PORT), socket.create_server((HOST4, ORDINARY)) as listener:
        assert is_guarded()
        if signed:
            listener.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, struct.pack(
                "=HH4s120xBBHi80s", socket.AF_INET, 0, socket.inet_aton(simnic.PEER4), 0, 0, 3, 0,
                b"key"))
        listener.settimeout(machine.PATIENCE)
        with peer(URGENT_AND_SIGNED, HOST4, ORDINARY, *["key"] * signed), \
                listener.accept()[0] as connection:
            connection.settimeout(machine.PATIENCE)
            assert connection.recv(3, socket.MSG_WAITALL) == b"abc"
            connection.setblocking(False)  # else Python waits for ordinary data first
            machine.until(lambda: oob(connection) == b"!")


def oob(connection):
    try:
        return connection.recv(1, socket.MSG_OOB)
    except OSError as error:
        assert error.errno in (errno.EAGAIN, errno.EINVAL)
        return None


def test_root_cannot_delete_the_guard():
    """Neither who flushes all rules, nor root who means it."""
    with machine.receiver(PORT), nft.Nft() as somebody:
        somebody.flush_ruleset()
        assert is_guarded()
        with pytest.raises(PermissionError):
            somebody.delete_table(f"zcrxd-{zc0()}")
        with pytest.raises(PermissionError):
            somebody.change(nft.DELRULE, nft.attr(1, f"zcrxd-{zc0()}") + nft.attr(2, "act"))


def test_flows_come_and_go_while_the_guard_stands():
    """The kernel is told what changes; the rules stay as they are."""
    with machine.receiver(PORT):
        rules = nft.rules(zc0())
        assert nft.ports(zc0()) == {PORT}
        with machine.receiver(OTHER):
            assert nft.ports(zc0()) == {PORT, OTHER}
        machine.until(lambda: nft.ports(zc0()) == {PORT})
        assert rules and nft.rules(zc0()) == rules
        assert is_guarded()


def test_the_guard_follows_a_renamed_interface():
    """The kernel takes the hook from an interface that is renamed."""
    cursor = machine.journal_cursor()
    with machine.receiver(PORT, "--verify") as receiving:
        run("ip", "link", "set", "zc0", "name", "zcx")
        try:
            machine.until(lambda: any("what keeps urgent and signed segments" in m
                                      for m in machine.messages(cursor)))
            with peer(PEER, HOST4, PORT, URGENT) as sending:
                assert sending.finish() == 0, sending.said
            machine.assert_zero_copy(receiving.result(), CHUNK * URGENT)
        finally:
            run("ip", "link", "set", "zcx", "name", "zc0")
    machine.until(lambda: machine.call("Describe")[0]["parameters"]["interfaces"][0]["state"] ==
                  "configured")


def test_the_guard_is_set_before_ready():
    """Between two daemons it stays, though anybody may take it away then."""
    with machine.receiver(PORT, "--verify") as receiving:
        machine.systemctl("stop", "zcrxd")
        assert nft.guards() == {zc0(): False}
        with nft.Nft() as somebody:
            somebody.delete_table(f"zcrxd-{zc0()}")
        machine.systemctl("start", "zcrxd")
        assert is_guarded()
        with peer(PEER, HOST4, PORT, URGENT) as sending:
            assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), CHUNK * URGENT)


def test_the_guard_outlives_a_killed_daemon():
    with machine.receiver(PORT, "--verify") as receiving, peer(PEER, HOST4, PORT, MANY) as sending:
        before = machine.main_pid()
        os.kill(before, signal.SIGKILL)
        while machine.main_pid() in (0, before):
            assert zc0() in nft.guards()
        assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), CHUNK * MANY)
    machine.until(lambda: machine.call("Describe"))


def test_a_guard_without_leases_is_deleted_at_start():
    machine.systemctl("stop", "zcrxd")
    with nft.Nft() as somebody:
        somebody.create_table("zcrxd-4711")
    assert nft.guards() == {4711: False}
    machine.systemctl("start", "zcrxd")
    assert nft.guards() == {}


def test_connections_older_than_the_guard_are_not_steered():
    """Urgent data may have been announced to them; the one that proves itself is asked about."""
    with impersonate("alice"):
        listening = listener(port=PORT)
    with listening, Connection("alice") as alice, alice.acquire(interface="zc0") as lease, \
            new_ring() as ring, new_area() as area, simnic.peer_socket() as far:
        lease.register(ring, area)
        far.connect((HOST4, PORT))
        with impersonate("alice"):
            near = listening.accept()[0]
        with near:
            with pytest.raises(Error) as refused:
                lease.add_socket(listening)
            assert refused.value.name == "WrongState"
            assert "a connection already" in refused.value.message
            added = lease.add_socket(near)
            assert machine.rule_count() == 1
            lease.call("RemoveFlow", flowId=added["flowIds"][0])


def test_restore_deletes_the_guard():
    with machine.receiver(PORT):
        assert is_guarded()
        machine.ctl("restore", "--force", "zc0")
        assert nft.guards() == {}
    machine.ctl("apply", "zc0")
