# SPDX-License-Identifier: LGPL-2.1-or-later
"""bob names flows that are not his: by value, beyond what the policy lists, across another's,
through another's lease."""

import contextlib

import machine
import pytest
import simnic
from client import Connection, Error, new_area, new_ring
from machine import HOST4, HOST6, PEER4, impersonate, listener

# bob is in the group, too, whose rule gives more.
CONFIG = machine.config(
    interfaces="  - name: vnet0\n    zero-copy-queues: 1\n", policy="""\
policy:
  - user: root
    flows: any
    administer: true
  - user: bob
    interfaces: [zc0]
    max-queues: 2
    flows:
      - ports: 9300-9309
        addresses: [10.9.0.1, fd09::/64]
  - group: zcrx
    interfaces: [zc0, vnet0]
    max-queues: 3
    flows: prove
    administer: true
""")


@contextlib.contextmanager
def bound_lease(user):
    with Connection(user) as connection, connection.acquire(interface="zc0") as lease, \
            new_ring() as ring, new_area() as area:
        lease.register(ring, area)
        yield lease


@pytest.fixture(name="alices", scope="module")
def fixture_alices(lasting):
    with bound_lease("alice") as lease:
        yield lease


@pytest.fixture(name="bobs", scope="module")
def fixture_bobs(lasting):
    with bound_lease("bob") as lease:
        yield lease


@pytest.fixture(autouse=True)
def without_rules(alices, bobs):
    yield
    machine.until(lambda: not machine.rule_count())


def refusal(call, *arguments, **parameters):
    with pytest.raises(Error) as caught:
        call(*arguments, **parameters)
    assert caught.value.message.endswith(".") or caught.value.name == "InvalidParameter"
    return caught.value


GARBAGE = [
    ({"protocol": "tcp4"}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": ""}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": "10.9.0.1/0", "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": "0.0.0.0/0", "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": "10.9.0.1/33", "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": "10.9.0.1/-1", "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": "10.9.0.1/ 8", "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": "10.9.1", "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": "0xa090001", "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": "10.9.0.1%zc0", "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": "localhost", "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": HOST6, "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp6", "destination": "fd09::/129", "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp6", "destination": "::/0", "destinationPort": 9300}, "InvalidFlow"),
    ({"protocol": "tcp6", "destination": "::ffff:10.9.0.1"}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": HOST4, "destinationPort": 0}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": HOST4, "destinationPort": 65536}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": HOST4, "destinationPort": 65536 + 9300}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": HOST4, "destinationPort": -1}, "InvalidFlow"),
    ({"protocol": "tcp4", "destination": HOST4, "sourcePort": 1 << 40}, "InvalidFlow"),
]

# As the policy's list goes: a flow is listed only if every packet of it is.
BEYOND = [
    {"protocol": "tcp4", "destination": HOST4, "destinationPort": 9310},
    {"protocol": "tcp4", "destination": HOST4, "destinationPort": 9299},
    {"protocol": "tcp4", "destination": HOST4, "destinationPort": 22},
    {"protocol": "tcp4", "destination": HOST4},
    {"protocol": "tcp4", "destination": HOST4, "sourcePort": 9300},
    {"protocol": "tcp4", "destinationPort": 9300},
    {"protocol": "tcp4", "destination": "10.9.0.0/31", "destinationPort": 9300},
    {"protocol": "tcp4", "destination": PEER4, "destinationPort": 9300},
    {"protocol": "tcp4", "source": PEER4, "sourcePort": 9300},
    {"protocol": "tcp6", "destination": "fd09::/63", "destinationPort": 9300},
]


def test_malformed_flows_are_refused(bobs):
    for flow, name in GARBAGE:
        assert (flow, refusal(bobs.add_flow, **flow).name) == (flow, name)


def test_flows_beyond_the_policy_are_refused(bobs):
    for flow in BEYOND:
        error = refusal(bobs.add_flow, **flow)
        assert (flow, error.name) == (flow, "FlowNotProved")
        assert "rule at line 12 (user bob)" in error.message
    # Nor when the lease is made.
    for flow in BEYOND:
        refusal(bobs.connection.call, "Acquire", interface="zc0", persistent=True, flows=[flow])


def test_only_the_first_rule_that_matches_counts(bobs):
    """His group's gives him nothing."""
    for method, parameters in (("Apply", {"interface": "zc0"}), ("Reload", {})):
        assert refusal(bobs.connection.call, method, **parameters).name == "PermissionDenied"
    assert refusal(bobs.connection.call, "Acquire", interface="vnet0").name == "PermissionDenied"
    with Connection("alice") as alice:
        assert refusal(alice.call, "Acquire", interface="vnet0").name != "PermissionDenied"
    assert refusal(bobs.connection.call, "Acquire", interface="zc0", queues=2).name == \
        "QuotaExceeded"


