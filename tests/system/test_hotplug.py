# SPDX-License-Identifier: LGPL-2.1-or-later
"""The NIC comes, goes, moves and changes under the daemon and its clients: a receiver is told what
happened and loses no byte, what is lost comes back, and nothing of ours is left behind."""

import contextlib
import json
import pathlib
import select
import shutil
import socket

import machine
import pytest
import simnic
from client import new_area, new_ring
from machine import HOST4, listener, run
from test_spread import contexts

PORT = 9001
MUCH = 1 << 20
MAC, ANOTHER_MAC = (f"02:7a:63:6e:00:{last:02x}" for last in (0, 0x99))
ENTRIES = {"name": "name: zc0", "driver": "driver: zcnic", "mac": f"mac: {MAC}",
           "path": "path: platform-zcnic.0"}
UDEV = pathlib.Path("/run/udev/data")  # udev itself does not run here
DRIVER = pathlib.Path("/sys/bus/platform/drivers/zcnic")
AWAY = "zcrx-away"


def configure(entry, grants="auto"):
    """Has the daemon find its NIC by this, and use no other than this kind of grant."""
    text = machine.config(grants).replace("name: zc0", ENTRIES[entry])
    reload(text)


def reload(text):
    """As machine.configure, without a process."""
    machine.write_config(text)
    machine.call("Reload")
    machine.configure.current = text


def interfaces():
    replies = machine.call("Describe")[0]["parameters"]["interfaces"]
    return {found["name"]: found for found in replies}


def state(name="zc0"):
    return interfaces().get(name, {}).get("state")


def is_configured():
    return state() == "configured"


def links():
    return [name for _, name in socket.if_nameindex()]


def unplug():
    (DRIVER / "unbind").write_text("zcnic.0")


def plug():
    (DRIVER / "bind").write_text("zcnic.0")


def move_away():
    run("ip", "link", "set", "zc0", "netns", "peer")


def move_back():
    run("ip", "-n", "peer", "link", "set", "zc0", "netns", "1")


def said_on(handle):
    """What the daemon leaves on a handle that it hangs up, which is what the library reads."""
    poll = select.poll()
    poll.register(handle, 0)
    assert poll.poll(machine.PATIENCE * 1000)[0][1] & select.POLLHUP
    with socket.socket(fileno=handle) as s:
        text = s.recv(4096)
        s.detach()
    return json.loads(text)


def received(queue):
    return simnic.counters().get(f"rx{queue}_zc_bytes", 0)


def more(queue):
    """Much more arrives, by zero copy."""
    before = received(queue)
    machine.until(lambda: received(queue) > before + MUCH, 2 * machine.PATIENCE)


@pytest.fixture(name="udev")
def fixture_udev():
    """Its database, when the daemon starts."""
    UDEV.mkdir(parents=True)
    machine.systemctl("restart", "zcrxd")
    yield
    shutil.rmtree(UDEV)


def udev_writes():
    """As it does: a file a device, replaced whole, some time after the device has come."""
    draft = UDEV / ".#draft"
    draft.write_text("I:1\nE:ID_PATH=platform-zcnic.0\n", encoding="ascii")
    draft.rename(UDEV / f"n{socket.if_nametoindex('zc0')}")


@pytest.fixture(autouse=True)
def as_it_was():
    """Whatever became of it, afterwards zc0 is there, called so, and reached as before."""
    yield
    if "zc0" not in links():
        with contextlib.suppress(AssertionError):
            move_back()
        if AWAY in links():
            run("ip", "link", "set", AWAY, "name", "zc0")
        if "zc0" not in links():
            plug()
    run("ip", "link", "set", "zc0", "address", MAC, "mtu", "1500")
    run("ip", "-n", "peer", "-batch", "-", input="link set zc1 mtu 1500\nneigh flush dev zc1\n")
    simnic.addresses()
    reload(machine.config())
    machine.until(is_configured)


