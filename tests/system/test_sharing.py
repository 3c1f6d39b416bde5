# SPDX-License-Identifier: LGPL-2.1-or-later
"""A queue on several rings: of a program and its successor, which takes its connections over under traffic, by
docs/examples/receive-upgrade.c; and of several threads, by zcrxperf."""

import ast
import contextlib
import os
import pathlib
import random
import re
import signal
import time

import machine
import pytest
from machine import HOST4
from simnic import counted

PORT = 9001
N = 200
SIZE = 150_000

# Slowly, so that much is under way all the time; each connection says its number first.
SENDER = """
import random, select, socket, sys, time
host, port, n, size, pause = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
left, broken = {}, 0
for i in range(n):
    s = socket.create_connection((host, port))
    s.setblocking(False)
    left[s] = memoryview(i.to_bytes(4, "little") + random.Random(i).randbytes(size))
while left:
    for s in select.select([], list(left), [], 60)[1]:
        try:
            left[s] = left[s][s.send(left[s][:16384]):]
        except OSError:
            broken += 1
            left[s] = b""
        if not left[s]:
            s.close()
            del left[s]
    time.sleep(pause)
print("broken:", broken)
"""


def send(n=N, size=SIZE, pause=0.05):
    return machine.Program("python3", "-c", SENDER, HOST4, str(PORT), str(n), str(size), str(pause), peer=True)


@pytest.fixture
def directory(tmp_path_factory):
    """Where alice may write, too."""
    base = tmp_path_factory.mktemp("sharing")
    for parent in (base, *base.parents[:2]):
        parent.chmod(0o755)
    files = base / "files"
    files.mkdir()
    files.chmod(0o777)
    return files


@contextlib.contextmanager
def receiving(directory, program="zcrx-upgrade-example", **environment):
    machine.configure(machine.config())
    example = machine.with_sanitizers("zcrxperf").replace("tools/zcrxperf/zcrxperf", f"libzcrx-client/{program}")
    variables = [f"{name}={value}" for name, value in {"INTERFACE": "zc0", **environment}.items()]
    with machine.Program("env", *variables, example, str(PORT), str(directory), user="alice") as program:
        program.process.successors = []
        program.wait_for(r"^listening (\d+)$")
        try:
            yield program
        finally:
            for pid in program.process.successors:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def arrived(directory):
    return sum(f.stat().st_size for f in directory.iterdir())


