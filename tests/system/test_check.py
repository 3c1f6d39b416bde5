# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxctl check on the kernel: what it says follows what is broken, for root and for others, with
the daemon and without."""

import contextlib
import ctypes
import os
import struct

import machine
import pytest

# What the simulated NIC's driver is to zcrxctl: unknown.
UNPROVED = {"queue-management": "unknown", "rss-contexts": "unknown"}


def check(*arguments, user=None, status=0):
    """{requirement: verdict} of what is not a plain yes, and {requirement: object}."""
    said = machine.ctl_json("check", *arguments, user=user, status=status)
    found = {one["requirement"]: one for one in said}
    assert len(found) == len(said) and all(("remedy" in one) == (one["verdict"] != "yes")
                                           for one in said)
    # The machine's own furniture.
    return {name: one["verdict"] for name, one in found.items() if one["verdict"] != "yes" and
            name not in ("memlock", "huge-pages", "added-areas", "CONFIG_IO_URING_ZCRX",
                         "CONFIG_NETKIT")}, found


@contextlib.contextmanager
def stopped():
    """No daemon; its socket would start it again."""
    machine.systemctl("stop", "zcrxd.socket", "zcrxd")
    try:
        yield
    finally:
        machine.systemctl("start", "zcrxd")


@contextlib.contextmanager
def ethtool(undo, *broken):
    machine.run("ethtool", *broken)
    try:
        yield
    finally:
        machine.run("ethtool", *undo)


def test_check_passes_on_a_configured_machine():
    """With the daemon: nothing is missing, and a lease proves what the kernel does not tell."""
    assert check("zc0")[0] == UNPROVED
    lease = machine.ctl_json("lease", "zc0")
    assert check("zc0")[0] == {"rss-contexts": "unknown"}
    machine.ctl("release", lease["leaseId"])


@pytest.mark.parametrize("user, refused", [("alice", {}), ("mallory", {"policy": "no"})])
def test_check_of_interfaces_that_are_not_configured(user, refused):
    """No privilege is needed to look, and the policy is the caller's own."""
    missing, found = check("zc0", user=user, status=1 if refused else 0)
    assert missing == dict(UNPROVED, **refused)
    if refused:
        assert "No rule of the policy" in found["policy"]["remedy"]


def test_check_says_what_virtio_net_lacks():
    """What this NIC lacks is in the kernel's own words."""
    missing, found = check("vnet0", status=1)
    assert found["tcp-data-split"]["found"] == "setting TCP data split is not supported"
    assert {name: missing[name] for name in (
        "queue-management", "channels", "tcp-data-split", "ntuple-filters", "configured")} == {
            "queue-management": "no", "channels": "no", "tcp-data-split": "no",
            "ntuple-filters": "no", "configured": "no"}


def test_no_such_interface():
    missing, found = check("nope0", status=1)
    assert missing == {"link": "no", "configured": "no", "policy": "no"}
    assert found["link"]["found"] == "No such device"


def test_without_the_daemon():
    """It has to be started; the NIC is judged all the same, and so is the policy's file."""
    with stopped():
        for user, refused in (None, {}), ("mallory", {"policy": "no", "unsafe-kernel": "unknown"}):
            missing, found = check(user=user, status=1)  # all that are configured
            assert missing == dict(UNPROVED, zcrxd="no", configured="no", **refused)
            assert found["zcrxd"]["found"] == "nothing listens on its socket"
            assert found["configured"]["found"] == "listed in /etc/zcrxd.yaml"
            assert found["link"]["interface"] == "zc0"
        # Nobody repairs it meanwhile.
        with ethtool(("-G", "zc0", "tcp-data-split", "on"), "-G", "zc0", "tcp-data-split", "off"), \
                ethtool(("-K", "zc0", "ntuple", "on"), "-K", "zc0", "ntuple", "off"), \
                ethtool(("-X", "zc0", "equal", "4"), "-X", "zc0", "default"):
            missing = check("zc0", status=1)[0]
            assert {"tcp-data-split": "no", "ntuple-filters": "no", "rss": "no"}.items() <= missing.items()
            assert check("zc0", user="alice", status=1)[0]["tcp-data-split"] == "no"


@pytest.mark.parametrize("value, user, status", [("2", None, 1), ("1", "alice", 1), ("1", None, 0)])
def test_io_uring_disabled(value, user, status):
    with machine.sysctl("kernel/io_uring_disabled", value):
        missing, found = check("zc0", user=user, status=status)
        assert ("io-uring-allowed" in missing) == bool(status)
        assert found["io-uring-allowed"]["found"] == f"kernel.io_uring_disabled is {value}"


SYS_BPF, PROG_LOAD, OBJ_PIN, TYPE_XDP = 321, 5, 6, 6
PASS = bytes.fromhex("b7000000020000009500000000000000")  # r0 = XDP_PASS; exit


@contextlib.contextmanager
def xdp_program(ifname, pin="/sys/fs/bpf/check-test"):
    libc = ctypes.CDLL(None, use_errno=True)

    def bpf(command, attributes):
        r = libc.syscall(SYS_BPF, command, attributes, len(attributes))
        assert r >= 0, os.strerror(ctypes.get_errno())
        return r

    def address(data):
        kept.append(ctypes.create_string_buffer(data))
        return ctypes.addressof(kept[-1])

    kept = []
    program = bpf(PROG_LOAD, struct.pack("=IIQQ", TYPE_XDP, 2, address(PASS), address(b"GPL")))
    bpf(OBJ_PIN, struct.pack("=QII", address(pin.encode()), program, 0))
    machine.run("ip", "link", "set", "dev", ifname, "xdpgeneric", "pinned", pin)
    try:
        yield
    finally:
        machine.run("ip", "link", "set", "dev", ifname, "xdpgeneric", "off")
        os.unlink(pin)
        os.close(program)


def test_xdp():
    """A program on the NIC, which makes the kernel refuse every registration."""
    assert "no-xdp" not in check("vnet0", status=1)[0]
    with xdp_program("vnet0"):
        assert check("vnet0", user="alice", status=1)[0]["no-xdp"] == "no"


def test_check_prints_a_table():
    said = machine.ctl("check", "vnet0", status=1).stdout.splitlines()
    assert said[0] == "This machine" and "vnet0" in said and "vnet0 and zcrxd" in said
    assert any(line.split()[:2] == ["channels", "no"] for line in said)
    assert any(line.startswith("  vnet0 channels: ") for line in said[said.index("What to do"):])
