# SPDX-License-Identifier: GPL-2.0-only
"""Injected failures and delays: each operation fails once, says so, changes nothing, then works."""

import time

import pytest
import nl
import simnic
from simnic import Receiver, fail, fault, refused, run

MB = 1 << 20
QUEUE = 7


@pytest.fixture(autouse=True)
def lifted(configured):
    yield
    simnic.lift_faults()


def ethtool(*words):
    return ("ethtool", words[0], "zc0", *words[1:])


RULE = ("flow-type", "udp4", "dst-port", "1", "action", "1", "loc", "7")


@pytest.mark.parametrize("operation, setup, command, undo", [
    ("open", ("ip", "-n", "peer", "link", "set", "zc1", "down"),
     ("ip", "-n", "peer", "link", "set", "zc1", "up"), None),
    ("mtu", None, ("ip", "link", "set", "zc0", "mtu", "1400"),
     ("ip", "link", "set", "zc0", "mtu", "1500")),
    ("mac", None, ("ip", "link", "set", "zc0", "address", "02:00:00:00:00:07"),
     ("ip", "link", "set", "zc0", "address", "02:7a:63:6e:00:00")),
    ("channels", None, ethtool("-L", "combined", "9"), ethtool("-L", "combined", "8")),
    ("ringparam", None, ethtool("-G", "rx", "256"), ethtool("-G", "rx", "1024")),
    ("rxfh_get", None, ethtool("-x"), None),
    ("rxfh", None, ethtool("-X", "equal", "3"), ethtool("-X", "equal", "4")),
    ("ctx_create", None, ethtool("-X", "context", "new"),
     ethtool("-X", "context", "1", "delete")),
    ("ctx_modify", ethtool("-X", "context", "new"),
     ethtool("-X", "context", "1", "equal", "2"), ethtool("-X", "context", "1", "delete")),
    ("ctx_remove", ethtool("-X", "context", "new"), ethtool("-X", "context", "1", "delete"), None),
    ("rule_count", None, ethtool("-n"), None),
    ("rule_list", None, ethtool("-n"), None),
    ("rule_get", ethtool("-N", *RULE), ethtool("-n", "rule", "7"), ethtool("-N", "delete", "7")),
    ("rule_ins", None, ethtool("-N", *RULE), ethtool("-N", "delete", "7")),
    ("rule_del", ethtool("-N", *RULE), ethtool("-N", "delete", "7"), None),
])
def test_operation_fails_once(operation, setup, command, undo):
    device = "zcnic.1" if operation == "open" else "zcnic.0"
    if setup:
        run(*setup)
    fail(operation, 1, device=device)
    refused(*command)
    assert fault(operation, device) == {"count": 0, "skip": 0, "errno": 5, "delay_ms": 0, "hits": 1}
    run(*command)
    if undo:
        run(*undo)


def test_features_fail_once():
    fail("features", 1)
    said = refused("ethtool", "-K", "zc0", "ntuple", "off")
    assert "rx-ntuple-filter: on [requested off]" in said
    # The kernel remembers the wish and will not ask the driver again for the same.
    simnic.run("ethtool", "-K", "zc0", "ntuple", "on")
    simnic.rules_flush()


def test_message_comes_with_the_failure():
    fail("ringparam", 1, 0, 16)
    said = refused("ethtool", "-G", "zc0", "rx", "256")
    assert "zcnic: injected failure of ringparam" in said and "busy" in said


@pytest.mark.parametrize("operation", ["queue_alloc", "queue_start", "queue_stop"])
def test_registration_fails_and_leaves_the_queue_well(operation):
    fail(operation, 3, 0, 12)
    for _ in range(3):
        assert Receiver("-q", QUEUE).refused == "ENOMEM"
        assert nl.bound_buf_len("zc0", QUEUE) is None
    with simnic.rule("tcp4", "dst-port", "9000", "action", str(QUEUE)), \
         Receiver("-q", QUEUE) as receiver:
        simnic.assert_zero_copy(simnic.transfer(receiver, 1 * MB), 1 * MB)


def test_queue_comes_back_late_but_without_complaint():
    """The way back can be slow; it cannot fail, as the kernel would not know what to do."""
    with Receiver("-q", QUEUE, hold=True):
        fail("queue_stop", 1, 0, 5, 700)
        began = time.monotonic()
    simnic.until(lambda: nl.bound_buf_len("zc0", QUEUE) is None)
    assert time.monotonic() - began > 0.7


def test_lost_buffers_are_only_frames():
    with simnic.rule("tcp4", "dst-port", "9000", "action", str(QUEUE)), \
         Receiver("-q", QUEUE) as receiver, simnic.counted() as grown:
        fail("rx_alloc", 5, 100)
        simnic.assert_zero_copy(simnic.transfer(receiver, 2 * MB), 2 * MB)
        assert simnic.fault("rx_alloc")["count"] == 0
    assert grown[f"rx{QUEUE}_alloc_fail"] >= 5  # a receiver that is late may lack buffers, too


def test_skip_and_delay():
    fail("channels", 1, 1)
    run("ethtool", "-L", "zc0", "combined", "9")
    refused("ethtool", "-L", "zc0", "combined", "8")
    fail("channels", 1, 0, 0, 700)
    began = time.monotonic()
    run("ethtool", "-L", "zc0", "combined", "8")
    assert time.monotonic() - began > 0.7


@pytest.mark.parametrize("line", [
    ("nonsense", 1), ("channels",), ("channels", 1, 0, -5), ("channels", 1, 0, 5000),
    ("channels", 1, 0, 0, 60001), ("rx_alloc", 1, 0, 5, 10)])
def test_bad_orders_are_refused(line):
    with pytest.raises(OSError, match="Invalid"):
        fail(*line)


@pytest.mark.parametrize("quietly", [False, True])
def test_reset(quietly):
    """Rules and table are gone, and contexts if the kernel was told."""
    run("ethtool", "-N", "zc0", *RULE)
    run("ethtool", "-X", "zc0", "context", "new")
    (simnic.DEBUGFS / "zcnic.0" / "reset").write_text("2" if quietly else "1")
    assert simnic.rules() == []
    assert simnic.indirection() == [i % 8 for i in range(128)]
    if quietly:
        run("ethtool", "-X", "zc0", "context", "1", "delete")
    else:
        refused("ethtool", "-x", "zc0", "context", "1")
    simnic.configure()


def test_detached(wire):
    """The interface stays, and so does what is on it; only what asks the driver is refused."""
    path = simnic.DEBUGFS / "zcnic.0" / "detached"
    with simnic.rule("tcp4", "dst-port", "2", "action", "7") as rule:
        path.write_text("1")
        with pytest.raises(OSError, match="No such device"):
            nl.rings_get("zc0")
        assert "zc0" in run("ip", "link", "show", "zc0")
        path.write_text("0")
        assert simnic.rules() == [rule]
        run("ping", "-c1", "-W5", simnic.PEER4)
