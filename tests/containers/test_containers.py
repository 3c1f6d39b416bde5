# SPDX-License-Identifier: LGPL-2.1-or-later
"""What docs/CONTAINERS.md says, with containers of podman: of root and rootless."""

import json
import pwd
import signal
import subprocess
import time

import engine
import machine
import pytest
from engine import container, once, podman, receiver
from machine import HOST4
from simnic import counters

SIZE = 1 << 20
DENIED = 3  # the exit status
LARGE = 48 << 20  # more than an area of 4 MiB and the buffers of two sockets hold
both = pytest.mark.parametrize("user", [None, "alice"], ids=["root", "rootless"])


def uid_of(user):
    return pwd.getpwnam(user).pw_uid if user else 0


def send(port, size=SIZE):
    with machine.sender(HOST4, port, size) as sending:
        assert sending.finish() == 0, sending.said


def acquire(*arguments):
    """The id of a lease that the host's root has acquired."""
    return machine.ctl("lease", "--no-legend", *arguments).stdout.split()[0]


@both
def test_a_container_receives_by_zero_copy(user):
    with receiver(9001, user=user) as receiving:
        lease, = machine.leases()
        assert (lease["ownerUid"], lease["state"]) == (uid_of(user), "steered")
        send(9001)
        machine.assert_zero_copy(receiving.result(), SIZE)


@both
def test_the_default_profile_refuses_io_uring(user):
    said = once("zcrxperf", "receive", "--port=9002", user=user, profile=False, status=1)
    assert "Cannot create an io_uring" in said
    assert "seccomp profile blocks it: give it one that allows io_uring (docs/CONTAINERS.md)" in said


@both
def test_root_of_a_container_is_no_administrator(user):
    victim = acquire()
    commands = [f"lease --owner {uid}" for uid in (0, 10001)] + [
        "reload", "restore zc0", "apply zc0", f"revoke {victim}", f"release {victim}"]
    try:
        said = once("sh", "-c", "\n".join(f"zcrxctl {one}; echo {n} status $?" for n, one in enumerate(commands)),
                    user=user)
        statuses = [line for line in said.splitlines() if " status " in line]
        assert statuses == [f"{n} status {DENIED}" for n in range(len(commands))], said
        assert said.count("Only administrators may") >= 6, said
        assert [lease["leaseId"] for lease in machine.leases()] == [victim]
    finally:
        machine.ctl("release", victim)


def test_check_in_a_container_says_as_what_it_is_seen():
    found = {one["requirement"]: one for one in json.loads(once("zcrxctl", "--json=short", "check", "zc0"))}
    assert (found["where"]["verdict"], found["where"]["found"]) == (
        "no", "a process of a container: another process namespace")
    assert (found["io-uring-allowed"]["verdict"], found["policy"]["verdict"]) == ("yes", "yes")


def test_an_orchestrator_acquires_for_the_user_of_containers():
    """One after the other receives on the same queue, whatever became of the one before; others may not."""
    lease = acquire("--owner", "10001", "--name", "job-7", "--ttl", "1h")
    queue = machine.leases()[0]["hardwareQueues"]
    environment = f"--env=ZCRX_LEASE={lease}"
    try:
        with receiver(9003, more=["--user=10001", environment]):
            podman("kill", "test")
        said = once("zcrxperf", "receive", "--port=9003", more=["--user=10002", environment], status=DENIED)
        assert f"Lease {lease} belongs to another user" in said, said
        assert machine.leases()[0]["hardwareQueues"] == queue
        with receiver(9003, more=["--user=10001", environment]) as receiving:
            send(9003)
            result = receiving.result()
        machine.assert_zero_copy(result, SIZE)
        assert result["leaseId"] == lease
        kept, = machine.leases()
        assert (kept["leaseId"], kept["ownerUid"], kept["acquirerUid"]) == (lease, 10001, 0)
    finally:
        machine.ctl("release", lease)


@pytest.mark.parametrize("end", [("kill",), ("stop", "--time=1"), ("rm", "--force", "--time=0")],
                         ids=["killed", "stopped", "removed"])
def test_a_container_that_ends_under_traffic_frees_its_queue(end):
    with receiver(9004), machine.sender(HOST4, 9004, 1 << 40):
        queue, = machine.leases()[0]["hardwareQueues"]
        machine.until(lambda: machine.held(queue))
        podman(*end, "test")
        machine.until(lambda: not machine.leases())
    assert machine.is_clean()


def test_a_rootless_container_that_is_killed_frees_its_queue():
    with receiver(9005, user="alice"), machine.sender(HOST4, 9005, 1 << 40):
        podman("kill", "test", user="alice")
        machine.until(lambda: not machine.leases())


