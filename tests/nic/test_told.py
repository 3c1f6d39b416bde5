# SPDX-License-Identifier: GPL-2.0-only
"""Which changes of a NIC the kernel tells, and which it does not: what has to be polled."""

import nl
import old_ioctls
import pytest
import simnic


@pytest.fixture(name="monitor")
def fixture_monitor():
    simnic.configure()
    with nl.Generic("ethtool").monitor() as monitor:
        yield monitor
    simnic.configure()


@pytest.mark.parametrize("change", [
    lambda: nl.rss_set("zc0"), lambda: nl.channels_set("zc0", 10),
    lambda: nl.rings_set("zc0", rx=512), lambda: nl.feature_set("zc0", "rx-ntuple-filter", False),
    old_ioctls.channels, old_ioctls.rings, old_ioctls.ntuple,
], ids=["-X", "-L", "-G", "-K", "SCHANNELS", "SRINGPARAM", "SFLAGS"])
def test_told(monitor, change):
    change()
    assert monitor.heard()


def test_not_told(monitor):
    """The table set by the old ioctl, and rules, by whatever."""
    old_ioctls.table()
    assert 7 in simnic.indirection()
    with simnic.rule("tcp4", "dst-port", "9000", "action", "4"):
        pass
    assert not monitor.heard()
