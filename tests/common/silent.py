# SPDX-License-Identifier: LGPL-2.1-or-later
"""For the tests of floods and those of the system: a FUSE server that stops answering, and what a client
makes of its file, so that whoever lets go of it waits for ever."""

import contextlib
import ctypes
import errno
import mmap
import os
import socket
import struct
import tempfile

MIB = 1 << 20
DEVICE = "/dev/fuse"

libc = ctypes.CDLL(None, use_errno=True)


def enter_namespaces(flags):
    """An ordinary user makes them in a user namespace of his own: root in there, nobody outside. Before
    any thread is started."""
    uid, gid = os.getuid(), os.getgid()
    os.unshare((os.CLONE_NEWUSER if uid else 0) | flags)
    if uid == 0:
        return
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as f:
            f.write(text)


class SilentFile:
    """One file, served by this process until it is told to be silent; the caller goes on in a child,
    because who has such a file open cannot be killed as long as the server lives. What is written goes
    to the page cache, and to the server only when somebody lets go of the file."""

    LOOKUP, GETATTR, SETATTR, OPEN, FLUSH, INIT = 1, 3, 4, 14, 25, 26
    WRITEBACK_CACHE = 1 << 16
    OUT = struct.Struct("=IiQ")
    IN = struct.Struct("=IIQQIIII")
    ATTR = struct.Struct("=6Q3I7I")
    MODES = {1: 0o40777}

    def __init__(self):
        enter_namespaces(os.CLONE_NEWNS)
        self.shared = mmap.mmap(-1, mmap.PAGESIZE)
        directory = tempfile.mkdtemp()
        self.path = directory + "/file"
        self.device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0"
        assert libc.mount(b"silent", directory.encode(), b"fuse", 0, options.encode()) == 0
        if os.fork():
            os.closerange(3, self.device)
            os.closerange(self.device + 1, 4096)
            self._serve()
        os.close(self.device)

    def open(self):
        return os.open(self.path, os.O_RDWR | os.O_CLOEXEC)

    def be_silent(self):
        self.shared[0] = 1

    def dirty(self):
        """From here on the file has data that the server does not take. The descriptor stays open:
        its own close would wait, too."""
        self.writer = self.open()
        os.pwrite(self.writer, b"x" * 4096, 0)  # whatever the kernel asks before it writes at all
        self.be_silent()
        os.pwrite(self.writer, b"y" * 4096, 0)

    def _serve(self):
        while True:
            request = os.read(self.device, 1 << 18)
            _, opcode, unique, node, *_ = self.IN.unpack_from(request)
            answer = self._answer(opcode, node)
            if answer is not None:
                error = answer if isinstance(answer, int) else 0
                data = b"" if error else answer
                with contextlib.suppress(OSError):  # to what needs no answer
                    os.write(self.device, self.OUT.pack(self.OUT.size + len(data), -error, unique)
                             + data)

    def _attr(self, node):
        return self.ATTR.pack(node, MIB, 2048, 0, 0, 0, 0, 0, 0, self.MODES.get(node, 0o100666), 1, 0,
                              0, 0, 4096, 0)

    def _answer(self, opcode, node):
        if opcode == self.INIT:
            return struct.pack("=4IHHIIHH8I", 7, 31, 0, self.WRITEBACK_CACHE, 12, 9, 1 << 16, 1, 16, 0,
                               *[0] * 8)
        if opcode == self.LOOKUP:
            return struct.pack("=4QII", 2, 0, 1000, 1000, 0, 0) + self._attr(2)
        if opcode in (self.GETATTR, self.SETATTR):
            return struct.pack("=QII", 1000, 0, 0) + self._attr(node)
        if opcode == self.OPEN:
            return struct.pack("=QII", 1, 0, 0)
        return None if self.shared[0] else errno.ENOSYS


def in_a_socket(fds):
    """A socket with these descriptors in its queue, of which it has the only copies."""
    inner, outer = socket.socketpair()
    with outer:
        socket.send_fds(outer, [b"x"], fds)
    for fd in fds:
        os.close(fd)
    return inner.detach()


def send_whole(connection, data, fds):
    """The descriptors with the first bytes; the rest when no copy is here any more."""
    socket.send_fds(connection, [data[:8]], fds)
    for fd in fds:
        with contextlib.suppress(OSError):
            os.close(fd)
    connection.sendall(data[8:])
