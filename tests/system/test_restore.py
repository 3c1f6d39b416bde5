# SPDX-License-Identifier: LGPL-2.1-or-later
"""The way back, as the kernel shows it: exactly what was found, unless somebody confirms, and at a
stop of the daemon but not at a restart."""

import itertools
import os
import pty
import subprocess
import threading

import machine
import nl
import pytest
import simnic
from client import Connection, Error
from machine import until

CONFIG = "on-stop: restore\n" + machine.config()


def settings():
    return [nl.rings_get("zc0"),  # ethtool knows nothing of the threshold yet
            *(simnic.run("ethtool", option, "zc0") for option in ("-l", "-x", "-k"))]


def interface():
    return machine.call("Describe")[0]["parameters"]["interfaces"][0]


@pytest.fixture
def found(root):
    """A NIC with settings of its own, as zcrxd found it before it configures it."""
    root.call("Restore", interface="zc0")
    try:
        simnic.run("ethtool", "-L", "zc0", "combined", "6")
        simnic.run("ethtool", "-G", "zc0", "rx", "512", "tcp-data-split", "off")
        simnic.run("ethtool", "-K", "zc0", "ntuple", "off")
        simnic.run("ethtool", "-X", "zc0", "weight", "3", "1", "0", "2", "0", "1")
        yield settings()
    finally:
        with Connection() as again:  # a test may have restarted the daemon
            again.call("Apply", interface="zc0", force=True)
    assert interface()["state"] == "configured"


def test_restore_returns_to_the_baseline(root, found):
    root.call("Apply", interface="zc0")
    assert simnic.channels() == 8 and settings() != found
    changes = root.call("Restore", interface="zc0")["changes"]
    assert {change["outcome"] for change in changes} == {"done"}
    assert settings() == found
    assert "zcrxctl apply zc0" in interface()["reason"]
    # And a table that nobody has set, which follows the channels afterwards.
    simnic.run("ethtool", "-X", "zc0", "default")
    default = settings()
    root.call("Apply", interface="zc0")
    root.call("Restore", interface="zc0")
    assert settings() == default
    simnic.run("ethtool", "-L", "zc0", "combined", "5")
    assert set(simnic.indirection()) == set(range(5))


def test_changes_are_rolled_back_when_zcrxctl_dies(found):
    """As over ssh, when what is applied cuts the line: with the default route on the NIC."""
    events = []
    with Connection() as watcher, Connection() as root:
        stream = watcher.stream("Watch")
        next(stream)  # the watch is in place
        reader = threading.Thread(target=lambda: events.extend(
            reply["event"]["event"] for reply in itertools.islice(stream, 4)))
        reader.start()
        simnic.run("ip", "route", "add", "default", "dev", "zc0", "metric", "9999")
        try:
            with pytest.raises(Error) as refused:
                root.call("Apply", interface="zc0")
            assert refused.value.parameters["state"] == "default-route"
            assert "channels combined 6 -> combined 8" in refused.value.message
            assert settings() == found
            master, slave = pty.openpty()
            with subprocess.Popen(["zcrxctl", "apply", "zc0", "--force", "--confirm-within", "4s"],
                                  stdin=slave, stdout=slave, stderr=slave) as zcrxctl:
                os.close(slave)
                said = b""
                while b"Press Enter to keep" not in said:
                    said += os.read(master, 4096)
                assert "confirmUntilUSec" in interface()
                zcrxctl.kill()
            os.close(master)
            until(lambda: "not confirmed in time" in interface().get("reason", ""))
            assert settings() == found
        finally:
            simnic.run("ip", "route", "del", "default", "dev", "zc0", "metric", "9999")
        reader.join(machine.PATIENCE)
    # The first one is of the refused Apply: the interface is not what it should be.
    assert events == ["failed", "configured", "unconfirmed", "restored"]


def test_on_stop_restore_restores_the_baseline(root, found):
    root.call("Apply", interface="zc0")
    configured = settings()
    lease = root.call("Acquire", persistent=True)["lease"]
    machine.systemctl("restart", "zcrxd")
    assert [found["leaseId"] for found in machine.leases()] == [lease["leaseId"]]
    assert settings() == configured
    machine.systemctl("stop", "zcrxd")
    assert settings() == found
    assert not machine.rule_count() and not machine.netkits()
    machine.systemctl("start", "zcrxd")
    assert settings() == configured
    assert not machine.leases()
