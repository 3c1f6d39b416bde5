# SPDX-License-Identifier: GPL-2.0-only
"""io_uring zero-copy receive on the simulated NIC: what it needs, and that nothing is copied."""

import pathlib
import threading

import pytest
import nl
import simnic
from simnic import HOST4, HOST6, Receiver, run

MB = 1 << 20
QUEUE = 7


@pytest.fixture(scope="module", autouse=True)
def steered(configured):
    """Port 9000 goes to the queue of these tests; port 9001 does not."""
    simnic.rule_add("tcp4", "dst-port", "9000", "action", str(QUEUE))
    simnic.rule_add("tcp6", "dst-port", "9000", "action", str(QUEUE))


@pytest.mark.parametrize("address", [HOST4, HOST6])
def test_every_byte_is_zero_copy(address):
    with simnic.counted() as grown, Receiver("-q", QUEUE) as receiver:
        result = simnic.transfer(receiver, 4 * MB, address)
    simnic.assert_zero_copy(result, 4 * MB)
    assert 4 * MB <= grown[f"rx{QUEUE}_zc_bytes"] < 4.1 * MB  # TCP may have sent some twice
    assert f"rx{QUEUE}_page_bytes" not in grown
    assert grown[f"rx{QUEUE}_split_packets"] <= grown[f"rx{QUEUE}_packets"]


def test_jumbo_frames():
    for netns, ifname in ((), "zc0"), (("-n", "peer"), "zc1"):
        run("ip", *netns, "link", "set", ifname, "mtu", "9000")
    try:
        with simnic.counted() as grown, Receiver("-q", QUEUE) as receiver:
            simnic.assert_zero_copy(simnic.transfer(receiver, 8 * MB), 8 * MB)
        assert grown[f"rx{QUEUE}_packets"] < 2 * MB // 1500
    finally:
        for netns, ifname in ((), "zc0"), (("-n", "peer"), "zc1"):
            run("ip", *netns, "link", "set", ifname, "mtu", "1500")


def test_threaded_napi():
    threaded = pathlib.Path("/sys/class/net/zc0/threaded")
    threaded.write_text("1")
    with Receiver("-q", QUEUE) as receiver:
        simnic.assert_zero_copy(simnic.transfer(receiver, 4 * MB), 4 * MB)
    threaded.write_text("0")


def test_flow_without_rule_is_copied():
    with simnic.counted() as grown, Receiver("-q", QUEUE, "-p", 9001) as receiver:
        result = simnic.transfer(receiver, 2 * MB, port=9001)
    assert (result["bytes"], result["bad"], result["copied"]) == (2 * MB, 0, 2 * MB)
    assert result["copy_events"] > 0
    assert f"rx{QUEUE}_zc_bytes" not in grown


@pytest.mark.parametrize("buf_len", [16384, 65536])
def test_buffers_larger_than_a_page(buf_len, huge_pages):
    with Receiver("-q", QUEUE, "-b", buf_len) as receiver:
        assert nl.bound_buf_len("zc0", QUEUE) == buf_len
        simnic.assert_zero_copy(simnic.transfer(receiver, 2 * MB), 2 * MB)


@pytest.mark.parametrize("buf_len", [131072, 12288])
def test_buffers_of_impossible_size(buf_len, huge_pages):
    assert Receiver("-q", QUEUE, "-b", buf_len).refused == "EINVAL"



def test_queue_says_who_has_it():
    assert nl.bound_buf_len("zc0", QUEUE) is None
    with Receiver("-q", QUEUE, hold=True):
        assert nl.bound_buf_len("zc0", QUEUE) == 4096
        assert nl.bound_buf_len("zc0", QUEUE - 1) is None
    simnic.until(lambda: nl.bound_buf_len("zc0", QUEUE) is None)


def test_one_provider_a_queue():
    with Receiver("-q", QUEUE, hold=True):
        assert Receiver("-q", QUEUE).refused == "EEXIST"
        with Receiver("-q", QUEUE - 1, hold=True):
            pass
    assert Receiver("-q", 500).refused == "ERANGE"


def test_two_queues_at_once():
    with simnic.rule("tcp4", "dst-port", "9002", "action", str(QUEUE - 1)), \
         Receiver("-q", QUEUE) as one, Receiver("-q", QUEUE - 1, "-p", 9002) as two:
        sending = [simnic.sender(HOST4, port, 2 * MB) for port in (9000, 9002)]
        for receiver in one, two:
            simnic.assert_zero_copy(receiver.result(), 2 * MB)
        for process in sending:
            assert process.wait(simnic.PATIENCE) == 0
            process.stderr.close()


def test_needs_split_without_threshold():
    run("ethtool", "-G", "zc0", "tcp-data-split", "off")
    assert Receiver("-q", QUEUE).refused == "EINVAL"
    nl.rings_set("zc0", split=2, thresh=1)
    assert Receiver("-q", QUEUE).refused == "EINVAL"
    nl.rings_set("zc0", thresh=0)
    with Receiver("-q", QUEUE, hold=True):
        said = simnic.refused("ethtool", "-G", "zc0", "tcp-data-split", "off")
        assert "can't disable tcp-data-split while device has memory provider" in said
        with pytest.raises(OSError, match="hds_thresh while device is memory provider"):
            nl.rings_set("zc0", thresh=1)


def test_unsplit_frames_reach_the_stack(wire):
    """UDP, and TCP that fails its checksum, must not end up where the kernel cannot read."""
    broken = bytearray(simnic.frame("tcp4", dport=9000, payload=b"x" * 300))
    broken[-1] ^= 1
    whole = simnic.frame("udp4", dport=9000, payload=b"x" * 300)
    with simnic.rule("udp4", "dst-port", "9000", "action", str(QUEUE)), \
         Receiver("-q", QUEUE, hold=True), simnic.counted() as grown:
        wire.send(bytes(broken), whole)
    assert grown[f"rx{QUEUE}_packets"] == 2
    assert f"rx{QUEUE}_zc_bytes" not in grown and f"rx{QUEUE}_split_packets" not in grown


def test_frames_wait_for_a_queue_that_restarts(wire):
    """As many as the ring holds; the rest is lost, and counted."""
    run("ethtool", "-G", "zc0", "rx", "64")
    simnic.fail("queue_start", 1, 0, 0, 700)
    with simnic.rule("udp4", "dst-port", "2", "action", str(QUEUE)), simnic.counted() as grown:
        binding = threading.Thread(target=lambda: Receiver("-q", QUEUE, hold=True).stop())
        binding.start()
        simnic.until(lambda: simnic.fault("queue_start")["hits"])
        wire.send(*[simnic.frame("udp4")] * 70)
        binding.join()
    assert grown[f"rx{QUEUE}_packets"] == 64 and grown[f"rx{QUEUE}_overruns"] == 6
    run("ethtool", "-G", "zc0", "rx", "1024")
