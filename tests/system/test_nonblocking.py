# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client that does not block: everything that is asked of zcrxd, in a loop, while zcrxd is slow, and restarted."""

import contextlib
import ctypes
import errno
import os
import select
import signal
import time

import machine
import pytest
from client import enable, new_ring
from machine import HOST4


class Asking:
    """The library, as a loop calls it that is not in C."""

    def __init__(self):
        self.lib = ctypes.CDLL("libzcrx-client.so")
        self.lib.zcrx_client_error.restype = ctypes.c_char_p
        self.lib.zcrx_lease_get_flow_id.restype = ctypes.c_char_p
        self.client = ctypes.c_void_p()
        assert self.lib.zcrx_client_new(ctypes.byref(self.client)) == 0
        assert self.lib.zcrx_client_set_nonblocking(self.client, 1) == 0
        self.poll = select.poll()
        self.poll.register(self.lib.zcrx_client_get_fd(self.client), select.POLLIN)
        self.waited = 0

    def tells(self, seconds):
        return bool(self.poll.poll(seconds * 1000))

    def finish(self):
        """Until the call is to be repeated."""
        while True:
            assert self.tells(machine.PATIENCE)
            if self.lib.zcrx_client_process(self.client):
                return
            self.waited += 1

    def ask(self, name, *arguments):
        while (r := getattr(self.lib, name)(*arguments)) == -errno.EINPROGRESS:
            self.finish()
        return r

    def works(self, name, *arguments):
        assert self.ask(name, *arguments) == 0, (name, self.lib.zcrx_client_error(self.client))


@pytest.fixture
def asking():
    machine.configure(machine.config())
    with machine.impersonate("alice"):
        one = Asking()
        one.works("zcrx_client_connect", one.client, None)
        yield one
        one.lib.zcrx_client_unref(one.client)


@contextlib.contextmanager
def leased(asking):
    lease = ctypes.c_void_p()
    assert asking.lib.zcrx_lease_new(asking.client, ctypes.byref(lease)) == 0
    assert asking.lib.zcrx_lease_set_interface(lease, b"zc0") == 0
    try:
        asking.works("zcrx_lease_acquire", lease)
        yield lease
    finally:
        asking.lib.zcrx_lease_unref(lease)


@contextlib.contextmanager
def stopped_daemon():
    pid = machine.main_pid()
    with as_root():
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with as_root():
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def as_root():
    uid = os.geteuid()
    os.seteuid(0)
    try:
        yield
    finally:
        os.seteuid(uid)


def test_everything_that_is_asked(asking):
    with leased(asking) as lease, new_ring() as ring, machine.listener(address=HOST4) as listener:
        pool = ctypes.c_void_p()
        assert asking.lib.zcrx_pool_new(lease, 0, ctypes.byref(pool)) == 0
        assert asking.lib.zcrx_pool_set_area_size(pool, ctypes.c_size_t(1 << 20)) == 0
        asking.works("zcrx_pool_register", pool, ring)
        enable(ring)
        one, = machine.leases()
        assert (one["state"], one["areaBytes"]) == ("bound", 1 << 20)
        asking.works("zcrx_pool_steer_socket", pool, listener.fileno())
        assert machine.rule_count() == 1
        asking.works("zcrx_lease_renew", lease, ctypes.c_uint64(60_000_000))
        # By value, which proves nothing.
        assert asking.ask("zcrx_pool_steer", pool, 2, None, 0, HOST4.encode(), 9) == -errno.EACCES
        flow = asking.lib.zcrx_lease_get_flow_id(lease, 0)
        asking.works("zcrx_lease_remove_flow", lease, flow)
        assert machine.rule_count() == 0
        asking.lib.zcrx_pool_unref(pool)
        asking.works("zcrx_lease_release", lease)
        assert not machine.leases()
    assert not asking.tells(0)


def test_zcrxd_says_nothing_for_a_while(asking):
    with leased(asking) as lease:
        with stopped_daemon():
            assert asking.lib.zcrx_lease_renew(lease, ctypes.c_uint64(60_000_000)) == -errno.EINPROGRESS
            assert not asking.tells(0.5)
            assert asking.lib.zcrx_client_process(asking.client) == 0
        asking.works("zcrx_lease_renew", lease, ctypes.c_uint64(60_000_000))

        assert asking.lib.zcrx_client_set_timeout(asking.client, ctypes.c_uint64(500_000)) == 0
        with stopped_daemon():
            begin = time.monotonic()
            assert asking.ask("zcrx_lease_renew", lease, ctypes.c_uint64(60_000_000)) == -errno.ETIMEDOUT
            assert 0.5 <= time.monotonic() - begin < machine.PATIENCE
        assert asking.lib.zcrx_client_set_timeout(asking.client, ctypes.c_uint64(0)) == 0
        asking.works("zcrx_lease_renew", lease, ctypes.c_uint64(60_000_000))
    assert asking.waited < 20  # it is not told for nothing


def test_zcrxd_is_restarted(asking):
    with leased(asking) as lease:
        with as_root():
            machine.systemctl("restart", "zcrxd")
        asking.works("zcrx_lease_renew", lease, ctypes.c_uint64(60_000_000))
        assert asking.lib.zcrx_lease_has_ended(lease) == 0
