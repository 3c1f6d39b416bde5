# SPDX-License-Identifier: LGPL-2.1-or-later
"""The client is killed, in every state: everything comes back, and the next client gets it."""

import os
import signal

import machine
import pytest
import simnic
from client import new_area, new_ring
from machine import HOST4, until

QUEUE = machine.ZERO_COPY[0]  # what the first lease gets


@pytest.fixture(params=["auto", "direct"], scope="module")
def grants(request):
    machine.configure(machine.config(grants=request.param))
    return request.param


def assert_held(grants, *, registered, steered):
    found = {"lease"} if grants == "auto" else set()
    found |= {"io_uring"} if registered else set()
    assert machine.held(QUEUE) == found
    assert len(machine.netkits()) == (grants == "auto")
    # The listener has two addresses there: 10.9.0.1, fd09::1, and one that IPv6 made by itself.
    assert bool(machine.rules_to(QUEUE)) == steered


def assert_queue_comes_back():
    """Free in the kernel and in the daemon, and as good as new."""
    until(machine.is_clean)
    until(lambda: not machine.leases())
    result = machine.transfer(9002, 1 << 20, user="bob")
    machine.assert_zero_copy(result, 1 << 20)
    assert result["hardwareQueue"] == QUEUE


def test_a_killed_idle_client_frees_its_queue(grants):
    """Steered, which is the most that there is to end; the states before it are the crash tests'."""
    with machine.stopped_receiver(9001, "steer") as client:
        assert_held(grants, registered=True, steered=True)
        client.kill()
        assert_queue_comes_back()


def test_a_client_killed_under_traffic_frees_its_queue(grants):
    before = simnic.counters()[f"rx{QUEUE}_zc_bytes"]
    with machine.receiver(9001) as client, machine.sender(HOST4, 9001, 1 << 30) as sending:
        until(lambda: simnic.counters()[f"rx{QUEUE}_zc_bytes"] > before + (4 << 20))
        assert_held(grants, registered=True, steered=True)
        client.kill()
        # What is still under way finds no listener now, and no queue of a client's.
        until(machine.is_clean)
        assert sending.finish() != 0
        assert_queue_comes_back()


def test_a_client_killed_while_registering_frees_its_queue(grants):
    # The kernel is held up in the middle of it, with the ring's lock in its hands.
    simnic.fail("queue_alloc", 1, 0, 0, 1000)
    with machine.Program("zcrxperf", "receive", "--json", "--port", "9001", "--stop-after",
                         "register", user="alice") as client:
        until(lambda: simnic.fault("queue_alloc")["hits"] and not simnic.fault("queue_alloc")[
            "count"])
        assert "stopped" not in "".join(client.said.values())
        client.kill()
        assert_queue_comes_back()


def test_a_child_that_kept_the_handle_keeps_the_lease(grants):
    script = "sleep 1000 & echo child $!; exec sleep 1000"
    with machine.Program("zcrxctl", "run", "--", "sh", "-c", script, user="alice") as client:
        child = int(client.wait_for(r"^child (\d+)")[1])
        lease = machine.lease_of(client.pid)["leaseId"]
        client.kill()
        assert [found["leaseId"] for found in machine.leases()] == [lease]
        assert_held(grants, registered=False, steered=False)
        os.kill(child, signal.SIGKILL)
        assert_queue_comes_back()


def test_ring_without_handle_is_reclaimed(grants, alice):
    """A fork without the handle: a netkit grant is taken back all the same; a direct one cannot be,
    and the queue is free when the ring is closed, not before."""
    with new_ring() as ring, new_area() as area:
        lease = alice.acquire()
        lease.register(ring, area)
        assert lease.queues == [QUEUE]
        lease.close()
        if grants == "auto":
            until(lambda: not machine.leases())
            assert not machine.held(QUEUE)
        else:
            until(lambda: [found["state"] for found in machine.leases()] == ["draining"])
            assert machine.held(QUEUE) == {"io_uring"}
            assert machine.ctl_json("lease", "zc0")["hardwareQueues"] != [QUEUE]
            machine.ctl("release", "--all-mine")
    assert_queue_comes_back()


def test_a_deleted_netkit_device_ends_the_lease():
    """What the kernel held for the lease is gone: the lease is over, and its client hears of it."""
    machine.configure(machine.config())
    with machine.stopped_receiver(9001, "steer") as client:
        lease = machine.lease_of(client.pid)
        machine.run("ip", "link", "del", f"zcrx-{lease['leaseId']}")
        until(lambda: not machine.leases())
        until(machine.is_clean)