class Paused:
    """By podman: crun freezes its control group."""

    def __enter__(self):
        podman("pause", "test")

    def __exit__(self, *unused):
        podman("unpause", "test")


class Stopped:
    """Its process, by a signal."""

    def __enter__(self):
        podman("kill", "--signal=STOP", "test")

    def __exit__(self, *unused):
        podman("kill", "--signal=CONT", "test")


@pytest.mark.parametrize("halt", [Paused, Stopped])
def test_a_lease_outlives_a_pause_under_traffic(halt):
    with receiver(9006, "--area=4M") as receiving:
        lease, = machine.leases()
        counter = f"rx{lease['hardwareQueues'][0]}_zc_bytes"
        before = counters()[counter]
        with machine.sender(HOST4, 9006, LARGE) as sending:
            machine.until(lambda: counters()[counter] > before)
            sending.process.send_signal(signal.SIGSTOP)  # podman takes longer than all of it would
            with halt():
                sending.process.send_signal(signal.SIGCONT)
                time.sleep(1)  # the area is full, and the sockets are
                assert sending.process.poll() is None
                held, = machine.leases()
                assert (held["leaseId"], held["state"]) == (lease["leaseId"], "steered")
                assert machine.held(lease["hardwareQueues"][0])
                machine.assert_zero_copy(machine.transfer(9007, SIZE, user="alice"), SIZE)
                assert sending.process.poll() is None
            assert sending.finish() == 0, sending.said
        result = receiving.result()
    assert (result["bytes"], result["wrongBytes"], result["leaseLost"]) == (LARGE, 0, False)
    assert result["zeroCopyBytes"] > LARGE // 2, result


def test_a_paused_container_that_is_killed_frees_its_queue():
    with receiver(9008), machine.sender(HOST4, 9008, 1 << 40):
        podman("pause", "test")
        podman("kill", "test")
        machine.until(lambda: not machine.leases())


def test_a_restart_of_zcrxd_in_mid_container():
    """The stream goes on; and the socket that is made again is seen through the mount of before."""
    script = "zcrxperf receive --json --verify --port 9009 && exec zcrxperf receive --json --verify --port 9010"
    with container("sh", "-c", script) as program:
        program.wait_for("^listening on port 9009")
        lease, = machine.leases()
        machine.systemctl("restart", "zcrxd.socket", "zcrxd")
        assert [one["leaseId"] for one in machine.leases()] == [lease["leaseId"]]
        send(9009)
        program.wait_for("^listening on port 9010")
        send(9010)
        machine.assert_zero_copy(program.result(), SIZE)


def test_a_rule_for_the_slice_of_containers():
    """Whoever runs in there, but nobody else: not the same uid on the host, nor in another slice."""
    once("zcrxctl", "lease", more=["--user=10002"])
    lease, = machine.leases()
    assert lease["ownerUid"] == 10002
    machine.ctl("revoke", lease["leaseId"])
    said = once("zcrxctl", "lease", more=["--user=10002", "--cgroup-parent=other.slice"], status=DENIED)
    assert "is for the control group /machine.slice/*, and this process is in /other.slice/" in said, said
    done = subprocess.run(["setpriv", "--reuid=10002", "--clear-groups", "zcrxctl", "lease"], capture_output=True,
                          text=True, timeout=machine.PATIENCE)
    assert done.returncode == DENIED and "No rule of the policy lets uid 10002" in done.stderr, done.stderr


def test_a_uid_that_a_rootless_container_gave_out_has_nothing_of_its_user():
    said = once("zcrxctl", "lease", more=["--user=1000"], user="alice", status=DENIED)
    assert "No rule of the policy lets uid" in said, said


def test_what_a_container_left_is_its_users():
    """A lease that it acquired to last is of its uid on the host."""
    once("zcrxctl", "lease", "--name", "left", user="alice")
    lease, = machine.leases()
    assert (lease["ownerUid"], lease["name"]) == (uid_of("alice"), "left")
    machine.ctl("release", "--all-mine", user="alice")


def test_a_revoked_lease_is_taken_from_a_paused_container():
    """Which goes on by copying when it may."""
    with receiver(9011) as receiving:
        lease, = machine.leases()
        podman("pause", "test")
        machine.ctl("revoke", lease["leaseId"])
        machine.until(lambda: not machine.leases())
        assert machine.is_clean()
        podman("unpause", "test")
        send(9011)
        result = receiving.result()
    assert (result["bytes"], result["wrongBytes"], result["leaseLost"]) == (SIZE, 0, True)
