# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plans on the kernel: whichever step fails, the NIC is as it was found; what leases are in the way
of waits for them, and they do not notice; what drivers make different is met by steps."""

import contextlib
import socket
import subprocess

import machine
import nl
import pytest
import simnic
from client import Connection, Error, new_area, new_ring

CONFIG = machine.config(zc0="    rx-ring: 256\n")
STEPS = ["tcp-data-split", "hds-threshold", "rings", "ntuple-feature", "rss", "channels"]
ONE_CALL = STEPS[:3]
EBUSY = 16
RINGS_GET, CHANNELS_GET, FEATURES_GET, RSS_GET = 15, 17, 11, 38


def picture():
    """What plans change, as the kernel shows it."""
    return [nl.ethtool(command, "zc0") for command in (
        FEATURES_GET, RINGS_GET, CHANNELS_GET, RSS_GET)]


def interface(link):
    return link.call("Describe")["interfaces"][0]


def unconfigure(link):
    """zc0 as it may have been found, and zcrxd knows nothing else. It leaves alone what it has
    restored."""
    link.call("Restore", interface="zc0")
    nl.rss_set("zc0")
    nl.channels_set("zc0", 6)  # the default table of 4 is what the plan wants, and no step
    nl.rings_set("zc0", split=0, thresh=256, rx=512)
    nl.feature_set("zc0", "rx-ntuple-filter", False)


@pytest.fixture(autouse=True)
def nothing_left(configured):
    """As everywhere; but here there may be queues that the NIC does not have at the moment."""
    yield
    machine.until(lambda: not machine.leases() and not machine.netkits())
    assert not machine.rule_count()


@pytest.fixture
def found(configured):
    """zc0 unconfigured, and configured again afterwards. Each time anew: what failed is tried again
    after a second."""
    with Connection() as link:
        unconfigure(link)
        yield picture()
        simnic.lift_faults()
        link.call("Apply")
        assert interface(link)["state"] == "configured"


@pytest.fixture(autouse=True)
def no_faults(nothing_left):
    yield
    simnic.lift_faults()


@pytest.mark.parametrize("operation, failed", [
    ("ringparam", "tcp-data-split"), ("features", "ntuple-feature"), ("rxfh", "rss"),
    ("channels", "channels")])
def test_a_failed_step_is_undone(root, found, operation, failed):
    simnic.fail(operation, 1, 0, EBUSY)
    changes = root.call("Apply")["changes"]
    index = STEPS.index(failed)
    at_once = ONE_CALL if failed in ONE_CALL else [failed]
    assert [(change["step"], change["outcome"]) for change in changes] == [
        (step, "failed" if step in at_once else "undone" if i < index else "skipped")
        for i, step in enumerate(STEPS)]
    assert picture() == found
    reason = interface(root)["reason"]
    assert f"Cannot set {failed} of zc0" in reason and "restored" not in reason


def test_a_failed_undo_is_reported(root, found):
    """What cannot be put back is said, and made good by the next apply."""
    simnic.fail("channels", 1, 0, EBUSY)
    simnic.fail("ringparam", 100, 1, EBUSY)
    changes = {change["step"]: change for change in root.call("Apply")["changes"]}
    assert changes["channels"]["outcome"] == "failed"
    assert changes["rings"]["outcome"] == "undo-failed"
    assert "injected failure of ringparam" in changes["rings"]["message"]
    assert changes["rss"]["outcome"] == "undone"
    reason = interface(root)["reason"]
    assert "It could not be restored: rings is 256, was 512, and" in reason
    simnic.lift_faults()
    assert {change["outcome"] for change in root.call("Apply")["changes"]} == {"done"}
    assert interface(root)["state"] == "configured"


def carve_out(link, queues):
    """Has so many queues for zero-copy receive; what is said of that."""
    machine.write_config(CONFIG.replace("zero-copy-queues: 4", f"zero-copy-queues: {queues}"))
    said = link.call("Reload")
    return said["warnings"] + said["waiting"]


@contextlib.contextmanager
def configured_by(*commands):
    """Routes and devices, for some time: what is to be run, and what takes it back."""
    with contextlib.ExitStack() as undo:
        for do, back in commands:
            machine.run("ip", *do.split())
            undo.callback(machine.run, "ip", *back.split())
        yield


@contextlib.contextmanager
def logged_in(port, address="0.0.0.0", family=socket.AF_INET):
    """Somebody of the peer has a connection to this port."""
    with machine.listener(family, address, port), simnic.peer_socket(socket.AF_INET, socket.SOCK_STREAM) as peer:
        peer.connect((machine.HOST4, port))
        yield


SERVER = "import socket; s = socket.create_server(('', {})); c = s.accept(); c[0].recv(1)"


@contextlib.contextmanager
def ssh_service(port):
    """A server at another port is sshd's by the service that it is."""
    machine.run("systemd-run", "--unit=ssh", "python3", "-c", SERVER.format(port))
    try:
        with simnic.peer_socket(socket.AF_INET, socket.SOCK_STREAM) as peer:
            machine.until(lambda: peer.connect_ex((machine.HOST4, port)) == 0)
            yield
    finally:
        subprocess.run(["systemctl", "stop", "ssh"])  # it may have ended


