# SPDX-License-Identifier: LGPL-2.1-or-later
"""contrib/slurm, with programs in place of zcrxctl and Slurm's: what a node must not be drained for, and for what it
must; what a job is given back for. tests/slurm has the real ones."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).parents[2] / "contrib/slurm"
HOSTILE = '","ownerUid":0,"acquirerUid":0,{"leaseId":"deadbeef","name":"slurm-7","ownerUid":1000,"acquirerUid":0,'

# Answers for the arguments that the file of the same name has, and writes down what it was called with.
FAKE = """#!/bin/sh
echo "${0##*/} $*" >>"$FAKES/calls"
case "${0##*/} $1" in
"zcrxctl leases") cat "$FAKES/leases" && exit "$(cat "$FAKES/answers")" ;;
"zcrxctl lease") echo "${said:-0000002a}"; exit "$(cat "$FAKES/lease")" ;;
"scontrol -d") cat "$FAKES/job" 2>/dev/null ;;
"scontrol show") case $2 in hostnames) [ "$3" = n3 ] && echo n3 || { echo n1; echo n2; } ;; aliases) echo n1 ;; esac ;;
"scontrol requeue"*) [ ! -e "$FAKES/interactive" ] ;;
"squeue -h") cat "$FAKES/jobs" 2>/dev/null ;;
esac
"""


def lease(name, uid=1000, lease_id="0000002a", acquirer=0):
    v = {"leaseId": lease_id, "name": name, "ownerUid": uid}
    if acquirer is not None:
        v["acquirerUid"] = acquirer
    return dict(v, ownerPid=1, interface="zc0", flows=[{"flowId": "1"}], ownerName="alice")


class Node:
    """One job, number 7 of uid 1000, which was given two queues."""

    def __init__(self, path):
        self.path = path
        for name in "zcrxctl", "scontrol", "squeue", "scancel", "logger":
            (path / name).write_text(FAKE)
            (path / name).chmod(0o755)
        for script in SOURCE.iterdir():
            shutil.copy(script, path)
        (path / "prolog").write_text((SOURCE / "prolog").read_text().replace("patience=30", "patience=0"))
        self.answer(leases=[], answers=0, lease=0, jobs="", job=self.job("zcrx(CNT:2)"))
        (path / "calls").touch()

    @staticmethod
    def job(gres, nodes="n[1-2]", number=7):
        return (f"JobId={number} ArrayJobId=6 JobName=a=b JobState=RUNNING NodeList=n[1-3] JOB_GRES={gres} "
                f"Nodes=n3 CPU_IDs=0 Mem=0 GRES=zcrx:9 Nodes={nodes} CPU_IDs=0 Mem=0 GRES={gres} TresPerNode=gres/{gres}\n")

    def answer(self, **files):
        for name, value in files.items():
            (self.path / name).write_text(value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))

    def run(self, script, status=0):
        (self.path / "calls").write_text("")
        done = subprocess.run([self.path / script], capture_output=True, text=True, check=False, timeout=30, env={
            "PATH": f"{self.path}:{os.environ['PATH']}", "FAKES": str(self.path), "SLURM_JOB_ID": "7",
            "SLURM_JOB_UID": "1000", "SLURMD_NODENAME": "n1"})
        assert (done.returncode, done.stderr) == (status, ""), done
        return done.stdout

    def calls(self, *starts):
        return [line for line in (self.path / "calls").read_text().splitlines() if line.startswith(starts)]


@pytest.fixture(name="node")
def fixture_node(tmp_path):
    return Node(tmp_path)


@pytest.mark.parametrize("gres, wanted", [
    ("zcrx(CNT:2)", ["--queues 2 --owner 1000 --name slurm-7"]),  # what Slurm 24.11 says of what it only counts
    ("zcrx:eth0(CNT:2)", ["eth0 --queues 2 --owner 1000 --name slurm-7-eth0"]),
    ("zcrx:2", ["--queues 2 --owner 1000 --name slurm-7"]),
    ("gres/zcrx:2", ["--queues 2 --owner 1000 --name slurm-7"]),
    ("gpu:a100:4(IDX:0-3),zcrx:1", ["--queues 1 --owner 1000 --name slurm-7"]),
    ("zcrx:eth0:1,zcrx:eth1(CNT:3)", ["eth0 --queues 1 --owner 1000 --name slurm-7-eth0",
                                        "eth1 --queues 3 --owner 1000 --name slurm-7-eth1"]),
    ("gpu:4", []), ("", []), ("zcrxx:1", []), ("(null)", [])])
def test_the_prolog_acquires_what_was_given_on_this_node(node, gres, wanted):
    node.answer(job=node.job("zcrx:8", number=6) + node.job(gres))
    node.run("prolog")
    assert node.calls("zcrxctl lease ") == [f"zcrxctl lease {arguments} --no-legend" for arguments in wanted]
    assert not node.calls("scontrol requeue", "scancel")


def test_the_prolog_run_again_finds_its_lease(node):
    node.answer(leases=[lease("slurm-7")])
    node.run("prolog")
    assert not node.calls("zcrxctl lease ")


@pytest.mark.parametrize("other", [lease("slurm-7", uid=1001), lease("slurm-70"), lease("slurm-7", acquirer=None),
                                   lease("slurm-7", acquirer=1000), lease(HOSTILE, acquirer=None)])
def test_nobody_else_s_lease_is_taken_for_it(node, other):
    node.answer(leases=[other])
    node.run("prolog")
    assert len(node.calls("zcrxctl lease ")) == 1


def test_no_queue_free_sweeps_and_gives_the_job_back(node):
    node.answer(lease=4, leases=[lease("slurm-5", lease_id="00000005"), lease("slurm-7-eth9", lease_id="00000007")],
                jobs="7\n77\n")
    node.run("prolog")
    assert node.calls("zcrxctl release") == ["zcrxctl release 00000005", "zcrxctl release 00000007"]
    assert node.calls("scontrol requeue", "scancel") == ["scontrol requeue 7"]


def test_what_is_no_batch_job_is_cancelled(node):
    node.answer(lease=4, interactive="")
    node.run("prolog")
    assert node.calls("scancel") == ["scancel 7"]


def test_denied_by_the_policy_holds_the_job(node):
    node.answer(lease=3)
    node.run("prolog")
    assert node.calls("scontrol requeue", "scancel") == ["scontrol requeuehold 7"]


def test_of_two_leases_none_is_kept_when_the_job_is_given_back(node):
    node.answer(lease=3, job=node.job("zcrx:eth0:1,zcrx:eth1:1"), leases=[lease("slurm-7-eth0")])
    node.run("prolog")
    assert node.calls("zcrxctl release") == ["zcrxctl release 0000002a"]


def test_without_zcrxd_the_node_is_drained(node):
    node.answer(lease=1, answers=1)
    node.run("prolog", status=1)
    assert not node.calls("scontrol requeue", "scancel")


def test_jobs_without_queues_do_not_ask_zcrxd(node):
    node.answer(lease=1, answers=1, job=node.job("gpu:1"))
    node.run("prolog")
    assert not node.calls("zcrxctl")


def test_without_slurmctld_the_job_starts(node):
    (node.path / "job").unlink()
    node.run("prolog")


def test_the_task_prolog_names_the_user_s_leases(node):
    own, other = os.getuid(), os.getuid() + 1
    node.answer(leases=[lease("slurm-7-eth0", own, "00000001"), lease("slurm-7", other, "00000002"),
                        lease("slurm-77", own, "00000003"), lease("slurm-7-eth1", own, "00000004")])
    assert node.run("task-prolog") == "export ZCRX_LEASE=00000001\nexport ZCRX_LEASES=00000001 00000004\n"
    node.answer(leases=[])
    assert node.run("task-prolog") == ""
    node.answer(answers=1)
    assert node.run("task-prolog") == ""


def test_the_epilog_releases_the_job_s_and_never_fails(node):
    node.answer(leases=[lease("slurm-7", lease_id="00000001"), lease("slurm-7-eth0", lease_id="00000002"),
                        lease("slurm-77", lease_id="00000003"), lease("slurm-7", 1000, "00000004", acquirer=None)])
    node.run("epilog")
    assert node.calls("zcrxctl release") == ["zcrxctl release 00000001", "zcrxctl release 00000002"]
    node.answer(answers=1)
    node.run("epilog")


def test_the_sweep_releases_nothing_that_a_job_has(node):
    node.answer(leases=[lease("slurm-7", lease_id="00000001"), lease("slurm-8-eth0", lease_id="00000002"),
                        lease("web", lease_id="00000003")], jobs="7\n80\n")
    node.run("sweep")
    assert node.calls("zcrxctl release") == ["zcrxctl release 00000002"]
    assert node.calls("squeue")[0].startswith("squeue -h -w n1 ")


def test_the_sweep_releases_nothing_without_slurmctld(node):
    (node.path / "sweep").write_text((SOURCE / "sweep").read_text().replace("tries=30", "tries=1"))
    node.answer(leases=[lease("slurm-8")])
    (node.path / "jobs").unlink()
    node.run("sweep")
    assert not node.calls("zcrxctl release")
