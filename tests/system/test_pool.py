# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lower layer of the library, by the example that has everything on a ring of its own: connections are
accepted, received from and written to files there. And which rings it takes, from a language that is not C."""

import contextlib
import ctypes
import errno

import machine
from client import CQE32, RING_FLAGS, enable, new_ring
from files import check, directory, send, storing  # noqa: F401 (a fixture)
from machine import HOST4
from simnic import counted


def test_files_of_many_connections_on_one_ring(directory):
    machine.configure(machine.config())
    n, size = 64, 100_000
    with counted() as grown, storing(directory, n) as receiving:
        queue, = machine.lease_of(receiving.pid)["hardwareQueues"]
        with send(HOST4, 9001, n, size, peer=True) as sending:
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    total = check(directory, n, size)
    assert "\n0 bytes were copied\n" in receiving.said["stdout"]
    machine.assert_counted(grown, queue, total)
    assert machine.is_clean() and not machine.leases()


def test_files_over_loopback(directory):
    """Without a NIC everything is copied, and the ring is flushed by the program when it is told to."""
    machine.configure(machine.config(policy=machine.POLICY.replace("[zc0]", "[zc0, software]"))
                      + "software:\n  queues: 2\n")
    n, size = 8, 4_000_000  # the area goes round twice
    with storing(directory, n, "software") as receiving:
        with send("127.0.0.1", 9001, n, size, peer=False) as sending:
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    total = check(directory, n, size)
    # The kernel does not count what is in the linear part of its socket buffers.
    assert total * 0.98 < int(receiving.wait_for(r"^(\d+) bytes were copied$")[1]) <= total


def test_memory_of_the_programs_own(directory):
    machine.configure(machine.config())
    n, size = 3, 2_000_000  # more than the area has
    with machine.sysctl("net/ipv4/tcp_rmem", "4096 131072 524288"), storing(
            directory, n, program="tests/zcrx-ring-own-area") as receiving:
        assert machine.lease_of(receiving.pid)["areaBytes"] == 4 << 20
        with send(HOST4, 9001, n, size, peer=True) as sending:
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    check(directory, n, size)
    assert "\n0 bytes were copied\n" in receiving.said["stdout"]
    assert "\nnothing beside the area was touched\n" in receiving.said["stdout"]


def test_the_lease_ends_and_the_ring_goes_on(directory):
    machine.configure(machine.config())
    n, size = 4, 8_000_000
    with storing(directory, n) as receiving:
        lease = machine.lease_of(receiving.pid)
        with send(HOST4, 9001, n, size, peer=True) as sending:
            machine.until(lambda: sum(f.stat().st_size for f in directory.iterdir()) > size)
            machine.ctl("revoke", lease["leaseId"])
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    check(directory, n, size)
    assert "The lease has ended: " in receiving.said["stderr"]
    assert "\n0 bytes were copied\n" not in receiving.said["stdout"]


def library():
    lib = ctypes.CDLL("libzcrx-client.so")
    lib.zcrx_client_error.restype = ctypes.c_char_p
    return lib


@contextlib.contextmanager
def leased(lib, queues):
    """Client, lease and as many pools of 1 MiB, of alice's; in a program that is not in C."""
    client, lease = ctypes.c_void_p(), ctypes.c_void_p()
    pools = [ctypes.c_void_p() for _ in range(queues)]
    try:
        assert lib.zcrx_client_new(ctypes.byref(client)) == 0
        assert lib.zcrx_client_connect(client, None) == 0, lib.zcrx_client_error(client)
        assert lib.zcrx_lease_new(client, ctypes.byref(lease)) == 0
        assert lib.zcrx_lease_set_interface(lease, b"zc0") == 0
        assert lib.zcrx_lease_set_queues(lease, queues) == 0
        assert lib.zcrx_lease_acquire(lease) == 0, lib.zcrx_client_error(client)
        for i, pool in enumerate(pools):
            assert lib.zcrx_pool_new(lease, i, ctypes.byref(pool)) == 0
            assert lib.zcrx_pool_set_area_size(pool, ctypes.c_size_t(1 << 20)) == 0
        yield client, lease, pools
    finally:
        for pool in pools:
            lib.zcrx_pool_unref(pool)
        lib.zcrx_lease_release(lease)
        lib.zcrx_lease_unref(lease)
        lib.zcrx_client_unref(client)


def test_several_pools_on_one_ring_of_any_kind():
    """With requests of 128 bytes, and completions of both sizes."""
    machine.configure(machine.config())
    lib = library()
    flags = RING_FLAGS & ~CQE32 | 1 << 18 | 1 << 10  # CQE_MIXED, SQE128
    with machine.impersonate("alice"), new_ring(flags) as ring, leased(lib, 2) as (client, _, pools):
        for pool in pools:
            assert lib.zcrx_pool_register(pool, ring) == 0, lib.zcrx_client_error(client)
        assert len({lib.zcrx_pool_get_id(pool) for pool in pools}) == 2
        one, = machine.leases()
        assert (one["state"], one["areaBytes"]) == ("bound", 2 << 20)
        enable(ring)
        assert all(machine.held(queue) for queue in one["hardwareQueues"])
    assert machine.is_clean() and not machine.leases()


def test_rings_that_will_not_do():
    machine.configure(machine.config())
    lib = library()
    with machine.impersonate("alice"), leased(lib, 1) as (client, _, (pool,)):
        with new_ring() as ring:
            enable(ring)
            assert lib.zcrx_pool_register(pool, ring) == -errno.EINVAL
            assert b"enabled" in lib.zcrx_client_error(client)
        with new_ring(RING_FLAGS & ~CQE32) as ring:
            assert lib.zcrx_pool_register(pool, ring) == -errno.EINVAL
            assert b"CQE32" in lib.zcrx_client_error(client)
        with new_ring() as ring:
            assert lib.zcrx_pool_register(pool, ring) == 0, lib.zcrx_client_error(client)
