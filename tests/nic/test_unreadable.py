# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel does with payload out of its reach, where it does no harm and is soon seen. All of it,
also what kills the machine: tests/panics, by tests/vm/test-panics."""

import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).parent.parent / "panics"))

import panics  # noqa: E402 (needs the path)


@pytest.mark.parametrize("name", ["recv", "packet-socket", "forwarded-to-dummy", "icmp-time-exceeded"])
def test_it_ends_as_it_is_known_to(name):
    case = next(case for case in panics.CASES if case.name == name)
    ended, seen = case.work()
    assert ended == case.ends, seen
