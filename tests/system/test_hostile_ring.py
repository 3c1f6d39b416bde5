# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rings that are not the caller's, that change while they are looked at, that are kept from the
daemon, and that outlive their lease."""

import contextlib
import ctypes
import fcntl
import mmap
import os
import pathlib
import pwd
import signal
import socket
import struct
import threading

import machine
import pytest
from client import (CQE32, R_DISABLED, RING_FLAGS, SYS_IO_URING_REGISTER, Connection, Error, Lease,
                    enable, libc, new_area, new_ring)
from hostile import Process, hold_lock, leases_of, others_are_served, refused, say
from machine import until

REGISTER_ZCRX_CTRL, ZCRX_CTRL_EXPORT = 36, 1
IOPOLL = 1


@pytest.fixture(name="area")
def fixture_area():
    with new_area() as area:
        yield area


# ------------------------------------------------------------------------ whose ring is it


def lease_for_us(connection, channel):
    """A process's work: it acquires, and leaves all the rest to us."""
    lease = connection.acquire()
    say(channel, lease.description, connection.handler._connection.fileno(), lease.handle)


@contextlib.contextmanager
def speaking_for(process):
    """That process's lease, on that process's connection."""
    description, connection, handle = process.hear(fds=2)
    with Connection(sock=socket.socket(fileno=connection)) as ours:
        with Lease(ours, description, handle) as lease:
            yield lease


def test_a_ring_number_counts_in_the_process_that_connected(area):
    """Whoever speaks on a connection, be it root: rings are looked up in the process that made it."""
    with Process(lease_for_us) as process, new_ring() as ours, others_are_served():
        ring = fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 1000)
        with speaking_for(process) as lease:
            with refused("InvalidRing", f"has no descriptor {ring}"):
                lease.register(ring, area)
            # What is sent along names no process either.
            for pid in os.getpid(), machine.main_pid(), 1:
                pidfd = os.pidfd_open(pid)
                with refused("InvalidArea", "is no memfd"):
                    lease.register(ring, pidfd)
                with refused("PermissionDenied", "not a handle"):
                    lease.connection.call("Register", fds=[pidfd, area], leaseId=lease.id,
                                          handleFileDescriptor=0, queue=0, ring=ring,
                                          areaFileDescriptor=1, areaSize=1 << 20,
                                          refillEntries=256)
                os.close(pidfd)
        os.close(ring)


@pytest.mark.parametrize("fate", ["zombie", "reaped", "reused"])
def test_a_ring_of_a_dead_process_is_refused(area, fate):
    """Not even another process with its number, which has a ring under the same number, too."""
    process = Process(lease_for_us)
    with process, new_ring() as ring, speaking_for(process) as lease:
        pid = process.pid
        process.kill(reap=fate != "zombie")
        with contextlib.ExitStack() as stack:
            if fate == "reused":
                stack.enter_context(Process(lambda *_: None, user="bob", pid=pid))
            with others_are_served(), refused("InvalidRing", "is gone"):
                lease.register(ring, area)
        assert lease.state() == "reserved"


# ------------------------------------------------------------------- what becomes of a ring


def test_a_ring_swapped_during_the_call_is_not_used(alice, area):
    """What was checked is what is registered on, and never anything else."""
    over = threading.Event()
    with new_ring() as good, new_ring(R_DISABLED | CQE32) as bad:
        number = os.dup(good)

        def swap():
            while not over.is_set():
                for fd in area, bad, good:
                    os.dup2(fd, number, inheritable=False)

        thread = threading.Thread(target=swap)
        thread.start()
        met = set()
        try:
            with others_are_served():
                until(lambda: met.add(register_once(alice, number, good, area)) or len(met) == 2)
        finally:
            over.set()
            thread.join()
            os.close(number)


def register_once(connection, number, good, area):
    """What came of it: only on the good ring can a refill region be there to be mapped."""
    # The last one waits a moment for a ring that stays.
    until(lambda: pwd.getpwnam("alice").pw_uid not in
          [lease["ownerUid"] for lease in machine.leases()])
    with connection.acquire() as lease:
        try:
            reply = lease.register(number, area)
        except Error as error:
            return error.name if error.name == "InvalidRing" else error
        mmap.mmap(good, reply["refillSize"], offset=reply["refillMapOffset"]).close()
        return "registered"


