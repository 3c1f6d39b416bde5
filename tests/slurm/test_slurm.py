# SPDX-License-Identifier: LGPL-2.1-or-later
"""Jobs of Slurm receive on queues that the prolog has leased for them, by contrib/slurm. Two nodes share the four
queues of zc0."""

import json
import os
import signal
import subprocess

import cluster
import machine
from cluster import sbatch, srun, wait_for
from machine import HOST4

SIZE = 1 << 20


def received(text):
    """The result of zcrxperf receive --json."""
    return json.loads(next(line for line in text.splitlines() if line.startswith("{")))


def test_srun_receives_by_zero_copy():
    with srun("zcrxperf", "receive", "--json", "--verify", "--port=9001") as job:
        job.wait_for("^listening on port")
        lease, = machine.leases()
        assert lease["name"].startswith("slurm-") and len(lease["hardwareQueues"]) == 2
        assert (lease["ownerUid"], lease["acquirerUid"]) == (machine.pwd.getpwnam("alice").pw_uid, 0)
        with machine.sender(HOST4, 9001, SIZE) as sending:
            assert sending.finish() == 0, sending.said
        machine.assert_zero_copy(job.result(), SIZE)


def test_sbatch_receives_by_zero_copy_twice():
    """The batch script itself, and then a step: the lease is the job's, not a program's."""
    job = sbatch("zcrxperf receive --json --verify --port 9002\nsrun zcrxperf receive --json --verify --port 9003\n")
    for port in 9002, 9003:
        machine.until(lambda: cluster.output(job).count("listening on port") == port - 9001)
        with machine.sender(HOST4, port, SIZE) as sending:
            assert sending.finish() == 0, sending.said
    machine.until(lambda: cluster.show(job, "JobState") == "COMPLETED")
    results = [json.loads(line) for line in cluster.output(job).splitlines() if line.startswith("{")]
    assert len(results) == 2
    for result in results:
        machine.assert_zero_copy(result, SIZE)


def test_jobs_without_queues_are_left_alone():
    with srun("sh", "-c", "echo lease=$ZCRX_LEASE.", queues=0) as job:
        assert job.finish() == 0 and job.said["stdout"] == "lease=.\n"


def test_users_lease_nothing_past_slurm():
    """Neither outside of a job, nor in one that was given no queues."""
    assert "max-queues" in machine.ctl("lease", user="alice", status=3).stderr
    with srun("zcrxctl", "lease", queues=0) as job:
        assert job.finish() == 3 and "max-queues" in job.said["stderr"]


def test_more_jobs_than_queues_wait_their_turn():
    numbers = [sbatch("echo $ZCRX_LEASE\nsleep 1\n", user=user) for user in ("alice", "bob") * 3]
    seen = set()

    def over():
        leases = machine.leases()
        assert sum(len(lease["hardwareQueues"]) for lease in leases) <= 4
        seen.update(lease["name"] for lease in leases if lease["state"] == "reserved")
        return not cluster.jobs()

    machine.until(over, 180)
    assert seen == {f"slurm-{number}" for number in numbers}
    assert [cluster.show(number, "JobState") for number in numbers] == ["COMPLETED"] * 6
    assert len({cluster.output(number) for number in numbers}) == 6


def test_a_cancelled_job_leaves_nothing():
    job = sbatch("exec zcrxperf receive --port 9004\n")
    machine.until(lambda: "listening on port" in cluster.output(job))
    machine.run("scancel", str(job))
    machine.until(lambda: not machine.leases())
    assert cluster.show(job, "JobState") == "CANCELLED"


def test_a_job_whose_processes_are_killed_leaves_nothing():
    job = sbatch("zcrxperf receive --port 9005\nexit 3\n")
    machine.until(lambda: "listening on port" in cluster.output(job))
    for pid in cluster.processes_of(job):
        os.kill(pid, signal.SIGKILL)
    machine.until(lambda: not machine.leases())
    assert cluster.show(job, "JobState") == "FAILED"


def test_a_restart_of_zcrxd_in_mid_job():
    """The stream goes on, and the next program of the job has the same lease."""
    job = sbatch("echo $ZCRX_LEASE\nzcrxperf receive --json --verify --port 9006\n"
                 "zcrxperf receive --json --verify --port 9007\necho $ZCRX_LEASE\n")
    machine.until(lambda: cluster.output(job).count("listening on port") == 1)
    machine.systemctl("restart", "zcrxd")
    for n, port in enumerate((9006, 9007)):
        machine.until(lambda: cluster.output(job).count("listening on port") == n + 1)
        with machine.sender(HOST4, port, SIZE) as sending:
            assert sending.finish() == 0, sending.said
    machine.until(lambda: cluster.show(job, "JobState") == "COMPLETED")
    lines = cluster.output(job).splitlines()
    assert lines[0] == lines[-1]
    for line in lines:
        if line.startswith("{"):
            machine.assert_zero_copy(json.loads(line), SIZE)


