# SPDX-License-Identifier: LGPL-2.1-or-later
"""Queues without a NIC: a program of an ordinary user receives over loopback on the path that it would
take to a NIC's queue, and what it holds is given back when its ring is gone, and not before."""

import mmap
import os
import signal

import machine
import pytest
from client import Connection, Error, new_area, new_ring

LOCALHOST = "127.0.0.1"
CONFIG = (machine.config(policy=machine.POLICY.replace("[zc0]", "[zc0, software]"))
          + "software:\n  queues: 2\n")


def send(port, size):
    return machine.Program("zcrxperf", "send", LOCALHOST, "--port", str(port), "--bytes",
                           str(size))


def test_software_queues_receive_over_loopback():
    """The whole path but the steering, which the library knows to leave out."""
    size = 4 << 20
    with machine.receiver(9001, "--verify", "--interface", "software") as receiving:
        lease = machine.lease_of(receiving.pid)
        assert (lease["interface"], lease["grant"], lease["state"], lease["flows"]) == (
            "software", "software", "bound", [])
        shown = machine.ctl("status", "software").stdout
        assert "a NIC" in shown and lease["leaseId"] in shown, shown
        with send(9001, size) as sending:
            assert sending.finish() == 0, sending.said
        result = receiving.result()
    assert (result["bytes"], result["wrongBytes"]) == (size, 0)
    machine.assert_all_copied(result, size)


def test_a_software_queue_is_free_when_its_ring_is_gone(alice, root):
    """Neither the handle nor the process: a daemon that is killed knows it as well as before."""
    def lease_state():
        return {one["leaseId"]: one["state"] for one in machine.leases()}.get(lease.id)

    with new_area() as area, new_ring() as ring:
        lease = alice.acquire(interface="software")
        lease.register(ring, area)
        with pytest.raises(Error) as caught:
            lease.register(ring, area, receiveBufferLength=65536, queue=0)
        assert caught.value.name == "WrongState"
        memory = mmap.mmap(ring, mmap.PAGESIZE)
        lease.close()
        machine.until(lambda: lease_state() == "draining")
        os.kill(machine.main_pid(), signal.SIGKILL)
        assert lease_state() == "draining"
    assert lease_state() == "draining", "what is mapped is there"
    with Connection("alice") as again, again.acquire(interface="software") as other:
        assert other.queues != lease.queues
        with pytest.raises(Error) as caught:
            again.acquire(interface="software")
        assert caught.value.name == "NoQueueAvailable"
    memory.close()
    machine.until(lambda: lease_state() is None)


def test_two_queues_of_one_ring(alice):
    """Each of them is known by the ring that they share."""
    with new_area() as area, new_ring() as ring, alice.acquire(interface="software",
                                                               queues=2) as lease:
        with pytest.raises(Error) as caught:
            lease.register(ring, area, receiveBufferLength=65536)
        assert (caught.value.name, "pages" in caught.value.message) == ("NotSupported", True)
        replies = [lease.register(ring, area, queue=queue) for queue in range(2)]
        assert [reply["interfaceIndex"] for reply in replies] == [0, 0]
        os.close(ring)
        lease.close()
        machine.until(lambda: not machine.leases())
