# SPDX-License-Identifier: LGPL-2.1-or-later
"""zc0 as a port of a bond, and with a VLAN on it: whose sockets prove flows, in the kernel's own order of
things; and what is said where they prove none."""

import contextlib
import socket

import machine
import pytest
import simnic
from client import Connection, Error, new_area, new_ring
from machine import HOST4, HOST6, run, until

CONFIG = machine.config()


def batch(*commands):
    """As ip does them, in one process."""
    run("ip", "-batch", "-", input="".join(command + "\n" for command in commands))


def describe():
    return machine.call("Describe")[0]["parameters"]["interfaces"][0]


@contextlib.contextmanager
def device(name, address, *words):
    batch("link add " + " ".join(words), f"link set {name} up",
          f"address add {address}/24 dev {name}")
    try:
        yield
    finally:
        run("ip", "link", "del", name)


def test_sockets_on_foreign_addresses_prove_nothing(configured):
    """Named with the device that has them, and what the refusal says to do works."""
    vlan = device("zc0.5", "10.9.5.1", "link", "zc0", "name", "zc0.5", "type", "vlan", "id", "5")
    dummy = device("any0", "10.99.0.1", "any0", "type", "dummy")
    with vlan, dummy, Connection() as root, root.acquire() as lease, new_ring() as ring, \
            new_area() as area:
        lease.register(ring, area)
        for address, words in (("10.9.5.1", "10.9.5.1 is an address of zc0.5, a VLAN of zc0, and"),
                               ("10.99.0.1", "10.99.0.1 is an address of any0, not of zc0: no socket")):
            with machine.listener(address=address) as listening:
                port = listening.getsockname()[1]
                with pytest.raises(Error) as refused:
                    lease.add_socket(listening)
                assert words in refused.value.message
                value = f"tcp4,dst={address},dst-port={port}"
                assert f"name the flow by value ({value})" in refused.value.message
                lease.add_flow(protocol="tcp4", destination=address, destinationPort=port)
        assert "problems" not in describe()
        with machine.listener(address="0.0.0.0") as listening:
            lease.add_socket(listening)
            problem, = describe()["problems"]
            assert problem.startswith("Listeners on all addresses are not steered at ")
            assert "10.9.5.1 (zc0.5)" in problem and "10.99.0.1 (any0)" in problem


def test_a_bridged_bond_proves_nothing(configured):
    """The bridge is what is named, not an address that the NIC does not have."""
    with device("br0", "10.9.7.1", "br0", "type", "bridge"), Connection() as root, \
            root.acquire() as lease, new_ring() as ring, new_area() as area, \
            machine.listener(address="10.9.7.1") as listening:
        lease.register(ring, area)
        run("ip", "link", "set", "zc0", "master", "br0")
        words = "zc0 belongs to br0, whose sockets receive in its place: no socket proves a flow here."
        until(lambda: words in " ".join(describe().get("problems", [])))
        with pytest.raises(Error) as refused:
            lease.add_socket(listening)
        assert words in refused.value.message
        hardware, = [line for line in machine.ctl_json("check", "br0", status=1)
                     if line.get("interface") == "br0"]
        assert "zcrxctl check zc0" in hardware["remedy"]
        run("ip", "link", "set", "zc0", "nomaster")


# ----------------------------------------------------------------------------------- bonds


def enslaved(mode):
    """zc0 and a dummy in bond0, which has zc0's addresses."""
    batch(f"link add bond0 type bond mode {mode} miimon 10", "link add dum0 type dummy",
          "address flush dev zc0",
          "link set zc0 down", "link set zc0 master bond0",
          "link set dum0 down", "link set dum0 master bond0",
          "link set bond0 addrgenmode none", "link set bond0 up",  # no address that comes later
          f"address add {HOST4}/24 dev bond0", f"address add {HOST6}/64 dev bond0 nodad")


def released():
    batch("link del bond0", "link del dum0")
    simnic.addresses()


@pytest.fixture(scope="module", params=["active-backup", "802.3ad"])
def bond(request, configured):
    try:
        enslaved(request.param)
        until(lambda: describe()["state"] == "configured" and describe().get("bond") == "bond0")
        yield request.param
    finally:
        released()
        until(lambda: describe()["state"] == "configured" and not describe().get("bond"))


def prefer(port):
    run("ip", "link", "set", "bond0", "type", "bond", "active_slave", port)


def test_a_port_of_a_bond_receives_by_zero_copy(bond):
    """Without privilege, to the bond's address, over a restart; nothing is copied."""
    host = HOST4
    if bond == "active-backup":
        host = HOST6
        prefer("zc0")
    until(lambda: describe()["standby"] is False)
    with machine.receiver(9001, "--verify") as receiving:
        assert machine.lease_of(receiving.pid)["state"] == "steered"
        flows = machine.lease_of(receiving.pid)["flows"]
        machine.systemctl("restart", "zcrxd")
        assert machine.lease_of(receiving.pid)["flows"] == flows
        with machine.sender(host, 9001, 4 << 20) as sending:
            assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), 4 << 20)


def test_status_says_when_another_port_receives(bond):
    """It is said, the rules stay, and when the port receives again so does the lease."""
    if bond != "active-backup":
        assert "standby" in describe()
        return
    with machine.receiver(9001, "--verify") as receiving:
        assert machine.lease_of(receiving.pid)["state"] == "steered"
        prefer("dum0")
        problem, = until(lambda: describe().get("standby") and describe().get("problems"))
        assert problem == (
            "bond0 does not receive by zc0 at the moment: what is steered here comes in at dum0 (not in the "
            "configuration), and is received by copying until zc0 is active again.")
        assert problem.split(":")[0] in " ".join(machine.ctl("status").stdout.split())
        prefer("zc0")
        until(lambda: describe().get("standby") is False)
        with machine.sender(HOST4, 9001, 1 << 20) as sending:
            assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), 1 << 20)


def test_check_of_a_bond_names_its_ports(bond):
    report = machine.ctl_json("check", "bond0", status=1)
    found = {line["requirement"]: line for line in report if line.get("interface") == "bond0"}
    assert list(found) == ["hardware"]
    assert found["hardware"]["found"] == "a bond of zc0, dum0"
    receivers = {line["interface"]: line["found"] for line in report
                 if line["requirement"] == "receiver"}
    assert receivers["zc0"] == "as a port, the sockets of bond0"
