# SPDX-License-Identifier: LGPL-2.1-or-later
"""A NIC that cannot split headers from data, and one that is not there: both are said, and the one
that can works."""

import re

import machine
import pytest
from client import Error

CONFIG = machine.config(interfaces="""\
  - name: vnet0
    zero-copy-queues: 1
  - driver: mlx5_core
    zero-copy-queues: 1
""")


@pytest.fixture(name="interfaces")
def fixture_interfaces(root):
    return {interface["name"]: interface for interface in root.call("Describe")["interfaces"]}


def test_states_of_missing_degraded_and_configured(interfaces):
    assert {name: interface["state"] for name, interface in interfaces.items()} == {
        "zc0": "configured", "vnet0": "degraded", "driver mlx5_core": "missing"}


def test_the_missing_feature_and_the_kernels_words(interfaces, root):
    vnet0 = interfaces["vnet0"]
    assert vnet0["driver"] == "virtio_net"
    reason, again = re.fullmatch(r"(.*) \(next try in (\d+) s\)", vnet0["reason"]).groups()
    assert int(again) <= 64
    assert reason == (
        "vnet0 cannot split headers from data (tcp-data-split), which zero-copy receive needs. The "
        "kernel says: setting TCP data split is not supported. This needs another NIC or driver.")
    assert " ".join(machine.ctl("status", "vnet0").stdout.split()).count(reason) == 1
    with pytest.raises(Error) as caught:
        root.call("Acquire", interface="vnet0")
    assert (caught.value.name, "vnet0 is degraded" in caught.value.message) == (
        "NotSupported", True)


def test_nothing_is_carved_out_of_it(interfaces):
    assert (interfaces["vnet0"]["zeroCopyCount"], interfaces["vnet0"]["tcpDataSplit"]) == (
        0, "unknown")


def test_a_missing_interface_is_listed(interfaces, root):
    missing = interfaces["driver mlx5_core"]
    assert (missing["index"], missing["queues"]) == (0, [])
    assert missing["reason"]
    with pytest.raises(Error) as caught:
        root.call("Acquire", interface="driver mlx5_core")
    assert caught.value.name == "NotSupported"


def test_the_service_is_active_with_a_degraded_interface():
    assert machine.show("zcrxd", "ActiveState") == "active"
    assert machine.show("zcrxd", "StatusText") == "1 of 3 interfaces configured, 0 leases"


def test_a_degraded_interface_does_not_affect_others():
    machine.assert_zero_copy(machine.transfer(9001, 4 << 20), 4 << 20)


def test_a_missing_interface_is_configured_when_it_appears(root):
    """A device that the configuration waits for is taken care of when it comes."""
    machine.configure(machine.config(interfaces="  - name: late0\n    zero-copy-queues: 1\n"))

    def state():
        return [interface["state"] for interface in root.call("Describe")["interfaces"]
                if interface["name"] == "late0"]

    assert state() == ["missing"]
    machine.run("ip", "link", "add", "late0", "type", "dummy")
    machine.until(lambda: state() == ["degraded"])
    machine.run("ip", "link", "del", "late0")
    machine.until(lambda: state() == ["missing"])
