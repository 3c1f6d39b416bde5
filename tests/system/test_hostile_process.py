# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes that are not what they were, that do nothing, or that claim to be somebody else; and
handles in every wrong place."""

import json
import os
import select
import shutil
import signal
import socket

import machine
import pytest
from client import MINUTE, Connection, Error, Lease, libc, new_area, new_ring
from hostile import Process, leases_of, others_are_served, refused, say
from machine import until
from test_hostile_ring import speaking_for

CLONE_NEWUSER = 0x10000000


@pytest.fixture(name="area")
def fixture_area():
    with new_area() as area:
        yield area


# ------------------------------------------------------------------------- who it is


@pytest.fixture(name="set_uid", scope="module")
def fixture_set_uid():
    """A program that runs as root whoever starts it, as su does, and does nothing."""
    path = shutil.copy("/usr/bin/sleep", "/usr/local/bin/hostile-sleep")
    os.chmod(path, 0o4755)
    yield path
    os.unlink(path)


def test_a_set_uid_program_is_not_the_peer(area, set_uid):
    """Who connected runs it afterwards, and somebody else names one of its descriptors."""
    def work(connection, channel):
        with new_ring() as ring:
            kept = os.dup(ring)
            os.set_inheritable(kept, True)
            lease = connection.acquire()
            say(channel, [lease.description, kept], connection.handler._connection.fileno(),
                lease.handle)
            os.execv(set_uid, ["sleep", "1000"])

    with Process(work) as process:
        (description, ring), connection, handle = process.hear(fds=2)
        until(lambda: machine.status_of(process.pid)["Uid"].split()[1] == "0")
        with Connection(sock=socket.socket(fileno=connection)) as ours, \
                Lease(ours, description, handle) as lease:
            for number in ring, 0, 4711:  # nothing is told of what it has open either
                with others_are_served(), refused("InvalidRing", "runs as another user"):
                    lease.register(number, area)
            assert lease.state() == "reserved"


def test_root_of_a_user_namespace_has_no_privilege():
    """Its user counts, outside; and it can have what that user can have."""
    def work(connection, channel):
        uid, gid = os.getuid(), os.getgid()
        assert libc.unshare(CLONE_NEWUSER) == 0
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"),
                           ("gid_map", f"0 {gid} 1")):
            with open("/proc/self/" + name, "w", encoding="ascii") as f:
                f.write(text)
        assert os.getuid() == 0
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(machine.SOCKET)
        with Connection(sock=sock) as inside, new_ring() as ring, new_area() as area:
            for method, more in ("Apply", {}), ("Reload", {}), ("Revoke", {"leaseId": "0"}):
                with refused("PermissionDenied", "Only administrators may"):
                    inside.call(method, **more)
            with refused("QuotaExceeded", "max-queues"):
                inside.acquire(queues=4)
            lease = inside.acquire()
            lease.register(ring, area)
            say(channel, lease.description)
            signal.pause()

    with Process(work) as process:
        description, = process.hear()
        assert [description["ownerUid"]] == [lease["ownerUid"] for lease in leases_of("alice")]
        assert machine.held(description["hardwareQueues"][0]) == {"io_uring", "lease"}


# --------------------------------------------------------------------- stopped, in each state


def test_a_stopped_client_stalls_nobody():
    """In every state at once. Nobody waits for it, it can be revoked, and it hears of that as soon
    as it hears again."""
    def work(connection, channel):
        reserved, bound, steered = (connection.acquire() for _ in range(3))
        with new_ring() as first, new_ring() as second, new_area() as area, \
                machine.listener() as listening:
            bound.register(first, area)
            steered.register(second, area)
            steered.add_socket(listening)
            say(channel, [lease.id for lease in (reserved, bound, steered)])
            for lease in reserved, bound, steered:
                poll = select.poll()
                poll.register(lease.handle, 0)
                assert poll.poll(machine.PATIENCE * 1000) == [(lease.handle, select.POLLHUP)]
            say(channel, "over")

    with Process(work) as process, Connection() as root:
        leases, = process.hear()
        process.stop()
        assert [lease["state"] for lease in leases_of("alice")] == ["reserved", "bound", "steered"]
        with others_are_served():
            for lease in leases:
                root.call("Revoke", leaseId=lease, reason="it does nothing")
            assert not leases_of("alice") and not machine.rule_count()
        os.kill(process.pid, signal.SIGCONT)
        assert process.hear() == ("over",)


# ------------------------------------------------------------------------------- handles


def test_a_handle_sent_to_itself_is_collected(alice):
    """Sent through a pair of sockets that is sent through itself: the kernel finds the circle, and
    nothing can be parked in the daemon's end."""
    lease = alice.acquire()
    with lease, socket.socket(fileno=os.dup(lease.handle)) as handle:
        with pytest.raises(BrokenPipeError):
            socket.send_fds(handle, [b"x"], [lease.handle])
        near, far = socket.socketpair()
        socket.send_fds(near, [b"x"], [lease.handle, near.fileno(), far.fileno()])
        near.close()
        far.close()
    socket.socketpair()[0].close()  # any socket's end makes the kernel look for such
    until(lambda: not leases_of("alice"))


