# SPDX-License-Identifier: LGPL-2.1-or-later
"""podman with an image, and after each test no trace of a lease. On what tests/system has; run by
tests/vm/test-containers."""

import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "nic"), str(TESTS / "system")]

pytest.register_assert_rewrite("machine")

import engine  # noqa: E402 (needs the path)
import machine  # noqa: E402

POLICY = """\
policy:
  - user: root
    flows: any
    administer: true
  - cgroup: /machine.slice/*
    where: container
    max-queues: 2
    max-area: 64M
  - user: alice
    max-queues: 1
  - user: "10001"
    max-queues: 1
"""


@pytest.fixture(scope="session", autouse=True)
def running_engine():
    """alice and bob have uids to give out; the policy knows only her."""
    for name in "alice", "bob":
        subprocess.run(["useradd", "--create-home", "--user-group", name], check=True)
    machine.configure(machine.config(policy=POLICY))
    engine.set_up()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure comes with what the daemon said meanwhile."""
    report = (yield).get_result()
    item.failed = getattr(item, "failed", False) or report.failed
    if report.failed:
        said = subprocess.run(["journalctl", "-q", "--no-hostname", "-n", "30", "-u", "zcrxd"], capture_output=True,
                              text=True, check=False)
        report.sections.append(("zcrxd's journal", said.stdout))


@pytest.fixture(autouse=True)
def nothing_left(request, running_engine):
    yield
    if request.node.failed:  # what it did not come to do itself: the next one starts clean
        for lease in machine.leases():
            machine.ctl("revoke", lease["leaseId"])
    machine.until(lambda: not machine.leases())
    assert machine.is_clean()
