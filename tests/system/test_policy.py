# SPDX-License-Identifier: LGPL-2.1-or-later
"""The policy decides by user and group: which interface, how much, which flows, who administers."""

import pwd
import subprocess

import pytest
import machine
from client import Connection, Error, new_area, new_ring

CONFIG = machine.config(interfaces="  - name: vnet0\n    zero-copy-queues: 1\n", policy="""\
policy:
  - user: root
    flows: any
    administer: true
  - user: alice
    interfaces: [zc0]
    max-queues: 2
    max-area: 2M
    max-lease-time: 1h
    flows:
      - ports: 9000-9999
        addresses: [10.9.0.1, fd09::/64]
      - ports: 443
  - group: zcrx
    interfaces: [vnet0]
    administer: true
""")
HOUR = 3600 * 1000000


def refusal(call, *arguments, **parameters):
    with pytest.raises(Error) as caught:
        call(*arguments, **parameters)
    return caught.value


def test_users_without_a_rule_are_denied():
    with Connection("mallory") as mallory:
        error = refusal(mallory.call, "Acquire", interface="zc0")
        assert error.name == "PermissionDenied"
        assert "No rule of the policy lets uid" in error.message
        # Looking is open to all.
        assert mallory.call("Describe")["interfaces"]
        assert mallory.leases() == []
        assert mallory.call("Plan", interface="zc0")["changes"] == []


def test_interfaces(bob, alice):
    error = refusal(bob.call, "Acquire", interface="zc0")
    assert error.name == "PermissionDenied"
    assert "line 21 (group zcrx) does not list interface zc0" in error.message
    with alice.acquire() as lease:
        assert lease.description["interface"] == "zc0"


def test_max_queues_is_of_all_leases_of_a_user(alice, root):
    with alice.acquire(), Connection("alice") as again, again.acquire():
        error = refusal(again.call, "Acquire")
        assert (error.name, error.parameters["limit"]) == ("QuotaExceeded", "max-queues")
        assert "sets max-queues to 2" in error.message
        with root.acquire(queues=2):
            pass
    assert refusal(alice.call, "Acquire", queues=3).name == "QuotaExceeded"
    machine.until(lambda: not machine.leases())
    with alice.acquire(queues=2) as lease:
        assert len(lease.queues) == 2


def test_max_area_is_of_all_leases_of_a_user(alice):
    with alice.acquire(queues=2) as lease, new_area(2 << 20) as area, new_ring() as first, \
            new_ring() as second:
        lease.register(first, area, areaSize=1 << 20)
        error = refusal(lease.register, second, area, queue=1, areaSize=2 << 20)
        assert (error.name, error.parameters["limit"]) == ("QuotaExceeded", "max-area")
        lease.register(second, area, queue=1, areaSize=1 << 20)
        assert alice.leases()[0]["areaBytes"] == 2 << 20


def test_an_area_counts_until_its_ring_is_gone():
    """What a lease leaves behind is pinned as long as the client keeps the ring: over a restart, too."""
    def refused_beside(area, ring):
        with Connection("alice") as alice, alice.acquire() as lease:
            error = refusal(lease.register, ring, area, areaSize=1 << 20)
        assert (error.name, error.parameters["limit"]) == ("QuotaExceeded", "max-area")

    with new_area(2 << 20) as area, new_ring() as ring:
        with new_ring() as kept:
            with Connection("alice") as alice, alice.acquire() as lease:
                lease.register(kept, area, areaSize=2 << 20)
            machine.until(lambda: not machine.leases())
            refused_beside(area, ring)
            machine.systemctl("restart", "zcrxd")
            refused_beside(area, ring)
        with Connection("alice") as alice, alice.acquire() as lease:
            lease.register(ring, area, areaSize=2 << 20)