@contextlib.contextmanager
def steered(client, queues=1):
    """A lease with an ifq on each queue and a listener: one rule, and a context if several."""
    with client.acquire(queues=queues) as lease, contextlib.ExitStack() as stack:
        for i in range(queues):
            lease.register(stack.enter_context(new_ring()), stack.enter_context(new_area()),
                           queue=i)
        lease.add_socket(stack.enter_context(listener()))
        yield lease


@contextlib.contextmanager
def traffic():
    """A receiver under endless traffic, checked byte by byte; its lease, and at the end (when the
    sender is gone) what it found."""
    with machine.receiver(PORT, "--verify", "--area", str(8 << 20)) as receiving, \
            machine.Program("zcrxperf", "send", HOST4, "--port", str(PORT), peer=True) as sending:
        lease = machine.lease_of(receiving.pid)
        more(lease["hardwareQueues"][0])

        def finish():
            sending.kill()
            result = receiving.result()
            assert result["wrongBytes"] == 0 and result["zeroCopyBytes"] > MUCH
            return result

        yield lease, receiving, finish


# --------------------------------------------------------------------------- coming, going


@pytest.mark.parametrize("entry", ["name", "mac", "path"])
def test_it_appears_and_is_renamed(entry, request):
    """After the daemon, that knows it by this. Then it is called something else: what is known by
    its name goes on without an entry, what is known by anything else is the same."""
    if entry == "path":
        request.getfixturevalue("udev")
    root = request.getfixturevalue("root")
    unplug()
    configure(entry)
    missing = interfaces()["zc0" if entry == "name" else ENTRIES[entry].replace(":", "", 1)]
    assert missing["state"] == "missing"
    plug()
    if entry == "path":
        assert state() is None
        udev_writes()
    machine.until(is_configured)
    simnic.addresses()
    with steered(root) as lease:
        run("ip", "link", "set", "zc0", "name", AWAY)
        machine.until(lambda: AWAY in interfaces())
        found = interfaces()
        assert (machine.rule_count(AWAY), lease.state()) == (1, "steered")
        if entry == "name":
            assert (found[AWAY]["state"], found["zc0"]["state"]) == ("degraded", "missing")
            assert "renamed" in found[AWAY]["reason"]
        else:
            assert (found[AWAY]["state"], len(found)) == ("configured", 1)
            root.acquire(interface=AWAY).close()
        run("ip", "link", "set", AWAY, "name", "zc0")
        machine.until(is_configured)
        assert (machine.rule_count(), lease.state()) == (1, "steered")
    machine.until(machine.is_clean)


def test_renamed_and_restarted(root):
    """A lease goes on under the new name of its NIC, which has no entry: for each next daemon, too."""
    configure("name")
    with steered(root):
        run("ip", "link", "set", "zc0", "name", AWAY)
        machine.until(lambda: AWAY in interfaces())
        for _ in range(2):
            machine.systemctl("restart", "zcrxd")
            assert [found["state"] for found in machine.leases()] == ["steered"]
            assert machine.rule_count(AWAY) == 1
        run("ip", "link", "set", AWAY, "name", "zc0")
        machine.until(is_configured)
    machine.until(machine.is_clean)


@pytest.mark.parametrize("grants", ["auto", "direct"])
def test_an_interface_removed_under_traffic_ends_its_leases(grants, root):
    """Its receiver is told why, and ends. When it comes back the next lease is as good as the
    first."""
    configure("name", grants)
    with traffic() as (_, receiving, _):
        unplug()
        receiving.wait_for("The lease is gone: .*interface is gone; nothing more can arrive")
        assert receiving.finish() != 0
    machine.until(lambda: state() == "missing" and not machine.leases())
    assert not machine.netkits()
    plug()
    simnic.addresses()
    machine.until(is_configured)
    assert machine.is_clean()
    with steered(root):
        assert machine.rule_count() == 1
    machine.until(machine.is_clean)


