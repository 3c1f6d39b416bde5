# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon of its own for each file of tests, which outlives every attack in it."""

import pathlib
import sys

import pytest
from flood import Daemon

sys.path.append(str(pathlib.Path(__file__).parent.parent / "common"))


@pytest.fixture(scope="module")
def daemon():
    with Daemon() as running:
        yield running


@pytest.fixture(autouse=True)
def unharmed(daemon):
    """After each test: it still serves, has let go of everything, and has not filled the journal."""
    daemon.serves()
    yield
    daemon.recovers()