def test_slurmd_is_killed_and_started_in_mid_job():
    """Slurm goes on with the job, which ends under the new slurmd: that runs the epilog."""
    job = sbatch("zcrxperf receive --json --verify --port 9008\n", "--nodelist=n1")
    machine.until(lambda: "listening on port" in cluster.output(job))
    cluster.kill_node("n1")
    cluster.start_node("n1")
    with machine.sender(HOST4, 9008, SIZE) as sending:
        assert sending.finish() == 0, sending.said
    machine.until(lambda: cluster.show(job, "JobState") == "COMPLETED", 120)
    machine.assert_zero_copy(received(cluster.output(job)), SIZE)


def test_a_node_that_fails_is_swept():
    """All of Slurm on it dies with the job, so that no epilog runs; the job starts again on the other node."""
    job = sbatch("echo started\nexec sleep 600\n", "--nodelist=n2", "--requeue")
    wait_for(job, "R")
    machine.until(lambda: "started" in cluster.output(job))
    lease = cluster.leases()[f"slurm-{job}"]["leaseId"]
    cluster.kill_node("n2")
    for pid in cluster.processes_of(job) + cluster.stepds_of(job):
        os.kill(pid, signal.SIGKILL)
    machine.run("scontrol", "update", "NodeName=n2", "State=DOWN", "Reason=test")
    wait_for(job, "PD")
    assert lease in [one["leaseId"] for one in machine.leases()]
    machine.run("scancel", str(job))
    subprocess.run([cluster.SCRIPTS / "sweep"], check=True, timeout=machine.PATIENCE)
    assert not machine.leases()
    cluster.start_node("n2")
    machine.run("scontrol", "update", "NodeName=n2", "State=RESUME")


def test_a_sweep_leaves_what_belongs_to_jobs():
    job = sbatch("exec sleep 600\n")
    wait_for(job, "R")
    machine.until(lambda: f"slurm-{job}" in cluster.leases())
    machine.ctl("lease", "--name", "slurm-999999", "--owner", "bob")
    machine.ctl("lease", "--name", "web", "--owner", "bob")
    subprocess.run([cluster.SCRIPTS / "sweep"], check=True, timeout=machine.PATIENCE)
    assert set(cluster.leases()) == {f"slurm-{job}", "web"}
    machine.ctl("release", "--all-mine", user="bob")
    machine.run("scancel", str(job))


def test_a_prolog_finds_no_queue_and_gives_the_job_back():
    """Somebody has taken queues past Slurm: the job starts when he is done, and no node is drained."""
    machine.ctl("lease", "--queues", "3")
    job = sbatch("echo $ZCRX_LEASE\n")
    try:
        machine.until(lambda: "AdminComment=zcrx on n" in cluster.describe(job), 90)
        assert not any(state.startswith(("dr", "down")) for state in cluster.states().values())
    finally:
        machine.ctl("release", "--all-mine")
    machine.until(lambda: cluster.show(job, "JobState") == "COMPLETED", 180)
    assert cluster.output(job).strip()


def test_a_job_that_the_policy_denies_is_held():
    job = sbatch("true\n", user="mallory")
    try:
        machine.until(lambda: "held" in cluster.show(job, "Reason").lower())
        assert "policy" in cluster.describe(job)
    finally:
        machine.run("scancel", str(job))


def test_without_zcrxd_the_node_is_drained():
    """None of its jobs with queues could run; others are not asked."""
    machine.systemctl("stop", "zcrxd.socket", "zcrxd")
    with srun("true", queues=0) as job:
        assert job.finish() == 0
    job = sbatch("echo $ZCRX_LEASE\n", "--nodelist=n1")
    try:
        machine.until(lambda: cluster.states()["n1"].startswith("dr"), 120)
    finally:
        machine.systemctl("start", "zcrxd.socket")
        machine.systemctl("start", "zcrxd")
        machine.run("scontrol", "update", "NodeName=n1", "State=RESUME")
    machine.until(lambda: cluster.show(job, "JobState") == "COMPLETED", 180)