def test_an_interface_moved_to_another_namespace_ends_its_leases(root):
    """It goes there with our rules and RSS context on it, and comes back with them: they lead to
    nobody's queues, and are removed."""
    configure("name")
    with steered(root) as one, steered(root, queues=2) as two:
        move_away()
        for lease in one, two:
            end = said_on(lease.handle)
            assert end["end"] == "interface-gone"
        machine.until(lambda: not machine.leases())
        assert not machine.netkits()
        travelled = run("ip", "netns", "exec", "peer", "ethtool", "-n", "zc0")
        assert travelled.count("Filter:") == 2 and "RSS Context" in travelled, travelled
    move_back()
    simnic.addresses()
    machine.until(is_configured)
    machine.until(machine.is_clean)
    assert not contexts()
    with root.acquire(queues=len(machine.ZERO_COPY)):
        pass


def test_a_renamed_netkit_device_keeps_its_lease(root):
    """A lease's device under another name is still the lease's: for this daemon by its index, for the
    next one by its alias. It goes with the lease."""
    configure("name")
    with steered(root) as lease:
        run("ip", "link", "set", machine.netkits()[0], "name", "mine0")
        machine.systemctl("restart", "zcrxd")
        assert [found["state"] for found in machine.leases()] == ["steered"]
        assert "mine0" in links()
        lease.close()
        machine.until(lambda: "mine0" not in links() and machine.is_clean())


@pytest.mark.parametrize("running", [True, False])
def test_a_moved_netkit_device_ends_its_lease(root, running):
    """In another network namespace it is not deleted, and says so: the lease ends for that reason, and
    the device is deleted there, for otherwise the queue would stay where nobody looks."""
    configure("name")
    with steered(root) as lease:
        netkit = machine.netkits()[0]
        if not running:
            machine.systemctl("stop", "zcrxd")
        run("ip", "link", "set", netkit, "netns", "peer")
        if not running:
            machine.systemctl("start", "zcrxd")
        end = said_on(lease.handle)
        assert "its netkit device was moved to another network namespace" in end["reason"], end
        machine.until(machine.is_clean)
        assert netkit not in run("ip", "-n", "peer", "-br", "link")
        assert not machine.leases()


def waits(pid):
    """In the kernel, for a lock."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return stat.rpartition(")")[2].split()[0] == "D"


def test_renamed_in_the_middle(root):
    """Behind a slow driver, a call finds the name gone that it was made with: the flow is steered
    all the same, on the interface that was meant."""
    configure("driver")
    with root.acquire() as lease, new_ring() as ring, new_area() as area, listener() as sock:
        lease.register(ring, area)
        simnic.fail("channels", 1, 0, 5, 3000, device="zcnic.1")
        with machine.Program("ethtool", "-L", "zc1", "combined", "5", peer=True) as slow:
            machine.until(lambda: waits(slow.pid))
            with machine.Program("ip", "link", "set", "zc0", "name", AWAY) as renaming:
                machine.until(lambda: waits(renaming.pid))
                lease.add_socket(sock)
                assert renaming.finish() == 0
        assert machine.rule_count(AWAY) == 1
        run("ip", "link", "set", AWAY, "name", "zc0")
    machine.until(machine.is_clean)


# ------------------------------------------------------------------------------- changing


def flap():
    run("ip", "link", "set", "zc0", "down")
    simnic.addresses()


def mtu():
    run("ip", "link", "set", "zc0", "mtu", "4000")
    run("ip", "-n", "peer", "link", "set", "zc1", "mtu", "4000")


def mac():
    run("ip", "link", "set", "zc0", "address", ANOTHER_MAC)
    run("ip", "-n", "peer", "neigh", "flush", "dev", "zc1")


def test_link_changes_under_traffic_lose_nothing():
    """A receiver does not notice, and everything of it is by zero copy."""
    configure("mac")
    machine.systemctl("restart", "zcrxd")  # the first drifts of a daemon are repaired at once
    with simnic.quirks("rules-lost"), traffic() as (lease, _, finish):
        for change in flap, mtu, mac:
            change()
            machine.until(machine.rule_count)
            more(lease["hardwareQueues"][0])
            assert machine.leases()[0]["state"] == "steered", change
            machine.until(is_configured)
        run("ip", "-n", "peer", "link", "set", "zc1", "mtu", "1500")
        assert not finish()["leaseLost"]
