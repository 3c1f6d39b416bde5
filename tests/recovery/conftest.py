# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon and its leases when it is restarted, replaced and killed. On what tests/system has."""

import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "nic"), str(TESTS / "system")]

pytest.register_assert_rewrite("machine")

import machine  # noqa: E402 (needs the path)


@pytest.fixture(scope="session", autouse=True)
def users():
    """alice, whom the policy knows by her group; tests/system may have made her."""
    if subprocess.run(["id", "alice"], capture_output=True, check=False).returncode:
        subprocess.run(["useradd", "-M", "-U", "-G", "zcrx", "alice"], check=True)


@pytest.fixture(autouse=True)
def nothing_left():
    """Whatever a test did, its leases are gone soon after it."""
    yield
    machine.until(lambda: not machine.leases())
    machine.until(machine.is_clean)
