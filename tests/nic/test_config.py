# SPDX-License-Identifier: GPL-2.0-only
"""What ethtool and ip configure on the simulated NIC, rules and RSS apart."""

import re

import pytest
import nl
import simnic
from simnic import run


def test_driver_info():
    said = run("ethtool", "-i", "zc0")
    assert "driver: zcnic\n" in said and "bus-info: zcnic.0\n" in said
    assert "Speed: 100000Mb/s" in run("ethtool", "zc0")


def test_carrier_needs_both_ends():
    run("ip", "-n", "peer", "link", "set", "zc1", "down")
    simnic.until(lambda: "NO-CARRIER" in run("ip", "link", "show", "zc0"))
    assert "Link detected: no" in run("ethtool", "zc0")
    run("ip", "-n", "peer", "link", "set", "zc1", "up")
    simnic.until(lambda: "state UP" in run("ip", "link", "show", "zc0"))
    simnic.addresses()


def test_channels():
    run("ethtool", "-X", "zc0", "default")
    for count in 1, 16, 8:
        run("ethtool", "-L", "zc0", "combined", str(count))
        assert simnic.channels() == count
        shown = simnic.counters()
        assert f"rx{count - 1}_packets" in shown and f"rx{count}_packets" not in shown
        run("ping", "-c1", "-W5", simnic.PEER4)
    said = simnic.refused("ethtool", "-L", "zc0", "combined", "17")
    assert "exceeds maximum" in said
    assert "no RX or TX channel" in simnic.refused("ethtool", "-L", "zc0", "combined", "0")


def test_rss_table_follows_channels_unless_configured():
    run("ethtool", "-X", "zc0", "default")
    run("ethtool", "-L", "zc0", "combined", "6")
    assert simnic.indirection() == [entry % 6 for entry in range(128)]
    run("ethtool", "-L", "zc0", "combined", "8")
    assert simnic.indirection() == [entry % 8 for entry in range(128)]
    run("ethtool", "-X", "zc0", "equal", "4")
    run("ethtool", "-L", "zc0", "combined", "5")
    assert simnic.indirection() == [entry % 4 for entry in range(128)]
    said = simnic.refused("ethtool", "-L", "zc0", "combined", "3")
    assert "too low for existing indirection table (3)" in said
    run("ethtool", "-L", "zc0", "combined", "8")
    assert simnic.indirection() == [entry % 4 for entry in range(128)]


def test_channels_not_below_what_is_in_use():
    with simnic.rule("tcp4", "dst-port", "1", "action", "6"):
        said = simnic.refused("ethtool", "-L", "zc0", "combined", "6")
        assert "too low for existing ntuple filter settings" in said
    with simnic.Receiver("-q", 5, hold=True):
        # The kernel wants one channel more than the provider needs.
        said = simnic.refused("ethtool", "-L", "zc0", "combined", "6")
        assert "too low for existing memory provider setting" in said
        run("ethtool", "-L", "zc0", "combined", "7")
    simnic.until(lambda: nl.bound_buf_len("zc0", 5) is None)
    run("ethtool", "-L", "zc0", "combined", "8")


def test_ring_sizes():
    run("ethtool", "-G", "zc0", "rx", "64", "tx", "128")
    said = run("ethtool", "-g", "zc0")
    assert re.findall(r"^[RT]X:\s+(\d+)$", said, re.M) == ["4096", "4096", "64", "128"]
    assert "at least 64" in simnic.refused("ethtool", "-G", "zc0", "rx", "63")
    assert "exceeds maximum" in simnic.refused("ethtool", "-G", "zc0", "rx", "4097")
    run("ethtool", "-G", "zc0", "rx", "1024", "tx", "1024")


def test_header_data_split():
    for split, shown in (0, 1), (1, 1), (2, 2):
        nl.rings_set("zc0", split=split)
        assert nl.rings_get("zc0")[nl.RINGS_TCP_DATA_SPLIT] == shown


