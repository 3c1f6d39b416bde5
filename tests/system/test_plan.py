# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plans on the kernel: whichever step fails, the NIC is as it was found; and what drivers make
different is met by steps, not by their users."""

import machine
import nl
import pytest
import simnic
from client import Connection, new_area, new_ring

CONFIG = "on-drift: report\n" + machine.config(zc0="    rx-ring: 256\n")
STEPS = ["tcp-data-split", "hds-threshold", "ntuple-feature", "rings", "rss", "channels"]
BUSY = 16


def unconfigure(split=0, combined=4):
    """zc0 as it may have been found."""
    nl.rss_set("zc0")
    nl.channels_set("zc0", combined)
    nl.rings_set("zc0", split=split, rx=512)
    try:
        nl.rings_set("zc0", thresh=256)
    except nl.NetlinkError:
        pass  # a driver without
    nl.feature_set("zc0", "rx-ntuple-filter", False)


def picture():
    """What plans change, as the kernel shows it: features, rings, channels, RSS."""
    return [nl.ethtool(command, "zc0") for command in (11, 15, 17, 38)]


@pytest.fixture
def found():
    """zc0 unconfigured, and configured again afterwards."""
    unconfigure()
    yield picture()
    simnic.lift_faults()
    with Connection() as link:
        link.call("Apply")
        assert link.call("Describe")["interfaces"][0]["state"] == "configured"


def outcomes(changes):
    return {change["step"]: change["outcome"] for change in changes}


@pytest.mark.parametrize("operation, skip, failed", [
    ("ringparam", 0, "tcp-data-split"), ("ringparam", 1, "hds-threshold"),
    ("features", 0, "ntuple-feature"), ("ringparam", 2, "rings"), ("rxfh", 0, "rss"),
    ("channels", 0, "channels")])
def test_each_step_fails(root, found, operation, skip, failed):
    simnic.fail(operation, 1, skip, BUSY)
    changes = root.call("Apply")["changes"]
    index = STEPS.index(failed)
    assert outcomes(changes) == {step: "undone" if i < index else "failed" if i == index
                                 else "skipped" for i, step in enumerate(STEPS)}
    assert picture() == found
    reason = root.call("Describe")["interfaces"][0]["reason"]
    assert f"Cannot set {failed} of zc0" in reason and "put back" not in reason


def test_undo_fails(root, found):
    """Said, and made good by the next apply."""
    simnic.fail("channels", 1, 0, BUSY)
    simnic.fail("ringparam", 100, 3, BUSY)
    changes = {change["step"]: change for change in root.call("Apply")["changes"]}
    assert changes["channels"]["outcome"] == "failed"
    assert changes["rings"]["outcome"] == "undo-failed"
    assert "injected failure of ringparam" in changes["rings"]["message"]
    assert changes["rss"]["outcome"] == "undone"
    reason = root.call("Describe")["interfaces"][0]["reason"]
    assert "It could not be put back as it was found: rings is 256, was 512, and" in reason


@pytest.mark.parametrize("habits", [["separate-channels"], ["split-gro-hw"], ["table-rewritten"],
                                    ["split-fixed", "threshold-none"]], ids="+".join)
def test_habits(found, habits):
    """Configured in spite of them, so that the kernel takes an ifq; and there is nothing left."""
    with simnic.habits(*habits):
        if "split-fixed" in habits:  # nobody remembers to have set it
            machine.run("systemctl", "restart", "zcrxd")
        with Connection() as link:
            for change in link.call("Apply")["changes"]:
                assert change["outcome"] == "done", change
            interface = link.call("Describe")["interfaces"][0]
            assert interface["state"] == "configured", interface
            assert link.call("Plan")["changes"] == []
            with link.acquire() as lease, new_ring() as ring, new_area() as area:
                lease.register(ring, area)
            machine.until(lambda: not machine.leases() and machine.is_clean())
        nl.rings_set("zc0", split=0)
        nl.feature_set("zc0", "rx-gro-hw", False)
