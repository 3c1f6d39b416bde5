# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library without zcrxd, which is stopped here: queues that root registers itself, of the NIC and without one,
and copying, as anybody. And with zcrxd, whose refusals are no reason to receive by other means."""

import contextlib
import ctypes
import errno
import re
import subprocess

import machine
import pytest
from client import new_ring
from machine import HOST4
from simnic import counted, run

LOCALHOST = "127.0.0.1"
SIZE = 4 << 20


@pytest.fixture
def no_daemon():
    machine.systemctl("stop", "zcrxd.socket", "zcrxd")
    yield
    machine.systemctl("start", "zcrxd.socket", "zcrxd")


def send(size, *options, host=LOCALHOST):
    return machine.Program("zcrxperf", "send", host, "--port", "9001", "--bytes", str(size), *options,
                           peer=host != LOCALHOST)


@contextlib.contextmanager
def rule(text):
    """The rule that zcrxperf says somebody should insert, as somebody does."""
    location = re.search(r"ID (\d+)", run("ethtool", *text.split()))[1]
    yield
    run("ethtool", "-N", "zc0", "delete", location)


def test_root_receives_on_a_queue_of_the_nic_that_it_has_registered_itself(no_daemon):
    """The NIC is as zcrxd has set it up. Twice: what has ended leaves the queue free."""
    for _ in range(2):
        with counted() as grown, machine.receiver(
                9001, "--verify", "--backend", "zcrxd,direct,copy", "--interface", "zc0", "--hardware-queue", "7",
                user=None) as receiving:
            assert machine.held(7) == {"io_uring"}
            wanted = receiving.wait_for(r"ethtool (-N zc0 flow-type tcp4 dst-port 9001 action 7)$")[1]
            with rule(wanted), send(SIZE, host=HOST4) as sending:
                assert sending.finish() == 0, sending.said
                result = receiving.result()
        assert (result["backend"], result["hardwareQueue"]) == ("direct", 7)
        machine.assert_zero_copy(result, SIZE)
        machine.assert_counted(grown, 7, SIZE)
        machine.until(lambda: not machine.held(7))


def test_root_receives_on_a_queue_without_a_nic(no_daemon):
    with machine.receiver(9001, "--verify", "--backend", "software", "--queues", "2", "--connections", "4",
                          user=None) as receiving:
        with send(SIZE, "--connections", "4") as sending:
            assert sending.finish() == 0, sending.said
        result = receiving.result()
    assert (result["backend"], result["wrongBytes"]) == ("software", 0)
    machine.assert_all_copied(result, 4 * SIZE)


@pytest.mark.parametrize("host", [LOCALHOST, HOST4])
def test_anybody_receives_by_copying(no_daemon, host):
    """Without io_uring, too; and what is counted as copied is all."""
    with machine.sysctl("kernel/io_uring_disabled", "2"), machine.receiver(
            9001, "--verify", "--backend", "zcrxd,direct,software,copy", "--queues", "2",
            "--connections", "8", user="mallory") as receiving:
        with send(SIZE, "--connections", "8", host=host) as sending:
            assert sending.finish() == 0, sending.said
        result = receiving.result()
    assert (result["backend"], result["wrongBytes"]) == ("copy", 0)
    assert (result["copiedBytes"], result["zeroCopyBytes"]) == (8 * SIZE, 0)


def test_nothing_is_there_and_each_is_told(no_daemon):
    with machine.receiver(9001, "--backend", "zcrxd,direct,software", user="alice", ready=False) as receiving:
        assert receiving.finish() == 1
    said = receiving.said["stderr"]
    assert re.search(r"zcrxd: Cannot connect to zcrxd at .*-- direct: Only a process with CAP_NET_ADMIN "
                     r".*-- software: Only a process with CAP_NET_ADMIN ", said), said


def test_what_zcrxd_refuses_is_not_copied():
    """mallory is denied, and alice gets a lease, though both would copy."""
    with machine.receiver(9001, "--backend", "zcrxd,copy", user="mallory", ready=False) as receiving:
        assert receiving.finish() == 3, receiving.said
    with machine.receiver(9001, "--verify", "--backend", "zcrxd,copy") as receiving:
        with send(SIZE, host=HOST4) as sending:
            assert sending.finish() == 0, sending.said
        result = receiving.result()
    assert "backend" not in result
    machine.assert_zero_copy(result, SIZE)


def test_a_program_that_does_not_allow_it_does_not_copy(no_daemon):
    done = subprocess.run(["env", "ZCRX_BACKEND=copy", example(), "9001"], capture_output=True, text=True)
    assert done.returncode == 1 and "Cannot connect to zcrxd" in done.stderr, done
    done = subprocess.run(["env", "ZCRX_BACKEND=copy", example(), "9001", "zcrxd,direct"], capture_output=True,
                          text=True)
    assert done.returncode == 1 and "which this program does not allow" in done.stderr, done


def example():
    return machine.with_sanitizers("zcrxperf").replace("tools/zcrxperf/zcrxperf", "libzcrx-client/zcrx-receive-example")


def test_the_example_has_one_path_for_all(no_daemon):
    with machine.Program(example(), "9001", "zcrxd,copy", user="alice") as receiving:
        receiving.wait_for("^Not from zcrxd: copy$")
        with send(SIZE) as sending:
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    assert f"{SIZE} bytes received, {SIZE} of them copied\n" in receiving.said["stdout"]


@pytest.mark.parametrize("backend, result", [(b"direct", 0), (b"software", 0), (b"copy", -errno.EOPNOTSUPP)])
def test_pools_on_rings_of_the_callers(no_daemon, backend, result):
    lib = ctypes.CDLL("libzcrx-client.so")
    lib.zcrx_client_error.restype = lib.zcrx_lease_get_backend.restype = ctypes.c_char_p
    client, lease, pool = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    with new_ring() as ring:
        assert lib.zcrx_client_new(ctypes.byref(client)) == 0
        assert lib.zcrx_lease_new(client, ctypes.byref(lease)) == 0
        assert lib.zcrx_lease_set_backends(lease, backend) == 0
        assert lib.zcrx_lease_set_interface(lease, b"zc0") == 0
        assert lib.zcrx_lease_set_hardware_queue(lease, 6) == 0
        assert lib.zcrx_lease_acquire(lease) == 0, lib.zcrx_client_error(client)
        assert lib.zcrx_lease_get_backend(lease) == backend
        assert lib.zcrx_pool_new(lease, 0, ctypes.byref(pool)) == 0
        assert lib.zcrx_pool_set_area_size(pool, ctypes.c_size_t(1 << 20)) == 0
        assert lib.zcrx_pool_register(pool, ring) == result, lib.zcrx_client_error(client)
        assert machine.held(6) == ({"io_uring"} if backend == b"direct" else set())
        if result == 0:
            assert lib.zcrx_pool_get_buffers(pool) == 256
        else:
            assert b"without a ring" in lib.zcrx_client_error(client)
        lib.zcrx_pool_unref(pool)
        lib.zcrx_lease_release(lease)
        lib.zcrx_lease_unref(lease)
        lib.zcrx_client_unref(client)
    machine.until(lambda: not machine.held(6))
