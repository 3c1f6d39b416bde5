# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `zcrxctl explain` says is what the NIC does: each answer is held against the counters of the
queue on which a packet of that flow arrives."""

import re

import machine
import pytest
import simnic
from machine import HOST4, PEER4

PORT = 9001


@pytest.fixture(name="received", scope="module")
def fixture_received(lasting):
    with machine.receiver(PORT, "--address", HOST4) as receiving:
        yield machine.lease_of(receiving.pid)


def explain(spec, **more):
    answer = machine.ctl_json("explain", spec, **more)
    assert answer["interface"] == "zc0"
    return answer["targets"]


def lands_on(frame):
    """The queue that counts it; frames of others may be counted meanwhile, but not a hundred."""
    with simnic.counted() as grown:
        simnic.Wire().lands(*[frame] * 100)
    return [int(name[2:-len("_packets")]) for name, value in grown.items()
            if re.fullmatch(r"rx\d+_packets", name) and value >= 100]


@pytest.mark.parametrize("port", [PORT, 9009])
def test_explain_names_the_queue_of_a_connection(received, port):
    # From an address of which the stack knows nothing, to a port: it only counts.
    targets = explain(f"tcp4,src={PEER4},src-port=4000,dst={HOST4},dst-port={port}", user="mallory")
    assert [target["share"] for target in targets] == ["all"]
    assert targets[0].get("leaseId") == (received["leaseId"] if port == PORT else None)
    if port == PORT:
        assert targets[0]["queues"] == received["hardwareQueues"]
    else:
        assert targets[0]["queues"] == list(range(4)) and "rule" not in targets[0]
    queues = lands_on(simnic.frame("tcp4", src=PEER4, dst=HOST4, sport=4000, dport=port))
    assert len(queues) == 1 and queues[0] in targets[0]["queues"]


def test_explain_names_all_targets_of_a_wide_flow(received):
    some, rest = explain(f"tcp4,dst-port={PORT}")
    assert (some["share"], some["leaseId"]) == ("some", received["leaseId"])
    assert (rest["share"], rest["queues"]) == ("rest", list(range(4)))


def test_explain_names_foreign_rules():
    to_drop = explain("tcp4,dst-port=2000")
    assert to_drop[0]["share"] == "all" and "rule" not in to_drop[0]
    context = re.search(r"New RSS context is (\d+)", machine.run(
        "ethtool", "-X", "zc0", "context", "new", "equal", "2", "start", "1"))[1]
    try:
        with simnic.rule("tcp4", "dst-port", "2000", "action", "-1") as dropping, \
             simnic.rule("tcp4", "dst-port", "2001", "context", context) as spreading, \
             simnic.rule("tcp4", "dst-port", "2002", "action", "3") as leading:
            for port, rule, queues in ((2000, dropping, []), (2001, spreading, [1, 2]),
                                       (2002, leading, [3])):
                target, = explain(f"tcp4,dst-port={port}")
                assert (target["rule"], target["queues"]) == (rule, queues)
                assert "leaseId" not in target and "not zcrxd's" in target["message"]
                found = lands_on(simnic.frame("tcp4", dport=port))
                assert (found == []) if not queues else (found[0] in queues)
    finally:
        machine.run("ethtool", "-X", "zc0", "context", context, "delete")
