# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plans on the kernel: whichever step fails, the NIC is as it was found."""

import machine
import nl
import pytest
import simnic
from client import Connection

CONFIG = machine.config(zc0="    rx-ring: 256\n")
STEPS = ["tcp-data-split", "hds-threshold", "ntuple-feature", "rings", "rss", "channels"]
EBUSY = 16
RINGS_GET, CHANNELS_GET, FEATURES_GET, RSS_GET = 15, 17, 11, 38


def picture():
    """What plans change, as the kernel shows it."""
    return [nl.ethtool(command, "zc0") for command in (
        FEATURES_GET, RINGS_GET, CHANNELS_GET, RSS_GET)]


def interface(link):
    return link.call("Describe")["interfaces"][0]


@pytest.fixture(autouse=True)
def nothing_left(configured):
    """As everywhere; but here there may be queues that the NIC does not have at the moment."""
    yield
    machine.until(lambda: not machine.leases() and not machine.netkits())
    assert not machine.rule_count()


@pytest.fixture(scope="module")
def found(configured):
    """zc0 as it may have been found, and zcrxd, which leaves alone what it has restored, knows nothing
    else; configured again afterwards."""
    with Connection() as link:
        link.call("Restore", interface="zc0")
        nl.rss_set("zc0")
        nl.channels_set("zc0", 4)
        nl.rings_set("zc0", split=0, thresh=256, rx=512)
        nl.feature_set("zc0", "rx-ntuple-filter", False)
        yield picture()
        simnic.lift_faults()
        link.call("Apply")
        assert interface(link)["state"] == "configured"


@pytest.mark.parametrize("operation, skip, failed", [
    ("ringparam", 0, "tcp-data-split"), ("ringparam", 1, "hds-threshold"),
    ("features", 0, "ntuple-feature"), ("ringparam", 2, "rings")])
def test_each_step_fails(root, found, operation, skip, failed):
    simnic.fail(operation, 1, skip, EBUSY)
    changes = root.call("Apply")["changes"]
    index = STEPS.index(failed)
    assert [(change["step"], change["outcome"]) for change in changes] == [
        (step, "undone" if i < index else "failed" if i == index else "skipped")
        for i, step in enumerate(STEPS)]
    assert picture() == found
    reason = interface(root)["reason"]
    assert f"Cannot set {failed} of zc0" in reason and "put back" not in reason
