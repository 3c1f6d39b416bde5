# SPDX-License-Identifier: LGPL-2.1-or-later
"""What hostile clients are made of, and the proof that nobody else notices them."""

import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import pwd
import select
import signal
import socket
import struct
import tempfile
import threading
import time
import traceback

import machine
import pytest
from client import SYS_IO_URING_REGISTER, Connection, Error, libc

BOUND = 20  # seconds for one call; a daemon that waits for an attacker takes for ever


@contextlib.contextmanager
def refused(name, text=""):
    """A refusal that says why, in a sentence."""
    with pytest.raises(Error) as caught:
        yield
    assert caught.value.name == name, caught.value
    assert text in caught.value.message
    assert caught.value.message.endswith("."), "a message is a sentence"


@contextlib.contextmanager
def others_are_served(seconds=BOUND):
    """While the block runs, bob looks around, acquires and releases, and waits for no answer longer
    than that; at least one round of it falls into the block, and one follows it."""
    rounds, over, failed = [], threading.Event(), []

    def serve(bob):
        started = time.monotonic()
        assert bob.call("Describe")["interfaces"]
        with bob.acquire() as lease:
            lease.call("Release")
        rounds.append(time.monotonic() - started)

    def keep_asking(bob):
        try:
            while not over.wait(0.1):  # the attack needs the processor, too
                serve(bob)
        except Exception as error:  # whatever it is, it is the test's failure
            failed.append(error)

    with Connection("bob") as bob:
        bob.handler._connection.settimeout(seconds)
        thread = threading.Thread(target=keep_asking, args=(bob,))
        thread.start()
        try:
            yield
            begun = len(rounds)
            machine.until(lambda: failed or len(rounds) > begun + 1)
        finally:
            over.set()
            thread.join()
    assert not failed, f"bob was not served: {failed[0]!r}"


# ------------------------------------------------------------------------------ processes

SYS_CLONE3, PR_SET_DUMPABLE = 435, 4
CLONE_ARGS = struct.Struct("=11Q")


def become(user):
    """This process is that user's from here on."""
    entry = pwd.getpwnam(user)
    os.setgroups(os.getgrouplist(user, entry.pw_gid))
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    assert libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0  # as if it had never been anybody else


class Process:
    """A process of some user, connected to the daemon as that user: it runs work(connection,
    channel), and then waits to be killed. The channel's other end is ours."""

    def __init__(self, work, user="alice", pid=None):
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.settimeout(machine.PATIENCE)
        self.pid = os.fork() if pid is None else fork_as(pid)
        if self.pid == 0:
            self._run(work, user, theirs)
        theirs.close()
        self.group = self.pid

    def _run(self, work, user, channel):
        try:
            self.channel.close()
            os.setpgid(0, 0)
            connection = Connection(user)
            become(user)
            work(connection, channel)
            signal.pause()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.group, signal.SIGKILL)  # and what it has forked
        self.channel.close()

    def hear(self, fds=0):
        """What it says next, and the descriptors that come with it."""
        data, found, _, _ = socket.recv_fds(self.channel, 4096, fds)
        assert data, "the process has died"
        return json.loads(data), *found

    def kill(self, reap=True):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitid(os.P_PID, self.pid, os.WEXITED | (0 if reap else os.WNOWAIT))
            self.pid = 0 if reap else self.pid

    def stop(self):
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)


def leases_of(user):
    uid = pwd.getpwnam(user).pw_uid
    return [lease for lease in machine.leases() if lease["ownerUid"] == uid]


def say(channel, value, *fds):
    """The process's side of hear()."""
    socket.send_fds(channel, [json.dumps(value).encode()], fds)


def fork_as(pid):
    """fork(), but the child gets that pid."""
    wanted = ctypes.c_int(pid)
    arguments = CLONE_ARGS.pack(0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0, ctypes.addressof(wanted), 1, 0)
    child = libc.syscall(SYS_CLONE3, arguments, ctypes.c_size_t(CLONE_ARGS.size))
    assert child >= 0, os.strerror(ctypes.get_errno())
    return child


