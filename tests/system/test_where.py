# SPDX-License-Identifier: LGPL-2.1-or-later
"""From where a rule of the policy matches: root of a container is not root of the host, and whoever gives
out uids in a user namespace of his own does not multiply what he may have."""

import json
import os
import pwd
import signal
import socket
import subprocess
import traceback

import machine
import pytest
from client import Connection, libc
from hostile import BottomlessFile, Process, leases_of, others_are_served, refused, say

NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
SUBUIDS = 100000
CONFIG = machine.config(policy="""\
policy:
  - user: root
    flows: any
    administer: true
  - user: bob
    cgroup: /zcrx-box-*
    max-queues: 2
  - group: zcrx
    max-queues: 1
  - group: mallory
    where: any
    max-queues: 1
""")


def connection():
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(machine.SOCKET)
    return Connection(sock=sock)


def enter(flags):
    """Namespaces of this process's own; in them it is who it was. Goes on in a child, which has the first
    pid of a new process namespace."""
    uid, gid = os.getuid(), os.getgid()
    assert libc.unshare(flags) == 0
    if flags & NEWUSER:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"),
                           ("gid_map", f"{gid} {gid} 1")):
            with open("/proc/self/" + name, "w", encoding="ascii") as f:
                f.write(text)
    if os.fork():
        signal.pause()


def play(inside, channel):
    """What goes wrong in there is the test's failure, not a wait for ever."""
    try:
        inside()
        say(channel, "over")
    except BaseException:
        say(channel, traceback.format_exc()[-3000:])
    signal.pause()


def in_container(flags, inside, user="root"):
    def work(_, channel):
        enter(flags)
        play(inside, channel)

    with Process(work, user) as process:
        assert process.hear() == ("over",)


@pytest.mark.parametrize("flags, seen", [
    (NEWUSER | NEWNET | NEWPID, "network, user and process"),
    (NEWNET | NEWPID, "network and process"), (NEWPID, "process"), (NEWUSER, "user")])
def test_root_of_a_container_is_not_root_of_the_host(flags, seen, root):
    """With a user namespace or without, and whatever it shares with the host beside that."""
    victim = root.call("Acquire", persistent=True)["lease"]["leaseId"]

    def inside():
        with connection() as ours:
            for method, more in (("Apply", {}), ("Restore", {"interface": "zc0"}), ("Reload", {}),
                                 ("Revoke", {"leaseId": victim}), ("Acquire", {})):
                with refused("PermissionDenied", f"(where: host), and this process is in another {seen}"
                                                 " namespace than zcrxd's"):
                    ours.call(method, **more)
            for method, more in ("Open", {}), ("Release", {}), ("Renew", {"timeToLiveUSec": 1}):
                with refused("PermissionDenied", "outside of this container"):
                    ours.call(method, leaseId=victim, **more)
            # flows: any takes a rule that matches; and so does anything with that lease.
            with refused("PermissionDenied"):
                ours.call("Acquire", flows=[{"protocol": "tcp4", "destinationPort": 9000}])
            caller = ours.call("Describe")["caller"]
            assert (caller["uid"], caller["where"], caller["assumed"]) == (0, "container", False)
            assert not caller["administers"]
            assert caller["otherNamespaces"] == [word.strip(",") for word in seen.split()
                                                 if word != "and"]

    in_container(flags, inside)
    assert [lease["leaseId"] for lease in root.leases()] == [victim]
    assert root.call("Apply", interface="zc0")["changes"] == []
    with open("/proc/self/cgroup", encoding="ascii") as f:
        own = f.read().rstrip().removeprefix("0::")
    assert root.call("Describe")["caller"] == {"uid": 0, "where": "host", "assumed": False, "controlGroup": own,
                                               "administers": True}
    root.call("Revoke", leaseId=victim, reason="over")


def test_a_user_is_himself_in_a_container():
    """Whoever may lease may do so from namespaces that he has made, within his own quotas."""
    def inside():
        with connection() as first, connection() as second, first.acquire() as lease:
            assert lease.description["ownerUid"] == os.getuid()
            with refused("QuotaExceeded", "max-queues"):
                second.acquire()

    in_container(NEWUSER | NEWPID, inside, user="alice")


def give_out(process, uid):
    """As newuidmap and newgidmap do it, for whom /etc/subuid has a range."""
    for name, own in ("uid_map", uid), ("gid_map", uid):
        with open(f"/proc/{process.pid}/{name}", "w", encoding="ascii") as f:
            f.write(f"0 {own} 1\n1 {SUBUIDS} 65536\n")


def subordinates(user, inside):
    """Runs inside(n) as some of the uids that the user can give out, with the user's groups."""
    uid = pwd.getpwnam(user).pw_uid

    def work(_, channel):
        assert libc.unshare(NEWUSER) == 0
        say(channel, "unshared")
        channel.recv(1)
        for number in 1, 2:
            reader, writer = os.pipe()
            if os.fork() == 0:
                os.close(reader)
                try:
                    os.setresuid(number, number, number)
                    inside(number)
                    os.write(writer, b"over")
                except BaseException:
                    os.write(writer, traceback.format_exc()[-3000:].encode())
                signal.pause()
            os.close(writer)
            say(channel, os.read(reader, 4096).decode())

    with Process(work, user) as process:
        process.hear()
        give_out(process, uid)
        process.channel.send(b"x")
        assert process.hear() == ("over",)
        assert process.hear() == ("over",)
        yield