def route(words):
    return (f"route add {words}", f"route del {words}")


WAYS = {
    "halves": (lambda: configured_by(route("0.0.0.0/1 dev zc0"), route("128.0.0.0/1 dev zc0")),
               "default-route", "zc0 carries routes to 100 % of all IPv4 addresses"),
    "halves of IPv6": (lambda: configured_by(route("::/1 dev zc0"), route("8000::/1 dev zc0")),
                       "default-route", "zc0 carries routes to 100 % of all IPv6 addresses"),
    "a table": (lambda: configured_by(
        route("default dev zc0 table 77"), ("rule add from 10.9.0.1 lookup 77",
                                            "rule del from 10.9.0.1 lookup 77")),
        "default-route", "zc0 carries the default route"),
    "a VLAN": (lambda: configured_by(
        ("link add link zc0 name zc0.5 type vlan id 5", "link del zc0.5"),
        ("link set zc0.5 up", "link set zc0.5 down"), ("route add default dev zc0.5 metric 9", "link set zc0.5 up")),
        "default-route", "zc0 carries the default route"),
    "ssh": (lambda: logged_in(22), "ssh", "The route to 10.9.0.2, the peer of an ssh session"),
    "ssh by IPv6": (lambda: logged_in(22, "::", socket.AF_INET6), "ssh", "The route to 10.9.0.2, the peer"),
    "sshd at another port": (lambda: ssh_service(2222), "ssh", "The route to 10.9.0.2, the peer of"),
    "nothing": (lambda: logged_in(2223), None, None),
}


@pytest.mark.parametrize("way", WAYS)
def test_apply_does_not_cut_administrators_off(root, found, way):
    """Whatever leads out by zc0, or back to who is logged in, is not interrupted without force."""
    how, subject, words = WAYS[way]
    with how():
        if not subject:
            root.call("Apply", interface="zc0")
            return
        with pytest.raises(Error) as refused:
            root.call("Apply", interface="zc0")
        assert refused.value.parameters["state"] == subject
        assert words in refused.value.message
        assert "zcrxctl apply --force --confirm-within 60s zc0" in refused.value.message
        assert picture() == found


@contextlib.contextmanager
def bound(link):
    with link.acquire() as lease, new_ring() as ring, new_area() as area:
        lease.register(ring, area)
        yield lease


def test_plans_do_not_disturb_leases(root):
    """More is carved out at once; giving back ends at the lowest leased queue, and goes on when its
    lease ends. The leased ones are as they were."""
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        low, high = first.enter_context(bound(root)), second.enter_context(bound(root))
        assert (low.queues, high.queues) == ([4], [5])
        before = [nl.queue_get("zc0", queue) for queue in (4, 5)]
        bounces = simnic.counters().get("bounces")
        assert carve_out(root, 6) == []
        assert set(simnic.indirection()) == {0, 1}
        warning, = carve_out(root, 2)
        assert f"waits for lease {low.id} (queue 4), lease {high.id} (queue 5)" in warning
        assert set(simnic.indirection()) == {0, 1, 2, 3}
        change, = root.call("Plan")["changes"]
        assert (change["step"], change["blockedBy"]) == ("rss", [low.id, high.id])
        first.close()
        machine.until(lambda: set(simnic.indirection()) == {0, 1, 2, 3, 4})
        assert nl.queue_get("zc0", 5) == before[1]
        assert simnic.counters().get("bounces") == bounces
    machine.until(lambda: set(simnic.indirection()) == {0, 1, 2, 3, 4, 5})
    assert carve_out(root, 4) == []
    assert interface(root)["state"] == "configured"


@pytest.mark.parametrize("quirks", [["separate-channels"], ["split-gro-hw"], ["table-rewritten"],
                                    ["split-fixed", "threshold-none"]], ids="+".join)
def test_quirks(root, quirks):
    """Configured in spite of them: the kernel takes an ifq, and nothing is left to do."""
    unconfigure(root)
    nl.rings_set("zc0", thresh=0)  # a driver without a threshold could not change it
    with simnic.quirks(*quirks):
        try:
            assert {change["outcome"] for change in root.call("Apply")["changes"]} == {"done"}
            assert interface(root)["state"] == "configured"
            assert root.call("Plan")["changes"] == []
            with bound(root):
                pass
            machine.until(lambda: not machine.leases() and machine.is_clean())
        finally:
            root.call("Restore", interface="zc0")
    root.call("Apply")
