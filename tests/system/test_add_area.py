# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux 7.3 lets the holder of a ring add memory of its own to an ifq, and pins it under a lock that
the deletion of the lease's netkit device needs, with the kernel's network configuration locked. Memory
that never becomes present may cost its owner the queue, and nobody else anything."""

import contextlib
import ctypes
import errno
import mmap
import os
import signal
import struct
import subprocess
import threading
import time

import machine
import pytest
from client import Connection, libc, new_area, new_ring, SYS_IO_URING_REGISTER
from hostile import BottomlessFile, Process, leases_of, others_are_served, say

REGISTER_ZCRX_CTRL, ZCRX_CTRL_ADD_AREA = 36, 3
SIZE = 1 << 20
PROMPTLY = 10  # seconds; who waits for the memory waits for ever


def add_area(ring, zcrx_id, address, size=SIZE, flags=0):
    """0, or the errno."""
    area = ctypes.create_string_buffer(struct.pack("=QQQII16x", address, size, 0, flags, 0))
    control = struct.pack("=IIQQQ40x", zcrx_id, ZCRX_CTRL_ADD_AREA, 0, 0, ctypes.addressof(area))
    if libc.syscall(SYS_IO_URING_REGISTER, ring, REGISTER_ZCRX_CTRL, control, 0) == 0:
        return 0
    return ctypes.get_errno()


def kernel_adds_areas():
    """With the page size of no memory at all, so that nothing is added."""
    with Connection("alice") as alice, alice.acquire() as lease, new_ring() as ring, \
            new_area() as area:
        said = add_area(ring, lease.register(ring, area)["zcrxId"], 1 << 12, flags=1 << 31)
    assert said in (errno.EINVAL, errno.EOPNOTSUPP)
    return said == errno.EINVAL


def sleeper(trap):
    """A client's work: it registers, and a thread of it adds memory that never comes. It lets go of
    its lease when it is told to."""
    def work(connection, channel):
        memory = mmap.mmap(trap.fd, SIZE, mmap.MAP_PRIVATE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        with new_ring() as ring, new_area() as area:
            lease = connection.acquire()
            reply = lease.register(ring, area)
            threading.Thread(target=add_area, daemon=True,
                             args=(ring, reply["zcrxId"], address)).start()
            say(channel, lease.queues[0])
            channel.recv(1)
            lease.close()
            signal.pause()
    return work


def links_can_be_changed():
    done = subprocess.run("ip link add probe0 type dummy && ip link del probe0", shell=True,
                          timeout=PROMPTLY)
    return done.returncode == 0


def queue_reason(queue):
    with Connection() as root:
        zc0, = root.call("Describe")["interfaces"]
    return next(one for one in zc0["queues"] if one["queue"] == queue)["reason"]


@pytest.mark.parametrize("end", ["revoked", "let go"])
def test_an_area_that_never_fills_stalls_nobody(end):
    """Whatever ends the lease, everybody goes on; the queue comes back when the memory does."""
    if not kernel_adds_areas():
        return
    trap = BottomlessFile(answers_flush=True)
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(Process(sleeper(trap)))
        endings = []
        stack.callback(lambda: [ending.wait() for ending in endings])
        stack.callback(trap.close)  # before the processes are waited for
        queue, = process.hear()
        machine.until(lambda: trap.READ in trap.asked)
        lease, = leases_of("alice")
        with others_are_served(PROMPTLY):
            if end == "let go":
                process.channel.send(b"x")
            else:
                endings.append(subprocess.Popen(["zcrxctl", "revoke", lease["leaseId"]]))
            for _ in range(8):
                assert links_can_be_changed()
                time.sleep(0.1)
        machine.until(lambda: [lease["state"] for lease in leases_of("alice")] == ["quarantined"])
        assert "is adding memory" in queue_reason(queue)
        # The daemon can be ended meanwhile, and the next one knows as much.
        machine.systemctl("restart", "zcrxd")
        before = machine.main_pid()
        os.kill(before, signal.SIGKILL)
        machine.until(lambda: machine.main_pid() not in (0, before))
        machine.until(lambda: [lease["state"] for lease in leases_of("alice")] == ["quarantined"])
        assert links_can_be_changed()
    machine.until(lambda: not leases_of("alice"))
