# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a lease is good for, on the NIC of each driver. Each test that is of all drivers is a column
of docs/DRIVERS.md."""

import contextlib
import errno
import os
import signal
import time

import machine
import modes
import nl
import pytest
import simnic
from client import Connection, Error, new_area, new_ring
from machine import HOST4, until

SIZE = 1 << 20
ROOM = str(12 << 20)  # the ring, as much in the pool behind it, and room for what is copied
WIDER = machine.config().replace("channels: 8", "channels: 10").replace("queues: 4", "queues: 6")


def interface():
    return machine.call("Describe")[0]["parameters"]["interfaces"][0]


def received(queue):
    return simnic.counters().get(f"rx{queue}_zc_bytes", 0)


def more_in(queue):
    before = received(queue)
    until(lambda: received(queue) > before + SIZE)


@contextlib.contextmanager
def under_traffic():
    """A receiver's lease, under traffic until the block ends; then all of it came, right."""
    with machine.receiver(9001, "--verify", "--area", ROOM) as receiving, machine.Program(
            "zcrxperf", "send", HOST4, "--port", "9001", peer=True) as sending:
        lease = machine.lease_of(receiving.pid)
        more_in(lease["hardwareQueues"][0])
        result = {}
        yield lease, result
        sending.kill()
        result |= receiving.result()
        assert result["wrongBytes"] == 0


def test_configure(mode):
    """The NIC becomes what the configuration asks for, or says why not."""
    found = until(lambda: interface() if interface()["state"] != "missing" else None)
    if mode in modes.REFUSING:
        assert found["state"] == "degraded" and modes.REFUSING[mode] in found["reason"], found
        assert simnic.settings() == machine.found
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


def test_queues(mode):
    """A lease of two queues, with a ring each: spread by a context of its own, or, where there are
    none, on the queue that its flow was assigned to."""
    spreads = "no-contexts" not in modes.MODES[mode]
    with simnic.counted() as grown, machine.receiver(
            9001, "--verify", "--queues", "2", "--connections", "4") as receiving:
        lease = machine.lease_of(receiving.pid)
        assert ("rssContext" in lease) == spreads
        with machine.sender(HOST4, 9001, SIZE, "--connections", "4") as sending:
            assert sending.finish() == 0, sending.said
        result = receiving.result()
    machine.assert_zero_copy(result, 4 * SIZE)
    assert sum(queue["connections"] for queue in result["queues"]) == 4
    for queue in result["queues"]:
        if queue["connections"]:
            machine.assert_counted(grown, queue["hardwareQueue"], queue["bytes"])
    if not spreads:
        assert sum(queue["connections"] > 0 for queue in result["queues"]) == 1


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


def test_revoke(mode):
    """The queue is taken from under its client, which goes on by copying without losing a byte."""
    with under_traffic() as (lease, result):
        machine.call("Revoke", leaseId=lease["leaseId"], force=True, graceUSec=0)
        assert machine.is_clean() and not machine.leases()
        before = sum(v for k, v in simnic.counters().items() if k.endswith("_page_bytes"))
        until(lambda: sum(v for k, v in simnic.counters().items() if k.endswith("_page_bytes"))
              > before + SIZE)
    assert result["leaseLost"] and result["zeroCopyBytes"] > SIZE and result["copiedBytes"] > SIZE


def test_restart(mode):
    """The daemon is restarted under traffic, and nobody notices."""
    with machine.receiver(9001, "--verify") as receiving, \
            machine.sender(HOST4, 9001, 64 * SIZE) as sending:
        before = simnic.counters().get("bounces")
        # A slow driver holds up the end of the process that it works for.
        machine.systemctl("restart", "zcrxd", seconds=180)
        assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), 64 * SIZE)
        assert simnic.counters().get("bounces") == before


def test_drift(mode):
    """Somebody opens a way into the queue, and takes the rule away: both are repaired."""
    with under_traffic() as (lease, result):
        (queue,) = lease["hardwareQueues"]
        simnic.run("ethtool", "-X", "zc0", "default")
        until(lambda: set(simnic.indirection()) == {0, 1, 2, 3})
        simnic.run("ethtool", "-N", "zc0", "delete", str(simnic.rules()[0]))
        until(lambda: machine.rules_to(queue))
        more_in(queue)
        until(lambda: interface()["state"] == "configured")
    assert not result.get("leaseLost")