def test_handles_of_a_lease_are_bounded(alice):
    """As many as a lease may have, and not one more; closed ones make room again."""
    lease = alice.call("Acquire", persistent=True)["lease"]["leaseId"]

    def handle():
        alice.call("Open", leaseId=lease)
        return alice.handler.take_fd(0)

    handles = []
    with others_are_served():
        with refused("QuotaExceeded", "close some of them"):
            while len(handles) < 1000:
                handles.append(handle())
        assert len(handles) == 64
        os.close(handles.pop())
        until(lambda: attempt(handles, handle))
    for fd in handles:
        os.close(fd)
    alice.call("Release", leaseId=lease)


def attempt(handles, handle):
    """The daemon hears of a closed handle when its loop comes round to it."""
    try:
        handles.append(handle())
    except Error as error:
        assert error.name == "QuotaExceeded", error
        return False
    return True


def test_a_handle_in_a_circle_of_sockets_is_collected(alice, bob):
    """From hand to hand, eight copies at a time, through calls that have no use for them."""
    lease = alice.acquire()
    with others_are_served():
        for turn in range(10):
            giver, taker = (alice, bob)[::1 if turn % 2 else -1]
            taker.call("Renew", fds=[lease.handle] * 8, leaseId=lease.id,
                       handleFileDescriptor=turn % 8, timeToLiveUSec=MINUTE)
            giver.call("Describe", fds=[lease.handle] * 8)
    lease.close()
    until(lambda: not leases_of("alice"))


@pytest.mark.parametrize("method", ["Register", "AddFlow", "Release"])
def test_a_handle_closed_during_calls_ends_the_lease(method):
    """And the connection, and ring, area and socket with it: nothing of it stays."""
    def work(connection, channel):
        with new_ring() as ring, new_area() as area, machine.listener() as listening:
            lease = connection.acquire()
            more = {"queue": 0, "ring": ring, "areaFileDescriptor": 1, "areaSize": 1 << 20,
                    "refillEntries": 256}
            if method != "Register":
                lease.register(ring, area)
                more = {"socketFileDescriptor": 1} if method == "AddFlow" else {}
            sock = connection.handler._connection
            call = {"method": "io.zcrx.Manager." + method,
                    "parameters": {"leaseId": lease.id, "handleFileDescriptor": 0, **more}}
            fds = [lease.handle, area if method == "Register" else listening.fileno()]
            channel.recv(1)
            for _ in range(20):
                socket.send_fds(sock, [json.dumps(call).encode() + b"\0"], fds)
            os._exit(0)

    with Process(work) as process, others_are_served():
        process.channel.send(b"x")
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        until(lambda: not leases_of("alice"))
