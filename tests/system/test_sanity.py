# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls that make no sense: each is refused for what is wrong with it, and harms nobody."""

import contextlib
import fcntl
import json
import os
import socket

import machine
import pytest
from client import (CQE32, DEFER_TASKRUN, R_DISABLED, SINGLE_ISSUER, Connection, Error, enable,
                    new_area, new_ring)

PAGE = os.sysconf("SC_PAGESIZE")


@contextlib.contextmanager
def refused(name, text=""):
    with pytest.raises(Error) as caught:
        yield
    assert caught.value.name == name, caught.value
    assert text in caught.value.message
    assert caught.value.message.endswith("."), "a message is a sentence"


@pytest.fixture(name="lease", scope="module")
def fixture_lease(lasting):
    """A lease that nothing becomes of: whatever is refused leaves it as it was."""
    with Connection("alice") as alice, alice.acquire() as lease:
        yield lease
        assert lease.state() == "reserved"


@pytest.fixture(name="ring")
def fixture_ring():
    with new_ring() as ring:
        yield ring


@pytest.fixture(name="area")
def fixture_area():
    with new_area() as area:
        yield area


# --------------------------------------------------------------------------------- handles


@pytest.mark.parametrize("make", [
    lambda: os.open("/dev/null", os.O_RDWR),
    lambda: os.dup(socket.socketpair()[0].detach()),
    lambda: os.memfd_create("handle"),
])
def test_other_descriptors_are_no_handle(lease, make):
    fd = make()
    try:
        with refused("PermissionDenied", "not a handle of lease " + lease.id):
            lease.connection.call("Release", leaseId=lease.id, handleFileDescriptor=0, fds=[fd])
    finally:
        os.close(fd)


def test_the_handle_of_another_lease_is_refused(lease):
    with lease.connection.acquire() as other:
        with refused("PermissionDenied", "not a handle of lease " + lease.id):
            lease.connection.call("Release", leaseId=lease.id, handleFileDescriptor=0,
                                  fds=[other.handle])


def test_a_call_without_a_handle_is_refused(lease):
    with refused("PermissionDenied", "send the handle with the call"):
        lease.connection.call("Release", leaseId=lease.id)
    with refused("PermissionDenied", "send the handle with the call"):
        lease.connection.call("Open", leaseId=lease.id)


@pytest.mark.parametrize("index", [1, 15, 1 << 40])
def test_an_index_without_a_descriptor(lease, index):
    with refused("InvalidParameter", f"there is none at {index}"):
        lease.connection.call("Release", leaseId=lease.id, handleFileDescriptor=index,
                              fds=[lease.handle])


@pytest.mark.parametrize("lease_id", ["", "00000000", "zzzzzzzz", "1", "0" * 100, "ABCDEF01"])
def test_a_lease_that_does_not_exist(root, lease_id):
    for method in "Release", "Open":
        with refused("NoSuchLease"):
            root.call(method, leaseId=lease_id)
    with refused("NoSuchLease"):
        root.call("ListLeases", leaseId=lease_id)
    with refused("NoSuchLease"):
        root.call("Revoke", leaseId=lease_id)


def test_the_handle_tells_the_end(root):
    lease = root.acquire()
    with lease:
        end = socket.socket(fileno=os.dup(lease.handle))
        with end:
            end.setblocking(False)
            with pytest.raises(BlockingIOError):
                end.recv(1)
            root.call("Revoke", leaseId=lease.id, reason="the test says so")
            assert json.loads(end.recv(4096))["reason"] == "the test says so"
            assert end.recv(1) == b""
        with refused("NoSuchLease"):
            lease.call("Release")


# ----------------------------------------------------------------------------------- rings


@pytest.mark.parametrize("flags, text", [
    (SINGLE_ISSUER | DEFER_TASKRUN | CQE32, "IORING_SETUP_R_DISABLED"),
    (R_DISABLED | SINGLE_ISSUER | DEFER_TASKRUN, "IORING_SETUP_CQE32"),
    (R_DISABLED | CQE32, "IORING_SETUP_DEFER_TASKRUN"),
])
def test_a_ring_with_other_flags(lease, area, flags, text):
    with new_ring(flags) as ring, refused("InvalidRing", text):
        lease.register(ring, area)


def test_a_ring_that_is_enabled(lease, area, ring):
    enable(ring)
    with refused("InvalidRing", "enabled already"):
        lease.register(ring, area)


def test_a_number_that_is_no_ring(lease, area):
    with refused("InvalidRing", "is no io_uring"):
        lease.register(area, area)
    with refused("InvalidRing", "has no descriptor 999"):
        lease.register(999, area)


@pytest.mark.parametrize("parameters, field", [
    ({"ring": -1}, "ring"), ({"ring": 1 << 31}, "ring"), ({"ring": 1 << 40}, "ring"),
    ({"queue": -1}, "queue"), ({"queue": 1}, "queue"), ({"queue": 1 << 32}, "queue"),
    ({"refillEntries": 0}, "refillEntries"), ({"refillEntries": 32769}, "refillEntries"),
    ({"areaSize": 0}, "areaSize"), ({"areaSize": -4096}, "areaSize"),
    ({"areaOffset": -1}, "areaOffset"), ({"areaFileDescriptor": 2}, "areaFileDescriptor"),
    ({"areaType": "tape"}, "areaType"), ({"receiveBufferLength": 1 << 40}, "receiveBufferLength"),
])
def test_parameters_out_of_range(lease, ring, area, parameters, field):
    arguments = {"queue": 0, "ring": ring, "areaFileDescriptor": 1, "areaSize": 1 << 20,
                 "refillEntries": 256, **parameters}
    with pytest.raises(Error) as caught:
        lease.call("Register", fds=[area], **arguments)
    assert (caught.value.name, caught.value.parameters["parameter"]) == ("InvalidParameter", field)


