# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody uses ethtool behind the daemon's back, under traffic of a lease that loses no byte: what
leads others into its queue is closed, what was lost comes back, and it is said whose it was."""

import contextlib
import socket
import struct

import machine
import pytest
import simnic
from client import Connection
from machine import HOST4, run

SETTINGS = "    rx-ring: 1024\n"
CONFIG = machine.config(zc0=SETTINGS)
REPORT = "on-drift: report\n" + CONFIG
PORT, OTHER_PORT = 9001, 7777
MUCH = 1 << 20
ETHTOOL_SRXFHINDIR = 0x39
NARROW = [i % 4 for i in range(128)]
RESET = simnic.DEBUGFS / "zcnic.0" / "reset"


def received(queue):
    return simnic.counters().get(f"rx{queue}_zc_bytes", 0)


def interface():
    return machine.call("Describe")[0]["parameters"]["interfaces"][0]


def is_narrow():
    return simnic.indirection() == NARROW


def rule_is_back(queue):
    return bool(machine.rules_to(queue))


class Events:
    """What Watch tells of interfaces."""

    def __init__(self, stack):
        self.stream = stack.enter_context(Connection()).stream("Watch")
        next(self.stream)

    def until(self, name):
        """The reasons of the events up to one of this name."""
        reasons = {}
        while name not in reasons:
            event = next(self.stream).get("event")
            if event and not event.get("leaseId"):
                reasons[event["event"]] = event.get("reason", "")
        return reasons


@pytest.fixture(name="scene")
def fixture_scene(request):
    """A receiver under endless traffic, checked byte by byte. At the end all of it came, unless a test
    says that it lost its queue."""
    machine.configure(request.param)
    with contextlib.ExitStack() as stack:
        events = Events(stack)
        receiving = stack.enter_context(machine.receiver(PORT, "--verify", "--area", str(8 << 20)))
        lease = machine.lease_of(receiving.pid)
        queue = lease["hardwareQueues"][0]
        sending = stack.enter_context(machine.Program("zcrxperf", "send", HOST4, "--port",
                                                      str(PORT), peer=True))
        machine.until(lambda: received(queue) > MUCH)
        scene = type("Scene", (), {"events": events, "queue": queue, "lease": lease["leaseId"],
                                   "receiving": receiving, "loses": False})
        yield scene
        before = received(queue)
        if not scene.loses:
            machine.until(lambda: received(queue) > before + MUCH)
        sending.kill()
        result = receiving.result()
    assert result["wrongBytes"] == 0
    assert bool(result.get("leaseLost")) == scene.loses
    assert result["zeroCopyBytes"] > MUCH


def affected(scene, reason):
    return f"lease {scene.lease} of uid " in reason and f"(queue {scene.queue})" in reason


def by_old_ioctl():
    """ethtool -X default, as tools did it before netlink: nobody is told."""
    simnic.ethtool_ioctl("zc0", bytearray(struct.pack("=II", ETHTOOL_SRXFHINDIR, 0)))


def test_the_old_ioctl_tells_nobody():
    """If it did, what follows would show nothing."""
    machine.configure(CONFIG)
    by_old_ioctl()
    assert not is_narrow()
    machine.call("Apply")
    assert is_narrow()


@pytest.mark.parametrize("scene", [CONFIG], indirect=True, ids=["repair"])
def test_repair(scene):
    def rule():
        return rule_is_back(scene.queue)

    location = machine.rules_to(scene.queue)[0]["Filter"] if machine.rules_to(scene.queue) and \
        "Filter" in machine.rules_to(scene.queue)[0] else str(simnic.rules()[0])
    for what, change, repaired in (
            ("-X", lambda: run("ethtool", "-X", "zc0", "default"), is_narrow),
            ("-X by ioctl", by_old_ioctl, is_narrow),
            ("-N", lambda: run("ethtool", "-N", "zc0", "delete", location), rule),
            ("-K", lambda: run("ethtool", "-K", "zc0", "ntuple", "off"), rule),
            ("reset", lambda: RESET.write_text("1"), lambda: is_narrow() and rule())):
        change()
        machine.until(repaired)
        reasons = scene.events.until("repaired")
        assert affected(scene, reasons["drifted"]), what
        before = received(scene.queue)
        machine.until(lambda: received(scene.queue) > before + MUCH)
    assert interface()["state"] == "configured"
    # Without a word. It is the sixth time: done, but not told.
    RESET.write_text("2")
    machine.until(is_narrow)
    machine.until(rule)


@pytest.mark.parametrize("scene", [CONFIG], indirect=True, ids=["repair"])
def test_rings_and_channels(scene):
    """What may disturb the lease waits for it, and it is said for which; or it is done at once."""
    for words, name in ((("-G", "zc0", "rx", "512"), "rings"),
                        (("-L", "zc0", "combined", "10"), "channels")):
        run("ethtool", *words)
        assert affected(scene, scene.events.until("drifted")["drifted"]), name
        if machine.until(lambda: interface()["state"]) == "degraded":
            assert name in interface()["reason"] or machine.until(
                lambda: interface()["state"] == "configured")
    assert machine.lease_of(scene.receiving.pid)["state"] == "steered"


def test_rings_and_channels_are_back():
    """After the lease of the test before."""
    machine.until(lambda: interface()["state"] == "configured")
    assert simnic.channels() == 8
    assert "RX:		1024" in run("ethtool", "-g", "zc0").split("Current")[1]


@pytest.mark.parametrize("scene", [REPORT], indirect=True, ids=["report"])
def test_report(scene):
    """Told, and nothing more, but for a way into the queue."""
    run("ethtool", "-X", "zc0", "default")
    machine.until(is_narrow)
    assert affected(scene, scene.events.until("repaired")["drifted"])
    run("ethtool", "-K", "zc0", "ntuple", "off")
    reason = scene.events.until("drifted")["drifted"]
    assert "ntuple-feature is off instead of on" in reason and affected(scene, reason)
    run("ethtool", "-G", "zc0", "rx", "512")
    run("ethtool", "-L", "zc0", "combined", "10")
    machine.until(lambda: "channels is combined 10" in interface().get("reason", ""))
    found = interface()
    assert found["state"] == "degraded" and affected(scene, found["reason"])
    assert "zcrxctl apply zc0" in found["reason"]
    assert not machine.rule_count()
    assert simnic.channels() == 10
    machine.call("Apply", interface="zc0")
    machine.until(lambda: rule_is_back(scene.queue))


@pytest.mark.parametrize("scene", [REPORT], indirect=True, ids=["report"])
def test_foreign_rule(scene):
    """It stays, as it is not ours; so the queue is taken back, and what it leads there is read."""
    with socket.create_server((HOST4, OTHER_PORT)) as server:
        location = simnic.rule_add("tcp4", "dst-port", str(OTHER_PORT), "action", str(scene.queue))
        scene.loses = True
        scene.receiving.wait_for("The lease is gone; going on by copying.")
        machine.until(lambda: not machine.held(scene.queue))
        with machine.sender(HOST4, OTHER_PORT, MUCH) as sending:
            connection = server.accept()[0]
            with connection:
                total = 0
                while data := connection.recv(1 << 16):
                    total += len(data)
            assert (sending.finish(), total) == (0, MUCH)
        reason = interface()["reason"]
        assert f"rule {location}, which is not zcrxd's, leads to queue {scene.queue}" in reason
        assert next(q for q in interface()["queues"] if q["queue"] == scene.queue)["state"] == \
            "quarantined"
        run("ethtool", "-N", "zc0", "delete", str(location))
        machine.until(lambda: interface()["state"] == "configured")
        machine.until(lambda: not any(q["state"] == "quarantined" for q in interface()["queues"]))