def test_plan(mode):
    """A change that would disturb a lease waits for it, by name, and follows when it has ended."""
    with under_traffic() as (lease, result):
        machine.write_config(WIDER)
        machine.call("Reload")
        (change,) = machine.call("Plan")[0]["parameters"]["changes"]
        assert (change["step"], change["blockedBy"]) == ("channels", [lease["leaseId"]])
        assert change["effect"] and lease["leaseId"] in change["message"]
        assert interface()["state"] == "degraded"
        more_in(lease["hardwareQueues"][0])
    assert not result.get("leaseLost")
    for queues in 6, 4:
        until(lambda: (interface()["state"], interface()["zeroCopyCount"])
              == ("configured", queues))
        assert set(simnic.indirection()) == {0, 1, 2, 3}
        assert machine.call("Plan")[0]["parameters"]["changes"] == []
        machine.write_config(machine.config())
        machine.call("Reload")


def detach(value):
    (simnic.DEBUGFS / "zcnic.0" / "detached").write_text(str(value))


def test_detached(mode):
    """The driver recovers from an error: nothing is taken for gone, by the daemon that is there nor by one
    that starts meanwhile."""
    with machine.receiver(9001, "--verify") as receiving:
        rules = machine.rule_count()
        detach(1)
        machine.systemctl("restart", "zcrxd", seconds=180)
        until(lambda: interface()["state"] == "degraded")
        assert "has detached zc0 for the moment" in interface()["reason"]
        assert [lease["state"] for lease in machine.leases()] == ["steered"]
        detach(0)
        until(lambda: interface()["state"] == "configured")
        assert machine.rule_count() == rules
        with machine.sender(HOST4, 9001, SIZE) as sending:
            assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), SIZE)


def test_a_lease_that_ends_while_detached(mode):
    """Its rules would be back with the interface: it is over when they are removed."""
    with machine.receiver(9001) as client:
        detach(1)
        client.kill()
        until(lambda: [lease["state"] for lease in machine.leases()] == ["quarantined"])
        detach(0)
        until(machine.is_clean)
        until(lambda: not machine.leases())


def test_reset(mode):
    """The device is reset under traffic: table, key and rules are lost, and nobody is told."""
    key = ":".join(f"{byte:02x}" for byte in simnic.rss_key())
    with under_traffic() as (lease, result):
        (queue,) = lease["hardwareQueues"]
        (simnic.DEBUGFS / "zcnic.0" / "reset").write_text("3")
        until(lambda: set(simnic.indirection()) == {0, 1, 2, 3})
        until(lambda: machine.rules_to(queue))
        more_in(queue)
        until(lambda: interface()["state"] == "configured")
    assert not result.get("leaseLost")
    simnic.run("ethtool", "-X", "zc0", "hkey", key)  # which zcrxd does not set


@pytest.mark.quirk("down-hides-rules")
def test_rules_do_not_outlive_their_lease(mode):
    with machine.receiver(9001) as client:
        simnic.run("ip", "link", "set", "zc0", "down")
        assert machine.rule_count() == 0
        client.kill()
        until(lambda: [lease["state"] for lease in machine.leases()] == ["quarantined"])
    simnic.addresses()
    until(lambda: not machine.leases())
    assert machine.is_clean()


@pytest.mark.quirk("one-field-set")
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


@pytest.mark.quirk("slow")
def test_nobody_waits_for_a_slow_driver(mode):
    with machine.Program("zcrxctl", "lease", "zc0", "--flow", "tcp4,dst-port=5") as leasing:
        until(machine.leases)
        start, answers = time.monotonic(), 0
        while leasing.process.poll() is None:
            assert machine.leases()
            answers += 1
        # Somebody who waited for the driver would have had one answer.
        assert answers > 3 and time.monotonic() - start > 2


