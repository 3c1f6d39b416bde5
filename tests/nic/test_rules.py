# SPDX-License-Identifier: GPL-2.0-only
"""Flow steering: every field of every flow type, shown by where frames land."""

import pytest
import simnic
from simnic import NTUPLE_LOCATIONS, frame, refused, run

FLOWS = ["tcp4", "udp4", "tcp6", "udp6"]
ADDRESSES = {
    "4": ("192.0.2.1", "192.0.2.2", "192.0.2.9"),
    "6": ("2001:db8::1", "2001:db8::2", "2001:db8::9"),
}


@pytest.mark.parametrize("flow", FLOWS)
def test_each_field(wire, flow):
    """A rule for each field; the neighbours of a frame that matches one match none."""
    src, dst, other = ADDRESSES[flow[-1]]
    simnic.rule_add(flow, "src-ip", src, "action", "4")
    simnic.rule_add(flow, "dst-ip", dst, "action", "5")
    simnic.rule_add(flow, "src-port", "1000", "action", "6")
    simnic.rule_add(flow, "dst-port", "2000", "action", "7")
    simnic.rule_add(flow, "tos" if flow.endswith("4") else "tclass", "0x10", "action", "-1")
    nothing = {"src": other, "dst": other}
    for match, queue, neighbour in (
            ({"src": src}, 4, {"src": other}), ({"dst": dst}, 5, {"dst": other}),
            ({"sport": 1000}, 6, {"sport": 1001}), ({"dport": 2000}, 7, {"dport": 2001})):
        assert wire.lands(frame(flow, **nothing | match)) == {queue: 1}
        assert wire.lands(frame(flow, **nothing | neighbour)) == {}
    with simnic.counted() as grown:
        wire.send(frame(flow, **nothing, tos=0x10), frame(flow, **nothing, tos=0x20))
    assert grown["rx_rule_drops"] == 1
    simnic.rules_flush()


def test_flow_types_are_apart(wire):
    for queue, flow in enumerate(FLOWS, 4):
        simnic.rule_add(flow, "dst-port", "2000", "action", str(queue))
    for queue, flow in enumerate(FLOWS, 4):
        assert wire.lands(frame(flow, dport=2000)) == {queue: 1}
    simnic.rules_flush()


def test_all_fields_of_a_rule_must_match(wire):
    with simnic.rule("tcp4", "src-ip", "192.0.2.1", "dst-ip", "192.0.2.2", "src-port", "10",
                     "dst-port", "20", "action", "7"):
        assert wire.lands(frame("tcp4", sport=10, dport=20)) == {7: 1}
        assert wire.lands(frame("tcp4", sport=10, dport=21), frame("tcp4", sport=11, dport=20),
                          frame("tcp4", src="192.0.2.3", sport=10, dport=20)) == {}


def test_masks(wire):
    # ethtool's m is a mask of what does not matter.
    with simnic.rule("udp4", "dst-port", "0x1200", "m", "0x00ff", "action", "4"):
        assert wire.lands(*[frame("udp4", dport=port) for port in (0x1200, 0x12FF)]) == {4: 2}
        assert wire.lands(frame("udp4", dport=0x1300)) == {}
    with simnic.rule("tcp4", "src-ip", "192.0.0.0", "m", "0.0.255.255", "action", "4"):
        assert wire.lands(frame("tcp4", src="192.0.7.7")) == {4: 1}
        assert wire.lands(frame("tcp4", src="192.1.7.7")) == {}


def test_other_frames_match_no_rule(wire):
    with simnic.rule("udp4", "action", "4"), simnic.rule("tcp4", "action", "4"):
        fragment = bytearray(frame("udp4"))
        fragment[20] |= 0x20
        assert wire.lands(bytes(fragment)) == {}
        assert wire.lands(frame("udp4", proto=132)) == {}
        assert wire.lands(frame("udp4")) == {4: 1}


@pytest.mark.parametrize("flow", FLOWS)
def test_rules_match_behind_one_vlan_tag(wire, flow):
    """Whichever it is, as most NICs do without being asked; not behind two."""
    with simnic.rule(flow, "dst-port", "2000", "action", "4"):
        assert wire.lands(frame(flow, dport=2000, vlans=[5]), frame(flow, dport=2000, vlans=[6])) == {4: 2}
        assert wire.lands(frame(flow, dport=2001, vlans=[5]), frame(flow, dport=2000, vlans=[5, 6])) == {}


