# SPDX-License-Identifier: LGPL-2.1-or-later
"""A cluster of Slurm, and after each test no trace of a job's lease. On what tests/system has; run by
tests/vm/test-slurm."""

import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "nic"), str(TESTS / "system")]

pytest.register_assert_rewrite("machine")

import cluster  # noqa: E402 (needs the path)
import machine  # noqa: E402


# As docs/CLUSTERS.md has it: users have what the prolog has acquired in their name, and acquire nothing themselves.
POLICY = """\
policy:
  - user: root
    flows: any
    administer: true
  - group: zcrx
    cgroup: /by-the-prolog
    max-queues: 16
    max-area: 64M
    flows: prove
  - group: zcrx
    max-queues: 0
    max-area: 64M
    flows: prove
"""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure comes with what Slurm and the scripts said."""
    report = (yield).get_result()
    if report.failed:
        said = subprocess.run(["journalctl", "-q", "--no-hostname", "-t", "zcrx-prolog", "-t", "zcrx-epilog", "-t",
                               "zcrx-sweep"], capture_output=True, text=True, check=False)
        report.sections.append(("the scripts' journal", said.stdout[-4000:]))
        report.sections.append(("Slurm's logs", cluster.logs()))


@pytest.fixture(scope="session", autouse=True)
def running_cluster():
    """alice and bob may lease, mallory may not."""
    for name, options in ("alice", ["-G", "zcrx"]), ("bob", ["-G", "zcrx"]), ("mallory", []):
        subprocess.run(["useradd", "-M", "-U", *options, name], check=True)
    machine.configure(machine.config(policy=POLICY))
    cluster.start()
    yield
    cluster.stop()


@pytest.fixture(autouse=True)
def all_is_over(running_cluster):
    """No job is left, no lease, and no node is drained."""
    yield
    machine.until(lambda: not cluster.jobs())
    machine.until(lambda: not machine.leases())
    assert machine.is_clean()
    machine.until(lambda: cluster.states() == dict.fromkeys(cluster.NODES, "idle"))