# --------------------------------------------------------------------- memory without bottom

SYS_USERFAULTFD, UFFDIO_API, UFFDIO_REGISTER = 323, 0xC018AA3F, 0xC020AA00
REGISTER_PROBE = 8
PAGE = mmap.PAGESIZE
bottomless = []  # the memory lasts as long as the process


def hold_lock(ring):
    """A thread of this process goes into the ring and never comes out again, with its lock, because
    the kernel reads memory there whose first access nobody ever answers."""
    fd = libc.syscall(SYS_USERFAULTFD, os.O_CLOEXEC)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    fcntl.ioctl(fd, UFFDIO_API, struct.pack("=3Q", 0xAA, 0, 0))
    memory = mmap.mmap(-1, PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    bottomless.append(memory)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(fd, UFFDIO_REGISTER, struct.pack("=4Q", address, PAGE, 1, 0))
    threading.Thread(target=libc.syscall, daemon=True, args=(
        SYS_IO_URING_REGISTER, ring, REGISTER_PROBE, ctypes.c_void_p(address), 1)).start()
    assert select.select([fd], [], [], machine.PATIENCE)[0], "it is in there"


# ------------------------------------------------------------------------------------ FUSE


class BottomlessFile:
    """A file of a FUSE server that answers no more than it must for the file to be opened: whoever
    reads, maps or only closes it waits for ever. With `answers_flush` closing is answered, so that
    processes can be started meanwhile."""

    LOOKUP, GETATTR, OPEN, READ, FLUSH, INIT = 1, 3, 14, 15, 25, 26
    OUT = struct.Struct("=IiQ")
    IN = struct.Struct("=IIQQIIII")
    ATTR = "6Q3I7I"  # 88 bytes
    MODES = {1: 0o40777}

    def __init__(self, answers_flush=False):
        self.seen = mmap.mmap(-1, PAGE)  # by opcode; shared with the server
        self.answers_flush = answers_flush
        self.directory = tempfile.mkdtemp()
        device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
        assert libc.mount(b"hostile", self.directory.encode(), b"fuse", 0, options.encode()) == 0
        # A process: a thread of ours would not run while one starts a process, which closes the file.
        self.server = os.fork()
        if self.server == 0:
            self._serve(device)
        os.close(device)
        self.fd = os.open(self.directory + "/file", os.O_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    @property
    def asked(self):
        return [opcode for opcode, seen in enumerate(self.seen[:64]) if seen]

    def close(self):
        os.kill(self.server, signal.SIGKILL)  # whoever waits is told that there is no server any more
        os.waitpid(self.server, 0)
        with contextlib.suppress(OSError):
            os.close(self.fd)
        libc.umount2(self.directory.encode(), 2)
        os.rmdir(self.directory)

    def _serve(self, device):
        try:
            while True:
                request = os.read(device, 1 << 17)
                _, opcode, unique, node, *_ = self.IN.unpack_from(request)
                self.seen[min(opcode, 63)] = 1
                answer = self._answer(opcode, node)
                if answer is not None:
                    os.write(device, self.OUT.pack(self.OUT.size + len(answer), 0, unique) + answer)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)

    def _attr(self, node):
        return struct.pack("=" + self.ATTR, node, 1 << 20, 2048, 0, 0, 0, 0, 0, 0,
                           self.MODES.get(node, 0o100666), 1, 0, 0, 0, 4096, 0)

    def _answer(self, opcode, node):
        if opcode == self.INIT:
            return struct.pack("=4IHHIIHH8I", 7, 31, 0, 0, 12, 9, 1 << 16, 1, 16, 0, *[0] * 8)
        if opcode == self.LOOKUP:
            return struct.pack("=4QII", 2, 0, 1000, 1000, 0, 0) + self._attr(2)
        if opcode == self.GETATTR:
            return struct.pack("=QII", 1000, 0, 0) + self._attr(node)
        if opcode == self.OPEN:
            return struct.pack("=QII", 1, 0, 0)
        if opcode == self.FLUSH and self.answers_flush:
            return b""
        return None
