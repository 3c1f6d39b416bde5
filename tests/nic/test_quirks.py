# SPDX-License-Identifier: GPL-2.0-only
"""What drivers do differently: that each quirk shows as it does on the hardware that has it."""

import pathlib
import struct
import time

import pytest
import nl
import simnic
from simnic import LOCATION_ANY, NTUPLE_LOCATIONS, Receiver, quirks, refused, run

RULE_LOCATION = 16 + 160
RULE_COUNT = 16 + 168  # of struct ethtool_rxnfc: command, flow type, data, and a rule come before it


def rule_count():
    grxclsrlcnt = 0x2E
    nfc = bytearray(struct.pack("=II", grxclsrlcnt, 0) + bytes(184))
    simnic.ethtool_ioctl("zc0", nfc)
    return struct.unpack_from("=I", nfc, RULE_COUNT)[0]


def test_names():
    path = simnic.DEBUGFS / "zcnic.0" / "quirks"
    with quirks("slow", "location-any"):
        assert path.read_text() == "location-any\nslow\n"
        for wrong in "fast", "location-any,location-given", "threshold-none threshold-default":
            with pytest.raises(OSError, match="Invalid"):
                path.write_text(wrong)
        assert path.read_text() == "location-any\nslow\n"
    assert path.read_text() == ""


def test_location_any():
    with quirks("location-any"), simnic.rxnfc() as insert:
        assert simnic.rule_table() == (NTUPLE_LOCATIONS, True)
        assert insert(LOCATION_ANY) == 0
        with pytest.raises(OSError, match="Invalid"):
            insert(3)


def test_location_given():
    with quirks("location-given"), simnic.rxnfc() as insert:
        assert simnic.rule_table() == (NTUPLE_LOCATIONS, False)
        assert insert(3) == 3
        with pytest.raises(OSError, match="No space"):
            insert(LOCATION_ANY)
        # Told that there are no special ones, ethtool picks a location itself.
        assert simnic.rule_add("tcp4", "dst-port", "1", "action", "1") == NTUPLE_LOCATIONS - 1


def test_occupied_location():
    with simnic.rxnfc() as insert:
        assert [insert(3), insert(3)] == [3, 3]
        with quirks("location-occupied"), pytest.raises(OSError, match="exists"):
            insert(3)


def test_other_errnos():
    with quirks("location-given", "other-errnos"), simnic.rxnfc() as insert:
        assert insert(0) == 0
        for taken in 0, 1:
            with pytest.raises(OSError, match="Invalid"):
                insert(taken)
        for location in range(2, 33):
            insert(location, dport=location)
        with pytest.raises(OSError, match="memory"):
            insert(33, dport=33)


def test_silent_table():
    with quirks("location-given", "table-silent"):
        assert simnic.rule_table() == (0, False)


def test_one_field_set():
    with quirks("one-field-set"), simnic.rxnfc() as insert:
        assert insert(0, dst=1, dport=80) == 0
        assert insert(1, dst=2, dport=81) == 1
        with pytest.raises(OSError, match="Invalid"):
            insert(2, dport=80)
        with pytest.raises(OSError, match="not supported"):
            insert(2, dst=1, dport=80, dport_mask=0xFF00)
        # Of another flow type, or in place of the only rule, others are fine.
        simnic.rule_add("udp4", "dst-port", "5", "action", "1")
    with quirks("one-field-set"), simnic.rxnfc() as insert:
        assert [insert(5, dport=80), insert(5, sport=80)] == [5, 5]


def test_rules_lost():
    old = "02:7a:63:6e:00:00"
    with simnic.rxnfc() as insert:
        insert(3)
        run("ip", "link", "set", "zc0", "address", "02:00:00:00:00:99")
        assert simnic.rules() == [3]
        with quirks("rules-lost"):
            run("ip", "link", "set", "zc0", "address", old)
        assert simnic.rules() == []


def test_split_fixed():
    with quirks("split-fixed"):
        nl.rings_set("zc0", split=0)
        assert nl.rings_get("zc0")[nl.RINGS_TCP_DATA_SPLIT] == 2
        with pytest.raises(OSError, match="Invalid"):
            nl.rings_set("zc0", split=1)
        # What the driver does by itself is not what was set.
        assert Receiver("-q", 7).refused == "EINVAL"
        nl.rings_set("zc0", split=2)


