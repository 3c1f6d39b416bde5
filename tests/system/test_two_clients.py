# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two users at once: each receives its own flow only, and neither can have the other's."""

import contextlib
import socket

import machine
import pytest
import simnic
from client import Connection, Error, new_area, new_ring
from machine import HOST4, HOST6, PEER4

PORT = 9001  # alice's
TRANSPARENT_V4, TRANSPARENT_V6 = 15, 78  # IP_FREEBIND, IPV6_FREEBIND


def test_each_receives_its_own_flow_only():
    sizes = {9001: 12 << 20, 9002: 20 << 20}
    users = {9001: "alice", 9002: "bob"}
    with contextlib.ExitStack() as stack, simnic.counted() as grown:
        receiving = {port: stack.enter_context(machine.receiver(port, "--verify", user=user))
                     for port, user in users.items()}
        sending = [stack.enter_context(machine.sender(HOST4, port, size))
                   for port, size in sizes.items()]
        for program in sending:
            assert program.finish() == 0, program.said
        results = {port: program.result() for port, program in receiving.items()}

    assert results[9001]["hardwareQueue"] != results[9002]["hardwareQueue"]
    for port, result in results.items():
        machine.assert_zero_copy(result, sizes[port])
        machine.assert_counted(grown, result["hardwareQueue"], sizes[port])


@pytest.fixture(name="both", scope="module")
def fixture_both(lasting):
    """alice receives on her port; bob has a lease that is bound, and wants what is hers."""
    with contextlib.ExitStack() as stack:
        receiving = stack.enter_context(machine.receiver(PORT, "--address", "0.0.0.0"))
        lease = stack.enter_context(stack.enter_context(Connection("bob")).acquire())
        lease.register(stack.enter_context(new_ring()), stack.enter_context(new_area()))
        lease.alices = machine.lease_of(receiving.pid)["leaseId"]
        yield lease


@pytest.fixture(name="bobs")
def fixture_bobs(both):
    hers = machine.rules()
    yield both
    machine.until(lambda: machine.rules() == hers and both.state() == "bound")


def refused(lease, method, *arguments, **parameters):
    with pytest.raises(Error) as caught:
        getattr(lease, method)(*arguments, **parameters)
    assert caught.value.message.endswith(".")
    return caught.value


def test_flows_by_value_of_another_are_refused(bobs):
    for flow in ({"destination": HOST4, "destinationPort": PORT}, {"destinationPort": PORT},
                 {"destination": HOST4}, {"source": PEER4}):
        error = refused(bobs, "add_flow", protocol="tcp4", **flow)
        assert error.name == "FlowNotProved"
    assert "policy's rule at line" in error.message and "(group zcrx)" in error.message


def test_a_bound_socket_proves_nothing(bobs):
    with socket.socket() as his:
        his.bind((HOST4, 0))
        error = refused(bobs, "add_socket", his)
    assert (error.name, "merely bound" in error.message) == ("FlowNotProved", True)


def test_a_connection_proves_itself_only(bobs):
    with simnic.peer_socket(socket.AF_INET, socket.SOCK_STREAM) as peer, socket.socket() as his:
        peer.bind((PEER4, 0))
        peer.listen()
        his.bind((HOST4, 0))
        his.connect(peer.getsockname())
        added = bobs.add_socket(his)
        assert added["flows"] == [{"protocol": "tcp4", "destination": HOST4, "source": PEER4,
                                   "destinationPort": his.getsockname()[1],
                                   "sourcePort": peer.getsockname()[1]}]
        bobs.call("RemoveFlow", flowId=added["flowIds"][0])


@pytest.mark.parametrize("family, address, option, words", [
    (socket.AF_INET, "10.9.0.77", {"IP_FREEBIND": 1}, "none of the interface's"),
    (socket.AF_INET6, "fd09::77", {"IPV6_FREEBIND": 1}, "none of the interface's"),
    (socket.AF_INET, "127.0.0.1", {}, "127.0.0.1 is an address of lo, not of zc0"),
    (socket.AF_INET6, "::ffff:127.0.0.1", {}, "127.0.0.1 is an address of lo, not of zc0"),
])
def test_an_address_of_another_nic_proves_nothing(bobs, family, address, option, words):
    socket.IP_FREEBIND, socket.IPV6_FREEBIND = TRANSPARENT_V4, TRANSPARENT_V6
    with machine.listener(family, address, **option) as his:
        error = refused(bobs, "add_socket", his)
    assert (error.name, words in error.message) == ("FlowNotProved", True), error.message


