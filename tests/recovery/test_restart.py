# SPDX-License-Identifier: LGPL-2.1-or-later
"""Restarts under traffic: not a byte lost, not a byte copied, the same lease, the handle still good."""

import pathlib
import re
import shutil
import subprocess
import threading

import pytest

import machine
from client import Connection, new_area, new_ring
from machine import until

PLENTY = 64 << 30  # more than is ever sent: the sender is stopped at the end
ROUNDS = 20


@pytest.fixture(scope="module", autouse=True)
def configured():
    machine.configure(machine.config())


def restart():
    machine.systemctl("restart", "zcrxd")


def kill():
    pid = machine.main_pid()
    machine.run("systemctl", "kill", "--signal=SIGKILL", "zcrxd")
    until(lambda: machine.main_pid() not in (0, pid))


def upgrade():
    """The binary is replaced by another file, as a package manager does it."""
    daemon = pathlib.Path(machine.DAEMON)
    shutil.copy2(daemon, daemon.with_suffix(".new"))
    daemon.with_suffix(".new").rename(daemon)
    restart()


def test_twenty_times_under_traffic():
    with machine.receiver(9300, "--verify") as receiving:
        lease = machine.lease_of(receiving.pid)
        with machine.sender(machine.HOST4, 9300, PLENTY) as sending:
            for n in range(ROUNDS):
                (restart, kill, upgrade)[n % 3]()
                now = machine.lease_of(receiving.pid)
                for key in ("leaseId", "hardwareQueues", "state", "flows", "grant", "areaBytes"):
                    assert now[key] == lease[key]
            assert sending.process.poll() is None, sending.said
        # What it had sent still comes; a byte that was lost in between would shift all that follow.
        result = receiving.result()
    assert result["bytes"] > ROUNDS << 20
    machine.assert_zero_copy(result, result["bytes"])
    assert not list(pathlib.Path("/run/zcrxd").glob("*.broken"))
    print(f"\n{ROUNDS} restarts, {result['bytes'] >> 20} MB received")


def test_the_handle_is_still_good():
    with Connection("alice") as alice:
        lease = alice.acquire()
        restart()
        kill()
        with Connection("alice") as again:
            again.call("Release", [lease.handle], leaseId=lease.id, handleFileDescriptor=0)
    assert machine.leases() == []


def test_calls_in_the_gap_are_answered():
    """The socket is systemd's: who calls while no daemon runs waits a little longer."""
    answers = []

    def ask():
        for _ in range(20):
            answers.append(machine.ctl("--json=short", "leases").returncode)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        restart()
    for thread in threads:
        thread.join()
    assert answers == [0] * 40


def test_a_client_that_ended_meanwhile():
    """Stopping the daemon ends no lease; what became of its client is seen at the next start."""
    with machine.stopped_receiver(9301, "steer") as client:
        queue = machine.lease_of(client.pid)["hardwareQueues"][0]
        machine.systemctl("stop", "zcrxd.service")
        assert machine.rules_to(queue) and machine.netkits()
        client.kill()
        assert machine.rules_to(queue) and machine.netkits()
    machine.systemctl("start", "zcrxd")
    until(machine.is_clean)


def test_a_socket_that_was_closed_meanwhile():
    """Its rules go, the lease stays."""
    with Connection("alice") as alice, new_ring() as ring, new_area() as area:
        with alice.acquire() as lease, machine.listener() as proof:
            lease.register(ring, area)
            lease.add_socket(proof)
            machine.systemctl("stop", "zcrxd.service")
            proof.close()
            assert machine.rules_to(lease.queues[0])
            machine.systemctl("start", "zcrxd")
            until(lambda: not machine.rules())
            assert [found["state"] for found in machine.leases()] == ["bound"]


def test_rules_that_were_lost_meanwhile():
    with machine.stopped_receiver(9303, "steer") as client:
        queue = machine.lease_of(client.pid)["hardwareQueues"][0]
        machine.systemctl("stop", "zcrxd.service")
        before = machine.rules_to(queue)
        machine.run("ethtool", "-K", "zc0", "ntuple", "off")
        machine.run("ethtool", "-K", "zc0", "ntuple", "on")
        assert not machine.rules_to(queue)
        machine.systemctl("start", "zcrxd")
        until(lambda: len(machine.rules_to(queue)) == len(before))
        assert machine.lease_of(client.pid)["state"] == "steered"


def test_a_damaged_record_is_set_aside():
    """Nothing is believed of it; what bears our name and has no owner goes."""
    with machine.stopped_receiver(9304, "steer") as client:
        machine.systemctl("stop", "zcrxd.service")
        state = pathlib.Path("/run/zcrxd/state")
        state.write_bytes(state.read_bytes().replace(b'"leases"', b'"lease"', 1))
        cursor = machine.journal_cursor()
        machine.systemctl("start", "zcrxd")
        assert any("set aside" in message and "it is damaged" in message
                   for message in machine.messages(cursor))
        until(lambda: not machine.netkits())
        assert machine.leases() == []
        client.kill()
    for broken in state.parent.glob("*.broken"):
        broken.unlink()
    # The rule is nobody's now: it is left alone, named, and the administrator's to remove.
    for location in re.findall(r"^Filter: (\d+)", machine.run("ethtool", "-n", "zc0"), re.M):
        machine.run("ethtool", "-N", "zc0", "delete", location)


def test_a_netkit_of_nobody():
    subprocess.run(["ip", "link", "add", "zcrx-0badcafe", "type", "netkit", "peer", "name", "nkpeer"],
                   check=True)
    restart()
    until(lambda: not machine.netkits())