def test_split_needs_gro_hw():
    nl.rings_set("zc0", split=0)
    with quirks("split-gro-hw"):
        with pytest.raises(OSError, match="rx-gro-hw is off"):
            nl.rings_set("zc0", split=2)
        run("ethtool", "-K", "zc0", "rx-gro-hw", "on")
        nl.rings_set("zc0", split=2)
        refused("ethtool", "-K", "zc0", "rx-gro-hw", "off")
        assert "rx-gro-hw: on" in run("ethtool", "-k", "zc0")
    assert "rx-gro-hw: off [fixed]" in run("ethtool", "-k", "zc0")


def test_split_refused():
    nl.rings_set("zc0", split=0)
    with quirks("split-refused"), pytest.raises(OSError, match="this firmware cannot split"):
        nl.rings_set("zc0", split=2)
    nl.rings_set("zc0", split=2)


def test_split_shrinks_rings():
    with quirks("split-shrinks-rings"):
        nl.rings_set("zc0", split=0)
        nl.rings_set("zc0", rx=4096)
        nl.rings_set("zc0", split=2)
        assert nl.rings_get("zc0")[nl.RINGS_RX] == 2048
        with pytest.raises(OSError, match="exceeds maximum"):
            nl.rings_set("zc0", rx=4096)
        nl.rings_set("zc0", rx=1024)


def test_thresholds():
    with quirks("threshold-default"):
        assert nl.rings_get("zc0")[nl.RINGS_HDS_THRESH] == 256
        assert Receiver("-q", 7).refused == "EINVAL"
        nl.rings_set("zc0", thresh=0)
    with quirks("threshold-none"):
        assert nl.RINGS_HDS_THRESH not in nl.rings_get("zc0")
        with pytest.raises(OSError, match="hds-thresh is not supported"):
            nl.rings_set("zc0", thresh=0)


def test_few_filtered():
    with quirks("few-filtered"), simnic.rxnfc() as insert:
        insert(3)
        nl.channels_set("zc0", 13)
        assert "ntuple-filters: off" in run("ethtool", "-k", "zc0") and simnic.rules() == []
        refused("ethtool", "-K", "zc0", "ntuple", "on")
        assert "ntuple-filters: off [requested on]" in run("ethtool", "-k", "zc0")
        nl.channels_set("zc0", 8)
        assert "ntuple-filters: on" in run("ethtool", "-k", "zc0")


def test_separate_channels(wire):
    path = simnic.DEBUGFS / "zcnic.0" / "quirks"
    with quirks("separate-channels"):
        refused("ethtool", "-L", "zc0", "combined", "4")
        run("ethtool", "-L", "zc0", "rx", "9", "tx", "3")
        said = run("ethtool", "-l", "zc0").partition("Current")[2].split()
        assert said[said.index("RX:") + 1] == "9" and said[said.index("TX:") + 1] == "3"
        shown = simnic.counters()
        assert "rx8_packets" in shown and "tx2_packets" in shown and "tx3_packets" not in shown
        with simnic.rule("udp4", "dst-port", "2", "action", "7"):
            assert wire.lands(simnic.frame("udp4")) == {7: 1}
        run("ping", "-c1", "-W5", simnic.PEER4)
        with pytest.raises(OSError, match="busy"):
            path.write_text("\n")
        run("ethtool", "-L", "zc0", "rx", "8", "tx", "8")
    assert simnic.channels() == 8


def test_table_rewritten():
    with quirks("table-rewritten"):
        nl.channels_set("zc0", 9)
        assert simnic.indirection() == [entry % 9 for entry in range(128)]
    nl.rss_set("zc0", 0, 1, 2, 3)
    nl.channels_set("zc0", 8)
    assert simnic.indirection() == [entry % 4 for entry in range(128)]


def test_no_contexts():
    with quirks("no-contexts"), simnic.rxnfc() as insert:
        with pytest.raises(OSError, match="not supported"):
            nl.rss_create("zc0")
        with pytest.raises(OSError, match="Invalid"):
            insert(0, context=0)


def test_bounces():
    with quirks("bounces"), Receiver("-q", 7, hold=True), simnic.counted() as grown:
        nl.rss_set("zc0", 0, 1)
        nl.rss_set("zc0", 0, 1, 2, 3)
        nl.rings_set("zc0", rx=512)
        nl.rings_set("zc0", rx=1024)
        nl.channels_set("zc0", 9)
        assert nl.bound_buf_len("zc0", 7) == 4096
        run("ping", "-c1", "-W5", simnic.PEER4)
    assert grown["bounces"] == 5
    simnic.until(lambda: nl.bound_buf_len("zc0", 7) is None)
    nl.channels_set("zc0", 8)