def test_no_port_below_1024_without_the_right_to_listen_there(bobs, alices):
    for port in 22, 443:
        with impersonate("bob"), pytest.raises(PermissionError):
            listener(port=port).close()
    # A service of this machine has it, and he what its privileges gave it: nothing.
    with listener(port=443):
        refusal(bobs.add_flow, protocol="tcp4", destination=HOST4, destinationPort=443)
        refusal(alices.add_flow, protocol="tcp4", destination=HOST4, destinationPort=443)


def test_flows_overlapping_another_lease_are_refused(bobs, alices):
    """Equal, more specific, or wider: the first one has it, and loses nothing of it."""
    with impersonate("alice"):
        hers = listener(address="0.0.0.0", port=9301)
    with hers:
        mine = alices.add_socket(hers)
        for more in ({}, {"source": PEER4}, {"source": "10.9.0.0/24"}, {"sourcePort": 1},
                     {"source": PEER4, "sourcePort": 40000}):
            error = refusal(bobs.add_flow, protocol="tcp4", destination=HOST4,
                            destinationPort=9301, **more)
            assert (error.name, error.parameters["leaseId"]) == ("FlowConflict", alices.id)
        # A socket of hers that came to him by accident: still her flow.
        error = refusal(bobs.add_socket, hers)
        assert (error.name, error.parameters["leaseId"]) == ("FlowConflict", alices.id)
        with simnic.peer_socket() as peer:
            peer.connect((HOST4, 9301))
            with impersonate("alice"):  # whose socket it is then
                connection = hers.accept()[0]
            with connection:
                assert refusal(bobs.add_socket, connection).name == "FlowConflict"
                # In her own lease it is more of the same.
                added = alices.add_socket(connection)
                alices.call("RemoveFlow", flowId=added["flowIds"][0])
        assert [flow["flowId"] for flow in alices.connection.leases()[0]["flows"]
                if alices.connection.leases()[0]["leaseId"] == alices.id] in ([], mine["flowIds"])
        assert len(machine.rules_to(alices.queues[0])) == len(mine["flows"])
        assert not machine.rules_to(bobs.queues[0])


def test_flows_of_another_lease_cannot_be_removed(bobs, alices):
    with impersonate("alice"):
        hers = listener(port=9302)
    with hers:
        flow_id = alices.add_socket(hers)["flowIds"][0]
        # By his own lease; by hers, with his handle, with none.
        assert refusal(bobs.call, "RemoveFlow", flowId=flow_id).name == "NoSuchFlow"
        for fds in ([bobs.handle], []):
            parameters = {"handleFileDescriptor": 0} if fds else {}
            assert refusal(bobs.connection.call, "RemoveFlow", fds=fds, leaseId=alices.id,
                           flowId=flow_id, **parameters).name == "PermissionDenied"
        assert len(machine.rules_to(alices.queues[0])) == 1
        alices.call("RemoveFlow", flowId=flow_id)
        for again in flow_id, flow_id + " ", "+" + flow_id, "0x1", "-1", str(1 << 64), "":
            assert refusal(alices.call, "RemoveFlow", flowId=again).name == "NoSuchFlow"


def test_a_listed_flow_can_be_taken_by_value(bobs):
    """So that the refusals above are not for everything."""
    added = bobs.add_flow(protocol="tcp4", destination=HOST4, destinationPort=9309)
    assert len(machine.rules_to(bobs.queues[0])) == 1
    bobs.call("RemoveFlow", flowId=added["flowIds"][0])


def test_refused_calls_leave_nothing(bobs, alices):
    """Each left a descriptor, and a proof on record; of so many the next zcrxd took its whole record for
    damaged, and ended everybody's leases."""
    bobs.add_flow(protocol="tcp4", destination=HOST4, destinationPort=9302)
    with impersonate("alice"):
        hers = listener(address="0.0.0.0", port=9302)
    with hers:
        stored = machine.show("zcrxd", "NFileDescriptorStore")
        for _ in range(260):  # a lease may have 256 proofs
            assert refusal(alices.add_socket, hers).name == "FlowConflict"
        assert machine.show("zcrxd", "NFileDescriptorStore") == stored
    machine.systemctl("restart", "zcrxd")
    for lease, user in (bobs, "bob"), (alices, "alice"):
        lease.connection.close()
        lease.connection = Connection(user)
        assert lease.state() == ("steered" if lease is bobs else "bound")
    assert "stateSetAside" not in bobs.connection.call("Describe")
    flow, = (flow for lease in machine.leases() for flow in lease["flows"])
    assert machine.rule_count() == 1
    bobs.call("RemoveFlow", flowId=flow["flowId"])
