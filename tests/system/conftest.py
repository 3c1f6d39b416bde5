# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every test finds and must leave: users, the daemon on the file's configuration, and
afterwards not a trace of a lease in the kernel."""

import pathlib
import subprocess
import sys
import time

import pytest

for folder in "nic", "common", "panics":
    sys.path.append(str(pathlib.Path(__file__).parent.parent / folder))

pytest.register_assert_rewrite("machine")

import machine  # noqa: E402 (needs the path)
from client import Connection  # noqa: E402


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure comes with what the daemon said meanwhile."""
    report = (yield).get_result()
    if report.failed:
        item.failed = True
        said = subprocess.run(["journalctl", "-q", "-o", "short-precise", "--no-hostname", "-u",
                               "zcrxd*", f"--since=@{item.started:.6f}"],
                              capture_output=True, text=True)
        report.sections.append(("zcrxd's journal", said.stdout[-6000:]))


def pytest_runtest_setup(item):
    item.started = time.time()
    item.failed = False


@pytest.fixture(scope="session", autouse=True)
def users():
    """alice and bob, whom the policy knows by their group, and mallory, whom it does not."""
    for name, options in ("alice", ["-G", "zcrx"]), ("bob", ["-G", "zcrx"]), ("mallory", []):
        done = subprocess.run(["useradd", "-M", "-U", *options, name])
        assert done.returncode in (0, 9), "9: there is one already"


@pytest.fixture(scope="module", autouse=True)
def configured(request, users):
    """The daemon runs, on the file's CONFIG or the usual one."""
    machine.configure(getattr(request.module, "CONFIG", machine.config()))


@pytest.fixture(autouse=True)
def nothing_left(request, configured):
    """Whatever a test did, its leases are gone soon after it, and not a trace is in the kernel:
    only what a fixture holds for the whole module is there still."""
    before = machine.snapshot()
    yield
    if request.node.failed:  # what it did not come to do itself: the next one starts clean
        for lease in machine.leases():
            if lease["leaseId"] not in before[0]:
                machine.ctl("revoke", lease["leaseId"])
    machine.until(lambda: machine.snapshot() == before)


@pytest.fixture(scope="module")
def lasting(configured):
    """For fixtures that hold leases for the whole module: nothing is left after them."""
    yield
    machine.until(lambda: not machine.leases())
    machine.until(machine.is_clean)


@pytest.fixture
def root():
    with Connection() as connection:
        yield connection


@pytest.fixture
def alice():
    with Connection("alice") as connection:
        yield connection


@pytest.fixture
def bob():
    with Connection("bob") as connection:
        yield connection
