# SPDX-License-Identifier: LGPL-2.1-or-later
"""A cluster of Slurm on one machine: slurmctld, and two nodes by name (slurmd -N), which share the queues of zc0
between them. The scripts are those of contrib/slurm, where an administrator puts them."""

import pathlib
import shutil
import signal
import socket
import subprocess

import machine
from machine import Program, as_user, run

SOURCE = pathlib.Path(__file__).parents[2] / "contrib/slurm"
ETC, SCRIPTS, STATE = pathlib.Path("/etc/slurm"), pathlib.Path("/etc/slurm/zcrx"), pathlib.Path("/run/cluster")
NODES = {"n1": 2, "n2": 2}  # of the four queues

SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=cred_expire=10
StateSaveLocation={state}/ctld
SlurmdSpoolDir={state}/%n
SlurmctldPidFile={state}/ctld.pid
SlurmdPidFile={state}/%n.pid
SlurmctldLogFile={state}/ctld.log
SlurmdLogFile={state}/%n.log
SlurmctldDebug=debug
SlurmdDebug=debug
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
SchedulerParameters=nohold_on_prolog_fail,sched_interval=2,batch_sched_delay=1
PrologFlags=Alloc
GresTypes=zcrx
Prolog={scripts}/prolog
TaskProlog={scripts}/task-prolog
Epilog={scripts}/epilog
PartitionName=all Nodes=ALL Default=YES State=UP
"""
NODE = "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=4 RealMemory=100 Gres=zcrx:{queues}\n"

daemons = {}


def write_files():
    """What docs/CLUSTERS.md says: the lines that zcrxctl prints, here by node."""
    SCRIPTS.mkdir(parents=True, exist_ok=True)
    for file in SOURCE.iterdir():
        shutil.copy(file, SCRIPTS)
    lines = machine.ctl("gres", "--no-legend").stdout
    assert lines == f"Name=zcrx Count={sum(NODES.values())} Flags=CountOnly\n"
    (ETC / "gres.conf").write_text("".join(
        f"NodeName={name} Name=zcrx Count={queues} Flags=CountOnly\n" for name, queues in NODES.items()))
    (ETC / "cgroup.conf").write_text("CgroupPlugin=disabled\n")  # it asks systemd by D-Bus, which does not run here
    host = socket.gethostname()
    text = SLURM_CONF.format(host=host, state=STATE, scripts=SCRIPTS)
    text = text.replace("PartitionName", "".join(
        NODE.format(name=name, host=host, port=17000 + i, queues=queues)
        for i, (name, queues) in enumerate(NODES.items())) + "PartitionName")
    (ETC / "slurm.conf").write_text(text)


def start_node(name):
    daemons[name] = subprocess.Popen(["slurmd", "-D", "-N", name], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def kill_node(name):
    daemons[name].kill()
    daemons[name].wait()


def start():
    for directory in "ctld", *NODES:
        (STATE / directory).mkdir(parents=True, exist_ok=True)
    write_files()
    subprocess.run(["install", "-d", "-o", "munge", "-g", "munge", "/run/munge"], check=True)
    subprocess.run(["setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", "munged"], check=True)
    daemons["ctld"] = subprocess.Popen(["slurmctld", "-D"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, start_new_session=True)
    for name in NODES:
        start_node(name)
    machine.until(lambda: states() == dict.fromkeys(NODES, "idle"))


def stop():
    for process in daemons.values():
        process.send_signal(signal.SIGTERM)
        process.wait(machine.PATIENCE)


def states():
    """Of the nodes, in Slurm's words."""
    done = subprocess.run(["sinfo", "-h", "-N", "-o", "%N %t"], capture_output=True, text=True)
    return dict(line.split() for line in done.stdout.splitlines())


def jobs():
    """Those that are not over: state by number."""
    lines = run("squeue", "-h", "-o", "%A %t").splitlines()
    return {int(number): state for number, state in map(str.split, lines)}


def describe(job):
    """All that slurmctld knows of a job, which may be over."""
    return run("scontrol", "-d", "-o", "show", "job", str(job))


def show(job, key):
    """One word of it."""
    return next(word.partition("=")[2] for word in describe(job).split() if word.startswith(key + "="))


def leases():
    """By name."""
    return {lease["name"]: lease for lease in machine.leases()}


def srun(*arguments, user="alice", queues=2, **more):
    return Program("srun", f"--gres=zcrx:{queues}", "--chdir=/tmp", *arguments, user=user, **more)


def sbatch(script, *options, user="alice", queues=2):
    """The number of the job, whose output is the file of that name in /tmp."""
    done = subprocess.run(as_user(user, "sbatch", "--parsable", f"--gres=zcrx:{queues}", "--chdir=/tmp",
                                  "--output=/tmp/%A.out", *options), input="#!/bin/sh\n" + script, text=True,
                          capture_output=True, timeout=machine.PATIENCE)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def output(job):
    path = pathlib.Path(f"/tmp/{job}.out")
    return path.read_text() if path.exists() else ""


def wait_for(job, state):
    machine.until(lambda: jobs().get(job, "gone") == state)


def logs():
    return "\n".join(f"--- {path.name}\n{path.read_text()[-2500:]}" for path in sorted(STATE.glob("*.log")))


def processes():
    """Number, name and environment of each."""
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            name = (directory / "cmdline").read_bytes().partition(b"\0")[0].decode(errors="replace")
            yield int(directory.name), name, (directory / "environ").read_bytes().split(b"\0")
        except OSError:  # it is gone
            pass


def processes_of(job):
    """The programs of the job, not Slurm's own."""
    return [pid for pid, name, environment in processes()
            if f"SLURM_JOB_ID={job}".encode() in environment and "slurmstepd" not in name]


def stepds_of(job):
    return [pid for pid, name, _ in processes() if name.startswith(f"slurmstepd: [{job}.")]
