# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxperf as people measure: an iperf3 that knows nothing of us is the sender, and the modes side by side."""

import json

import machine
import pytest
from machine import HOST4, HOST6
from simnic import counted

PORT = 9001


def serving(*options):
    program = machine.Program("zcrxperf", "serve", "--iperf3", "--one-off", "--json", "--port", str(PORT),
                              *options, user="alice")
    program.wait_for("^listening on port")
    return program


@pytest.mark.parametrize("host, options", [(HOST4, "-P 3 -n 4M"), (HOST6, "-t 1")])
def test_the_streams_of_an_iperf3_client_are_zero_copy(host, options):
    """And what it reports is what the NIC has put into the queues; its control connection is an ordinary one."""
    with counted() as grown, serving("--queues", "2") as server:
        queues = machine.lease_of(server.pid)["hardwareQueues"]
        assert machine.rule_count() == 0
        with machine.Program("iperf3", "-c", host, "-p", str(PORT), "-J", *options.split(), peer=True) as client:
            assert client.finish() == 0, client.said
        result = server.result()
    said = json.loads(client.said["stdout"])["end"]
    streams = [stream["receiver"]["bytes"] for stream in said["streams"]]
    assert sum(streams) == said["sum_received"]["bytes"] == result["bytes"] > 0
    if "-n" in options:
        assert streams == [stream["sender"]["bytes"] for stream in said["streams"]]
        assert len(streams) == 3
    assert (result["zeroCopyBytes"], result["copiedBytes"]) == (result["bytes"], 0)
    in_queues = sum(grown.get(f"rx{queue}_zc_bytes", 0) for queue in queues)
    assert result["bytes"] <= in_queues < result["bytes"] * 1.05
    assert not any(f"rx{queue}_page_bytes" in grown for queue in queues)


def test_the_modes_side_by_side():
    """Over the same connections, every byte right, and by the kernel's count zero copy in the last of them alone."""
    with machine.Program("zcrxperf", "compare", "--json", "--verify", "--port", str(PORT), "--time", "0.1",
                         "--connections", "2", user="alice") as comparing:
        comparing.wait_for("^listening on port")
        with machine.Program("zcrxperf", "answer", HOST4, "--port", str(PORT), peer=True) as answering:
            assert answering.finish() == 0, answering.said
        result = comparing.result()
    modes = {mode["mode"]: mode for mode in result["modes"]}
    print(modes)
    assert list(modes) == ["recv", "read", "copy", "zero-copy"]
    assert result["wrongBytes"] == 0
    for mode in modes.values():
        assert mode["bytes"] > 0 and mode["roundTrips"] > 0
    for name in "recv", "read":
        assert (modes[name]["zeroCopyBytes"], modes[name]["copiedBytes"]) == (0, modes[name]["bytes"])
    assert modes["copy"]["copiedBytes"] > modes["copy"]["bytes"] * 0.9
    assert (modes["zero-copy"]["zeroCopyBytes"], modes["zero-copy"]["copiedBytes"]) == (modes["zero-copy"]["bytes"], 0)