def test_split_threshold(wire):
    frames = {size: simnic.frame("tcp4", payload=bytes(size - 54)) for size in (400, 401)}
    nl.rings_set("zc0", split=2, thresh=400)
    assert nl.rings_get("zc0")[nl.RINGS_HDS_THRESH] == 400
    assert nl.rings_get("zc0")[nl.RINGS_HDS_THRESH_MAX] == 1024
    with simnic.rule("tcp4", "dst-port", "2", "action", "7"):
        for size, split in (400, 0), (401, 1):
            with simnic.counted() as grown:
                wire.send(frames[size])
            assert grown["rx7_packets"] == 1 and grown.get("rx7_split_packets", 0) == split
    with pytest.raises(OSError, match="exceeds maximum"):
        nl.rings_set("zc0", thresh=1025)
    nl.rings_set("zc0", thresh=0)


def test_mtu(wire):
    big = simnic.frame("udp4", payload=bytes(1473))
    fits = simnic.frame("udp4", payload=bytes(1472))
    run("ip", "-n", "peer", "link", "set", "zc1", "mtu", "9216")
    with simnic.rule("udp4", "dst-port", "2", "action", "7"), simnic.counted() as grown:
        # The parser has four bytes to spare, for a VLAN tag.
        wire.send(fits, big + bytes(4))
    assert grown["rx7_packets"] == 1 and grown["rx_oversize_drops"] == 1
    run("ip", "-n", "peer", "link", "set", "zc1", "mtu", "1500")
    simnic.refused("ip", "link", "set", "zc0", "mtu", "9217")


def test_mac_address():
    old = "02:7a:63:6e:00:00"
    assert old in run("ip", "link", "show", "zc0")
    run("ip", "link", "set", "zc0", "address", "02:00:00:00:00:99")
    run("ping", "-c1", "-W5", simnic.PEER4)
    run("ip", "link", "set", "zc0", "address", old)


def test_qstats_agree_with_the_driver(wire):
    frames = [simnic.frame("udp4", payload=bytes(size)) for size in (20, 700, 1400)]
    with simnic.rule("udp4", "dst-port", "2", "action", "7"):
        before, whole_before = nl.qstats("zc0", per_queue=True)[7], nl.qstats("zc0")
        with simnic.counted() as grown:
            wire.send(*frames)
        after, whole_after = nl.qstats("zc0", per_queue=True)[7], nl.qstats("zc0")
    for kind, name in (nl.QSTATS_RX_PACKETS, "packets"), (nl.QSTATS_RX_BYTES, "bytes"):
        assert after[kind] - before[kind] == grown[f"rx7_{name}"]
        assert whole_after[kind] - whole_before[kind] >= grown[f"rx7_{name}"]
    assert grown["rx7_bytes"] == sum(map(len, frames))


def test_ethtool_shows_the_counters():
    shown = re.findall(r"^ +(\w+): \d+$", run("ethtool", "-S", "zc0"), re.M)
    assert shown == list(simnic.counters())


def test_totals_survive_fewer_channels():
    before = nl.qstats("zc0")[nl.QSTATS_RX_PACKETS]
    run("ethtool", "-L", "zc0", "combined", "4")
    assert nl.qstats("zc0")[nl.QSTATS_RX_PACKETS] >= before
    run("ethtool", "-L", "zc0", "combined", "8")


def test_every_queue_has_its_napi():
    ids = {nl.number(nl.queue_get("zc0", queue)[nl.QUEUE_NAPI_ID]) for queue in range(8)}
    assert len(ids) == 8
    run("ip", "link", "set", "zc0", "down")
    with pytest.raises(OSError, match="No such file"):
        nl.queue_get("zc0", 0)
    run("ip", "link", "set", "zc0", "up")
    simnic.addresses()
    assert ids == {nl.number(nl.queue_get("zc0", queue)[nl.QUEUE_NAPI_ID]) for queue in range(8)}
