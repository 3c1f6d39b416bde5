# SPDX-License-Identifier: LGPL-2.1-or-later
"""Leases survive the upgrade from the version at /mnt/share/old to this one: with what it has left
on disk and in the service manager's store, its clients running on, and traffic all the while."""

import json
import pathlib
import subprocess

import machine
import pytest
from client import Connection
from machine import HOST4, until

OLD, NEW = pathlib.Path("/mnt/share/old/usr"), pathlib.Path("/mnt/share/new/usr")
PLENTY = 64 << 30  # more than is ever sent: the sender is stopped at the end
KEPT = "leaseId", "interface", "hardwareQueues", "grant", "state", "flows", "areaBytes", "name", "persistent"


def install(version):
    """As a package manager does it: each file is another one afterwards."""
    subprocess.run(["cp", "-a", "--remove-destination", f"{version}/.", "/usr/"], check=True)
    machine.run("systemctl", "daemon-reload")


@pytest.fixture(autouse=True)
def old():
    if subprocess.run(["id", "alice"], capture_output=True, check=False).returncode:
        subprocess.run(["useradd", "-M", "-U", "-G", "zcrx", "alice"], check=True)
    machine.configure(machine.config())
    # No older version reads what a newer one has written: it begins with nothing, as when it was installed.
    machine.systemctl("stop", "zcrxd.socket", "zcrxd")
    for file in pathlib.Path("/run/zcrxd").glob("state*"):
        file.unlink()
    install(OLD)
    machine.systemctl("start", "zcrxd")
    yield
    until(lambda: not machine.leases())
    until(machine.is_clean)


def kept(leases):
    return [{key: lease.get(key) for key in KEPT} for lease in leases]


def test_a_transfer_and_its_lease_go_on():
    """A client of the old version, and a persistent lease that nobody serves: neither notices."""
    alone = json.loads(machine.run("zcrxctl", "--json=short", "lease", "zc0", "--name", "alone",
                                   "--flow", "tcp4,dst-port=9301"))
    with machine.receiver(9300, "--verify") as receiving:
        before = kept(machine.leases())
        assert len(before) == 2 and all(lease["state"] == "steered" for lease in before), before
        with machine.sender(HOST4, 9300, PLENTY) as sending:
            until(lambda: machine.lease_of(receiving.pid)["state"] == "steered")
            install(NEW)
            machine.systemctl("restart", "zcrxd")
            assert kept(machine.leases()) == before
            # And from one start of the new version to the next, with what it has written itself.
            machine.systemctl("restart", "zcrxd")
            assert kept(machine.leases()) == before
            assert sending.process.poll() is None, sending.said
        result = receiving.result()
    assert result["bytes"] > 1 << 20
    machine.assert_zero_copy(result, result["bytes"])
    assert [lease["leaseId"] for lease in machine.leases()] == [alone["leaseId"]]
    machine.ctl("release", alone["leaseId"])
    assert not list(pathlib.Path("/run/zcrxd").glob("*.broken"))


def test_a_client_of_the_old_version_is_served():
    """It was linked with the old library, and starts after the upgrade."""
    old_program = pathlib.Path("/usr/bin/zcrxperf-old")
    libraries = sorted(OLD.glob("lib/*/libzcrx-client.so.*"))
    old_program.write_bytes((OLD / "bin/zcrxperf").read_bytes())
    old_program.chmod(0o755)
    install(NEW)
    for library in libraries:  # as a distribution keeps it, under its soname
        target = pathlib.Path("/usr") / library.relative_to(OLD)
        if not target.exists():
            subprocess.run(["cp", "-a", library, target], check=True)
    machine.systemctl("restart", "zcrxd")
    size = 4 << 20
    with machine.receiver(9300, "--verify", program=str(old_program)) as receiving, \
            machine.sender(HOST4, 9300, size) as sending:
        assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(receiving.result(), size)


def test_settings_of_the_old_version_are_restored():
    """What it has noted of the NIC before its first change."""
    install(NEW)
    machine.systemctl("restart", "zcrxd")
    assert machine.leases() == []
    assert "configured" in machine.ctl("status", "zc0").stdout
    machine.ctl("restore", "zc0")
    assert "unmanaged" in machine.ctl("status", "zc0").stdout
    machine.ctl("apply", "zc0")
    assert "configured" in machine.ctl("status", "zc0").stdout