def test_a_socket_of_another_network_namespace_proves_nothing(bobs):
    with simnic.peer_socket(socket.AF_INET, socket.SOCK_STREAM) as his:
        his.bind(("0.0.0.0", PORT))
        his.listen()
        error = refused(bobs, "add_socket", his)
    assert (error.name, "network namespace" in error.message) == ("FlowNotProved", True)


def test_a_socket_bound_to_another_device_proves_nothing(bobs):
    with machine.listener(address="0.0.0.0", SO_BINDTODEVICE=b"lo\0") as his:
        error = refused(bobs, "add_socket", his)
    assert (error.name, "bound to another device" in error.message) == ("FlowNotProved", True)


@pytest.mark.parametrize("kind", [
    (socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_STREAM),
    (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_MPTCP), None])
def test_other_sockets_prove_nothing(bobs, kind):
    if kind is None:
        file = open("/dev/null", "rb")
    else:
        file = socket.socket(*kind)
        if kind[1:] == (socket.SOCK_STREAM, socket.IPPROTO_MPTCP):
            file.bind((HOST4, 0))
            file.listen()
    with file:
        assert refused(bobs, "add_socket", file).name == "FlowNotProved"


def test_root_by_value(bobs, root):
    """Whom the policy lets name any flow, cannot take one either."""
    error = refused(root, "acquire", persistent=True, flows=[
        {"protocol": "tcp4", "destinationPort": PORT}])
    assert (error.name, error.parameters["leaseId"]) == ("FlowConflict", bobs.alices)


def test_a_lease_cannot_be_used_without_its_handle(bobs, bob):
    for call in (lambda: bob.call("Release", leaseId=bobs.alices),
                 lambda: bob.call("Release", leaseId=bobs.alices, handleFileDescriptor=0,
                                  fds=[bobs.handle]),
                 lambda: bob.call("Renew", leaseId=bobs.alices, timeToLiveUSec=1),
                 lambda: bob.call("Open", leaseId=bobs.alices),
                 lambda: bob.call("AddFlow", leaseId=bobs.alices, flow={"protocol": "tcp4"}),
                 lambda: bob.call("RemoveFlow", leaseId=bobs.alices, flowId="1")):
        with pytest.raises(Error) as caught:
            call()
        assert caught.value.name == "PermissionDenied"


def test_a_wildcard_gives_one_rule_an_address(bobs):
    """A dual-stack wildcard gives one rule an address, and none without."""
    with machine.listener(socket.AF_INET6, "::") as his:
        flows = bobs.add_socket(his)["flows"]
        assert {HOST4, HOST6} <= {flow["destination"] for flow in flows}
        assert {flow["destinationPort"] for flow in flows} == {his.getsockname()[1]}
        assert len(machine.rules_to(bobs.queues[0])) == len(flows)
    # And they go with the socket.
    machine.until(lambda: not machine.rules_to(bobs.queues[0]))
    assert bobs.state() == "bound"


def test_rules_follow_the_addresses(bobs):
    with machine.listener(address="0.0.0.0") as his:
        assert [flow["destination"] for flow in bobs.add_socket(his)["flows"]] == [HOST4]
        simnic.run("ip", "address", "add", "10.9.0.9/24", "dev", "zc0")
        machine.until(lambda: {rule["Dest IP addr"] for rule in machine.rules_to(bobs.queues[0])}
                      == {f"{HOST4} mask: 0.0.0.0", "10.9.0.9 mask: 0.0.0.0"})
        simnic.run("ip", "address", "del", "10.9.0.9/24", "dev", "zc0")
        machine.until(lambda: len(machine.rules_to(bobs.queues[0])) == 1)
    machine.until(lambda: not machine.rules_to(bobs.queues[0]))
