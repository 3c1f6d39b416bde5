# SPDX-License-Identifier: LGPL-2.1-or-later
"""The helpers of the system tests, without their NIC."""

import pathlib
import sys

import pytest

for folder in "nic", "system":
    sys.path.append(str(pathlib.Path(__file__).parent.parent / folder))

pytest.register_assert_rewrite("machine")
