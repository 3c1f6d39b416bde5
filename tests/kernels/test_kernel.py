# SPDX-License-Identifier: LGPL-2.1-or-later
"""What works on every kernel, also where zero-copy receive does not: the daemon starts, and it and its
tools say what is missing, in words that help."""

import os
import re
import socket
import subprocess

import machine
import pytest
from client import Connection, Error

RELEASE = tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
# Since when each is there.
FEATURES = {"zeroCopyReceive": (6, 15), "control": (6, 19), "largeBuffers": (7, 0),
            "software": (7, 1), "queueLeasing": (7, 1), "events": (7, 2), "addedAreas": (7, 3)}
CONFIG = ("interfaces:\n  - name: vnet0\n    zero-copy-queues: 1\nsoftware:\n  queues: 1\n"
          + machine.POLICY)
BACKEND = "/build/release/tests/nic-backend/zcrxd-nic"


@pytest.fixture(scope="module", autouse=True)
def started():
    machine.configure(CONFIG)


@pytest.fixture(name="described")
def fixture_described():
    with Connection() as connection:
        return connection.call("Describe")


def test_the_kernels_features(described):
    """Found by asking, and they are what this release is known to have."""
    kernel = described["kernel"]
    assert kernel["release"] == os.uname().release
    found = {name: kernel[name] for name in FEATURES}
    with open("/mnt/share/lacks", "w", encoding="utf-8") as f:
        print(", ".join(name for name in found if not found[name]) or "-", file=f)
    assert found == {name: RELEASE >= since for name, since in FEATURES.items()}


def test_the_service_is_well():
    assert machine.show("zcrxd", "ActiveState") == "active"
    configured = RELEASE >= FEATURES["software"]
    assert machine.show("zcrxd", "StatusText") == f"{configured:d} of 2 interfaces configured, 0 leases"


def test_a_nic_that_cannot(described):
    vnet0, _ = described["interfaces"]
    assert (vnet0["state"], vnet0["driver"], vnet0["zeroCopyCount"]) == (
        "degraded", "virtio_net", 0)
    assert "needs" in vnet0["reason"], vnet0["reason"]
    reason, _, _ = vnet0["reason"].partition(" (next try in ")  # which counts down
    assert " ".join(machine.ctl("status").stdout.split()).count(reason) == 1
    with Connection() as connection, pytest.raises(Error) as caught:
        connection.call("Acquire", interface="vnet0")
    assert (caught.value.name, "vnet0 is degraded" in caught.value.message) == (
        "NotSupported", True)


def test_queues_without_a_nic(described):
    """Received from over loopback, or refused with what is missing."""
    _, software = described["interfaces"]
    with Connection() as connection:
        if RELEASE < FEATURES["software"]:
            assert software["state"] == "degraded" and "Linux 7.1" in software["reason"], software
            with pytest.raises(Error) as caught:
                connection.call("Acquire", interface="software")
            assert (caught.value.name, "7.1" in caught.value.message) == ("NotSupported", True)
            return
    assert (software["state"], software["zeroCopyCount"]) == ("configured", 1)
    with machine.receiver(9001, "--verify", "--interface", "software", user=None) as receiving:
        sending = machine.Program("zcrxperf", "send", "127.0.0.1", "--port", "9001", "--bytes",
                                  str(1 << 20))
        with sending:
            assert sending.finish() == 0, sending.said
        result = receiving.result()
    assert (result["bytes"], result["wrongBytes"]) == (1 << 20, 0)


@pytest.mark.parametrize("user", [None, "daemon"])
def test_programs_receive_without_zcrxd(user):
    """root as if there were a NIC, where the kernel can do that, and everybody else by copying."""
    software = user is None and RELEASE >= FEATURES["software"]
    with machine.receiver(9001, "--verify", "--backend", "software,copy", user=user) as receiving:
        with machine.Program("zcrxperf", "send", "127.0.0.1", "--port", "9001", "--bytes", str(1 << 20)) as sending:
            assert sending.finish() == 0, sending.said
        result = receiving.result()
    assert (result["backend"], result["bytes"], result["wrongBytes"]) == (
        "software" if software else "copy", 1 << 20, 0)


def test_a_queue_that_root_registers_itself():
    """Whatever the kernel lacks for that is said: all of it, or what this NIC would have to do."""
    with machine.receiver(9001, "--backend", "direct", "--interface", "vnet0", "--hardware-queue", "0", user=None,
                          ready=False) as receiving:
        assert receiving.finish() == 1, receiving.said
    assert ("Cannot register queue 0 of vnet0: " if RELEASE >= FEATURES["zeroCopyReceive"]
            else "The kernel has no zero-copy receive (Linux 6.15 ") in receiving.said["stderr"]


def test_check():
    """The one thing that an older kernel lacks has its own line, and says from when on it is there."""
    found = {one["requirement"]: one for one in machine.ctl_json("check", "vnet0", status=1)}
    has = RELEASE >= FEATURES["zeroCopyReceive"]
    assert found["zero-copy-receive"]["verdict"] == ("yes" if has else "no")
    assert has or found["zero-copy-receive"]["remedy"].startswith("Run Linux 6.15 or later")
    assert found["queue-leasing"]["verdict"] == (
        "yes" if RELEASE >= FEATURES["queueLeasing"] else "no")
    assert ("clients cannot add" in found["added-areas"]["found"]) == (
        RELEASE < FEATURES["addedAreas"])
    assert (found["io-uring-allowed"]["verdict"], found["zcrxd"]["verdict"]) == ("yes", "yes")
    assert found["tcp-data-split"]["verdict"] == "no"


def handoff(where):
    """The daemon's own way to a client's ring, as far as this kernel goes with it."""
    return subprocess.run([BACKEND, "register", str(where), "0", "0", "0"], capture_output=True,
                          text=True, timeout=machine.PATIENCE)


def test_the_handoff_ends_at_the_kernels_refusal():
    machine.run("ip", "link", "set", "vnet0", "up")
    done = handoff(socket.if_nametoindex("vnet0"))
    assert done.returncode == 1 and "io.zcrx.Manager.NotSupported" in done.stderr, done
    # Before 6.13 it already ends at the client's process, which the kernel does not describe.
    assert RELEASE >= (6, 13) or "6.13" in done.stderr, done


def test_the_handoff_without_a_device():
    done = handoff("software")
    if RELEASE >= FEATURES["software"]:
        assert done.returncode == 0 and "ifq 0" in done.stdout, done
    else:
        assert done.returncode == 1, done
        assert RELEASE < FEATURES["zeroCopyReceive"] or "Linux 7.1" in done.stderr, done
