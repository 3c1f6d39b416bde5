# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rings of a lease are closed and the lease goes on: its flows are copied, and Register works again."""

import random
import signal

import machine
import pytest
from client import Connection, new_area, new_ring
from hostile import Process, refused, say
from machine import HOST4, until
from simnic import counted

SENDER = """
import random, socket, sys
host, port, n, size, phases = sys.argv[1], *map(int, sys.argv[2:])
open = [socket.create_connection((host, port)) for i in range(n)]
data = [bytes([i]) + random.Random(i).randbytes(phases * size - 1) for i in range(n)]
for phase in range(phases):
    for s in open:
        assert s.recv(1) == b"x"
    for s, all in zip(open, data):
        s.sendall(all[phase * size:(phase + 1) * size])
for s in open:
    s.recv(1)
"""
N, SIZE = 8, 500_000


def content(i, phases):
    return bytes([i]) + random.Random(i).randbytes(phases * SIZE - 1)


@pytest.mark.parametrize("how", [(), ("at-once",)], ids=["noticed", "at-once"])
def test_connections_go_on_from_one_ring_to_the_next(how, tmp_path):
    """Without a copy by either, and by copies while there is none."""
    phases = 2 if how else 3
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    directory = tmp_path / "files"
    directory.mkdir()
    directory.chmod(0o777)
    machine.configure(machine.config())
    program = machine.with_sanitizers("zcrxperf").replace("tools/zcrxperf/zcrxperf",
                                                          "libzcrx-client/tests/zcrx-again")
    with counted() as grown, machine.Program(program, "9001", str(directory), str(N), str(SIZE), *how,
                                             user="alice") as receiving:
        receiving.wait_for("^listening$")
        queue, = machine.lease_of(receiving.pid)["hardwareQueues"]
        with machine.Program("python3", "-c", SENDER, HOST4, "9001", str(N), str(SIZE), str(phases),
                             peer=True) as sending:
            result = receiving.result()
            assert sending.finish() == 0, sending.said
    assert result == {"before": 0, "after": 0}
    for i in range(N):
        assert (directory / str(i)).read_bytes() == content(i, phases), i
    machine.assert_counted(grown, queue, 2 * N * SIZE)
    assert machine.is_clean()


def restart(lease):
    machine.systemctl("restart", "zcrxd")
    lease.connection.close()
    lease.connection = Connection("alice")


def test_a_worker_that_died_is_replaced():
    """The lease is held by who started it. The daemon is restarted in each state."""
    machine.configure(machine.config())

    def work(connection, channel):
        lease.connection = connection
        with new_ring() as ring, new_area() as area:
            lease.register(ring, area)
            say(channel, "registered")
            signal.pause()

    with Connection("alice").acquire() as lease:
        queue, = lease.queues
        for first in (True, False):
            with Process(work, "alice") as process:
                assert process.hear() == ("registered",)
                if first:
                    restart(lease)
                assert lease.state() == "bound"
                assert machine.held(queue) == {"io_uring", "lease"}
                process.kill()
                if first:
                    restart(lease)
            until(lambda: lease.state() == "reserved")
            assert machine.held(queue) == {"lease"}
            if first:
                restart(lease)
            assert lease.state() == "reserved"
        with new_ring() as ring, new_area() as area:
            lease.register(ring, area)
            with new_ring() as second, refused("WrongState", "has an ifq already"):
                lease.register(second, area)
            assert lease.state() == "bound"
        lease.connection.close()
    until(machine.is_clean)