# ----------------------------------------------------------------------------------- areas


@pytest.mark.parametrize("options, text", [
    ({"seals": 0}, "F_ADD_SEALS, F_SEAL_SHRINK"),
    ({"seals": fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_WRITE}, "sealed against writing"),
    ({"populate": False}, "not populated"),
    ({"size": 1 << 19}, "behind the end of its file"),
])
def test_unsealed_and_sparse_memfds_are_refused(lease, ring, options, text):
    with new_area(**options) as area, refused("InvalidArea", text):
        lease.register(ring, area)


@pytest.mark.parametrize("parameters, text", [
    ({"areaSize": PAGE + 1}, "multiples of"),
    ({"areaOffset": 512, "areaSize": PAGE}, "multiples of"),
    ({"areaOffset": 1 << 20, "areaSize": PAGE}, "behind the end"),
    ({"areaSize": 1 << 19, "areaType": "dmabuf"}, "is no dma-buf"),
])
def test_areas_of_wrong_sizes_are_refused(lease, ring, area, parameters, text):
    with refused("InvalidArea", text):
        lease.register(ring, area, **parameters)


@pytest.mark.parametrize("path", ["/dev/null", "/etc/passwd", "/dev/zero"])
def test_an_area_that_is_no_memfd(lease, ring, path):
    with open(path, "rb") as file, refused("InvalidArea", "is no memfd"):
        lease.register(ring, file.fileno())


# ---------------------------------------------------------------------------------- states


def test_calls_in_the_wrong_order_are_refused(alice, ring, area):
    with alice.acquire() as lease, machine.listener() as sock:
        with refused("WrongState", "register a ring on its queue first"):
            lease.add_socket(sock)
        reply = lease.register(ring, area, refillEntries=200)
        assert (reply["refillEntries"], reply["receiveBufferLength"]) == (256, PAGE)
        assert reply["hardwareQueue"] == lease.queues[0]
        assert reply["interfaceIndex"] == socket.if_nametoindex("zc0")
        assert lease.state() == "bound"

        with new_ring() as second, refused("WrongState", "has an ifq already"):
            lease.register(second, area)
        with refused("InvalidParameter", "either the socket"):
            lease.call("AddFlow")
        with refused("InvalidParameter", "either the socket"):
            lease.add_socket(sock, flow={"protocol": "tcp4"})
        with refused("InvalidParameter", "there is no queue 1"):
            lease.add_socket(sock, queue=1)

        reply = lease.add_socket(sock)
        assert lease.state() == "steered"
        assert reply["flows"] == [{"protocol": "tcp4", "destination": machine.HOST4,
                                   "destinationPort": sock.getsockname()[1]}]
        for flow_id in "", "x", "-1", "999999":
            with refused("NoSuchFlow"):
                lease.call("RemoveFlow", flowId=flow_id)
        lease.call("RemoveFlow", flowId=reply["flowIds"][0])
        assert lease.state() == "bound"
        with refused("NoSuchFlow"):
            lease.call("RemoveFlow", flowId=reply["flowIds"][0])


def test_a_listener_that_hangs_up_loses_its_rules(alice, ring, area):
    with alice.acquire() as lease, machine.listener() as sock:
        lease.register(ring, area)
        lease.add_socket(sock)
        assert machine.rules_to(lease.queues[0])
        sock.shutdown(socket.SHUT_RDWR)  # it is there still, but listens no more
        machine.until(lambda: not machine.rules_to(lease.queues[0]))
        with refused("FlowNotProved", "merely bound or closed"):
            lease.add_socket(sock)


@pytest.mark.parametrize("flow, text", [
    ({"protocol": "tcp4", "destination": "fd09::1"}, "no IPv4 address"),
    ({"protocol": "tcp6", "destination": "10.9.0.1"}, "no IPv6 address"),
    ({"protocol": "tcp4", "source": "10.9.0.1/33"}, "prefix length"),
    ({"protocol": "tcp4", "destination": "10.9.0.1/24"}, "bits behind its prefix"),
    ({"protocol": "tcp4", "destinationPort": 0}, ""),
    ({"protocol": "tcp4", "destinationPort": 65536}, ""),
    ({"protocol": "tcp4", "sourcePort": -1}, ""),
])
def test_invalid_flows_are_refused(root, flow, text):
    with refused("InvalidFlow", text):
        root.call("Acquire", persistent=True, flows=[flow])


@pytest.mark.parametrize("parameters, name", [
    ({"queues": 0}, "InvalidParameter"), ({"queues": -1}, "InvalidParameter"),
    ({"queues": 1 << 40}, "InvalidParameter"), ({"queues": 5}, "NoQueueAvailable"),
    ({"name": "x" * 65}, "InvalidParameter"), ({"name": "a\nb"}, "InvalidParameter"),
    ({"interface": "eth7"}, "NoSuchInterface"), ({"interface": ""}, "NoSuchInterface"),
    ({"timeToLiveUSec": -1}, "InvalidParameter"),
])
def test_invalid_leases_are_refused(root, parameters, name):
    with pytest.raises(Error) as caught:
        root.call("Acquire", **parameters)
    assert caught.value.name == name


def test_a_garbled_connection_is_closed_and_nobody_else_minds(root):
    for garbage in b"\0", b"{}\0", b"[" * 100000 + b"\0", b'{"method":1}\0', b"\xff\xfe\0":
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(machine.PATIENCE)
            s.connect(machine.SOCKET)
            with contextlib.suppress(ConnectionError):
                s.sendall(garbage)
                while s.recv(4096):
                    pass
    assert root.call("Describe")["interfaces"]
