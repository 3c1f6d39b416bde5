# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon and systemd: start, ready, status, watchdog, reload, stop, and the socket that starts
it. A NIC that is as it should be is left in peace."""

import contextlib
import json
import os
import pathlib
import pwd
import signal
import socket
import struct
import subprocess
import time

import machine
import nl
import pytest
import simnic
from client import MINUTE, Connection, Error, new_area, new_ring
from machine import until

RTNLGRP_LINK, NETLINK_ADD_MEMBERSHIP, NETLINK_NO_ENOBUFS = 1, 1, 5
CTRL_ATTR_MCAST_GROUPS, GROUP_NAME, GROUP_ID = 7, 1, 2


class Monitor:
    """Everything that the kernel tells of changes: links by rtnetlink, and ethtool's settings."""

    def __init__(self):
        ethtool = nl.Generic("ethtool")
        answer = nl.Generic("nlctrl").call(nl.CTRL_CMD_GETFAMILY,
                                           [nl.attr(nl.CTRL_ATTR_FAMILY_NAME, "ethtool")])[0]
        group = nl.attrs(nl.attrs(answer[CTRL_ATTR_MCAST_GROUPS])[1])
        assert group[GROUP_NAME] == b"monitor\0"
        self.sockets = [ethtool.socket, nl.Netlink(socket.NETLINK_ROUTE).socket]
        for s, number in zip(self.sockets, (nl.number(group[GROUP_ID]), RTNLGRP_LINK)):
            if s.getsockname()[0] == 0:
                s.bind((0, 0))
            s.setsockopt(nl.SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, number)
            s.setblocking(False)

    def heard(self):
        """How many messages of each since the last time."""
        counts = []
        for s in self.sockets:
            counts.append(0)
            try:
                while data := s.recv(1 << 16):
                    while data:
                        length = struct.unpack_from("=I", data)[0]
                        data = data[(length + 3) & ~3:]
                        counts[-1] += 1
            except BlockingIOError:
                pass
        return tuple(counts)


def test_a_configured_nic_is_not_touched():
    monitor = Monitor()
    simnic.run("ethtool", "-G", "zc0", "rx", "512")
    simnic.run("ip", "link", "set", "zc0", "alias", "touched")
    assert all(monitor.heard()), "the monitor hears changes"

    state = [simnic.run("ethtool", option, "zc0") for option in ("-l", "-g", "-x", "-k", "-n")]
    pid = machine.main_pid()
    machine.systemctl("restart", "zcrxd")
    assert machine.main_pid() != pid
    machine.systemctl("reload", "zcrxd")
    machine.ctl("apply")
    assert monitor.heard() == (0, 0)
    assert state == [simnic.run("ethtool", option, "zc0")
                     for option in ("-l", "-g", "-x", "-k", "-n")]
    assert json.loads(machine.ctl("--json=short", "plan").stdout) == []


def test_what_is_changed_by_hand_is_planned_and_applied():
    machine.configure("on-drift: report\n" + machine.config())  # or it is repaired before we look
    try:
        simnic.run("ethtool", "-X", "zc0", "equal", "3")
        plan = machine.ctl_json("plan")
        assert [(change["interface"], change["step"]) for change in plan] == [("zc0", "rss")]
        applied = machine.ctl_json("apply", "zc0")
        assert [(change["step"], change["outcome"]) for change in applied] == [("rss", "done")]
        assert set(simnic.indirection()) == {0, 1, 2, 3}
        assert machine.ctl_json("plan") == []
    finally:
        machine.configure(machine.config())


def test_ready_means_configured():
    """When systemctl start returns, the NIC is what the file says, from any state."""
    machine.systemctl("stop", "zcrxd")
    simnic.run("ethtool", "-X", "zc0", "default")
    simnic.run("ethtool", "-K", "zc0", "ntuple", "off")
    simnic.run("ethtool", "-L", "zc0", "combined", "2")
    simnic.run("ethtool", "-G", "zc0", "tcp-data-split", "off")
    cursor = machine.journal_cursor()
    machine.systemctl("start", "zcrxd")
    assert simnic.channels() == 8
    assert set(simnic.indirection()) == {0, 1, 2, 3}
    assert nl.rings_get("zc0")[nl.RINGS_TCP_DATA_SPLIT] == 2
    assert "ntuple-filters: on" in simnic.run("ethtool", "-k", "zc0")
    said = machine.journal(cursor, "ZCRXD_INTERFACE=zc0")
    assert [entry["MESSAGE"] for entry in said if entry.get("ZCRXD_EVENT") == "configured"] == [
        "zc0 is configured: queues 4 to 7 are for zero-copy receive."]


