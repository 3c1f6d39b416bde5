# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody uses ethtool behind the daemon's back, under traffic of a lease that loses no byte: what
leads others into its queue is closed, what was lost comes back, and it is said whose it was."""

import contextlib
import pathlib
import socket

import machine
import nl
import old_ioctls
import pytest
import simnic
from client import Connection
from machine import HOST4, run

SETTINGS = "    rx-ring: 1024\n"
CONFIG = machine.config(zc0=SETTINGS)
REPORT = "on-drift: report\n" + CONFIG
PORT, OTHER_PORT = 9001, 7777
MUCH = 1 << 20
NARROW = [i % 4 for i in range(128)]
RESET = simnic.DEBUGFS / "zcnic.0" / "reset"
OPENED = "the RSS table leads ordinary traffic to queues"


@pytest.fixture(scope="module", autouse=True)
def configured(users):
    """A daemon that has not seen a drift yet: it repairs and tells the first few at once."""
    machine.systemctl("stop", "zcrxd")
    machine.configure(CONFIG)


def interface():
    return machine.call("Describe")[0]["parameters"]["interfaces"][0]


def is_narrow():
    return simnic.indirection() == NARROW


def rx_ring():
    return nl.rings_get("zc0")[nl.RINGS_RX]


def delete_rule():
    run("ethtool", "-N", "zc0", "delete", str(simnic.rules()[0]))


class Scene:
    """alice receives without end, checked byte by byte, and somebody listens to what Watch says."""

    def __init__(self, stack):
        self.cursor = machine.journal_cursor()
        self.told = []
        self.stream = stack.enter_context(Connection()).stream("Watch")
        next(self.stream)
        self.receiving = stack.enter_context(
            machine.receiver(PORT, "--verify", "--area", str(8 << 20)))
        self.lease = machine.lease_of(self.receiving.pid)
        self.queue = self.lease["hardwareQueues"][0]
        self.rules = machine.rule_count()
        self.sending = stack.enter_context(
            machine.Program("zcrxperf", "send", HOST4, "--port", str(PORT), peer=True))
        self.goes_on()

    def received(self):
        return simnic.counters().get(f"rx{self.queue}_zc_bytes", 0)

    def goes_on(self):
        """By zero copy."""
        before = self.received()
        machine.until(lambda: self.received() > before + MUCH)
        assert machine.lease_of(self.receiving.pid)["state"] == "steered"

    def names_lease(self, reason):
        return (f"lease {self.lease['leaseId']} of uid {self.lease['ownerUid']} "
                f"(queue {self.queue})") in reason

    def until_told(self, name, words=""):
        """The event comes, with these words, and says whose lease it is about."""
        while True:
            event = next(self.stream).get("event") or {}
            reason = event.get("reason", "")
            if event.get("leaseId") or event.get("event") != name or words not in reason:
                continue
            self.told.append(f"zc0 {name}" + (f": {reason}" if reason else ""))
            assert name == "repaired" or self.names_lease(reason), reason
            return

    def assert_status(self, *words):
        """Describe says it, too."""
        machine.until(lambda: all(word in interface().get("reason", "") for word in words))
        found = interface()
        assert found["state"] == "degraded" and self.names_lease(found["reason"])

    def assert_journal(self):
        """And so does the journal, in the same words."""
        said = machine.messages(self.cursor)
        assert not [message for message in self.told if message not in said]

    def end(self, lost):
        self.sending.kill()
        result = self.receiving.result()
        assert result["wrongBytes"] == 0
        assert bool(result.get("leaseLost")) == lost
        assert result["zeroCopyBytes"] > MUCH


@pytest.fixture(name="scene")
def fixture_scene():
    with contextlib.ExitStack() as stack:
        yield Scene(stack)


def test_drift_is_repaired_under_traffic(scene):
    """What may disturb the lease waits for its end. The rest is put back at once; a table that is
    changed again meanwhile goes unseen, so that something else comes between two of them."""
    run("ethtool", "-G", "zc0", "rx", "512")
    scene.until_told("drifted", "rings is 512 instead of 1024")
    run("ethtool", "-L", "zc0", "combined", "10")
    scene.until_told("drifted", "channels is combined 10 instead of combined 8")
    scene.assert_status("rings", "channels")
    for change, words in (
            (lambda: run("ethtool", "-X", "zc0", "default"), OPENED), (delete_rule, "is gone"),
            (old_ioctls.table, OPENED),
            (lambda: run("ethtool", "-K", "zc0", "ntuple", "off"), "ntuple-feature is off"),
            (lambda: nl.rss_set("zc0"), OPENED), (delete_rule, "is gone"),
            (lambda: RESET.write_text("1"), OPENED)):
        change()
        scene.until_told("drifted", words)
        machine.until(lambda: is_narrow() and machine.rule_count() == scene.rules)
        scene.goes_on()
    assert (simnic.channels(), rx_ring()) == (10, 512)
    scene.end(lost=False)
    scene.until_told("repaired")
    scene.assert_journal()
    assert (interface()["state"], simnic.channels(), rx_ring()) == ("configured", 8, 1024)


def test_drift_is_reported_and_leaks_are_closed(scene):
    """Told, and nothing is done but to ways into the queue; until somebody applies."""
    machine.configure(REPORT)
    nl.rss_set("zc0")
    scene.until_told("drifted", OPENED)
    machine.until(is_narrow)
    scene.goes_on()
    delete_rule()
    scene.until_told("drifted", "is gone")
    old_ioctls.ntuple()
    scene.until_told("drifted", "ntuple-feature is off")
    old_ioctls.rings()
    scene.until_told("drifted", "rings is 512")
    old_ioctls.channels()
    scene.until_told("drifted", "channels is combined 10")
    nl.rss_set("zc0")
    scene.until_told("drifted", OPENED)
    machine.until(is_narrow)
    scene.assert_status("ntuple", "rings", "channels", "is gone", "zcrxctl apply zc0")
    assert (simnic.channels(), rx_ring(), machine.rule_count()) == (10, 512, 0)
    machine.call("Apply", interface="zc0")
    machine.until(lambda: machine.rule_count() == scene.rules)
    scene.goes_on()
    reclaim(scene)
    scene.assert_journal()
    machine.call("Apply", interface="zc0")
    machine.until(lambda: interface()["state"] == "configured")


def reclaim(scene):
    """Somebody else's rule stays, as it is not ours. So the queue is taken back from its lease, and
    what the rule leads there is read."""
    with socket.create_server((HOST4, OTHER_PORT)) as server:
        location = simnic.rule_add("tcp4", "dst-port", str(OTHER_PORT), "action", str(scene.queue))
        words = f"rule {location}, which is not zcrxd's, leads to queue {scene.queue}"
        scene.until_told("drifted", words)
        machine.until(lambda: not machine.held(scene.queue))
        with machine.sender(HOST4, OTHER_PORT, MUCH) as sending:
            connection = server.accept()[0]
            with connection:
                total = 0
                while data := connection.recv(1 << 16):
                    total += len(data)
            assert (sending.finish(), total) == (0, MUCH)
        assert words in interface()["reason"]
        machine.until(lambda: interface()["queues"][scene.queue]["state"] == "quarantined")
        scene.end(lost=True)
        run("ethtool", "-N", "zc0", "delete", str(location))
        machine.until(lambda: interface()["queues"][scene.queue]["state"] == "free")


@pytest.fixture
def rfs_without_traffic():
    """For this the kernel rewrites code that each packet runs, which the emulated processor does not always
    survive (int3)."""
    with machine.sysctl("net/core/rps_sock_flow_entries", "64"):
        yield


def test_accelerated_rfs_is_a_way_in(rfs_without_traffic, scene):
    """Set for the queue, it can bring anybody's flow there, by filters that nobody sees."""
    flows = f"/sys/class/net/zc0/queues/rx-{scene.queue}/rps_flow_cnt"
    scene.goes_on()
    pathlib.Path(flows).write_text("64", encoding="ascii")
    scene.until_told("drifted", "accelerated RFS may lead ordinary traffic to queue")
    machine.until(lambda: not machine.held(scene.queue))
    pathlib.Path(flows).write_text("0", encoding="ascii")
    scene.end(lost=True)
    machine.until(lambda: interface()["state"] == "configured")