@pytest.fixture(name="unprivileged_faults")
def fixture_unprivileged_faults():
    """A user may leave a page fault of the kernel's unanswered, as with FUSE."""
    with machine.sysctl("vm/unprivileged_userfaultfd", "1"):
        yield


def hung_registrations():
    """The processes that register and cannot be woken; one more may wait for its request."""
    main = machine.main_pid()
    with open(f"/proc/{main}/task/{main}/children", encoding="ascii") as f:
        stats = [pathlib.Path(f"/proc/{pid}/stat").read_text() for pid in f.read().split()]
    return [stat.split()[0] for stat in stats if " (zcrxd-registrar) D " in stat]


def test_a_ring_lock_never_released_gets_the_client_killed(unprivileged_faults):
    """Held by another process even: the client is killed for it, which does not help; the lease is
    over all the same, and the queue is somebody else's."""
    def work(connection, channel):
        with new_ring() as ring, new_area() as area:
            ready, held = os.pipe()
            if os.fork() == 0:
                hold_lock(ring)
                os.close(held)
                signal.pause()
            os.close(held)
            os.read(ready, 1)
            lease = connection.acquire()
            say(channel, lease.queues[0])
            lease.register(ring, area)

    with Process(work) as process, others_are_served():
        queue, = process.hear()
        until(lambda: os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG))
        until(lambda: not leases_of("alice"))
        until(lambda: not machine.held(queue))  # the others have it, too, for a moment
        os.killpg(process.pid, 0)  # the lock is still held
        left_behind, = hung_registrations()
        # Standard streams, pidfd, area, ring, rings and answer, but nobody else's connection or socket.
        assert len(os.listdir(f"/proc/{left_behind}/fd")) <= 8
    until(lambda: not os.path.exists(f"/proc/{left_behind}"))


# ---------------------------------------------------------------------- what outlives a lease


def export(ring, zcrx_id):
    """The kernel's own handle on an ifq, which keeps it whatever becomes of the ring."""
    control = bytearray(struct.pack("=IIQQI44x", zcrx_id, ZCRX_CTRL_EXPORT, 0, 0, 0))
    buffer = (ctypes.c_char * len(control)).from_buffer(control)
    assert libc.syscall(SYS_IO_URING_REGISTER, ring, REGISTER_ZCRX_CTRL, buffer, 0) == 0
    return struct.unpack_from("=I", control, 24)[0]


def test_export_and_fork_do_not_pin_queue(area):
    """Neither an export that was made before the ring was enabled, nor a fork that has the ring."""
    def work(connection, channel):
        with new_ring() as ring, new_area() as area:
            lease = connection.acquire()
            reply = lease.register(ring, area)
            connection.close()
            exported = export(ring, reply["zcrxId"])
            if os.fork() == 0:
                lease.close()
                signal.pause()
            say(channel, lease.queues[0], exported)
            signal.pause()

    with Process(work) as process:
        queue, exported = process.hear(fds=1)
        assert machine.held(queue) == {"io_uring", "lease"}
        with others_are_served():
            process.kill()
            until(lambda: not machine.held(queue))
        with Connection("alice") as alice, alice.acquire() as lease, new_ring() as ring:
            assert lease.queues == [queue]
            lease.register(ring, area)
        os.close(exported)


def test_a_ring_closed_before_its_lease_frees_the_queue(alice, area):
    """It is the lease's still, and can be registered again; the export that keeps it goes, too."""
    stored = int(machine.show("zcrxd", "NFileDescriptorStore"))
    with others_are_served():
        with alice.acquire() as lease:
            queue, = lease.queues
            with new_ring() as ring:
                lease.register(ring, area)
            until(lambda: machine.held(queue) == {"lease"})
            assert lease.state() == "reserved"
            with new_ring() as ring:
                lease.register(ring, area)
                assert machine.held(queue) == {"io_uring", "lease"}
        until(lambda: not machine.held(queue))
    until(lambda: int(machine.show("zcrxd", "NFileDescriptorStore")) == stored)


def test_a_polling_ring_is_registered(area):
    """It could never receive, and is a ring like any other when it comes to giving back the queue."""
    with Connection("alice") as alice, others_are_served():
        with alice.acquire() as lease, new_ring(RING_FLAGS | IOPOLL) as ring:
            lease.register(ring, area)
            enable(ring)
            queue = lease.queues[0]
            assert machine.held(queue) == {"io_uring", "lease"}
        until(lambda: not machine.held(queue))