def test_the_unit_is_confined():
    unit = machine.show("zcrxd", "Type", "NotifyAccess", "WatchdogUSec", "StatusText", "User",
                        "ActiveState", "SubState")
    assert unit == {"Type": "notify-reload", "NotifyAccess": "main", "WatchdogUSec": "10s",
                    "StatusText": "1 of 1 interfaces configured, 0 leases", "User": "zcrxd",
                    "ActiveState": "active", "SubState": "running"}
    status = machine.status_of(machine.main_pid())
    capabilities = (1 << 5) | (1 << 12) | (1 << 19)  # CAP_KILL, CAP_NET_ADMIN, CAP_SYS_PTRACE
    for name in "CapEff", "CapPrm", "CapBnd":
        assert int(status[name], 16) == capabilities
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert os.stat(machine.SOCKET).st_mode & 0o777 == 0o666
    assert os.path.samefile("/run/varlink/registry/io.zcrx.Manager", machine.SOCKET)
    assert os.path.samefile("/run/systemd/report/io.zcrx", machine.SOCKET)
    # networkd takes the first file that matches, and Type=ether matches what holds a lease.
    assert min(os.listdir("/usr/lib/systemd/network")) == "05-zcrxd.network"


def test_the_status_counts(root):
    with root.acquire():
        until(lambda: machine.show("zcrxd", "StatusText")
              == "1 of 1 interfaces configured, 1 lease")
    until(lambda: machine.show("zcrxd", "StatusText") == "1 of 1 interfaces configured, 0 leases")


def test_a_stalled_loop_is_killed_by_the_watchdog():
    """Pets come; and when they cease, systemd starts it anew. Proofs that ended meanwhile have no rule by
    the time that it is ready."""
    with machine.drop_in("[Service]\nWatchdogSec=2s\nRestartSec=0\nLimitCORE=0\n"):
        machine.systemctl("restart", "zcrxd")
        pets = set()
        until(lambda: pets.add(machine.show("zcrxd", "WatchdogTimestampMonotonic"))
              or len(pets) >= 2)
        pid = machine.main_pid()
        with Connection("alice") as alice, alice.acquire() as lease, new_ring() as ring, \
                new_area() as area:
            lease.register(ring, area)
            with machine.listener() as proof:
                lease.add_socket(proof)
                assert machine.rules_to(lease.queues[0])
                os.kill(pid, signal.SIGSTOP)
            until(lambda: machine.main_pid() not in (0, pid)
                  and machine.show("zcrxd", "ActiveState") == "active")
            assert not machine.rules_to(lease.queues[0])
            assert [kept["leaseId"] for kept in machine.leases()] == [lease.id]
        assert machine.show("zcrxd", "NRestarts") == "1"
        until(lambda: not machine.leases())


def test_reload_is_done_when_systemctl_returns(root):
    machine.write_config(machine.config().replace("zero-copy-queues: 4", "zero-copy-queues: 3"))
    machine.configure.current = None
    machine.systemctl("reload", "zcrxd")
    zc0 = root.call("Describe")["interfaces"][0]
    assert (zc0["zeroCopyFirst"], zc0["zeroCopyCount"], zc0["rssQueues"]) == (5, 3, 5)
    machine.configure(machine.config())
    zc0 = root.call("Describe")["interfaces"][0]
    assert (zc0["zeroCopyFirst"], zc0["zeroCopyCount"], zc0["rssQueues"]) == (4, 4, 4)


def test_the_journal_has_the_life_of_a_lease(alice):
    cursor = machine.journal_cursor()
    with alice.acquire() as lease:
        pass
    until(lambda: not machine.leases())
    said = machine.journal(cursor, f"ZCRXD_LEASE={lease.id}")
    assert [entry["ZCRXD_EVENT"] for entry in said] == ["acquired", "draining", "freed"]
    assert {entry["ZCRXD_INTERFACE"] for entry in said} == {"zc0"}
    assert {entry["PRIORITY"] for entry in said} == {"6"}
    assert f"Lease {lease.id} of uid" in said[0]["MESSAGE"]


def test_stop_keeps_the_leases_and_the_socket_starts_it_again():
    """Stopping the daemon is no tear-down: who receives goes on, by zero copy."""
    with machine.receiver(9001, "--verify") as receiving, Connection("bob") as bob, \
            bob.acquire() as lease:
        before = machine.lease_of(receiving.pid)
        machine.systemctl("stop", "zcrxd")
        assert len(machine.rules_to(before["hardwareQueues"][0])) == len(before["flows"])
        assert machine.held(lease.queues[0]) == {"lease"}
        assert machine.show("zcrxd", "ActiveState") == "inactive"
        assert machine.show("zcrxd.socket", "ActiveState") == "active"
        with machine.sender(machine.HOST4, 9001, 4 << 20) as sending:
            assert sending.finish() == 0, sending.said
        # The next call finds a daemon that knows them.
        machine.assert_zero_copy(receiving.result(), 4 << 20)
        assert lease.id in [found["leaseId"] for found in machine.leases()]
    assert simnic.channels() == 8
    assert machine.show("zcrxd", "ActiveState") == "active"


