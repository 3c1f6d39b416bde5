# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody uses ethtool behind the daemon's back, under traffic of a lease that loses no byte: what
leads others into its queue is closed, what was lost comes back, and it is said whose it was."""

import contextlib
import struct

import machine
import pytest
import simnic
from client import Connection
from machine import HOST4, run

SETTINGS = "    rx-ring: 1024\n"
CONFIG = machine.config(zc0=SETTINGS)
PORT = 9001
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
    """A receiver under endless traffic, checked byte by byte. At the end all of it came."""
    machine.configure(request.param)
    run("systemctl", "restart", "zcrxd")  # the first drifts of a daemon are told and repaired at once
    with contextlib.ExitStack() as stack:
        events = Events(stack)
        receiving = stack.enter_context(machine.receiver(PORT, "--verify", "--area", str(8 << 20)))
        lease = machine.lease_of(receiving.pid)
        queue = lease["hardwareQueues"][0]
        sending = stack.enter_context(machine.Program("zcrxperf", "send", HOST4, "--port",
                                                      str(PORT), peer=True))
        machine.until(lambda: received(queue) > MUCH)
        scene = type("Scene", (), {"events": events, "queue": queue, "lease": lease["leaseId"],
                                   "receiving": receiving})
        yield scene
        before = received(queue)
        machine.until(lambda: received(queue) > before + MUCH)
        sending.kill()
        result = receiving.result()
    assert result["wrongBytes"] == 0
    assert not result.get("leaseLost")
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

    location = str(simnic.rules()[0])
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
    machine.until(lambda: interface()["state"] == "configured")