def test_failure_closes():
    with quirks("bounces,failure-closes"):
        simnic.fail("open", 1)
        with pytest.raises(OSError, match="Input/output"):
            nl.rings_set("zc0", rx=512)
        assert "state DOWN" in run("ip", "link", "show", "zc0") and simnic.counters()
        nl.rings_set("zc0", rx=1024)
        run("ip", "link", "set", "zc0", "up")
        simnic.addresses()
        run("ping", "-c1", "-W5", simnic.PEER4)


def test_bind_stops_all():
    with quirks("bind-stops-all"), simnic.counted() as grown:
        with Receiver("-q", 7, hold=True):
            run("ping", "-c1", "-W5", simnic.PEER4)
            simnic.fail("queue_start", 1)
            assert Receiver("-q", 6).refused == "EIO"
            run("ping", "-c1", "-W5", simnic.PEER4)
        simnic.until(lambda: nl.bound_buf_len("zc0", 7) is None)
    # Each restart is one stop; the kernel also restarts what failed to start.
    assert grown["bind_stops"] >= 3


def test_bind_needs_up():
    with quirks("bind-needs-up"):
        run("ip", "link", "set", "zc0", "down")
        assert Receiver("-q", 7).refused == "ENETDOWN"
        run("ip", "link", "set", "zc0", "up")
        with Receiver("-q", 7, hold=True):
            pass
    simnic.addresses()
    simnic.until(lambda: nl.bound_buf_len("zc0", 7) is None)


def test_pages_only(huge_pages):
    with quirks("pages-only"):
        assert Receiver("-q", 7, "-b", 16384).refused == "EOPNOTSUPP"
        with Receiver("-q", 7, hold=True):
            pass
    simnic.until(lambda: nl.bound_buf_len("zc0", 7) is None)


def test_area_over_ring():
    """A ring that takes all of an area leaves nothing to receive with; a shorter one does."""
    def missed():
        return simnic.counters()["rx7_alloc_fail"]

    with quirks("area-over-ring"), simnic.rule("tcp4", "dst-port", "9000", "action", "7"):
        before = missed()
        with simnic.counted() as grown, Receiver("-q", 7):
            sending = simnic.sender(simnic.HOST4, 9000, 0)
            simnic.until(lambda: missed() >= before + 2)
            sending.kill()
            sending.communicate()
        assert "rx7_zc_bytes" not in grown
        simnic.until(lambda: nl.bound_buf_len("zc0", 7) is None)
        nl.rings_set("zc0", rx=512)
        with Receiver("-q", 7) as receiver:
            simnic.assert_zero_copy(simnic.transfer(receiver, 1 << 18), 1 << 18)
        nl.rings_set("zc0", rx=1024)
    simnic.until(lambda: nl.bound_buf_len("zc0", 7) is None)


def test_dry_stops_all():
    """Who has no buffers left holds up everybody, when some queue restarts."""
    with quirks("dry-stops-all", "area-over-ring"):
        with simnic.counted() as grown, Receiver("-q", 7, hold=True):
            run("ping", "-c1", "-W5", simnic.PEER4)
        assert "dry_stops" not in grown
        simnic.until(lambda: nl.bound_buf_len("zc0", 7) is None)
        with Receiver("-q", 7, hold=True), simnic.counted() as grown:
            start = time.monotonic()
            with Receiver("-q", 6, hold=True):
                assert time.monotonic() - start >= 1
        assert grown["dry_stops"] >= 1
    for queue in 6, 7:
        simnic.until(lambda queue=queue: nl.bound_buf_len("zc0", queue) is None)


def test_buffer_range(huge_pages):
    with quirks("buffer-range"):
        assert Receiver("-q", 7, "-b", 65536).refused == "ERANGE"
        with Receiver("-q", 7, "-b", 32768, hold=True):
            pass
    simnic.until(lambda: nl.bound_buf_len("zc0", 7) is None)


def test_napi_renewed():
    def napis():
        return {nl.number(nl.queue_get("zc0", queue)[nl.QUEUE_NAPI_ID]) for queue in range(8)}

    with quirks("napi-renewed"):
        before = napis()
        with Receiver("-q", 7, hold=True):
            assert not before & napis()
        simnic.until(lambda: nl.bound_buf_len("zc0", 7) is None)
    before = napis()
    with Receiver("-q", 7, hold=True):
        assert before == napis()
    simnic.until(lambda: nl.bound_buf_len("zc0", 7) is None)


def test_checksum_unsaid():
    """The kernel computes it, which it can where it can read."""
    def verified():
        row = nl.qstats("zc0", per_queue=True)[0]
        return row[nl.QSTATS_RX_CSUM_UNNECESSARY], row[nl.QSTATS_RX_CSUM_NONE]

    with quirks("checksum-unsaid"), simnic.rule("tcp4", "dst-port", "9001", "action", "0"), \
            Receiver("-q", 7, "-p", 9001) as receiver:
        before = verified()
        result = simnic.transfer(receiver, 1 << 20, port=9001)
        now = verified()
    assert (result["bytes"], result["bad"]) == (1 << 20, 0)
    assert now[0] == before[0] and now[1] > before[1]


