# SPDX-License-Identifier: GPL-2.0-only
"""Payload that a thread moves, as hardware does by DMA, and segments that hardware GRO merges: what receivers are
measured on (bench/cost.py)."""

import pytest
import nl
import simnic
from simnic import Receiver, run

MB = 1 << 20
QUEUE = 7
MTU = 9000


@pytest.fixture(scope="module", autouse=True)
def loaded(configured):
    simnic.reload("dma_cpu=0", "offload=1")
    for netns, ifname in ((), "zc0"), (("-n", "peer"), "zc1"):
        run("ip", *netns, "link", "set", ifname, "mtu", str(MTU))
    simnic.configure()
    simnic.rule_add("tcp4", "dst-port", "9000", "action", str(QUEUE))
    yield
    simnic.reload()


def received(size, port=9000):
    """What a transfer brought, and what the NIC counted."""
    with simnic.counted() as grown, Receiver("-q", QUEUE, "-p", port) as receiver:
        result = simnic.transfer(receiver, size, port=port)
    return result, grown


def test_every_byte_is_zero_copy_in_merged_packets():
    result, grown = received(8 * MB)
    simnic.assert_zero_copy(result, 8 * MB)
    assert grown[f"rx{QUEUE}_packets"] < 8 * MB // (2 * MTU)


def test_without_hardware_gro_the_stack_cuts():
    nl.feature_set("zc0", "rx-gro-hw", False)
    try:
        result, grown = received(4 * MB)
    finally:
        nl.feature_set("zc0", "rx-gro-hw", True)
    simnic.assert_zero_copy(result, 4 * MB)
    assert grown[f"rx{QUEUE}_packets"] >= 4 * MB // MTU


def test_ordinary_queues_receive():
    result, grown = received(2 * MB, port=9001)
    assert (result["bytes"], result["bad"], result["copied"]) == (2 * MB, 0, 2 * MB)


def test_rings_change_during_a_transfer():
    with Receiver("-q", QUEUE) as receiver:
        sending = simnic.sender(simnic.HOST4, 9000, 8 * MB)
        for ring in 256, 1024, 512, 1024:
            nl.rings_set("zc0", rx=ring)
        result = receiver.result()
        assert sending.wait(simnic.PATIENCE) == 0
        sending.stderr.close()
    simnic.assert_zero_copy(result, 8 * MB)
