# SPDX-License-Identifier: LGPL-2.1-or-later
"""What cannot be closed, or only slowly. An ordinary user makes zcrxd the last to hold it; nobody
else notices, and the daemon can be restarted and killed meanwhile."""

import contextlib
import os
import resource
import signal
import socket
import time

import machine
import pytest
from hostile import Process, others_are_served, say
from silent import SilentFile, enter_namespaces, in_a_socket, send_whole

DESCRIBE = b'{"method":"io.zcrx.Manager.Describe"}\0'
CONNECTIONS = 520  # more than one user may have
PACKET_SOCKETS, MEMORY = 1500, 512 << 20
SIZE = 1 << 20


@pytest.fixture(scope="module", autouse=True)
def everybody_may_serve_files():
    """As udev has it on Debian, where it runs."""
    os.chmod("/dev/fuse", 0o666)


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(machine.SOCKET)
    return s


def hold(something):
    hold.held.append(something)  # as long as the process lives
    return something


hold.held = []


def a_dirty_file_in_a_socket(connection, channel):
    """The kernel writes the file back before it lets the last descriptor go, and waits for that."""
    file = SilentFile()
    fd = in_a_socket([file.open()])
    file.dirty()
    send_whole(hold(connect()), DESCRIBE, [fd])


def a_dirty_file_in_a_connection_that_is_not_read(connection, channel):
    """It is in the queue when the connection ends: behind a call that does not end."""
    file = SilentFile()
    fds = [in_a_socket([file.open()]) for _ in range(3)]
    file.dirty()
    s = connect()
    s.sendall(b'{"method":"io.zcrx.Manager.Watch","more":true}\0')
    assert s.recv(1000)
    send_whole(s, DESCRIBE, fds)
    s.close()


def a_dirty_file_in_a_connection_too_many(connection, channel):
    """It came with the connection, which is refused."""
    file = SilentFile()
    fds = [in_a_socket([file.open()]) for _ in range(CONNECTIONS)]
    file.dirty()
    for fd in fds:
        with contextlib.suppress(OSError):
            socket.send_fds(hold(connect()), [b"{"], [fd])
        os.close(fd)


def a_file_as_it_is(connection, channel):
    file = SilentFile()
    fd = file.open()
    file.be_silent()
    with contextlib.suppress(OSError):
        socket.send_fds(hold(connect()), [DESCRIBE], [fd])


def many_packet_sockets_and_much_memory(connection, channel):
    """16 ms for each socket, 0.1 s for each GiB."""
    enter_namespaces(os.CLONE_NEWNET)
    area = os.memfd_create("area")
    os.posix_fallocate(area, 0, MEMORY)
    send_whole(hold(connect()), DESCRIBE, [area])
    for _ in range(PACKET_SOCKETS // 250):
        fds = [socket.socket(socket.AF_PACKET, socket.SOCK_RAW).detach() for _ in range(250)]
        send_whole(hold(connect()), DESCRIBE, [in_a_socket(fds)])


def a_file_in_a_handle(connection, channel):
    """The daemon's end takes nothing, so that nothing lies in its queue."""
    with connection.acquire() as lease:
        handle = socket.socket(fileno=os.dup(lease.handle))
        file = SilentFile()
        fd = file.open()
        file.be_silent()
        with pytest.raises(BrokenPipeError):
            socket.send_fds(handle, [b"x"], [fd])


ATTACKS = (a_dirty_file_in_a_socket, a_dirty_file_in_a_connection_that_is_not_read,
           a_dirty_file_in_a_connection_too_many, a_file_as_it_is,
           many_packet_sockets_and_much_memory, a_file_in_a_handle)
KILLED_AS_WELL = ATTACKS[0], ATTACKS[-1]  # what a session holds, and what the daemon itself does


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_close_that_hangs_stalls_nobody(attack):
    """mallory's attack; the others are served, and the daemon ends and starts as always."""
    def work(connection, channel):
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        attack(connection, channel)
        say(channel, "done")

    user = "alice" if attack is a_file_in_a_handle else "mallory"
    with Process(work, user) as process:
        with others_are_served():
            assert process.hear() == ("done",)
        machine.assert_zero_copy(machine.transfer(9001, SIZE, user="bob"), SIZE)
        before = machine.main_pid()
        started = time.monotonic()
        machine.systemctl("restart", "zcrxd")
        assert time.monotonic() - started < machine.PATIENCE / 2
        assert machine.main_pid() not in (0, before)
        with others_are_served():
            pass
        if attack not in KILLED_AS_WELL:
            return
        before = machine.main_pid()
        os.kill(before, signal.SIGKILL)
        machine.until(lambda: not os.path.exists(f"/proc/{before}"))
        machine.until(lambda: machine.main_pid() not in (0, before)
                      and machine.show("zcrxd", "ActiveState") == "active")
        with others_are_served():
            pass
