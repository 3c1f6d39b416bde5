# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interface as others see it: varlinkctl, and python's own varlink library, which passes
descriptors, too. (varlinkctl 257 passes none.)"""

import json
import os
import re
import socket
import subprocess

import machine
import pytest
from client import INTERFACE, MINUTE, new_area, new_ring
from machine import HOST4, until
from varlink.scanner import _Error, _Method

METRICS = "io.systemd.Metrics"
METHODS = {"Describe", "ListLeases", "Acquire", "Open", "Register", "Share", "AddFlow", "RemoveFlow",
           "Release", "Renew", "Tune", "Watch", "Explain", "Plan", "Apply", "Confirm", "Restore",
           "Revoke", "Reload"}
ERRORS = {"NoSuchInterface", "NoSuchLease", "NoSuchFlow", "NoQueueAvailable", "QuotaExceeded",
          "InvalidFlow", "FlowNotProved", "FlowConflict", "InvalidRing", "InvalidArea",
          "WrongState", "NotSupported", "InterfaceDown", "KernelRejected"}


def varlinkctl(*arguments, status=0):
    done = subprocess.run(["varlinkctl", "--no-pager", *arguments], capture_output=True, text=True,
                          timeout=machine.PATIENCE)
    assert done.returncode == status, (arguments, done.stdout, done.stderr)
    return done.stdout + done.stderr


def call(method, error=None, **parameters):
    """A call by varlinkctl; what was answered, or the text of the error."""
    said = varlinkctl("--json=short", "call", machine.SOCKET, f"{INTERFACE}.{method}",
                      json.dumps(parameters), status=1 if error else 0)
    if error:
        assert error in said
        return said
    return json.loads(said) if said.strip() else {}


# ------------------------------------------------------------------------------ introspection


def test_getinfo_names_the_interface(root):
    info = json.loads(varlinkctl("--json=short", "info", machine.SOCKET))
    assert info["product"] == "zcrxd"
    assert info["version"] == root.call("Describe")["version"]
    assert set(info["interfaces"]) >= {INTERFACE, METRICS, "org.varlink.service"}


def test_the_interface_is_complete(root):
    assert {name for name, member in root.interface.members.items()
            if isinstance(member, _Method)} == METHODS
    assert {name for name, member in root.interface.members.items()
            if isinstance(member, _Error)} == ERRORS
    assert root.interface.doc.strip()
    listed = varlinkctl("list-methods", machine.SOCKET, INTERFACE).split()
    assert {name.rsplit(".", 1)[1] for name in listed if name.startswith(INTERFACE)} == METHODS


@pytest.mark.parametrize("interface", [INTERFACE, METRICS])
def test_everything_in_it_is_documented(interface):
    lines = varlinkctl("introspect", machine.SOCKET, interface).splitlines()
    bare = [line for before, line in zip([""] + lines, lines)
            if re.match(r"(type|method|error|\t\w+:)|\t\w+,?$", line)
            and not before.strip().startswith("#")]
    assert bare == []


def test_the_registry_knows_it():
    assert "method Acquire" in varlinkctl("introspect", "/run/varlink/registry/" + INTERFACE,
                                          INTERFACE)


def test_systemd_report_finds_it_and_its_metrics():
    """It goes through this folder, calls List, and takes what is called after the socket."""
    lines = varlinkctl("--more", "--json=short", "call", "/run/systemd/report/io.zcrx", METRICS + ".List", "{}")
    metrics = [json.loads(line) for line in lines.replace("\x1e", "").splitlines()]  # a JSON sequence
    assert all(re.fullmatch(r"io\.zcrx\.[a-z]+(_[a-z]+)*", metric["name"]) for metric in metrics)
    assert {"name": "io.zcrx.queues", "object": "zc0", "fields": {"state": "free"}, "value": 4} in metrics


# ---------------------------------------------------------------------------- varlinkctl calls


def test_every_method_by_varlinkctl():
    assert {i["name"] for i in call("Describe")["interfaces"]} == {"zc0"}
    assert varlinkctl("--more", "call", machine.SOCKET, INTERFACE + ".ListLeases", "{}")

    lease = call("Acquire", interface="zc0", persistent=True, timeToLiveUSec=MINUTE)["lease"]
    number = lease["leaseId"]
    assert call("ListLeases", leaseId=number)["lease"] == lease
    assert call("Open", leaseId=number) == {"handleFileDescriptor": 0}
    call("Renew", leaseId=number, timeToLiveUSec=2 * MINUTE)
    assert call("ListLeases", leaseId=number)["lease"]["expiryUSec"] > lease["expiryUSec"]
    # The ring would be varlinkctl's, and the area cannot be sent.
    call("Register", "InvalidParameter", leaseId=number, queue=0, ring=0, areaFileDescriptor=0,
         areaSize=4096, refillEntries=1)
    call("AddFlow", "WrongState", leaseId=number, flow={"protocol": "tcp4", "destinationPort": 7})
    call("RemoveFlow", "NoSuchFlow", leaseId=number, flowId="1")
    call("Release", leaseId=number)
    call("Release", "NoSuchLease", leaseId=number)

    lease = call("Acquire", persistent=True,
                 flows=[{"protocol": "tcp4", "destinationPort": 9999}])["lease"]
    call("RemoveFlow", leaseId=lease["leaseId"], flowId=lease["flows"][0]["flowId"])
    added = call("AddFlow", leaseId=lease["leaseId"],
                 flow={"protocol": "tcp6", "destination": "fd09::1", "destinationPort": 9998})
    assert added["flows"] == [{"protocol": "tcp6", "destination": "fd09::1",
                               "destinationPort": 9998}]
    assert len(machine.rules()) == 1
    call("Revoke", leaseId=lease["leaseId"], reason="enough")
    assert machine.rules() == []

    assert call("Plan") == {"changes": [], "warnings": []}
    assert call("Apply", interface="zc0", force=True) == {"changes": []}
    assert call("Reload") == {"waiting": [], "warnings": []}
    call("Watch", "ExpectedMore")


def test_watch_by_varlinkctl():
    with machine.Program("varlinkctl", "-E", "--json=short", "call", machine.SOCKET,
                         INTERFACE + ".Watch", "{}") as watching:
        watching.wait_for(r"^\x1e\{\}$")  # it is a JSON text sequence
        lease = call("Acquire", persistent=True)["lease"]["leaseId"]
        call("Release", leaseId=lease)
        watching.wait_for('"freed"')
    events = [json.loads(text)["event"] for text in watching.said["stdout"].split("\x1e")[2:]]
    assert [event["event"] for event in events] == ["acquired", "draining", "freed"]
    assert {event["leaseId"] for event in events} == {lease}


def test_errors_reach_varlinkctl():
    call("Nonsense", "MethodNotFound")
    call("Acquire", "InvalidParameter", queues="many")
    call("Release", "InvalidParameter")
    call("Describe", "InvalidParameter", nonsense=1)


# ------------------------------------------------------------------- python's varlink library


def test_a_lease_by_the_python_library(alice):
    """All of it but receiving: handle, area and socket go as descriptors."""
    lease = alice.acquire(name="python", queues=1, timeToLiveUSec=MINUTE)
    with lease, new_ring() as ring, new_area() as area, machine.listener() as sock:
        assert lease.description["name"] == "python"
        assert lease.description["ownerPid"] == os.getpid()
        assert lease.description["grant"] == "netkit"
        reply = lease.register(ring, area, eventUserData=7)
        assert reply["hardwareQueue"] == lease.queues[0]
        assert reply["refillSize"] >= reply["entriesOffset"] + 256 * 16
        assert reply["statsOffset"] > reply["entriesOffset"]
        assert reply["napiId"] > 0

        added = lease.add_socket(sock)
        assert added["flows"] == [{"protocol": "tcp4", "destination": HOST4,
                                   "destinationPort": sock.getsockname()[1]}]
        found, = alice.leases()
        assert [flow["flowId"] for flow in found["flows"]] == added["flowIds"]
        assert (found["state"], found["areaBytes"]) == ("steered", 1 << 20)
        lease.call("RemoveFlow", flowId=added["flowIds"][0])
        lease.call("Renew", timeToLiveUSec=MINUTE)
        lease.call("Release")
        assert alice.leases() == []
        assert machine.is_clean()


def test_a_handle_that_is_passed_on_is_the_lease(alice, bob):
    lease = alice.acquire()
    copy = os.dup(lease.handle)
    try:
        lease.close()
        # bob holds the last copy: he may act on it, and it lives.
        assert [found["leaseId"] for found in bob.leases()] == [lease.id]
        bob.call("Renew", leaseId=lease.id, handleFileDescriptor=0, fds=[copy],
                 timeToLiveUSec=MINUTE)
    finally:
        os.close(copy)
    until(lambda: not bob.leases())


def test_watch_by_python(root, alice):
    watching = root.stream("Watch")
    assert "event" not in next(watching)
    lease = alice.acquire()
    with lease, new_ring() as ring, new_area() as area, machine.listener() as sock:
        lease.register(ring, area)
        lease.add_socket(sock)
        lease.call("Release")
    events = []
    while not events or events[-1]["event"] != "freed":
        events.append(next(watching)["event"])
    assert [event["event"] for event in events] == [
        "acquired", "bound", "steered", "draining", "freed"]
    assert {(event["leaseId"], event["interface"]) for event in events} == {(lease.id, "zc0")}
    stamps = [event["timestampUSec"] for event in events]
    assert stamps == sorted(stamps)


def test_administration_by_python(root):
    assert root.call("Plan", interface="zc0")["changes"] == []
    assert root.call("Apply", interface="zc0", force=False)["changes"] == []
    assert root.call("Reload")["warnings"] == []
    with root.acquire() as lease:
        root.call("Revoke", leaseId=lease.id, force=False, graceUSec=0, reason="enough")
        assert root.leases() == []


def test_describe_by_python(root):
    description = root.call("Describe")
    assert description["kernel"]["release"] == os.uname().release
    assert all(description["kernel"][feature] for feature in (
        "zeroCopyReceive", "control", "largeBuffers", "software", "queueLeasing", "events"))
    zc0, = description["interfaces"]
    assert {key: zc0[key] for key in (
        "name", "index", "driver", "state", "combinedChannels", "zeroCopyFirst", "zeroCopyCount",
        "tcpDataSplit", "hdsThreshold", "rssQueues", "foreignRules")} == {
        "name": "zc0", "index": socket.if_nametoindex("zc0"), "driver": "zcnic",
        "state": "configured", "combinedChannels": 8, "zeroCopyFirst": 4, "zeroCopyCount": 4,
        "tcpDataSplit": "enabled", "hdsThreshold": 0, "rssQueues": 4, "foreignRules": 0}
    assert [queue["queue"] for queue in zc0["queues"]] == list(range(8))
    for queue in zc0["queues"]:
        assert queue.get("state") == (None if queue["queue"] < 4 else "free")
        assert queue["napiId"] > 0
        assert queue["receivedPackets"] >= 0 and queue["receivedBytes"] >= 0


@pytest.mark.parametrize("method", sorted(METHODS))
def test_unknown_parameters_are_refused(root, method):
    fields = root.interface.get_method(method).in_type.fields
    mandatory = {name: kind.__class__(1) for name, kind in fields.items()
                 if isinstance(kind, (str, int))}
    if method == "Explain":
        mandatory["flow"] = {"protocol": "tcp4", "destinationPort": 1}
    reply, = machine.call(method, **mandatory, nonsense=1)
    assert reply["error"] == "org.varlink.service.InvalidParameter"
    assert reply["parameters"]["parameter"] == "nonsense"
