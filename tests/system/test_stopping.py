# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams that stop without loss, under traffic: one is read on with recv() from the byte at which it stopped, one
is paused and resumed, one keeps its buffers for long, and one is received by bounded pieces."""

import random

import machine
import pytest
from machine import HOST4

SENDER = """
import random, select, socket, sys
host, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
left = {}
for i in range(4):
    s = socket.create_connection((host, port))
    s.setblocking(False)
    left[s] = memoryview(bytes([i]) + random.Random(i).randbytes(size))
while left:
    for s in select.select([], list(left), [])[1]:
        left[s] = left[s][s.send(left[s][:65536]):]
        if not left[s]:
            s.close()
            del left[s]
"""
SIZE = 4 << 20
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
        with machine.Program("python3", "-c", SENDER, HOST4, "9001", str(SIZE), peer=True) as sending:
            result = receiving.result()
            assert sending.finish() == 0, sending.said
    print(result)
    for i in range(4):
        assert (directory / str(i)).read_bytes() == bytes([i]) + random.Random(i).randbytes(SIZE), i
    assert 1 << 20 <= result["stop"] < SIZE
    assert result["plain"] > 0
    assert result["stop"] + result["plain"] <= SIZE + 1
    assert result["pauses"] > 3
    assert result["pieces"] >= 300
    assert 0 < result["kept"] <= 2 * LIMIT
    assert machine.is_clean()
