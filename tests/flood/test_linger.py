# SPDX-License-Identifier: LGPL-2.1-or-later
"""SO_LINGER: whoever closes the last copy of such a socket waits for a peer to take what was sent to
it, which it never does. The last copies are those of the user's session."""

import contextlib
import multiprocessing
import signal
import socket
import struct

import pytest
from flood import HOSTILE, message

FOREVER = 3600  # seconds
HALF = message("Describe", padding="x" * 60000)[:-2]


def lingering(address):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    s.connect(address)
    s.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            s.send(b"x" * 65536)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, FOREVER))
    return s


def wrapped(fds):
    """A socket that has the others in it."""
    inner, outer = socket.socketpair()
    socket.send_fds(outer, [b"x"], fds)
    outer.detach()
    return [inner.detach()]


@pytest.fixture
def send(daemon):
    """Sends messages with such sockets, of which nobody else has a copy when the daemon looks."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)

        def act(n, data, wrap, clients):
            for client in clients:
                fds = [lingering(listener.getsockname()).detach() for _ in range(n)]
                client.send(data, wrap(fds))

        def send(n, data, times=1, wrap=list):
            clients = [stack.enter_context(daemon.connect(HOSTILE)) for _ in range(times)]
            daemon.signal(signal.SIGSTOP)
            # A process that ends does not wait.
            process = multiprocessing.get_context("fork").Process(
                target=act, args=(n, data, wrap, clients))
            process.start()
            process.join()
            daemon.signal(signal.SIGCONT)
            assert process.exitcode == 0

        yield send


def test_not_asked_for(daemon, send):
    send(8, message("ListLeases"), times=4)
    daemon.serves()


def test_as_proof(daemon, send):
    with daemon.connect(HOSTILE) as client:
        lease, handle = client.acquire()
        send(1, message("AddFlow", leaseId=lease, socketFileDescriptor=0), times=4)
        daemon.serves()
        client.release(lease, handle)


def test_too_many(daemon, send):
    """What there is no room for, the kernel lets go of."""
    send(200, message("ListLeases"))
    daemon.serves()


def test_never_read(daemon, send):
    """They go with the connection."""
    send(8, message("ListLeases") + b"\0" + HALF, times=4)
    daemon.serves()


def test_inside_of_a_socket(daemon, send):
    send(8, message("ListLeases"), times=4, wrap=wrapped)
    daemon.serves()
