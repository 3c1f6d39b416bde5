# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of the crate zcrx on the NIC. On what tests/system has."""

import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "nic"), str(TESTS / "system")]

pytest.register_assert_rewrite("machine", "files")


@pytest.fixture(scope="session", autouse=True)
def users():
    """alice, whom the policy knows by her group."""
    subprocess.run(["useradd", "-M", "-U", "-G", "zcrx", "alice"], check=True)
