# SPDX-License-Identifier: LGPL-2.1-or-later
"""kernel.yama.ptrace_scope 3. It cannot be taken back, and nothing can be registered any more: the
name of this file makes it the last."""

import machine
from client import new_area, new_ring
from hostile import refused


def test_ptrace_scope_3_is_reported(alice):
    with open("/proc/sys/kernel/yama/ptrace_scope", "w", encoding="ascii") as f:
        f.write("3")
    said = "sysctl kernel.yama.ptrace_scope"
    cursor = machine.journal_cursor()
    with new_ring() as ring, new_area() as area, alice.acquire() as lease:
        with refused("KernelRejected", said):
            lease.register(ring, area)
        assert lease.state() == "reserved"
    assert any(said in message for message in machine.messages(cursor))

    cursor = machine.journal_cursor()
    machine.systemctl("restart", "zcrxd")
    assert any(said + " is 3" in message for message in machine.messages(cursor))