def content(data):
    """Whether that is what was sent, from its beginning on."""
    size = max(len(data) - 4, 0)
    return random.Random(int.from_bytes(data[:4], "little")).randbytes(-(-size // 4) * 4).startswith(data[4:])


def upgrade(program):
    """The successor's pid, as soon as it has what it needs."""
    os.kill(program.pid, signal.SIGHUP)
    pid = int(program.wait_for(r"^taking over (\d+)$")[1])
    program.process.successors.append(pid)
    return pid


def buffers_in_use(queue):
    """Of the queue's page pool: the NIC's ring, and what somebody has."""
    interface, = machine.call("Describe", interface="zc0")[0]["parameters"]["interfaces"]
    return interface["queues"][queue]["buffersInUse"]


@pytest.mark.parametrize("restarted", [False, True], ids=["", "zcrxd restarted"])
def test_connections_are_handed_to_a_successor_without_losing_a_byte(directory, restarted):
    with receiving(directory) as program, send() as sending:
        lease, = machine.leases()
        queue, = lease["hardwareQueues"]
        machine.until(lambda: arrived(directory) > N * SIZE // 5)
        if restarted:
            machine.systemctl("restart", "zcrxd")
        pid = upgrade(program)
        machine.until(lambda: program.process.poll() is not None)
        assert program.process.returncode == 0, program.said
        assert sending.finish() == 0, sending.said
        machine.until(lambda: arrived(directory) == N * (SIZE + 4))
        assert [one["leaseId"] for one in machine.leases()] == [lease["leaseId"]]
        assert machine.leases()[0]["state"] == "steered"
        assert machine.held(queue)
        os.kill(pid, signal.SIGTERM)
        machine.until(lambda: not machine.leases())
        program.process.stdout.read()
    assert all(content(path.read_bytes()) for path in directory.iterdir())
    assert "broken: 0" in sending.said["stdout"]
    machine.until(machine.is_clean)


def go_round(directory, size=10_000_000):
    """All buffers of the area are used, several times."""
    there = set(directory.iterdir())
    with send(4, size, 0) as sending:
        assert sending.finish() == 0, sending.said
    new = machine.until(lambda: (new := set(directory.iterdir()) - there) and
                        sum(f.stat().st_size for f in new) == 4 * (size + 4) and new)
    assert all(content(path.read_bytes()) for path in new)


def stored(program):
    """Connections that have ended well, and what they had."""
    return {int(number): int(size)
            for number, size in re.findall(r"^(\d+): (\d+) bytes$", program.said["stdout"], re.M)}


def end_after_a_while(pid):
    """It has stood still, with what the kernel has given it meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1)
    os.kill(pid, signal.SIGKILL)


def child_of(program):
    pids = pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text(encoding="ascii").split()
    return int(pids[0]) if pids else 0


def check_files(program, directory):
    """What was received to its end is what was sent."""
    for number, size in stored(program).items():
        data = (directory / str(number)).read_bytes()
        assert len(data) == size and content(data), number


def test_program_that_dies_takes_no_buffers_along(directory):
    """Its connections are broken; its successor has the others, and all buffers of the area, of which the dead
    had most."""
    with receiving(directory, "tests/zcrx-upgrade-holding") as program:
        queue, = machine.leases()[0]["hardwareQueues"]
        with send(pause=0.2) as sending:
            machine.until(lambda: arrived(directory) > N * SIZE // 2)
            pid = upgrade(program)
            end_after_a_while(program.pid)
            program.wait_for("^reclaimed$")
            assert sending.finish() == 0, sending.said
        assert len(machine.leases()) == 1
        go_round(directory)
        assert buffers_in_use(queue) < 4096 - 1500  # of the dead alone 3000; the NIC has some 1000
        os.kill(pid, signal.SIGTERM)
        machine.until(lambda: not machine.leases())
        program.finish()
        check_files(program, directory)
    machine.until(machine.is_clean)


def test_successor_that_dies_leaves_everything_as_it_was(directory):
    with receiving(directory) as program:
        with send() as sending:
            machine.until(lambda: arrived(directory) > N * SIZE // 5)
            os.kill(program.pid, signal.SIGHUP)
            os.kill(machine.until(lambda: child_of(program)), signal.SIGKILL)
            program.wait_for("^reclaimed$")
            assert sending.finish() == 0, sending.said
        assert "broken: 0" in sending.said["stdout"]
        machine.until(lambda: arrived(directory) == N * (SIZE + 4))
        go_round(directory)
        pid = upgrade(program)
        machine.until(lambda: program.process.poll() is not None)
        os.kill(pid, signal.SIGTERM)
        assert program.finish() == 0, program.said
        assert len(stored(program)) == N + 4
        check_files(program, directory)
    machine.until(machine.is_clean)


# Until it is told to stop, and then how much each has had that was not broken.
ENDLESS = """
import os, random, select, socket, sys, time
host, port, n, stop = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
content = {i: random.Random(i).randbytes(100_000) for i in range(n)}
open = {socket.create_connection((host, port)): i for i in range(n)}
sent = dict.fromkeys(range(n), 0)
for s, i in open.items():
    s.setblocking(False)
    s.send(i.to_bytes(4, "little"))
while open and not os.path.exists(stop):
    for s in select.select([], list(open), [], 60)[1]:
        i = open[s]
        try:
            sent[i] += s.send(content[i][sent[i] % 100_000:][:4096])
        except OSError:
            del open[s], sent[i]
    # Fast at first; then so that what is out of order never needs all buffers.
    time.sleep(0.002 if sum(sent.values()) < 3_000_000 else 0.02)
for s in open:
    s.close()
print(sent)
"""

MANY = 16
# Where one of the two is killed (libzcrx-client/tests/dying.c), in the order of the handover, and who goes on. If nobody
# can, the lease ends.
STEPS = [
    ("old zcrx_queue_get_share 1 after", None),
    ("successor execv 1 before", "old"),
    ("old sendmsg 1 before", None),  # its successor has nothing yet
    ("successor recvmsg 1 before", "old"),
    ("old sendmsg 1 after", "successor"),
    ("successor recvmsg 1 after", "old"),
    ("successor zcrx_lease_attach 1 after", "old"),
    ("successor zcrx_queue_register 1 after", "old"),
    ("successor sendmsg 1 after", "old"),  # it has said that it is ready
    ("old recvmsg 1 after", "successor"),
    (f"old zcrx_stream_stop {MANY // 2} after", "successor"),
    ("old sendmsg 2 before", "successor"),  # the first connection has stopped
    ("old sendmsg 2 after", "successor"),  # both have it
    ("successor recvmsg 2 after", "old"),
    ("successor sendmsg 2 after", "old"),  # it has said that it has it
    ("successor zcrx_queue_receive 1 after", "old"),  # the other has not read yet that it has it
    (f"successor zcrx_queue_receive {MANY // 2} after", "old"),
    (f"old zcrx_stream_free {MANY // 2} after", "successor"),  # so many were taken
    (f"old sendmsg {MANY + 2} before", "successor"),  # all were, and it does not say that this is the end
    (f"successor recvmsg {MANY + 2} after", None),
]


@pytest.mark.parametrize("die, survivor", STEPS, ids=[die for die, _ in STEPS])
def test_at_each_step_of_a_handover_one_can_be_killed(directory, die, survivor):
    """The connections that live have lost nothing, and no buffer is lost, of which the old one has half. (As many
    are free as at the beginning, but for those that the page pool keeps to use them again.) Once with zcrxd restarted
    before."""
    stop = directory.parent / "stop"
    restarted = die == "old sendmsg 2 after"
    with receiving(directory, "tests/zcrx-upgrade-dying", DIE=die) as program:
        queue, = machine.leases()[0]["hardwareQueues"]
        with machine.Program("python3", "-c", ENDLESS, HOST4, str(PORT), str(MANY), str(stop), peer=True) as sending:
            enough = 3_000_000 if die.startswith("old") else 300_000
            machine.until(lambda: arrived(directory) > enough and len(list(directory.iterdir())) == MANY)
            if restarted:
                machine.systemctl("restart", "zcrxd")
            os.kill(program.pid, signal.SIGHUP)
            if survivor == "successor":
                pid = int(program.wait_for(r"^taking over (\d+)$")[1])
                program.process.successors.append(pid)
            elif survivor == "old":
                pid = program.pid
            if survivor:
                program.wait_for("^reclaimed$")
                before = arrived(directory)
                machine.until(lambda: arrived(directory) > before or sending.process.poll() is not None)
                stop.touch()
            assert sending.finish() == 0, sending.said
        sent = ast.literal_eval(sending.said["stdout"])
        if survivor:
            program.wait_for(rf"(?s)(^\d+: \d+ bytes$.*){{{len(sent)}}}")
            assert buffers_in_use(queue) < 4096 - 1500
            os.kill(pid, signal.SIGTERM)
        machine.until(lambda: not machine.leases())
        program.finish()
        for path in directory.iterdir():
            data = path.read_bytes()
            sender = int.from_bytes(data[:4], "little")
            block = random.Random(sender).randbytes(100_000)
            assert data[4:] == (block * (len(data) // len(block) + 1))[:sent.pop(sender, len(data) - 4)]
        assert not sent
    machine.until(machine.is_clean)


@pytest.mark.parametrize("queues, threads", [(1, 3), (2, 2), (2, 5)])
def test_threads_share_queues(queues, threads):
    """docs/examples/receive-threads.c: every byte of every connection, by zero copy, whichever thread has it."""
    machine.configure(machine.config())
    n, size = 12, 200_000
    example = machine.with_sanitizers("zcrxperf").replace(
        "tools/zcrxperf/zcrxperf", "libzcrx-client/zcrx-threads-example")
    with counted() as grown, machine.Program("env", "INTERFACE=zc0", example, str(PORT), str(queues), str(threads),
                                             user="alice") as program:
        program.wait_for("^listening$")
        hardware = machine.leases()[0]["hardwareQueues"]
        assert len(hardware) == queues
        with send(n, size, 0) as sending:
            assert sending.finish() == 0, sending.said
        program.wait_for(rf"(?s)(^{size + 4} bytes$.*){{{n}}}")
        assert program.said["stderr"] == ""
    machine.until(machine.is_clean)
    assert sum(grown.get(f"rx{queue}_zc_bytes", 0) for queue in hardware) >= n * size
    assert not any(f"rx{queue}_page_bytes" in grown for queue in hardware)


@pytest.mark.parametrize("options, queues", [(("--threads", "4", "--share"), 1), (("--threads", "3"), 3)],
                         ids=["shared", "of their own"])
def test_zcrxperf_receives_in_threads(options, queues):
    machine.configure(machine.config())
    n, size = 8, 1 << 20
    with machine.receiver(PORT, "--verify", "--connections", str(n), *options) as receiving:
        assert len(machine.lease_of(receiving.pid)["hardwareQueues"]) == queues
        with machine.sender(HOST4, PORT, size, "--connections", str(n)) as sending:
            assert sending.finish() == 0, sending.said
        result = receiving.result()
    machine.assert_zero_copy(result, n * size)
    assert sum(queue["connections"] for queue in result["queues"]) == n
    assert len(result["queues"]) == queues