@pytest.mark.quirk("rules-lost")
def test_lost_rules_come_back(mode):
    with machine.receiver(9001, "--verify") as receiving:
        rules = machine.rule_count()
        simnic.run("ip", "link", "set", "zc0", "address", "02:00:00:00:00:99")
        simnic.run("ip", "-n", "peer", "neigh", "flush", "dev", "zc1")  # it knows the old one
        until(lambda: machine.rule_count() == rules)
        with machine.sender(HOST4, 9001, SIZE) as sending:
            assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), SIZE)


@pytest.mark.quirk("failure-closes")
def test_what_the_driver_closed_is_up_again(mode):
    """A step with which the device cannot be opened: all is as before it, the link too."""
    machine.call("Restore", interface="zc0")
    simnic.fail("open", 1)
    changes = machine.call("Apply", interface="zc0")[0]["parameters"]["changes"]
    failed, *_ = (change for change in changes if change["outcome"] == "failed")
    assert "Its driver had closed zc0, which was brought up again" in failed["message"]
    # It was as before, and is tried again as soon as the link is up.
    until(lambda: interface()["state"] == "configured")
    assert "UP" in simnic.run("ip", "link", "show", "zc0")
    simnic.addresses()


@pytest.mark.quirk("bounces")
def test_all_of_the_ring_is_set_in_one_bounce(mode):
    """The split, its threshold and the size. The channels are another, and so is the RSS table if it changes."""
    machine.call("Restore", interface="zc0")
    machine.write_config(machine.config(zc0="    rx-ring: 2048\n"))
    with simnic.counted() as grown:
        machine.call("Reload")
        until(lambda: interface()["state"] == "configured")
    assert grown["bounces"] == 2 and nl.rings_get("zc0")[nl.RINGS_RX] == 2048
    with simnic.counted() as grown:
        machine.call("Restore", interface="zc0")
    assert grown["bounces"] == 3 and simnic.settings() == machine.found
    machine.write_config(machine.config())
    machine.call("Reload")
    until(lambda: interface()["state"] == "configured")


@pytest.mark.quirk("split-shrinks-rings")
def test_rings_that_the_split_shrinks_are_restored(mode):
    machine.call("Restore", interface="zc0")
    simnic.run("ethtool", "-G", "zc0", "rx", "4096")
    machine.call("Apply", interface="zc0")
    assert interface()["state"] == "configured" and nl.rings_get("zc0")[nl.RINGS_RX] == 2048
    changes = machine.call("Restore", interface="zc0")[0]["parameters"]["changes"]
    assert {change["outcome"] for change in changes} == {"done"}
    assert nl.rings_get("zc0")[nl.RINGS_RX] == 4096
    simnic.run("ethtool", "-G", "zc0", "rx", "1024")
    machine.call("Apply", interface="zc0")


@pytest.mark.quirk("few-filtered")
def test_too_many_channels_for_filters_are_taken_back(mode):
    machine.write_config(machine.config().replace("channels: 8", "channels: 16"))
    machine.call("Reload")
    found = until(lambda: interface() if interface()["state"] == "degraded" else None)
    assert "With 16 receive queues the driver of zc0 switches ntuple filters off" in found["reason"]
    assert simnic.channels() == 8 and "ntuple-filters: on" in simnic.run("ethtool", "-k", "zc0")
    machine.write_config(machine.config())
    machine.call("Reload")
    until(lambda: interface()["state"] == "configured")


@pytest.mark.quirk("bind-needs-up")
def test_down_is_refused(mode):
    simnic.run("ip", "link", "set", "zc0", "down")
    with Connection() as root, root.acquire() as lease, new_ring() as ring, new_area() as area:
        with pytest.raises(Error) as refused:
            lease.register(ring, area)
    simnic.addresses()
    assert refused.value.name == "InterfaceDown" and "ip link set zc0 up" in refused.value.message


@pytest.mark.quirk("no-contexts")
def test_flows_share_the_queues_without_contexts(mode):
    """Each to one of the lease's queues, and none to a queue without a ring."""
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(Connection())
        lease = stack.enter_context(root.acquire(queues=2))
        for queue in 0, 1:
            with pytest.raises(Error) as refused:
                lease.add_flow(protocol="tcp4", destinationPort=5)
            assert refused.value.name == "WrongState"
            lease.register(stack.enter_context(new_ring()), stack.enter_context(new_area()),
                           queue=queue)
        for port in 5, 6, 7, 8:
            lease.add_flow(protocol="tcp4", destinationPort=port)
        assert [len(machine.rules_to(queue)) for queue in lease.queues] == [2, 2]


