# SPDX-License-Identifier: LGPL-2.1-or-later
"""Restarts under traffic: not a byte lost, not a byte copied, the same lease, the handle still good."""

import pathlib
import shutil
import subprocess
import threading

import pytest

import machine
from client import Connection
from machine import until

SIZE = 512 << 20
ROUNDS = 20


@pytest.fixture(scope="module", autouse=True)
def configured():
    machine.configure(machine.config())


def restart():
    machine.run("systemctl", "restart", "zcrxd")


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
        with machine.sender(machine.HOST4, 9300, SIZE) as sending:
            under_traffic = 0
            for n in range(ROUNDS):
                (restart, kill, upgrade)[n % 3]()
                now = machine.lease_of(receiving.pid)
                assert {key: now[key] for key in ("leaseId", "hardwareQueues", "state", "flows")} == \
                    {key: lease[key] for key in ("leaseId", "hardwareQueues", "state", "flows")}
                under_traffic += sending.process.poll() is None
            assert sending.finish(300) == 0, sending.said
            result = receiving.result()
    machine.assert_zero_copy(result, SIZE)
    print(f"\nrestarts under traffic: {under_traffic} of {ROUNDS}")
    assert under_traffic >= ROUNDS // 2


def test_the_handle_is_still_good():
    with Connection("alice") as alice:
        lease, handle = alice.acquire()
        restart()
        kill()
    with Connection("alice") as alice:
        alice.call_with_fds("Release", {"leaseId": lease["leaseId"], "handleFileDescriptor": 0},
                            [handle])
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
    """Stopping ends no lease; what became of its client is seen at the next start."""
    with machine.stopped_receiver(9301, "steer") as client:
        queue = machine.lease_of(client.pid)["hardwareQueues"][0]
        machine.run("systemctl", "stop", "zcrxd.socket", "zcrxd.service")
        assert machine.rules_to(queue) and machine.netkits()
        client.kill()
        assert machine.rules_to(queue) and machine.netkits()
    machine.run("systemctl", "start", "zcrxd")
    until(machine.is_clean)


def test_a_socket_that_was_closed_meanwhile():
    """Its rules go, the lease stays."""
    with machine.stopped_receiver(9302, "steer") as client:
        queue = machine.lease_of(client.pid)["hardwareQueues"][0]
        machine.run("systemctl", "stop", "zcrxd.socket", "zcrxd.service")
        # The kernel destroys listening sockets on this port for us.
        machine.run("ss", "-K", "-l", "-t", "sport", "=", ":9302")
        machine.run("systemctl", "start", "zcrxd")
        until(lambda: not machine.rules_to(queue))
        assert machine.lease_of(client.pid)["state"] == "bound"


def test_rules_that_were_lost_meanwhile():
    with machine.stopped_receiver(9303, "steer") as client:
        queue = machine.lease_of(client.pid)["hardwareQueues"][0]
        machine.run("systemctl", "stop", "zcrxd.socket", "zcrxd.service")
        before = machine.rules_to(queue)
        machine.run("ethtool", "-K", "zc0", "ntuple", "off")
        machine.run("ethtool", "-K", "zc0", "ntuple", "on")
        assert not machine.rules_to(queue)
        machine.run("systemctl", "start", "zcrxd")
        until(lambda: len(machine.rules_to(queue)) == len(before))
        assert machine.lease_of(client.pid)["state"] == "steered"


def test_a_damaged_record_is_set_aside():
    """Nothing is believed of it; what bears our name and has no owner goes."""
    with machine.stopped_receiver(9304, "steer") as client:
        machine.run("systemctl", "stop", "zcrxd.socket", "zcrxd.service")
        state = pathlib.Path("/run/zcrxd/state")
        state.write_bytes(state.read_bytes()[:-1])
        cursor = machine.journal_cursor()
        machine.run("systemctl", "start", "zcrxd")
        assert any("set aside" in message and "it is damaged" in message
                   for message in machine.messages(cursor))
        until(lambda: not machine.netkits())
        assert machine.leases() == []
        client.kill()
    for broken in state.parent.glob("*.broken"):
        broken.unlink()
    # The rule is nobody's now: it is left alone, named, and the administrator's to remove.
    for rule in machine.rules():
        machine.run("ethtool", "-N", "zc0", "delete", rule.get("Filter", "0"))


def test_a_netkit_of_nobody():
    subprocess.run(["ip", "link", "add", "zcrx-0badcafe", "type", "netkit", "peer", "name", "nkpeer"],
                   check=True)
    restart()
    until(lambda: not machine.netkits())
