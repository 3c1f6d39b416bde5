# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where zero copy ends, receiving goes on: the kernel copies, the library sees to it that it always
has buffers for that, and not a byte is lost."""

import pathlib
import re
import signal

import machine
import pytest
from machine import HOST4
from simnic import counters

AREA = 2 << 20  # a fraction of what is received, so that every buffer goes round many times


@pytest.fixture
def small_windows():
    """Within the area: else all of it may come to wait for one lost packet, with nothing left to receive
    that into."""
    with machine.sysctl("net/ipv4/tcp_rmem", f"4096 131072 {AREA // 4}"):
        yield


def zero_copied(queue):
    return counters()[f"rx{queue}_zc_bytes"]


def received():
    return sum(value for name, value in counters().items() if re.fullmatch(r"rx\d+_bytes", name))


def endless_sender():
    return machine.Program("zcrxperf", "send", HOST4, "--port", "9001", peer=True)


@pytest.mark.usefixtures("small_windows")
def test_a_lease_that_is_revoked_under_traffic():
    with machine.receiver(9001, "--verify", "--area", str(AREA)) as receiving:
        lease = machine.lease_of(receiving.pid)
        queue = lease["hardwareQueues"][0]
        before = zero_copied(queue)
        with endless_sender() as sending:
            machine.until(lambda: zero_copied(queue) > before + AREA)
            machine.ctl("revoke", lease["leaseId"])
            machine.until(machine.is_clean)
            copied_from = received()
            machine.until(lambda: received() > copied_from + 4 * AREA, 60)
            sending.kill()
        result = receiving.result()
    assert re.search("The lease is gone: .*; going on by copying.", receiving.said["stderr"])
    assert result["leaseLost"]
    # Zero copy until then, and afterwards the area was copied into over and over.
    assert result["wrongBytes"] == 0
    assert result["zeroCopyBytes"] > AREA
    assert result["copiedBytes"] > 3 * AREA
    assert result["zeroCopyBytes"] + result["copiedBytes"] == result["bytes"]


def test_a_flow_that_the_nic_does_not_carry():
    """From the machine itself, over lo: nothing to steer, so all of it is copied."""
    size = 16 << 20
    with machine.receiver(9001, "--verify", "--area", "1M") as receiving:
        machine.run("zcrxperf", "send", HOST4, "--port", "9001", "--bytes", str(size))
        result = receiving.result()
    assert (result["bytes"], result["wrongBytes"]) == (size, 0)
    machine.assert_all_copied(result, size)


def test_buffers_larger_than_a_page():
    size = 8 << 20
    pages = pathlib.Path("/proc/sys/vm/nr_hugepages")
    pages.write_text("8")
    try:
        with machine.receiver(9001, "--verify", "--area", "16M",
                              "--buffer-length", "64K") as receiving:
            with machine.sender(HOST4, 9001, size) as sending:
                assert sending.finish() == 0, sending.said
            machine.assert_zero_copy(receiving.result(), size)
    finally:
        pages.write_text("0")


@pytest.mark.usefixtures("small_windows")
def test_a_signal_ends_it_in_good_order():
    with machine.receiver(9001, "--verify", "--area", str(AREA)) as receiving:
        queue = machine.lease_of(receiving.pid)["hardwareQueues"][0]
        before = zero_copied(queue)
        with endless_sender() as sending:
            # More than its memory holds: it has taken some of it in.
            machine.until(lambda: zero_copied(queue) > before + 2 * AREA)
            receiving.process.send_signal(signal.SIGTERM)
            result = receiving.result()
            assert sending.finish() == 0, sending.said
    assert result["bytes"] > 0
    assert (result["wrongBytes"], result["copiedBytes"]) == (0, 0)
    assert machine.leases() == []