@pytest.mark.quirk("pages-only")
def test_other_buffers_are_refused(mode):
    size = 2 << 20
    with machine.sysctl("vm/nr_hugepages", "1"), Connection() as root, root.acquire() as lease, \
            new_ring() as ring, new_area(size, flags=os.MFD_HUGETLB) as area:
        with pytest.raises(Error) as refused:
            lease.register(ring, area, areaSize=size, receiveBufferLength=16384)
        assert refused.value.name == "NotSupported"
        assert "buffers of 16384 bytes. Leave receiveBufferLength out" in refused.value.message
        # The lease is none the worse for it.
        assert lease.register(ring, area, areaSize=size)["receiveBufferLength"] == 4096


@pytest.mark.quirk("area-over-ring")
def test_areas_that_the_ring_uses_up(mode, named):
    """Of a driver that is not known it is told; of one that is known it is refused, with the size."""
    with machine.receiver(9001, "--area", str(4 << 20)) as receiving, machine.Program(
            "zcrxperf", "send", HOST4, "--port", "9001", peer=True):
        said = until(lambda: machine.lease_of(receiving.pid).get("shortage"))
        assert "The area is too small" in said and "better are 16777216" in said
    named("bnxt", "bnxt_en")
    with Connection() as root, root.acquire() as lease, new_ring() as ring:
        (shown,) = machine.leases()
        needed = shown["leastAreaBytes"]
        assert needed == (16 << 20) + (512 << 10)
        with new_area(4 << 20) as area, pytest.raises(Error) as refused:
            lease.register(ring, area, areaSize=4 << 20)
        assert refused.value.name == "InvalidArea" and f"at least {needed} bytes" in refused.value.message
        assert shown["recommendedAreaBytes"] == 36 << 20
    # What the library takes by itself is enough. The connection from before may still be closing.
    machine.assert_zero_copy(machine.transfer(9002, SIZE), SIZE)


@pytest.mark.quirk("buffer-range")
def test_buffers_that_are_too_long(mode, named):
    """Of a driver that is not known the kernel refuses them, of one that is known zcrxd, with its range."""
    size = 18 << 20
    with machine.sysctl("vm/nr_hugepages", str(size >> 21)):
        for driver, error, said in ((None, "InvalidArea", "take a shorter receiveBufferLength"),
                                    ("bnxt_en", "InvalidParameter", "4096 to 32768 bytes")):
            if driver:
                named("bnxt", driver)
            with Connection() as root, root.acquire() as lease, new_ring() as ring, \
                    new_area(size, flags=os.MFD_HUGETLB) as area:
                with pytest.raises(Error) as refused:
                    lease.register(ring, area, areaSize=size, receiveBufferLength=65536)
                assert refused.value.name == error and said in refused.value.message
                # The lease is none the worse for it.
                granted = lease.register(ring, area, areaSize=size, receiveBufferLength=32768)
                assert granted["receiveBufferLength"] == 32768


def napi_ids(lease):
    """As the kernel has them by now."""
    return [next(shown["napiId"] for shown in interface()["queues"] if shown["queue"] == queue)
            for queue in lease.queues]


@pytest.mark.quirk("napi-renewed")
def test_napi_ids_are_those_of_now(mode):
    """Somebody else's bind gives this lease's queue another one, which it is told within a second or so."""
    def told():
        return next(shown for shown in machine.leases() if shown["leaseId"] == first.id).get("napiIds")

    with Connection() as root, root.acquire() as first, new_ring() as ring, new_area() as area:
        before = first.register(ring, area)
        assert before["napiIds"] == [before["napiId"]] == napi_ids(first)
        with root.acquire() as other, new_ring() as ring, new_area() as area:
            other.register(ring, area)
            now = until(lambda: told() if told() != before["napiIds"] else None)
            assert now == napi_ids(first)


