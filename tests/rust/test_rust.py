# SPDX-License-Identifier: LGPL-2.1-or-later
"""The crate zcrx on the NIC, by its examples, as an ordinary user; every byte is looked at. What needs no NIC is
bindings/rust/tests. In the test machine, by tests/vm/test-rust, which has built them."""

import subprocess

import machine
import pytest
from files import check, directory, send, storing  # noqa: F401 (a fixture)
from machine import HOST4, HOST6
from simnic import counted

EXAMPLES = "/build/rust/debug/examples"
PROGRAMS = "receive", "ring"


@pytest.mark.parametrize("host", [HOST4, HOST6])
@pytest.mark.parametrize("program", PROGRAMS)
def test_files_of_many_connections(directory, program, host):  # noqa: F811
    machine.configure(machine.config())
    n, size = 64, 100_000
    with counted() as grown, storing(directory, n, program=f"{EXAMPLES}/{program}") as receiving:
        queue, = machine.lease_of(receiving.pid)["hardwareQueues"]
        with send(host, 9001, n, size, peer=True) as sending:
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    total = check(directory, n, size)
    assert "\n0 bytes were copied\n" in receiving.said["stdout"]
    machine.assert_counted(grown, queue, total)
    assert machine.is_clean() and not machine.leases()


def test_each_queue_in_a_thread_of_its_own(directory):  # noqa: F811
    """Made in one, sent to another, which alone receives on it; connections are spread over them by the NIC."""
    machine.configure(machine.config())
    n, size = 32, 300_000
    with counted() as grown, storing(directory, n, program=f"{EXAMPLES}/threads") as receiving:
        queues = machine.lease_of(receiving.pid)["hardwareQueues"]
        with send(HOST4, 9001, n, size, peer=True) as sending:
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    total = check(directory, n, size)
    by_queue = [grown[f"rx{queue}_zc_bytes"] for queue in queues]
    assert len(by_queue) == 2 and all(by_queue) and total <= sum(by_queue) < total * 1.02
    assert not any(f"rx{queue}_page_bytes" in grown for queue in queues)
    assert machine.is_clean() and not machine.leases()


@pytest.mark.parametrize("program", PROGRAMS)
def test_buffers_come_back_to_the_nic(directory, program):  # noqa: F811
    """More than the area holds, twice: of `receive` from the thread that drops the spans."""
    machine.configure(machine.config())
    n, size = 4, 9_000_000
    with storing(directory, n, program=f"{EXAMPLES}/{program}") as receiving:
        with send(HOST4, 9001, n, size, peer=True) as sending:
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    assert check(directory, n, size) > 2 * 16 << 20
    assert "\n0 bytes were copied\n" in receiving.said["stdout"]
    assert machine.is_clean() and not machine.leases()


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_lease_ends_and_they_go_on(directory, program):  # noqa: F811
    machine.configure(machine.config())
    n, size = 4, 8_000_000
    with storing(directory, n, program=f"{EXAMPLES}/{program}") as receiving:
        lease = machine.lease_of(receiving.pid)
        with send(HOST4, 9001, n, size, peer=True) as sending:
            machine.until(lambda: sum(f.stat().st_size for f in directory.iterdir()) > size)
            machine.ctl("revoke", lease["leaseId"])
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    check(directory, n, size)
    assert "The lease has ended: " in receiving.said["stderr"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_zcrxd_refuses_is_said(program, tmp_path):
    machine.configure(machine.config())
    command = machine.as_user("alice", "env", "INTERFACE=nowhere", f"{EXAMPLES}/{program}", "9001", str(tmp_path), "1")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nowhere" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_is_linked_with_neither_liburing_nor_libsystemd(program):
    """Of itself: what libzcrx-client has is not its concern."""
    said = subprocess.run(["readelf", "-d", f"{EXAMPLES}/{program}"], capture_output=True, text=True, check=True).stdout
    needed = {line.split("[")[1].rstrip("]") for line in said.splitlines() if "(NEEDED)" in line}
    assert "libzcrx-client.so.0.2" in needed
    assert needed <= {"libzcrx-client.so.0.2", "libc.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}
