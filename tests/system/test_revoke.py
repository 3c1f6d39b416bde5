# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lease is taken back in one order, whatever its client does about it: rules, watchers, grace,
grant, handle. What it receives goes on, and not a byte is lost."""

import contextlib
import select
import signal

import machine
import pytest
from client import Connection, new_area, new_ring
from machine import HOST4, listener
from simnic import counters

AREA = 8 << 20  # twice of what the NIC's ring holds for ever, so that there is room for copying
SECOND, HOUR = 1000000, 3600 * 1000000
MUCH = 1 << 20  # what has to come after each step


def received(queue=None):
    """Bytes that the NIC has taken in, on that queue or on all others."""
    found = counters()
    return sum(found.get(f"rx{i}_bytes", 0) for i in range(8) if queue is None or i == queue)


def events_of(watching, lease):
    """What is told of the lease from now on, until it is free."""
    events = []
    while not events or events[-1]["event"] != "freed":
        event = next(watching).get("event")
        if event and event.get("leaseId") == lease:
            events.append(event)
    return events


def hung_up(handle):
    poll = select.poll()
    poll.register(handle, 0)
    return any(revents & select.POLLHUP for _, revents in poll.poll(0))


def endless_sender():
    return machine.Program("zcrxperf", "send", HOST4, "--port", "9001", peer=True)


def more(value, than):
    machine.until(lambda: value() > than, 2 * machine.PATIENCE)


def test_grace_under_traffic(root):
    """In the grace its flows are ordinary already, and the queue is still its; then it is not."""
    with machine.receiver(9001, "--verify", "--area", str(AREA)) as receiving, \
            Connection() as watcher, contextlib.ExitStack() as stack:
        lease = machine.lease_of(receiving.pid)
        queue = lease["hardwareQueues"][0]
        watching = watcher.stream("Watch", leaseId=lease["leaseId"])
        next(watching)
        before = received(queue)
        sending = stack.enter_context(endless_sender())
        more(lambda: received(queue), before + MUCH)

        revoking = stack.enter_context(machine.Program(
            "zcrxctl", "revoke", lease["leaseId"], "--grace", "1h", "--reason", "maintenance"))
        machine.until(lambda: not machine.rule_count())
        assert (machine.held(queue), bool(machine.netkits())) == ({"io_uring", "lease"}, True)
        assert machine.lease_of(receiving.pid)["state"] == "draining"
        all_of_it = received()
        more(received, all_of_it + MUCH)
        all_of_it, by_zero_copy = received(), received(queue)
        more(received, all_of_it + MUCH)
        assert received(queue) == by_zero_copy
        receiving.wait_for(r"The lease ends in 3[56]\d\d s; going on by copying\.")
        assert "The lease is gone" not in receiving.said["stderr"]
        assert revoking.process.poll() is None

        machine.ctl("revoke", lease["leaseId"], "--force", "--reason", "now")
        assert machine.is_clean()
        assert revoking.finish() == 0
        receiving.wait_for("The lease is gone: .*; going on by copying.")
        all_of_it = received()
        more(received, all_of_it + MUCH)
        sending.kill()
        result = receiving.result()

        events = events_of(watching, lease["leaseId"])
    assert result["leaseLost"] and result["wrongBytes"] == 0
    assert result["zeroCopyBytes"] > MUCH and result["copiedBytes"] > MUCH
    assert result["zeroCopyBytes"] + result["copiedBytes"] == result["bytes"]
    assert [event["event"] for event in events] == ["revoked", "draining", "revoked", "freed"]
    first, second = (event for event in events if event["event"] == "revoked")
    assert (first["reason"], second["reason"]) == ("maintenance", "now")
    assert abs(first["deadlineUSec"] - first["timestampUSec"] - HOUR) < HOUR / 60
    assert second["deadlineUSec"] - second["timestampUSec"] < SECOND


def test_a_stopped_client_is_revoked(root, alice):
    """It holds its handle and its ring, and listens on: it has neither rule nor queue nor lease."""
    with alice.acquire() as lease, new_ring() as ring, new_area() as area, listener() as sock:
        lease.register(ring, area)
        lease.add_socket(sock)
        root.call("Revoke", leaseId=lease.id, reason="enough")
        assert machine.is_clean()
        assert hung_up(lease.handle)
        assert root.leases() == []


def test_a_time_to_live_and_its_renewal(alice):
    """It ends a lease under its client like a revocation; until then it can be put off."""
    watching = Connection().stream("Watch")
    next(watching)
    with alice.acquire(timeToLiveUSec=HOUR // 2) as lease, new_ring() as ring, \
            new_area() as area, listener() as sock:
        lease.register(ring, area)
        lease.add_socket(sock)
        asked = lease.description["expiryUSec"]
        lease.call("Renew", timeToLiveUSec=HOUR * 100)
        renewed = alice.leases()[0]["expiryUSec"]
        assert HOUR // 4 < renewed - asked < HOUR, "no more than max-lease-time"
        assert lease.state() == "steered"
        lease.call("Renew", timeToLiveUSec=SECOND // 10)
        machine.until(lambda: hung_up(lease.handle))
        machine.until(machine.is_clean)
        events = events_of(watching, lease.id)
    assert [event["event"] for event in events] == ["acquired", "bound", "steered", "draining",
                                                    "freed"]
    assert "time to live" in events[-2]["reason"]


@pytest.mark.parametrize("grants", ["auto", "direct"])
def test_a_client_that_ignores_signals_is_revoked(grants, root):
    """Stopped, it neither answers nor closes anything. Where the kernel can take the queue from
    under it, it lives on and finds itself without; where not, force kills it."""
    machine.configure(machine.config(grants=grants))
    with machine.receiver(9001, "--verify", "--area", str(AREA)) as receiving, \
            contextlib.ExitStack() as stack:
        lease = machine.lease_of(receiving.pid)
        queue = lease["hardwareQueues"][0]
        if grants == "auto":
            before = received(queue)
            sending = stack.enter_context(endless_sender())
            more(lambda: received(queue), before + MUCH)
        receiving.process.send_signal(signal.SIGSTOP)
        machine.ctl("revoke", lease["leaseId"], "--force")
        machine.until(machine.is_clean)
        machine.until(lambda: not machine.leases())
        # It is anybody's again at once.
        with root.acquire(queues=len(machine.ZERO_COPY)) as again:
            assert queue in again.queues
        if grants == "direct":
            assert receiving.process.wait(machine.PATIENCE) == -signal.SIGKILL
            return
        assert receiving.process.poll() is None
        receiving.process.send_signal(signal.SIGCONT)
        receiving.wait_for("The lease is gone: .*; going on by copying.")
        all_of_it = received()
        more(received, all_of_it + MUCH)
        sending.kill()
        result = receiving.result()
    assert (result["leaseLost"], result["wrongBytes"]) == (True, 0)