@pytest.mark.quirk("other-errnos")
def test_errnos_are_told_for_what_they_are(mode):
    def add(port):
        root.call("AddFlow", leaseId=lease["leaseId"], flow={"protocol": "tcp4", "destinationPort": port})

    def refused(port):
        with pytest.raises(Error) as error:
            add(port)
        assert error.value.name == "KernelRejected"
        return error.value.message

    with Connection() as root:
        lease = root.call("Acquire", persistent=True,
                          flows=[{"protocol": "tcp4", "destinationPort": 5}])["lease"]
        simnic.fail("rule_ins", 10, 0, errno.EAGAIN)
        assert "busy, or its driver resets it: try again" in refused(6)
        simnic.fail("rule_ins", 0)
        # Not at 1, where there is a rule that nobody sees.
        add(6)
        assert simnic.rules() == [0, 2]
        foreign = [simnic.rule_add("udp4", "dst-port", str(port), "action", "1", "loc", str(port))
                   for port in range(100, 130)]
        assert "full rule table" in refused(7)
        simnic.run("ethtool", "-N", "zc0", "delete", str(foreign.pop()))
        add(7)
    for location in foreign:
        simnic.run("ethtool", "-N", "zc0", "delete", str(location))


@pytest.mark.quirk("dry-stops-all")
def test_a_dry_queue_is_taken_back_before_it_stops_the_nic(mode, named):
    named("mlx5", "mlx5_core")
    with machine.receiver(9001, "--area", str(3 << 20), "--connections", "8") as stalled, \
            machine.Program("zcrxperf", "send", HOST4, "--port", "9001", "--connections", "8", peer=True):
        lease = machine.lease_of(stalled.pid)
        more_in(lease["hardwareQueues"][0])
        os.kill(stalled.pid, signal.SIGSTOP)
        until(lambda: machine.lease_of(stalled.pid).get("shortage"))
        with simnic.counted() as grown:
            result = machine.transfer(9002, SIZE)
        assert "dry_stops" not in grown
        machine.assert_zero_copy(result, SIZE)
        assert not [left for left in machine.leases() if left["leaseId"] == lease["leaseId"]]
        os.kill(stalled.pid, signal.SIGCONT)


def test_restore(mode):
    """The NIC is restored to its baseline; an Apply says what each step did, and configures it again."""
    machine.call("Restore", interface="zc0")
    assert simnic.settings() == machine.found
    planned, applied = (machine.call(method, interface="zc0")[0]["parameters"]["changes"]
                        for method in ("Plan", "Apply"))
    assert planned and {change.pop("outcome") for change in applied} == {"done"}
    # Only trying tells that a driver wants rx-gro-hw, or has rewritten the table meanwhile.
    assert all(change in applied for change in planned)
    assert {change["step"] for change in applied if change not in planned} <= {"gro-hw", "rss"}
    assert interface()["state"] == "configured"
    machine.call("Restore", interface="zc0")
    assert simnic.settings() == machine.found


@pytest.mark.quirk("contexts-lost")
def test_a_lost_context_is_made_again(mode):
    """The last one: what the kernel still lists keeps the channels from being lowered."""
    machine.call("Apply", interface="zc0")
    with machine.receiver(9001, "--verify", "--queues", "2", "--connections", "4") as receiving:
        first = machine.lease_of(receiving.pid)["rssContext"]
        rules = machine.rule_count()
        (simnic.DEBUGFS / "zcnic.0" / "reset").write_text("3")
        until(lambda: machine.lease_of(receiving.pid).get("rssContext", first) != first)
        until(lambda: machine.rule_count() == rules and interface()["state"] == "configured")
        with machine.sender(HOST4, 9001, SIZE, "--connections", "4") as sending:
            assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), 4 * SIZE)
    until(machine.is_clean)
    # Nor does what the kernel still lists keep anybody from the queues, or the next daemon.
    machine.systemctl("restart", "zcrxd", seconds=180)
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(Connection())
        lease = stack.enter_context(root.acquire(queues=4))
        for queue in range(4):
            lease.register(stack.enter_context(new_ring()), stack.enter_context(new_area()), queue=queue)
