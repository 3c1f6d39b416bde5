# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxperf as people measure: an iperf3 that knows nothing of us is the sender, and the modes side by side."""

import json
import signal

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


def iperf3(*options):
    """A whole run of the client; what it reports at its end."""
    with machine.Program("iperf3", "-c", HOST4, "-p", str(PORT), "-J", *options, peer=True) as client:
        assert client.finish() == 0, client.said
    return json.loads(client.said["stdout"])["end"]


def test_a_server_outlives_its_lease_and_copies_what_it_cannot_steer():
    """Of three streams, the policy lets two be steered: the third is copied, and its user told. A lease that is
    revoked meanwhile is not the end: the next test takes another."""
    machine.configure(machine.config(policy=machine.POLICY.replace("flows: prove", "flows: prove\n    max-flows: 2")))
    with machine.Program("zcrxperf", "serve", "--iperf3", "--json", "--port", str(PORT), user="alice") as server:
        server.wait_for("^listening on port")
        first = machine.lease_of(server.pid)["leaseId"]
        said = iperf3("-P", "3", "-n", "2M")
        # The client does not count what it has sent of the block in whose middle it ends.
        assert 0 <= said["sum_received"]["bytes"] - said["sum_sent"]["bytes"] < 3 * (128 << 10)
        assert machine.rule_count() == 0
        machine.ctl("revoke", first)
        machine.until(lambda: not machine.leases())
        iperf3("-n", "1M")
        assert machine.lease_of(server.pid)["leaseId"] != first
        server.process.send_signal(signal.SIGTERM)
        assert server.finish() == 0, server.said
    one, two = (json.loads(line) for line in server.said["stdout"].splitlines())
    assert 0 < one["copiedBytes"] < one["bytes"] == one["zeroCopyBytes"] + one["copiedBytes"]
    assert server.said["stderr"].count("warning: connection 2 is copied: ") == 1
    assert (two["zeroCopyBytes"], two["copiedBytes"], two["leaseLost"]) == (two["bytes"], 0, False)
    assert one["leaseId"] == first != two["leaseId"]
