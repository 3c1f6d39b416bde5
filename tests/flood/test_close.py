# SPDX-License-Identifier: LGPL-2.1-or-later
"""What cannot be closed: a FUSE file whose server is silent. A client makes the daemon the last to
hold it. Nobody else notices, and the daemon ends when it is told to."""

import contextlib
import os
import signal
import socket

import pytest
from flood import HOSTILE, Daemon, message
from silent import SilentFile, in_a_socket, send_whole

held = []  # as long as the process lives


def a_file_as_it_is(client):
    """Its server is asked at each close of a descriptor."""
    file = SilentFile()
    fd = file.open()
    file.be_silent()
    socket.send_fds(client, [message("Describe")], [fd])


def a_dirty_file_in_a_socket(client):
    """The kernel writes the file back before it lets the last descriptor go, and waits for that where
    no signal reaches it."""
    file = SilentFile()
    fd = in_a_socket([file.open()])
    file.dirty()
    held.append(file)
    send_whole(client, message("Describe"), [fd])


def a_dirty_file_in_a_connection_that_is_not_read(client):
    """It is in the queue, behind a call that does not end, when the connection does."""
    file = SilentFile()
    fds = [in_a_socket([file.open()]) for _ in range(3)]
    file.dirty()
    held.append(file)
    client.sendall(message("Watch", _more=True))
    assert client.recv(1000)
    send_whole(client, message("Describe"), fds)
    client.close()


@contextlib.contextmanager
def attacked(daemon, attack):
    """By a process of its own. It serves the file, and its child has it open: so that is the one to
    be killed first."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.setpgid(0, 0)
            attack(daemon.connect(HOSTILE).socket)
            os.write(writing, b"x")
            signal.pause()
        os._exit(1)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as done:
            assert done.read(1), "the attack has failed"
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


@pytest.mark.parametrize("end", (signal.SIGTERM, signal.SIGKILL))
@pytest.mark.parametrize("attack", (a_file_as_it_is, a_dirty_file_in_a_socket,
                                    a_dirty_file_in_a_connection_that_is_not_read))
def test_nobody_waits(attack, end):
    with Daemon() as own:
        with attacked(own, attack):
            own.serves(times=2)
            own.stop(end)
