# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job: a program of an ordinary user receives by zero copy on a queue leased to it."""

import contextlib
import ctypes
import errno
import grp
import mmap
import pwd
import resource
import struct

import machine
import pytest
from client import new_area, new_ring
from machine import HOST4, HOST6
from simnic import counted


@pytest.mark.parametrize("grants, size", [("auto", 8 << 20), ("direct", 4 << 20)])
@pytest.mark.parametrize("host", [HOST4, HOST6])
def test_an_unprivileged_user_receives_by_zero_copy(grants, size, host):
    machine.configure(machine.config(grants=grants))
    with counted() as grown, machine.receiver(9001, "--verify") as receiving:
        status = machine.status_of(receiving.pid)
        lease = machine.lease_of(receiving.pid)
        queue = lease["hardwareQueues"][0]

        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {
            "0" * 16}
        assert set(status["Uid"].split()) == {str(pwd.getpwnam("alice").pw_uid)}
        assert {grp.getgrgid(int(gid)).gr_name for gid in status["Groups"].split()} == {
            "alice", "zcrx"}
        assert (lease["grant"], lease["state"]) == (
            "netkit" if grants == "auto" else "direct", "steered")
        assert machine.held(queue) == ({"io_uring", "lease"} if grants == "auto" else {"io_uring"})

        with machine.sender(host, 9001, size) as sending:
            assert sending.finish() == 0, sending.said
        result = receiving.result()

    machine.assert_zero_copy(result, size)
    assert (result["leaseId"], result["hardwareQueue"]) == (lease["leaseId"], queue)
    machine.assert_counted(grown, queue, size)
    assert not any(name.endswith("_zc_bytes") for name in grown if name != f"rx{queue}_zc_bytes")


def test_the_other_modes_need_no_lease():
    for mode in "recv", "read":
        with machine.receiver(9001, "--verify", "--mode", mode, user="mallory") as receiving:
            assert machine.leases() == []
            with machine.sender(HOST4, 9001, 1 << 20) as sending:
                assert sending.finish() == 0, sending.said
            result = receiving.result()
        assert (result["bytes"], result["wrongBytes"]) == (1 << 20, 0)


def test_the_library_with_sanitizers():
    size = 4 << 20
    with machine.receiver(9001, "--verify", program=machine.with_sanitizers("zcrxperf")) as receiving:
        with machine.sender(HOST4, 9001, size) as sending:
            assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), size)


def test_several_connections_on_one_queue():
    with machine.receiver(9001, "--verify", "--connections", "3") as receiving:
        with machine.sender(HOST4, 9001, 2 << 20, "--connections", "3") as sending:
            assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), 6 << 20)


@contextlib.contextmanager
def locked_memory(limit):
    """As ulimit -l; what is ours is alice's."""
    before = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, before)


def register_buffer(ring):
    """A page, by IORING_REGISTER_BUFFERS; the errno."""
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    iovec = struct.pack("PN", address, mmap.PAGESIZE)
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    return ctypes.get_errno() if syscall(427, ring, 0, iovec, 1) < 0 else 0


def test_areas_count_as_locked_memory(alice):
    """An area counts as what its user has locked, though it is registered by zcrxd; so the manual says."""
    size = 16 << 20
    with contextlib.ExitStack() as stack:
        with machine.impersonate("alice"):  # a ring of root's, with its capabilities, counts nothing
            ring, other, another = (stack.enter_context(new_ring()) for _ in range(3))
        lease = stack.enter_context(alice.acquire())
        stack.enter_context(locked_memory(8 << 20))
        assert register_buffer(other) == 0
        lease.register(ring, stack.enter_context(new_area(size)), areaSize=size)
        assert register_buffer(another) == errno.ENOMEM
        with locked_memory((8 << 20) + size):
            assert register_buffer(another) == 0
