# SPDX-License-Identifier: LGPL-2.1-or-later
"""What keeps a queue from zero copy is counted by kind: a program lets each of them come about, and every byte arrives all
the same."""

import machine
import pytest
from machine import HOST4

SENDER = """
import socket, sys
s = socket.create_connection((sys.argv[1], 9001))
pattern = bytes(range(251)) * 4096
left = int(sys.argv[2])
while left:
    s.sendall(pattern[:left])
    left -= min(left, len(pattern))
"""
KINDS = {"nothing": {}, "nic": {"nic"}, "copy": {"copy", "copied"}, "completions": {"completions"}}
MUCH, LITTLE = 24 << 20, 1 << 20  # three times the area; no more than fits into everything


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_counted(kind):
    machine.configure(machine.config())
    size = LITTLE if kind == "nothing" else MUCH
    program = machine.with_sanitizers("zcrxperf").replace("tools/zcrxperf/zcrxperf", "libzcrx-client/tests/zcrx-starve")
    with machine.Program(program, "9001", kind, user="alice") as receiving:
        receiving.wait_for("^listening$")
        with machine.Program("python3", "-c", SENDER, HOST4, str(size), peer=True) as sending:
            result = receiving.result()
            assert sending.finish() == 0, sending.said
    print(result)
    assert result.pop("bytes") == size
    assert all(result[name] > 0 for name in KINDS[kind])
    if kind == "nothing":
        assert set(result.values()) == {0}
    if kind != "copy":  # what is steered is not copied, however short the buffers are
        assert result["copied"] == 0
    assert (result["refill"], result["staged"]) == (0, 0)
    assert machine.is_clean()
