# SPDX-License-Identifier: LGPL-2.1-or-later
"""AppArmor: who runs under which profile, and what somebody who has taken one of them over cannot do, even as root. The
machine's log may have no other denials: tests/vm/run."""

import ctypes
import errno
import os
import pathlib
import signal
import socket

import machine
import pytest

# What tests/vm/run knows these by.
COMM = b"denied-in-test"
PR_SET_NAME, PTRACE_ATTACH, CLONE_NEWUSER = 15, 16, 0x10000000
GROUP = pathlib.Path("/sys/fs/cgroup/system.slice/zcrxd.service/cgroup.procs")
libc = ctypes.CDLL(None, use_errno=True)
DAEMON, SESSION, IRQ = "zcrxd", "zcrxd//&zcrxd-session", "zcrxd-irq"


def profile_of(pid):
    return pathlib.Path(f"/proc/{pid}/attr/apparmor/current").read_text(encoding="ascii").strip()


def call(function, *arguments):
    if function(*arguments) < 0:
        raise OSError(ctypes.get_errno(), function.__name__)


def opens(path, flags=os.O_RDONLY):
    return lambda: os.open(path, flags)


def runs(path):
    return lambda: os.execv(path, [path])


def makes(family, kind=socket.SOCK_STREAM):
    return lambda: socket.socket(family, kind)


def errno_of(profile, what):
    """What comes of it in a process of its own with that profile: 0, or the kernel's error."""
    pid = os.fork()
    if pid == 0:
        try:
            libc.prctl(PR_SET_NAME, COMM)
            with open("/proc/self/attr/apparmor/current", "w", encoding="ascii") as f:
                f.write(f"changeprofile {profile}")
            what()
            os._exit(0)
        except OSError as e:
            os._exit(e.errno)
        except BaseException:  # pylint: disable=broad-except
            os._exit(255)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_each_has_its_profile(alice):
    """That the sessions' is on top of the daemon's is what lets a process without new privileges have it."""
    alice.call("Describe")
    found = {(machine.status_of(pid)["Name"] == "zcrxd-session", profile_of(pid)) for pid in GROUP.read_text().split()}
    assert found == {(False, "zcrxd (enforce)"), (True, f"{SESSION} (enforce)")}


def test_what_it_needs_is_allowed():
    for path in machine.CONFIG, "/etc/subuid", "/proc/net/unix":
        assert errno_of(DAEMON, opens(path)) == 0
    assert errno_of(DAEMON, makes(socket.AF_NETLINK, socket.SOCK_RAW)) == 0
    affinity = next(path for path in pathlib.Path("/proc/irq").glob("*/smp_affinity_list") if path.stat().st_mode & 0o200)
    assert errno_of(IRQ, opens(affinity, os.O_WRONLY)) == 0


FORBIDDEN = {
    "the passwords": opens("/etc/shadow"),
    "a file of root's": opens("/root/.profile", os.O_WRONLY | os.O_CREAT),
    "a program": opens("/usr/bin/zcrxctl", os.O_WRONLY),
    "memory of another process": opens("/proc/1/mem"),
    "a setting of the kernel": opens("/proc/sys/kernel/core_pattern", os.O_WRONLY),
    "a shell": runs("/bin/sh"),
    "zcrxctl": runs("/usr/bin/zcrxctl"),
    "a mount": lambda: call(libc.mount, b"none", b"/mnt", b"tmpfs", 0, None),
    "a user namespace": lambda: call(libc.unshare, CLONE_NEWUSER),
    "a module": lambda: call(libc.syscall, 313, 0, b"", 0),  # finit_module
    "a connection": makes(socket.AF_INET),
    "all packets": makes(socket.AF_PACKET, socket.SOCK_RAW),
    "a signal that it does not send": lambda: os.kill(1, signal.SIGHUP),
}
# What a session cannot do besides.
FORBIDDEN_TO_SESSIONS = {
    "the policy": opens(machine.CONFIG),
    "the record": opens("/run/zcrxd/state"),
    "the NICs": makes(socket.AF_NETLINK, socket.SOCK_RAW),
    "another process": lambda: call(libc.ptrace, PTRACE_ATTACH, 1, None, None),
    "a kill": lambda: os.kill(1, signal.SIGKILL),
    "another session": runs("/usr/lib/zcrxd/zcrxd-session"),
}


@pytest.mark.parametrize("profile", [DAEMON, SESSION, IRQ])
def test_what_it_does_not_need_is_forbidden(profile):
    """Root that has one of them is root no more."""
    tried = FORBIDDEN | (FORBIDDEN_TO_SESSIONS if profile != DAEMON else {})
    done = {name: errno_of(profile, what) for name, what in tried.items()}
    assert [name for name, error in done.items() if error not in (errno.EACCES, errno.EPERM)] == [], done