def test_given_out_uids_have_no_quotas_of_their_own():
    """alice's group lets each of its members have a queue, and there are 65536 uids that she can give out
    with her groups."""
    def inside(number):
        with connection() as ours:
            with refused("PermissionDenied", "takes no uid that another user's namespace has given out"):
                ours.acquire()
            caller = ours.call("Describe")["caller"]
            assert (caller["uid"], caller["assumed"]) == (SUBUIDS + number - 1, True), caller

    for _ in subordinates("alice", inside):
        assert not leases_of("alice")


def test_given_out_uids_where_the_policy_says_so():
    def inside(number):
        kept.append(connection())
        kept.append(kept[0].acquire())

    kept = []
    for _ in subordinates("mallory", inside):
        assert {lease["ownerUid"] for lease in machine.leases()} == {SUBUIDS, SUBUIDS + 1}


def test_who_hides_in_an_execve_stalls_nobody():
    """The kernel may show no namespaces of a process that is in an execve, and the file server behind what
    the execve closes never answers. Its connection is in the hands of another process."""
    file = BottomlessFile()

    def work(_, channel):
        sock = socket.socket(socket.AF_UNIX)
        if os.fork() == 0:
            sock.connect(machine.SOCKET)
            os.execv("/bin/true", ["true"])
        say(channel, "connecting")
        channel.recv(1)

        def inside():
            with Connection(sock=sock) as ours:
                for _ in range(5):
                    assert ours.call("Describe")["caller"]["uid"] == os.getuid()

        play(inside, channel)

    with Process(work, "alice") as process:
        try:
            process.hear()
            machine.until(lambda: file.FLUSH in file.asked)
            with others_are_served(5):
                process.channel.send(b"x")
                assert process.hear() == ("over",)
        finally:
            file.close()


def test_a_control_group_is_where_the_kernel_has_the_process(root):
    """When it connects. Whoever ends the process that connects is nowhere, and has nothing of what others have."""
    box = "/sys/fs/cgroup/zcrx-box-1"

    def work(connection_before, channel):
        def inside():
            outside = connection_before.acquire()
            with refused("QuotaExceeded", "(group zcrx) sets max-queues to 1"):
                connection_before.acquire()
            outside.call("Release")
            say(channel, "outside")
            given = channel.recv(64).decode()
            with connection() as ours:
                assert "handleFileDescriptor" in ours.call("Open", leaseId=given)
                ours.call("Release", leaseId=given)
            with connection() as ours, ours.acquire(), ours.acquire():
                assert ours.call("Describe")["caller"]["controlGroup"] == "/zcrx-box-1"
                with refused("QuotaExceeded"):
                    connection_before.acquire()
            say(channel, "inside")
            channel.recv(1)
            sock = socket.socket(socket.AF_UNIX)
            if (child := os.fork()) == 0:
                sock.connect(machine.SOCKET)
                os._exit(0)
            os.waitpid(child, 0)
            say(channel, "gone")
            with Connection(sock=sock) as ours, refused("PermissionDenied", "that of this process is not known"):
                ours.acquire()

        play(inside, channel)

    os.mkdir(box)
    # Where bob's process is when it opens it nobody has seen, so that his first rule bounds it: two.
    bob = pwd.getpwnam("bob").pw_uid
    try:
        with Process(work, "bob") as process:
            assert process.hear() == ("outside",)
            with open(box + "/cgroup.procs", "w", encoding="ascii") as f:
                f.write(str(process.pid))
            given = root.call("Acquire", persistent=True, queues=2, ownerUid=bob)["lease"]["leaseId"]
            process.channel.send(given.encode())
            assert process.hear() == ("inside",)
            os.kill(machine.main_pid(), signal.SIGSTOP)
            try:
                process.channel.send(b"x")
                assert process.hear() == ("gone",)
            finally:
                os.kill(machine.main_pid(), signal.SIGCONT)
            assert process.hear() == ("over",)
    finally:
        machine.until(lambda: not open(box + "/cgroup.procs", encoding="ascii").read())
        os.rmdir(box)


def test_check_says_as_what_it_is_seen():
    done = subprocess.run(["unshare", "--pid", "--fork", "zcrxctl", "--json=short", "check", "zc0"],
                          capture_output=True, text=True, timeout=machine.PATIENCE)
    found = {one["requirement"]: one for one in json.loads(done.stdout)}
    assert found["where"]["verdict"] == "no" and found["where"]["optional"]
    assert found["where"]["found"] == "a process of a container: another process namespace"
    assert found["policy"]["verdict"] == "no" and "where: host" in found["policy"]["remedy"]
    found = {one["requirement"]: one for one in machine.ctl_json("check", "zc0")}
    assert (found["where"]["verdict"], found["where"]["found"]) == ("yes", "a process of the host")
