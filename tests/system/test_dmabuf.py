# SPDX-License-Identifier: LGPL-2.1-or-later
"""Receiving into a dma-buf, made of ordinary memory by udmabuf, so that what the NIC has placed there can be read."""

import contextlib
import re

import machine
import simnic
from machine import HOST4
from simnic import counted

SENDER = """
import os, socket, sys, time
host, port, first, size, gate = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
data = bytes(range(256)) * (size // 256)
with socket.create_connection((host, port)) as s:
    s.sendall(data[:first])
    while gate and not os.path.exists(gate):
        time.sleep(0.05)
    s.sendall(data[first:])
"""


@contextlib.contextmanager
def receiving(*options):
    machine.configure(machine.config())
    program = machine.with_sanitizers("zcrxperf").replace("tools/zcrxperf/zcrxperf",
                                                          "libzcrx-client/tests/zcrx-dmabuf")
    with machine.Program(program, "9001", *options) as program:
        program.wait_for("^listening$")
        yield program


def send(first, size, gate=""):
    """What follows the first bytes is sent when there is a file `gate`."""
    return machine.Program("python3", "-c", SENDER, HOST4, "9001", str(first), str(size), str(gate), peer=True)


def result(program):
    assert program.finish() == 0, program.said
    return tuple(map(int, re.search(r"^placed (\d+), staged (\d+), wrong (\d+)$", program.said["stdout"],
                                    re.M).groups()))


def test_everything_is_placed_in_the_dmabuf():
    """The area goes round twice."""
    size = 40 << 20
    with counted() as grown, receiving() as program:
        queue, = machine.leases()[0]["hardwareQueues"]
        with send(size // 2, size) as sending:
            assert sending.finish() == 0, sending.said
        assert result(program) == (size, 0, 0)
    machine.assert_counted(grown, queue, size)
    machine.until(machine.is_clean)


def test_what_came_before_the_rule_is_staged(tmp_path):
    first, size, gate = 200 << 10, 8 << 20, tmp_path / "gate"
    with receiving("late") as program, send(first, size, gate) as sending:
        machine.until(machine.rule_count)
        gate.touch()
        assert sending.finish() == 0, sending.said
        placed, staged, wrong = result(program)
    assert (placed + staged, wrong) == (size, 0)
    assert 0 < staged <= first < placed


def test_connection_goes_on_when_the_lease_has_ended(tmp_path):
    first, size, gate = 8 << 20, 16 << 20, tmp_path / "gate"
    before = simnic.counters()
    with receiving() as program, send(first, size, gate) as sending:
        lease, = machine.leases()
        zero_copy = f"rx{lease['hardwareQueues'][0]}_zc_bytes"
        machine.until(lambda: simnic.counters()[zero_copy] - before[zero_copy] >= first)
        machine.ctl("revoke", lease["leaseId"])
        program.wait_for("^the lease has ended$")
        gate.touch()
        assert sending.finish() == 0, sending.said
        placed, staged, wrong = result(program)
    assert (placed + staged, wrong) == (size, 0)
    assert placed > 0 and staged > 0
