# SPDX-License-Identifier: GPL-2.0-only
"""Queues of the simulated NIC leased to netkit devices, which is how a grant is taken back."""

import pytest
import nl
import simnic
from simnic import HOST4, Receiver, refused, run

MB = 1 << 20
QUEUE = 7


@pytest.fixture
def lease():
    nl.netkit_single("lease0", 2)
    assert nl.queue_lease("lease0", "zc0", QUEUE) == 1
    yield
    if "lease0" in run("ip", "-br", "link"):
        run("ip", "link", "del", "lease0")


@pytest.fixture
def steered():
    simnic.rule_add("tcp4", "dst-port", "9000", "action", str(QUEUE))
    yield
    simnic.rules_flush()


def test_leased_queue_is_zero_copy(lease, steered):
    assert nl.QUEUE_LEASE in nl.queue_get("zc0", QUEUE)
    with Receiver("-i", "lease0", "-q", 1) as receiver:
        assert nl.bound_buf_len("zc0", QUEUE) == 4096
        simnic.assert_zero_copy(simnic.transfer(receiver, 2 * MB), 2 * MB)
    simnic.until(lambda: nl.bound_buf_len("zc0", QUEUE) is None)


def test_leased_queue_is_taken(lease):
    assert Receiver("-q", QUEUE).refused == "EOPNOTSUPP"
    with pytest.raises(OSError, match="in use due to queue leasing"):
        nl.queue_lease("lease0", "zc0", QUEUE)
    assert "in use due to queue leasing" in refused("ethtool", "-L", "zc0", "combined", "7")
    assert nl.queue_lease("lease0", "zc0", QUEUE - 1) == 2


def test_deleting_the_device_revokes_under_traffic(lease, steered):
    size = 24 * MB
    with Receiver("-i", "lease0", "-q", 1) as receiver:
        before = simnic.counters()[f"rx{QUEUE}_zc_bytes"]
        sending = simnic.sender(HOST4, 9000, size)
        simnic.until(lambda: simnic.counters()[f"rx{QUEUE}_zc_bytes"] - before > 1 * MB)
        run("ip", "link", "del", "lease0")
        # At once, and for the next: no waiting for the old client.
        queue = nl.queue_get("zc0", QUEUE)
        assert nl.QUEUE_IO_URING not in queue and nl.QUEUE_LEASE not in queue
        simnic.rules_flush()
        with Receiver("-q", QUEUE, hold=True):
            # The old connection goes on, by copying.
            result = receiver.result()
        assert sending.wait(simnic.PATIENCE) == 0
        sending.stderr.close()
    assert (result["bytes"], result["bad"], result["end"]) == (size, 0, "EOF")
    assert 0 < result["copied"] < size


def test_unbinding_the_nic_deletes_the_lease(lease):
    with Receiver("-i", "lease0", "-q", 1, hold=True):
        driver = "/sys/bus/platform/drivers/zcnic/"
        with open(driver + "unbind", "w") as file:
            file.write("zcnic.0")
        assert "lease0" not in run("ip", "-br", "link")
        with open(driver + "bind", "w") as file:
            file.write("zcnic.0")
    simnic.addresses()
    simnic.configure()