def test_max_lease_time_caps(alice, root):
    for asked in {}, {"timeToLiveUSec": 1000 * HOUR}:
        with alice.acquire(**asked) as lease:
            life = lease.description["expiryUSec"] - lease.description["creationUSec"]
            assert abs(life - HOUR) < HOUR / 100
            lease.call("Renew", timeToLiveUSec=HOUR // 2)
            renewed = alice.leases()[0]["expiryUSec"]
            assert renewed < lease.description["expiryUSec"] - HOUR / 3
            lease.call("Renew", timeToLiveUSec=1000 * HOUR)
            assert abs(alice.leases()[0]["expiryUSec"] - lease.description["expiryUSec"]) < HOUR / 2
        machine.until(lambda: not machine.leases())
    with root.acquire() as lease:
        assert "expiryUSec" not in lease.description


def test_flows_by_value_only_as_listed(alice):
    with alice.acquire() as lease, new_ring() as ring, new_area() as area:
        lease.register(ring, area)
        for flow in ({"protocol": "tcp4", "destination": "10.9.0.1", "destinationPort": 9000},
                     {"protocol": "tcp6", "destination": "fd09::1", "destinationPort": 9999},
                     {"protocol": "tcp4", "destinationPort": 443},
                     {"protocol": "tcp4", "destination": "10.9.0.1", "destinationPort": 9500,
                      "source": "10.9.0.2"}):
            assert lease.add_flow(**flow)["flows"] == [flow]
        for flow in ({"protocol": "tcp4", "destination": "10.9.0.1", "destinationPort": 8999},
                     {"protocol": "tcp4", "destination": "10.9.0.2", "destinationPort": 9001},
                     {"protocol": "tcp4", "destinationPort": 9002},
                     {"protocol": "tcp4", "destination": "10.9.0.0/24", "destinationPort": 9003},
                     {"protocol": "tcp4", "destination": "10.9.0.1"},
                     {"protocol": "tcp6", "destination": "fd0a::1", "destinationPort": 9000},
                     {"protocol": "tcp6", "destinationPort": 9000}):
            error = refusal(lease.add_flow, **flow)
            assert error.name == "FlowNotProved"
            assert "line 12 (user alice)" in error.message
        assert len(machine.rules_to(lease.queues[0])) == 4


def test_administering(alice, bob, root):
    victim = root.call("Acquire", persistent=True)["lease"]["leaseId"]
    for method, parameters in (("Apply", {}), ("Reload", {}), ("Revoke", {"leaseId": victim})):
        error = refusal(alice.call, method, **parameters)
        assert error.name == "PermissionDenied"
        assert "Only administrators may" in error.message
    # bob's rule makes him one, for whatever else he may not do.
    assert bob.call("Apply", interface="zc0")["changes"] == []
    assert "vnet0" in bob.call("Reload")["warnings"][0]
    bob.call("Revoke", leaseId=victim, reason="tidying up")
    assert root.leases() == []


def test_a_persistent_lease_is_its_users(alice, bob, root):
    lease = alice.call("Acquire", persistent=True)["lease"]
    assert (lease["persistent"], lease["selfRegistered"]) == (True, False)
    for other in bob, root:
        for method, more in (("Open", {}), ("Release", {}), ("Renew", {"timeToLiveUSec": 1})):
            assert refusal(other.call, method, leaseId=lease["leaseId"],
                           **more).name == "PermissionDenied"
    with Connection("alice") as later:
        later.call("Open", leaseId=lease["leaseId"])
        assert later.handler.received[0] is not None
        later.call("Release", leaseId=lease["leaseId"])
    assert root.leases() == []


def test_accounts_are_looked_up_when_they_come_and_go(root):
    """The file may name it before there is one; and when it is gone, its number is somebody else's."""
    text = CONFIG + "  - user: late\n    interfaces: [zc0]\n"
    machine.write_config(text)
    root.call("Reload")
    with Connection("mallory") as mallory:
        assert "(user late) is for an account that does not exist now" in refusal(
            mallory.call, "Acquire", interface="zc0").message
    machine.run("useradd", "-M", "-U", "late")
    uid = str(pwd.getpwnam("late").pw_uid)
    try:
        with Connection("late") as late:
            machine.until(lambda: may_lease(late))
        machine.run("userdel", "late")
        machine.run("useradd", "-M", "-U", "-u", uid, "other")
        with Connection("other") as other:
            machine.until(lambda: not may_lease(other))
    finally:
        for name in "late", "other":
            subprocess.run(["userdel", name], check=False)
        machine.configure.current = None
        machine.configure(CONFIG)


def may_lease(user):
    """Whether it could; by a lease that ends at once."""
    try:
        with user.acquire(interface="zc0"):
            return True
    except Error as error:
        assert error.name == "PermissionDenied"
        return False
