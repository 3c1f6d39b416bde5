# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon kills itself at every point of a client's life: before and after each operation on the
kernel and each write of the record, at restart too. What its client was told holds, and in the end
nothing is left over."""

import os
import pathlib
import subprocess

import pytest

import machine
from machine import until

CRASH_AT = pathlib.Path("/run/zcrxd/crash-at")
BUILD = next(path for path in (pathlib.Path("/build") / name for name in ("test", "release", "clang"))
             if (path / "tests/crash/zcrxd-crash").exists())


@pytest.fixture(scope="module", autouse=True)
def crashing():
    """The daemon that kills itself takes the other one's place, and is started again at once. No AppArmor profile knows
    where it and its sessions are built."""
    with machine.drop_in("[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=\n"
                         f"ExecStart={BUILD}/tests/crash/zcrxd-crash\n"
                         "AppArmorProfile=\n"
                         "Restart=always\nRestartSec=0\n"):
        machine.write_config(machine.config(request_grants()))
        machine.systemctl("restart", "zcrxd")
        yield
        CRASH_AT.unlink(missing_ok=True)
    machine.systemctl("restart", "zcrxd")


def request_grants():
    return os.environ.get("ZCRXD_GRANTS", "auto")


def crash_at(n):
    """From now on, the daemon dies at the n-th point."""
    new = CRASH_AT.with_suffix(".new")
    new.write_text(f"{n}\n")
    new.rename(CRASH_AT)


def life(*arguments):
    done = subprocess.run([BUILD / "tests/crash/life", *arguments], capture_output=True, text=True,
                          timeout=60, check=False)
    return done.stdout.splitlines()


def is_alive():
    return machine.show("zcrxd", "ActiveState") == "active"


def test_a_client_s_life():
    """Every method of a lease: each point of each of them."""
    survived = 0
    for n in range(1, 1000):
        crash_at(n)
        said = life()
        crashed = not CRASH_AT.exists()
        CRASH_AT.unlink(missing_ok=True)
        until(is_alive)
        # The client may have been told of a failure, never of something that did not hold.
        until(lambda: not machine.leases())
        until(machine.is_clean)
        if not crashed:
            assert said[-1] == "release done", said
            break
        survived += 1
    else:
        pytest.fail("the points never end")
    print(f"\ncrash points in a client's life: {survived}")
    assert survived >= 30


def test_the_start_itself():
    """A lease is steered; the daemon is killed, and so is the one that adopts, at each point of that.
    The lease goes on."""
    with machine.Program(str(BUILD / "tests/crash/life"), "wait") as client:
        client.wait_for("^waiting")
        lease = machine.lease_of(client.pid)
        survived = 0
        for n in range(1, 200):
            crash_at(n)
            machine.run("systemctl", "kill", "--signal=SIGKILL", "zcrxd")
            until(is_alive)
            again = machine.leases()
            crashed = not CRASH_AT.exists()
            CRASH_AT.unlink(missing_ok=True)
            until(is_alive)
            assert [found["leaseId"] for found in machine.leases()] == [lease["leaseId"]], again
            assert machine.leases()[0]["state"] == "steered"
            assert len(machine.rules_to(lease["hardwareQueues"][0])) == 1
            assert machine.held(lease["hardwareQueues"][0]) == {"io_uring", "lease"}
            if not crashed:
                break
            survived += 1
        print(f"\ncrash points in a start: {survived}")
        assert survived >= 5
