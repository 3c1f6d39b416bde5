# SPDX-License-Identifier: LGPL-2.1-or-later
"""Areas that are traps: holes that come and go, huge pages that nobody has, a file whose server never
answers."""

import contextlib
import ctypes
import fcntl
import os
import socket
import threading

import machine
import pytest
from client import Connection, Error, libc, new_area, new_ring
from hostile import BottomlessFile, others_are_served, refused

KEEP_SIZE, PUNCH_HOLE = 1, 2
PAGE, SIZE, HUGE = 4096, 1 << 20, 2 << 20


@pytest.fixture(name="ring")
def fixture_ring():
    with new_ring() as ring:
        yield ring


def allocate(area, mode=0, offset=0, size=PAGE):
    return libc.fallocate(area, mode, ctypes.c_long(offset), ctypes.c_long(size))


def test_an_area_with_a_hole_is_refused(alice, ring):
    """The seal that keeps its size keeps none of its pages."""
    with new_area() as area, alice.acquire() as lease, others_are_served():
        assert allocate(area, KEEP_SIZE | PUNCH_HOLE, SIZE - PAGE) == 0
        with refused("InvalidArea", f"{SIZE - PAGE} of its {SIZE} bytes exist"):
            lease.register(ring, area)


def test_an_area_punched_during_the_call_harms_nobody(alice, ring):
    """Between the look and the pinning, too: then the page is made, or the call is refused."""
    over, met = threading.Event(), set()

    def attempt(area):
        with alice.acquire() as lease:
            try:
                lease.register(ring, area)
                met.add("registered")
            except Error as error:
                met.add(error.name)
        return met >= {"registered", "InvalidArea"}

    def perforate(area):
        while not over.is_set():
            allocate(area, KEEP_SIZE | PUNCH_HOLE)
            allocate(area)

    with new_area() as area:
        thread = threading.Thread(target=perforate, args=(area,))
        thread.start()
        try:
            with others_are_served():
                machine.until(lambda: attempt(area))
        finally:
            over.set()
            thread.join()
    assert met == {"registered", "InvalidArea"}


def test_missing_huge_pages_are_refused(alice, ring):
    with machine.sysctl("vm/nr_hugepages", "0"), alice.acquire() as lease:
        area = os.memfd_create("area", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC | os.MFD_HUGETLB)
        with contextlib.closing(os.fdopen(area, "rb+")):
            os.ftruncate(area, HUGE)
            fcntl.fcntl(area, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
            with others_are_served(), refused("InvalidArea", f"0 of its {HUGE} bytes exist"):
                lease.register(ring, area, areaSize=HUGE)


def test_an_area_of_a_hanging_fuse_server_stalls_nobody(alice, ring):
    """Neither looking at it nor closing it is waited for: not where it belongs, not where it does
    not, not in the middle of a message, and not by a process that another's registration forks."""
    with BottomlessFile() as trap, alice.acquire() as lease:
        with others_are_served():
            for kind in "memory", "dmabuf":
                with refused("InvalidArea", "is no"):
                    lease.register(ring, trap.fd, areaType=kind)
            with refused("PermissionDenied", "not a handle"):
                alice.call("Release", leaseId=lease.id, handleFileDescriptor=0, fds=[trap.fd])
            alice.call("Describe", fds=[trap.fd] * 3)
        with contextlib.ExitStack() as stack:
            halves = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2)]
            for half in halves:
                half.connect(machine.SOCKET)
            socket.send_fds(halves[0], [b'{"method":'], [trap.fd])
            halves[1].sendall(b'{"method":')
            with others_are_served(), new_area() as area:
                alice.call("Describe")  # the first halves have been read
                with contextlib.suppress(OSError):
                    socket.send_fds(halves[1], [b'""'], [trap.fd])
                lease.register(ring, area)
    assert trap.FLUSH in trap.asked


def test_files_of_hanging_fuse_servers_stall_nobody(alice):
    """They wait in the session of whoever sent them, and the daemon has no part in it."""
    daemon = machine.main_pid()  # no process can be started from here as long as the trap is open
    threads = machine.status_of(daemon)["Threads"]
    with BottomlessFile() as trap, others_are_served():
        for _ in range(20):
            with Connection("mallory") as mallory:
                mallory.call("Describe", fds=[trap.fd])
        assert machine.status_of(daemon)["Threads"] == threads
        with alice.acquire() as lease:
            lease.call("Release")
