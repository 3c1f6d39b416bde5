# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes that have a queue of a lease each, by libzcrx-client/tests/workers.c: who dies is replaced, while the
others go on."""

import os
import random
import re
import signal

import machine
import pytest
from machine import HOST4
from simnic import counted

PORT = 9001
SIZE = 4 << 20

# Slowly, and for as long as it is wanted.
SENDER = """
import os, random, socket, sys, time
host, port, seed, size, pause, stop = sys.argv[1], *map(int, sys.argv[2:5]), float(sys.argv[5]), sys.argv[6]
content = random.Random(seed).randbytes(1 << 20)
with socket.create_connection((host, port)) as s:
    print("connected", flush=True)
    for at in range(0, size, 65536):
        try:
            s.sendall(content[at % len(content):][:min(65536, size - at)])
        except OSError:
            sys.exit("broken")
        time.sleep(pause)
        if stop and os.path.exists(stop):
            break
    print("sent", min(at + 65536, size), flush=True)
"""


def send(worker, seed, pause=0.0, size=SIZE, stop=""):
    program = machine.Program("python3", "-c", SENDER, HOST4, str(PORT + worker), str(seed), str(size), str(pause),
                              str(stop), peer=True)
    program.wait_for("^connected$")
    return program


def sent(program):
    assert program.finish() == 0, program.said
    return int(re.search(r"^sent (\d+)$", program.said["stdout"], re.M)[1])


def wait_for_worker(program, index, n=1):
    """The n-th that was started for the queue."""
    program.wait_for(rf"(?s)(^worker {index}: \d+$.*){{{n}}}")
    return int(re.findall(rf"^worker {index}: (\d+)$", program.said["stdout"], re.M)[n - 1])


def buffers_in_use(queue):
    interface, = machine.call("Describe", interface="zc0")[0]["parameters"]["interfaces"]
    return interface["queues"][queue]["buffersInUse"]


@pytest.mark.parametrize("restarted", [False, True], ids=["", "zcrxd restarted"])
def test_a_dead_workers_queue_is_taken_over_while_the_others_go_on(tmp_path, restarted):
    """It dies with 3000 of the 4096 buffers of its queue."""
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    directory, stop = tmp_path / "files", tmp_path / "stop"
    directory.mkdir()
    directory.chmod(0o777)
    machine.configure(machine.config())
    program = machine.with_sanitizers("zcrxperf").replace("tools/zcrxperf/zcrxperf",
                                                          "libzcrx-client/tests/zcrx-workers")
    with machine.Program(program, str(PORT), str(directory), user="alice") as parent:
        dead, other = wait_for_worker(parent, 0), wait_for_worker(parent, 1)
        queues = machine.leases()[0]["hardwareQueues"]
        with send(1, 1, 0.01, 500_000_000, stop) as going_on, send(0, 2, 0, 8 * SIZE) as broken:
            machine.until(lambda: (path := directory / f"0.{dead}.0").exists() and path.stat().st_size > 3000 * 1500)
            os.kill(dead, signal.SIGKILL)
            assert broken.finish() != 0
            if restarted:
                machine.systemctl("restart", "zcrxd")
            with counted() as grown, send(0, 3) as waiting:  # until somebody accepts it
                os.kill(parent.pid, signal.SIGUSR1)
                successor = wait_for_worker(parent, 0, 2)
                assert sent(waiting) == SIZE
                parent.wait_for(rf"^{successor} 0: {SIZE} bytes$")
            machine.assert_counted(grown, queues[0], SIZE)
            with send(0, 4, 0, 6 * SIZE) as more:  # more than the area
                assert sent(more) == 6 * SIZE
                parent.wait_for(rf"^{successor} 1: {6 * SIZE} bytes$")
            assert buffers_in_use(queues[0]) < 4096 - 1500
            stop.touch()
            length = sent(going_on)
            parent.wait_for(rf"^{other} 0: {length} bytes$")
        assert "(zcrx_queue_set_share)" in re.search("^refused: (.*)$", parent.said["stdout"], re.M)[1]
        parent.kill(signal.SIGTERM)
        assert parent.finish() == 0, parent.said
    for name, seed, size in ((f"1.{other}.0", 1, length), (f"0.{successor}.0", 3, SIZE),
                             (f"0.{successor}.1", 4, 6 * SIZE)):
        block = random.Random(seed).randbytes(1 << 20)
        assert (directory / name).read_bytes() == (block * (size // len(block) + 1))[:size], name
    machine.until(machine.is_clean)
