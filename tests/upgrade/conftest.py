# SPDX-License-Identifier: LGPL-2.1-or-later
"""An older zcrxd, and this one in its place. On what tests/system has; run by tests/vm/test-upgrade."""

import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "nic"), str(TESTS / "system")]

pytest.register_assert_rewrite("machine")
