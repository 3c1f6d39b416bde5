# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections without end: by one user, by several that collude, and with no descriptors left."""

import contextlib
import resource
import socket
import time

from flood import (ADMINISTRATOR, BYSTANDER, HELD, HOSTILE, QUIET, attack, message, until)

ALL, OF_A_USER, FOR_ADMINISTRATORS = 4096, 512, 64


def open_many(daemon, uid, n, stack):
    """Those of n connections that the daemon has taken: it has answered something on them."""
    opened = []
    for _ in range(n):
        client = daemon.connect(uid)
        try:
            client.call("org.varlink.service.GetInfo")
            opened.append(stack.enter_context(client))
        except ConnectionError:
            client.close()
    return opened


def test_thousands_of_connections(daemon):
    lines = len(daemon.lines())
    with contextlib.ExitStack() as stack:
        opened = open_many(daemon, HOSTILE, 4 * OF_A_USER, stack)
        assert len(opened) == OF_A_USER
        daemon.serves()
        assert daemon.holds() < HELD
        # Room that one leaves is another's.
        opened.pop().close()
        until(lambda: open_many(daemon, HOSTILE, 1, stack))
    assert len(daemon.lines()) - lines < QUIET


def test_users_collude(daemon):
    """Several users take everything, and administrators still get in; so does everybody else, as
    the idle ones of whoever has the most give way."""
    opened = []
    with contextlib.ExitStack() as stack:
        for uid in range(HOSTILE, HOSTILE + ALL // OF_A_USER):
            opened += open_many(daemon, uid, OF_A_USER, stack)
        until(lambda: sum(not client.is_closed() for client in opened)
              == ALL - FOR_ADMINISTRATORS)
        daemon.serves(0)
        daemon.serves(ADMINISTRATOR)
        daemon.serves()
        ninth = stack.enter_context(daemon.connect(BYSTANDER))
        ninth.call("Describe")
        for uid in range(HOSTILE, HOSTILE + ALL // OF_A_USER):
            open_many(daemon, uid, 8, stack)
        ninth.call("Describe")
        assert daemon.holds() < 8 * HELD
    until(lambda: daemon.descriptors() <= daemon.before["descriptors"])
    daemon.serves()


def test_connections_come_and_go(daemon):
    """As fast as they can be made, with something in them and without."""
    def connect(number):
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as s:
            s.connect(daemon.path)
            if number:
                s.sendall(message("Describe"))

    with attack(connect, processes=4):
        daemon.serves(times=20)


def test_no_descriptors_are_left(daemon):
    """It neither spins nor gives up: it says so once, and goes on as soon as it can."""
    pid = daemon.process.pid
    # A session that ends meanwhile would make room, and what is said is said once more.
    until(lambda: not daemon.sessions())
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    lines = len(daemon.lines())
    room = 32
    with contextlib.ExitStack() as stack:
        stack.callback(resource.prlimit, pid, resource.RLIMIT_NOFILE, limits)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (daemon.descriptors() + room, limits[1]))
        clients = [stack.enter_context(daemon.connect()) for _ in range(64)]
        for client in clients:
            client.send(message("ListLeases"))
        for client in clients[:room // 4]:
            client.receive()

        spent, start = daemon.processor_time(), time.monotonic()
        while time.monotonic() - start < 2:
            clients[0].call("ListLeases")
            time.sleep(0.1)
        assert daemon.processor_time() - spent < 1
        assert len(daemon.lines()) - lines == 1, daemon.lines()[lines:]
        assert "Cannot accept connections" in daemon.lines()[-1]

        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        for client in clients[room // 4:]:
            client.receive()


def test_descriptors_of_half_messages(daemon):
    """They wait with their message, and have a bound that leaves enough for others."""
    with open("/dev/null") as null, contextlib.ExitStack() as stack:
        for _ in range(OF_A_USER):
            stack.enter_context(daemon.connect()).send(b"{", [null.fileno()] * 8)
        daemon.serves()
        # Those beyond it are closed by a thread, which gets its turn.
        until(lambda: daemon.descriptors() < daemon.before["descriptors"] + OF_A_USER + 300)
