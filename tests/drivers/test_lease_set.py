# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a lease is good for, on the NIC of each driver. Each test that is of all drivers is a column
of docs/DRIVERS.md."""

import subprocess
import time

import machine
import modes
import pytest
import simnic
from client import Connection, Error, new_area, new_ring
from machine import HOST4, until

SIZE = 1 << 20


def interface():
    return machine.call("Describe")[0]["parameters"]["interfaces"][0]


def test_configure(mode):
    """The NIC becomes what the configuration asks for, or says why not."""
    found = until(lambda: interface() if interface()["state"] != "missing" else None)
    if mode in modes.REFUSING:
        assert found["state"] == "degraded" and "firmware cannot split" in found["reason"], found
        return
    assert found["state"] == "configured", found
    assert (found["zeroCopyFirst"], found["zeroCopyCount"]) == (4, 4)
    assert set(simnic.indirection()) == {0, 1, 2, 3}
    assert machine.ctl_json("plan") == []


def test_receive(mode):
    """An ordinary user's flow goes to the leased queue and nothing else does; what root had in the
    rule table stays there."""
    foreign = simnic.rule_add("udp4", "dst-port", "5", "action", "1",
                              *(["loc", "0"] if "location-any" not in modes.MODES[mode] else []))
    with simnic.counted() as grown:
        result = machine.transfer(9001, SIZE)
    machine.assert_zero_copy(result, SIZE)
    machine.assert_counted(grown, result["hardwareQueue"], SIZE)
    until(lambda: machine.rule_count() == 1)
    assert simnic.rules() == [foreign]
    simnic.run("ethtool", "-N", "zc0", "delete", str(foreign))


def test_kill(mode):
    """The client dies under traffic: rules, queue and device are everybody's again."""
    with machine.receiver(9001) as client, machine.sender(HOST4, 9001, 1 << 30) as sending:
        counter = f"rx{machine.lease_of(client.pid)['hardwareQueues'][0]}_zc_bytes"
        before = simnic.counters()[counter]
        until(lambda: simnic.counters()[counter] > before + SIZE)
        client.kill()
        until(machine.is_clean)
        until(lambda: not machine.leases())
        sending.kill()


def test_restart(mode):
    """The daemon is restarted under traffic, and nobody notices."""
    with machine.receiver(9001, "--verify") as receiving, \
            machine.sender(HOST4, 9001, 64 * SIZE) as sending:
        before = simnic.counters().get("bounces")
        # A slow driver holds up the end of the process that it works for.
        subprocess.run(["systemctl", "restart", "zcrxd"], check=True, timeout=180)
        assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), 64 * SIZE)
        assert simnic.counters().get("bounces") == before


@pytest.mark.habit("one-field-set")
def test_other_fields_are_refused(mode):
    with Connection() as root:
        lease = root.call("Acquire", persistent=True,
                          flows=[{"protocol": "tcp4", "destinationPort": 5}])["lease"]
        root.call("AddFlow", leaseId=lease["leaseId"],
                  flow={"protocol": "tcp4", "destinationPort": 6})
        with pytest.raises(Error) as refused:
            root.call("AddFlow", leaseId=lease["leaseId"],
                      flow={"protocol": "tcp4", "sourcePort": 7, "destinationPort": 7})
    assert refused.value.name == "KernelRejected"
    assert "same fields" in refused.value.message and "dst-port=5" in refused.value.message


@pytest.mark.habit("slow")
def test_nobody_waits_for_a_slow_driver(mode):
    with machine.Program("zcrxctl", "lease", "zc0", "--flow", "tcp4,dst-port=5") as leasing:
        until(machine.leases)
        start, answers = time.monotonic(), 0
        while leasing.process.poll() is None:
            assert machine.leases()
            answers += 1
        # Somebody who waited for the driver would have had one answer.
        assert answers > 3 and time.monotonic() - start > 2


@pytest.mark.habit("rules-lost")
def test_lost_rules_come_back(mode):
    with machine.receiver(9001, "--verify") as receiving:
        rules = machine.rule_count()
        simnic.run("ip", "link", "set", "zc0", "address", "02:00:00:00:00:99")
        until(lambda: machine.rule_count() == rules)
        with machine.sender(HOST4, 9001, SIZE) as sending:
            assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), SIZE)


@pytest.mark.habit("bind-needs-up")
def test_down_is_refused(mode):
    simnic.run("ip", "link", "set", "zc0", "down")
    with Connection() as root, root.acquire() as lease, new_ring() as ring, new_area() as area:
        with pytest.raises(Error) as refused:
            lease.register(ring, area)
    simnic.addresses()
    assert refused.value.name == "InterfaceDown" and "ip link set zc0 up" in refused.value.message


def test_restore(mode):
    """The NIC is put back as it was found."""
    machine.ctl("restore", "zc0")
    assert simnic.settings() == machine.found
