# SPDX-License-Identifier: LGPL-2.1-or-later
"""`make bench` and `make soak`, a round of each: every part of them runs. What they find out takes
longer."""

import os
import pathlib
import subprocess
import sys

import machine
import pytest
import simnic

SOURCE = pathlib.Path(__file__).parents[2]


def run_to_its_end(*argv):
    done = subprocess.run([sys.executable, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=4 * machine.PATIENCE)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def reloaded():
    """The NIC and the daemon are as before afterwards."""
    yield
    machine.run("systemctl", "stop", "zcrxd")
    simnic.reload()
    machine.configure.current = None
    machine.configure(machine.config())


def bench(*options):
    build = next(path for path in ("/build/release", "/build/test")
                 if os.path.exists(f"{path}/bench/zcrx-bench"))
    return run_to_its_end(SOURCE / "bench" / "run", "--short", "--build", build, *options)


def test_every_part_of_the_benchmark_runs(reloaded):
    said = bench("--only=calls,rest,kill,restart,drift,trips")
    for title in ("One lease, start to end", "The daemon at rest", "From SIGKILL of a client",
                  "Without an answer while", "A leak into queues in use", "256 bytes there and back"):
        assert title in said


def test_what_receivers_take_is_measured(reloaded):
    said = bench("--only=cost")
    assert "Processor time of a receiver" in said
    copied = [line.split()[-2] for line in said.splitlines() if " library " in line]
    assert copied == ["0.0"] * 3, said


def test_a_round_of_the_soak_leaves_nothing_behind():
    said = run_to_its_end(SOURCE / "tests" / "soak" / "soak", "--rounds", "1", "--seed", "1")
    assert said.splitlines()[-1].endswith(": 0 findings")
