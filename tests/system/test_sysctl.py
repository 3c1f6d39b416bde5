# SPDX-License-Identifier: LGPL-2.1-or-later
"""Settings of the kernel that stand in the way: what works works, and what does not is named.
kernel.yama.ptrace_scope 3 has a file of its own, test_zz_ptrace_scope_3.py."""

import machine
import pytest


@pytest.mark.parametrize("scope", "012")
def test_ptrace_scope_2_changes_nothing(scope):
    with machine.sysctl("kernel/yama/ptrace_scope", scope):
        machine.assert_zero_copy(machine.transfer(9001, 1 << 20), 1 << 20)


@pytest.mark.parametrize("value, user", [("1", "alice"), ("2", "root")])
def test_io_uring_disabled(value, user):
    with machine.sysctl("kernel/io_uring_disabled", value):
        with machine.receiver(9001, user=user, ready=False) as receiving:
            assert receiving.finish() == 1
    assert "sysctl kernel.io_uring_disabled" in receiving.said["stderr"]
