# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams that stop without loss, under traffic: one is read on with recv() from the byte at which it stopped, one
is paused and resumed, one keeps its buffers for long, and one is received by bounded pieces."""

import random

import machine
import pytest
from machine import HOST4

SENDER = """
import random, select, socket, sys
host, port, size, late = sys.argv[1], *map(int, sys.argv[2:])
left = {}
for i in range(4):
    s = socket.create_connection((host, port))
    s.setblocking(False)
    left[s] = memoryview(bytes([i]) + random.Random(i).randbytes(size))
    first = s if i == 0 else first
# The end of the first is sent when the receiver has said that the flow is gone.
held = left[first][-late:]
left[first] = left[first][:-late]
while left or held:
    readable, writable, _ = select.select([first] if held else [], list(left), [])
    if readable and first.recv(1):
        left[first] = memoryview(bytes(left.get(first, b"")) + bytes(held))
        held = None
    for s in writable:
        left[s] = left[s][s.send(left[s][:65536]):]
        if not left[s]:
            del left[s]
            if s is not first or not held:
                s.close()
"""
SIZE = 4 << 20
LATE = 1 << 20
LIMIT = 16


@pytest.mark.parametrize("how", [(), ("poll",)], ids=["wait", "poll"])
def test_every_byte_is_right_however_streams_stop(how, tmp_path):
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    directory = tmp_path / "files"
    directory.mkdir()
    directory.chmod(0o777)
    machine.configure(machine.config())
    program = machine.with_sanitizers("zcrxperf").replace("tools/zcrxperf/zcrxperf",
                                                          "libzcrx-client/tests/zcrx-stopping")
    with machine.Program(program, "9001", str(directory), *how, user="alice") as receiving:
        receiving.wait_for("^listening$")
        with machine.Program("python3", "-c", SENDER, HOST4, "9001", str(SIZE), str(LATE),
                             peer=True) as sending:
            result = receiving.result()
            assert sending.finish() == 0, sending.said
    print(result)
    for i in range(4):
        assert (directory / str(i)).read_bytes() == bytes([i]) + random.Random(i).randbytes(SIZE), i
    assert 1 << 20 <= result["stop"] < SIZE
    assert result["plain"] >= LATE - 65536 # one piece may reach over what was sent late
    assert result["stop"] + result["plain"] <= SIZE + 1
    assert result["pauses"] > 3
    assert result["pieces"] >= 300
    assert 0 < result["kept"] <= 2 * LIMIT
    assert machine.is_clean()