def test_no_queue_management():
    with quirks("no-queue-management"):
        assert Receiver("-q", 7).refused == "EOPNOTSUPP"
        nl.channels_set("zc0", 9)
        nl.channels_set("zc0", 8)
        run("ping", "-c1", "-W5", simnic.PEER4)


def rule_list(count):
    """GRXCLSRLALL of so many."""
    grxclsrlall = 0x30
    nfc = bytearray(struct.pack("=II", grxclsrlall, 0) + bytes(184 - 8 + 8) + bytes(4 * count))
    struct.pack_into("=I", nfc, RULE_COUNT, count)
    simnic.ethtool_ioctl("zc0", nfc)
    found = struct.unpack_from("=I", nfc, RULE_COUNT)[0]
    return list(struct.unpack_from(f"={found}I", nfc, RULE_COUNT + 4))


def test_lists_race():
    """As zcrxd sees it, whatever is looked at by others."""
    comm = pathlib.Path("/proc/self/comm")
    with simnic.rxnfc() as insert, quirks("location-given", "lists-race"):
        insert(3), insert(5)
        assert [rule_count() for _ in range(6)] == [2] * 6
        before = comm.read_text()
        comm.write_text("zcrxd")
        try:
            assert sorted(rule_count() for _ in range(6)) == [1, 2, 2, 2, 2, 3]
        finally:
            comm.write_text(before)
        assert (rule_list(1), rule_list(2)) == ([3], [3, 5])
        with pytest.raises(OSError, match="Invalid"):
            rule_list(3)


def test_unlisted_reads_are_counted():
    grxclsrule = 0x2F
    before = simnic.counters()["unlisted_reads"]
    with pytest.raises(OSError, match="No such file"):
        simnic.ethtool_ioctl("zc0", bytearray(struct.pack("=II", grxclsrule, 0) + bytes(184)))
    assert simnic.counters()["unlisted_reads"] == before + 1


def test_down_hides_rules():
    grxclsrldel = 0x31
    with simnic.rxnfc() as insert, quirks("down-hides-rules"):
        insert(3)
        run("ip", "link", "set", "zc0", "down")
        assert rule_count() == 0 and simnic.rules() == []
        with pytest.raises(OSError, match="Invalid"):
            nfc = bytearray(struct.pack("=II", grxclsrldel, 0) + bytes(184))
            struct.pack_into("=I", nfc, RULE_LOCATION, 3)
            simnic.ethtool_ioctl("zc0", nfc)
        simnic.addresses()
        assert simnic.rules() == [3]


def test_contexts_lost():
    with simnic.rxnfc() as insert:
        context = nl.rss_create("zc0")
        insert(3, context=context)
        with quirks("contexts-lost"):
            key = simnic.rss_key()
            (simnic.DEBUGFS / "zcnic.0" / "reset").write_text("3")
            assert simnic.rules() == [] and simnic.rss_key() != key
            assert simnic.indirection() == [entry % 8 for entry in range(128)]
            assert simnic.indirection(context)  # the core says so
            with pytest.raises(OSError, match="No such file"):
                insert(3, context=context)
            with pytest.raises(OSError, match="Invalid"):
                nl.rss_delete("zc0", context)
            run("ping", "-c1", "-W5", simnic.PEER4)
        simnic.reload()  # nobody else gets rid of it


def test_slow():
    with simnic.rxnfc() as insert, quirks("slow"):
        start = time.monotonic()
        insert(3)
        assert time.monotonic() - start >= 5


def test_of_ports_that_appear():
    """The parameter is for them; a port that is there keeps its own."""
    parameter = pathlib.Path("/sys/module/zcnic/parameters/quirks")
    driver = pathlib.Path("/sys/bus/platform/drivers/zcnic")
    parameter.write_text("no-such-quirk")
    (driver / "unbind").write_text("zcnic.0")
    with pytest.raises(OSError):
        (driver / "bind").write_text("zcnic.0")
    parameter.write_text("threshold-default,separate-channels")
    (driver / "bind").write_text("zcnic.0")
    parameter.write_text("\n")
    assert nl.rings_get("zc0")[nl.RINGS_HDS_THRESH] == 256
    (simnic.DEBUGFS / "zcnic.0" / "quirks").write_text("\n")
    simnic.addresses()
    simnic.configure()