# ------------------------------------------------------------------- what an administrator's day brings

STATE = "/run/zcrxd/state"


@contextlib.contextmanager
def steered_lease():
    """alice's, with a rule."""
    with Connection("alice") as alice, alice.acquire() as lease, new_ring() as ring, \
            new_area() as area, machine.listener() as proof:
        lease.register(ring, area)
        lease.add_socket(proof)
        yield lease


def by_hand(*arguments):
    """What a zcrxd that root starts by hand says before it ends."""
    done = subprocess.run([machine.DAEMON, *arguments], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr.removeprefix("zcrxd: ").rstrip("\n")


def seen():
    """All that another zcrxd could take away or write."""
    with open(STATE, "rb") as f:
        return (f.read(), os.stat(STATE).st_ino, os.stat(machine.SOCKET).st_ino, machine.snapshot(),
                machine.rules())


def test_a_second_zcrxd_touches_nothing():
    with steered_lease() as lease:
        pid, before = machine.main_pid(), seen()
        said = (f"Another zcrxd is running, process {pid}: it has locked /run/zcrxd/lock. Two would "
                "take each other's leases away, so nothing was touched. To end the service: "
                "systemctl stop zcrxd.socket zcrxd")
        assert by_hand() == said
        assert by_hand("--socket=/run/another") == said
        assert (machine.main_pid(), seen()) == (pid, before)
        # The service is stopped: its socket is listened at, and its leases go on.
        machine.systemctl("stop", "zcrxd")
        with open(STATE, "rb") as f:
            record = f.read()
        assert by_hand("--socket=/run/another") == (
            "systemd keeps the handles of 1 lease for zcrxd.service, and a zcrxd that is started "
            f"otherwise would end them. Nothing was changed. Either: systemctl start zcrxd; or, if they "
            f"may end: rm {STATE}")
        with open(STATE, "rb") as f:
            assert f.read() == record
        machine.systemctl("start", "zcrxd")
        assert [(kept["leaseId"], kept["state"]) for kept in machine.leases()] == [
            (lease.id, "steered")]
    until(lambda: not machine.leases())
    machine.systemctl("stop", "zcrxd")
    assert by_hand().startswith(
        f"Cannot listen on {machine.SOCKET}: another process does, systemd perhaps.")
    assert machine.show("zcrxd", "ActiveState") == "inactive"
    machine.systemctl("start", "zcrxd")


def stop_altogether():
    """Service and socket, and no process is left: nothing but sysinit.target refers to the unit now."""
    machine.systemctl("stop", "zcrxd", "zcrxd.socket")
    group = pathlib.Path("/sys/fs/cgroup/system.slice/zcrxd.service/cgroup.procs")
    until(lambda: not group.exists() or not group.read_text())
    time.sleep(0.5)  # systemd forgets units when it has nothing else to do


def test_a_unit_that_is_not_enabled_keeps_its_leases():
    """Also if it is failed, and that is reset."""
    assert machine.show("zcrxd", "UnitFileState") == "disabled"
    with steered_lease() as lease:
        lease.connection.close()
        stop_altogether()
        machine.write_config("mistake")
        machine.systemctl("start", "zcrxd", works=False)
        stop_altogether()
        subprocess.run(["systemctl", "reset-failed", "zcrxd"], capture_output=True)
        time.sleep(0.5)
        machine.write_config(machine.configure.current)
        machine.systemctl("start", "zcrxd")
        assert [found["leaseId"] for found in machine.leases()] == [lease.id]
        assert len(machine.rules_to(lease.queues[0])) == 1


def test_failed_starts_are_retried_without_a_limit():
    """As many as there are, in whatever time: what passes has passed."""
    with steered_lease() as lease:
        # Without the sandbox, so that they come as fast as they may.
        with machine.drop_in("[Service]\nExecStart=\nExecStart=+/bin/false\n"):
            os.kill(machine.main_pid(), signal.SIGKILL)
            until(lambda: int(machine.show("zcrxd", "NRestarts")) >= 7
                  or machine.show("zcrxd", "ActiveState") == "failed")
        until(lambda: machine.show("zcrxd", "ActiveState") == "active", 20)
        assert [found["leaseId"] for found in machine.leases()] == [lease.id]


def test_a_full_run_refuses_leases_until_there_is_room():
    """A full /run: it starts all the same, grants nothing, and says why until there is room."""
    machine.systemctl("stop", "zcrxd", "zcrxd.socket")
    zcrxd = pwd.getpwnam("zcrxd")
    machine.run("mount", "-t", "tmpfs", "-o",
                f"size=128k,mode=0755,uid={zcrxd.pw_uid},gid={zcrxd.pw_gid}", "tmpfs", "/run/zcrxd")
    try:
        machine.systemctl("start", "zcrxd")
        with steered_lease() as lease, Connection("bob") as bob:
            with open("/run/zcrxd/full", "wb", buffering=0) as f, contextlib.suppress(OSError):
                while f.write(bytes(4096)):
                    pass
            # What is left of the record's last page takes a few changes.
            with pytest.raises(Error) as refused:
                for _ in range(16):
                    with bob.acquire():
                        pass
                    until(lambda: len(machine.leases()) == 1)
            assert refused.value.message == (
                "Cannot grant a lease: No space left on device. zcrxd could not save the record "
                f"of leases in {STATE}, so nothing was done. Is there room in /run?")
            machine.systemctl("restart", "zcrxd")
            said = ("zcrxd cannot save the record of leases in /run/zcrxd/state: No space left on "
                    "device. It tries again every 5 s; until then no queue is leased and no flow is "
                    "added. Is there room in /run?")
            assert machine.call("Describe")[0]["parameters"]["problems"] == [said]
            assert machine.show("zcrxd", "StatusText").endswith(said)
            found = {one["requirement"]: one for one in machine.ctl_json("check", "zc0", status=1)}
            assert found["zcrxd-itself"]["remedy"] == said + " See zcrxctl status."
            assert [kept["leaseId"] for kept in machine.leases()] == [lease.id]
            os.unlink("/run/zcrxd/full")
            until(lambda: machine.call("Describe")[0]["parameters"]["problems"] == [])
            with Connection("bob") as again, again.acquire():
                pass
        until(lambda: not machine.leases())
    finally:
        machine.systemctl("stop", "zcrxd", "zcrxd.socket")
        machine.run("umount", "/run/zcrxd")
        machine.systemctl("start", "zcrxd")


def test_a_read_only_run_ends_no_lease():
    """zcrxd says why it does not start, and starts when that has passed."""
    with steered_lease() as lease:
        lease.connection.close()
        cursor = machine.journal_cursor()
        machine.run("mount", "--bind", "/run/zcrxd", "/run/zcrxd")
        try:
            machine.run("mount", "-o", "remount,bind,ro", "/run/zcrxd")
            machine.systemctl("restart", "zcrxd", works=False)
            assert ("Cannot make sure that no other zcrxd is running: Read-only file system. Can zcrxd write "
                    "/run/zcrxd/lock?") in machine.messages(cursor)
            assert len(machine.rules_to(lease.queues[0])) == 1
        finally:
            machine.run("umount", "/run/zcrxd")
        until(lambda: machine.show("zcrxd", "ActiveState") == "active")
        assert [(kept["leaseId"], kept["state"]) for kept in machine.leases()] == [(lease.id, "steered")]


def test_an_unreadable_record_stops_the_start():
    """It is not the record's fault: nothing is given up, and what it says to do helps."""
    with steered_lease() as lease:
        machine.systemctl("stop", "zcrxd")
        os.chown(STATE, 0, 0)
        cursor = machine.journal_cursor()
        machine.systemctl("start", "zcrxd", works=False)
        said = next(text for text in machine.messages(cursor) if text.startswith("Cannot read"))
        assert said == (f"Cannot read {STATE}: Permission denied. Nothing was changed; it is tried again. "
                        f"It has to be the user's whom zcrxd runs as: chown -R zcrxd: {STATE} && chmod -R "
                        f"u+rwX {STATE}")
        machine.run("sh", "-c", said.split("runs as: ")[1])
        until(lambda: machine.show("zcrxd", "ActiveState") == "active")
        assert [kept["leaseId"] for kept in machine.leases()] == [lease.id]
        assert len(machine.rules_to(lease.queues[0])) == 1


@pytest.mark.parametrize("hours", [2, -4])
def test_setting_the_clock_ends_no_lease(hours):
    """A lease ends when its time has passed, and not when somebody says that it has."""
    with Connection("alice") as alice, alice.acquire(timeToLiveUSec=30 * MINUTE):
        machine.systemctl("stop", "zcrxd")
        time.clock_settime(time.CLOCK_REALTIME, time.time() + hours * 3600)
        try:
            machine.systemctl("start", "zcrxd")
            left, = (kept["expiryUSec"] / 1e6 - time.time() for kept in machine.leases())
            assert 20 * 60 < left <= 30 * 60
        finally:
            time.clock_settime(time.CLOCK_REALTIME, time.time() - hours * 3600)
