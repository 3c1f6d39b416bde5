# SPDX-License-Identifier: LGPL-2.1-or-later
"""How a lease's queues are polled and where their interrupts go, on the kernel: set for the lease,
shown, and as it was afterwards, also when nobody is there to put it back."""

import os
import pathlib
import re
import signal

import machine
import pytest
from client import Error

CONFIG = machine.config(policy=machine.POLICY.replace("    flows: prove\n",
                                                      "    flows: prove\n    tune: true\n"))
FIELDS = ("deferHardIrqs", "groFlushTimeoutNSec", "irqSuspendTimeoutNSec")


def polling(queue):
    description, = machine.call("Describe")
    zc0 = description["parameters"]["interfaces"][0]
    return tuple(zc0["queues"][queue][field] for field in FIELDS)


def facts(queue):
    return machine.call("Describe")[0]["parameters"]["interfaces"][0]["queues"][queue]


def test_settings_are_restored_when_the_lease_ends(alice):
    """What cannot be set changes nothing."""
    with alice.acquire() as lease:
        queue, = lease.queues
        before, other = polling(queue), polling(0)
        for bad in ({"deferHardIrqs": 101}, {"groFlushTimeoutNSec": 10000001},
                    {"irqSuspendTimeoutNSec": 100000001}, {}, {"queue": 1, "deferHardIrqs": 1}):
            with pytest.raises(Error) as caught:
                lease.call("Tune", **bad)
            assert caught.value.name == "InvalidParameter", bad
        assert polling(queue) == before
        lease.call("Tune", deferHardIrqs=2, groFlushTimeoutNSec=200000)
        assert polling(queue) == (2, 200000, before[2])
        lease.call("Tune", queue=0, deferHardIrqs=3, irqSuspendTimeoutNSec=20000000)
        assert polling(queue) == (3, 200000, 20000000)
        assert polling(0) == other
    machine.until(lambda: polling(queue) == before)


def test_settings_are_restored_after_a_crash(root):
    """What was found is on record, and is put back by the next one."""
    lease = root.call("Acquire", persistent=True)["lease"]
    queue, = lease["hardwareQueues"]
    before = polling(queue)
    root.call("Tune", leaseId=lease["leaseId"], deferHardIrqs=5)
    os.kill(machine.main_pid(), signal.SIGKILL)
    assert polling(queue) == (5, *before[1:])  # answered by the next
    machine.ctl("tune", lease["leaseId"], "--gro-flush-timeout", "1000")
    assert polling(queue) == (5, 1000, before[2])
    machine.call("Release", leaseId=lease["leaseId"])
    assert polling(queue) == before


def test_facts_of_queues(root):
    """What the kernel tells of a queue is shown, in status too."""
    ordinary = facts(0)
    assert ordinary["napiId"] > 0 and ordinary["receivedPackets"] >= 0
    assert ordinary["buffersInUse"] >= 0 and ordinary["bufferBytesInUse"] >= 0
    lines = machine.ctl("status", "zc0").stdout.splitlines()
    heading = next(i for i, line in enumerate(lines) if line.split()[:2] == ["QUEUE", "STATE"])
    assert lines[heading + 1].split()[:2] == ["0", "ordinary"]
    assert lines[heading + 1].split()[lines[heading].split().index("NAPI")] == str(ordinary["napiId"])


def test_interrupts_move_to_allowed_cpus_only(alice):
    """To CPUs of one's own, by a root that can do nothing else."""
    cpus = os.sched_getaffinity(0)
    own, other = sorted(cpus)[:2]
    with alice.acquire() as lease:
        queue, = lease.queues
        file = pathlib.Path(f"/proc/irq/{facts(queue)['irq']}/smp_affinity_list")
        file.write_text(f"{own},{other}")
        before = file.read_text()
        os.sched_setaffinity(0, {own})
        try:
            for wanted in f"{other}", f"{own},{other}":
                with pytest.raises(Error) as caught:
                    lease.call("Tune", irqAffinity=wanted)
                assert caught.value.name == "PermissionDenied"
                assert file.read_text() == before
            lease.call("Tune", irqAffinity=f"{own}")
        finally:
            os.sched_setaffinity(0, cpus)
        assert file.read_text() == f"{own}\n"
        assert facts(queue)["irqAffinity"] == f"{own}"
        status = pathlib.Path(f"/proc/{machine.show('zcrxd-irq', 'MainPID')}/status").read_text()
        assert len(re.findall(r"^Cap(?:Prm|Eff|Bnd|Amb):\t0{16}$", status, re.M)) == 4
        assert "NoNewPrivs:\t1\n" in status and "Seccomp:\t2\n" in status
    machine.until(lambda: file.read_text() == before)