def test_lowest_location_wins(wire):
    with simnic.rule("udp4", "dst-port", "2000", "action", "5", "loc", "9"):
        assert wire.lands(frame("udp4", dport=2000)) == {5: 1}
        with simnic.rule("udp4", "action", "6", "loc", "3"):
            assert wire.lands(frame("udp4", dport=2000)) == {6: 1}
        with simnic.rule("udp4", "action", "6", "loc", "10"):
            assert wire.lands(frame("udp4", dport=2000)) == {5: 1}


def test_replace_and_delete_by_location(wire):
    with simnic.rule("udp4", "dst-port", "2000", "action", "5", "loc", "40"):
        simnic.rule_add("udp4", "dst-port", "2001", "action", "6", "loc", "40")
        assert simnic.rules() == [40]
        assert wire.lands(frame("udp4", dport=2000)) == {}
        assert wire.lands(frame("udp4", dport=2001)) == {6: 1}
        hits = (simnic.DEBUGFS / "zcnic.0" / "rules").read_text()
        assert hits == "location 40 flow_type 2 queue 6 hits 1\n"
    assert simnic.rules() == []
    assert "No such file" in refused("ethtool", "-N", "zc0", "delete", "40")


def test_rule_reads_back():
    with simnic.rule("tcp6", "src-ip", "2001:db8::1", "dst-port", "443", "m", "0x00ff", "action",
                     "7", "loc", "5"):
        said = run("ethtool", "-n", "zc0", "rule", "5")
    assert "Rule Type: TCP over IPv6" in said
    assert "Src IP addr: 2001:db8::1 mask: ::" in said
    assert "Dest port: 443 mask: 0xff" in said
    assert "Action: Direct to queue 7" in said


def test_what_is_refused():
    assert "Invalid argument" in refused("ethtool", "-N", "zc0", "flow-type", "tcp4", "dst-port",
                                         "1", "action", "8")
    assert "Invalid argument" in refused("ethtool", "-N", "zc0", "flow-type", "tcp4", "dst-port",
                                         "1", "action", "1", "loc", str(NTUPLE_LOCATIONS))
    for words in ["ether", "proto", "0x88cc"], ["tcp4", "dst-port", "1", "vlan", "3"], \
            ["ip4", "src-ip", "192.0.2.1"], ["tcp4", "dst-port", "1", "vf", "1"]:
        refused("ethtool", "-N", "zc0", "flow-type", *words, "action", "1")
    assert simnic.rules() == []


def test_full_table():
    """Filled through the kernel's interface; ethtool would take a minute."""
    with simnic.rxnfc() as insert:
        assert [insert(location=0xFFFFFFFF) for _ in range(NTUPLE_LOCATIONS)] == \
            list(range(NTUPLE_LOCATIONS))
        with pytest.raises(OSError, match="No space"):
            insert(location=0xFFFFFFFF)
        run("ethtool", "-N", "zc0", "delete", "200")
        assert insert(location=0xFFFFFFFF) == 200
    assert simnic.rules() == []


def test_special_locations():
    with simnic.rxnfc() as insert:
        assert insert(location=0xFFFFFFFE) == 0
        assert insert(location=0xFFFFFFFD) == NTUPLE_LOCATIONS - 1
        assert insert(location=0xFFFFFFFD) == NTUPLE_LOCATIONS - 2
        assert insert(location=0xFFFFFFFF) == 1
        with pytest.raises(OSError, match="Invalid"):
            insert(location=0xFFFFFFF0)


def test_ntuple_off_flushes(wire):
    simnic.rule_add("udp4", "dst-port", "2000", "action", "5")
    run("ethtool", "-K", "zc0", "ntuple", "off")
    assert simnic.rules() == []
    assert wire.lands(frame("udp4", dport=2000)) == {}
    assert "not supported" in refused("ethtool", "-N", "zc0", "flow-type", "tcp4", "dst-port", "1",
                                      "action", "1")
    run("ethtool", "-K", "zc0", "ntuple", "on")
    assert simnic.rules() == []
