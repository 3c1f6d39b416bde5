# SPDX-License-Identifier: LGPL-2.1-or-later
"""io.zcrx.Manager through python's own varlink library, which knows nothing of ours: it parses the
introspected interface, and encodes, decodes and checks by it. It passes no descriptors, so that its
transport is replaced here by one that does."""

import contextlib
import ctypes
import fcntl
import json
import os
import socket
import struct

import varlink
from machine import PATIENCE, SOCKET, impersonate

INTERFACE = "io.zcrx.Manager"
MINUTE = 60 * 1000000  # in microseconds


class Handler(varlink.SimpleClientInterfaceHandler):
    """Methods of an interface, on a connection that carries descriptors."""

    to_send = ()

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.received = []
        self.reply = None

    def _send_message(self, out):
        # In one piece with the first byte: that is what they belong to.
        n = socket.send_fds(self._connection, [out + b"\0"], list(self.to_send))
        self._connection.sendall((out + b"\0")[n:])
        self.to_send = ()

    def _next_message(self):
        while b"\0" not in self._in_buffer:
            data, fds, flags, _ = socket.recv_fds(self._connection, 65536, 16)
            self.received += fds
            assert not flags & socket.MSG_CTRUNC
            if not data:
                raise ConnectionError("the daemon closed the connection")
            self._in_buffer += data
        message, _, self._in_buffer = self._in_buffer.partition(b"\0")
        self.reply = json.loads(message)
        yield message.decode()

    def take_fd(self, index):
        """A descriptor that came with the last reply."""
        fd, self.received[index] = self.received[index], None
        return fd

    def close(self):
        for fd in self.received:
            if fd is not None:
                os.close(fd)
        self.received = []
        super().close()


class Client(varlink.Client):
    handler = Handler


class Error(Exception):
    """A refusal: its name without the interface, and its parameters."""

    def __init__(self, reply):
        super().__init__(reply["error"], reply.get("parameters"))
        self.name = reply["error"].rsplit(".", 1)[1]
        self.parameters = reply.get("parameters") or {}
        self.message = self.parameters.get("message", "")


class Connection:
    """A connection of some user. Methods are called by name, descriptors as fds=[...]."""

    interface = None  # as the daemon describes it; asked for once, as parsing takes its time

    def __init__(self, user="root", path=SOCKET, sock=None):
        if sock:  # somebody else has connected it
            Connection.interface = Connection.interface or Client("unix:" + path).get_interface(INTERFACE)
            self.handler = Handler(Connection.interface, sock)
            sock.settimeout(PATIENCE)
            return
        client = Client("unix:" + path)
        if Connection.interface:
            client.add_interface(Connection.interface)
        with impersonate(user):
            self.handler = client.open(INTERFACE)
        self.handler._connection.settimeout(PATIENCE)
        Connection.interface = Connection.interface or client.get_interface(INTERFACE)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.handler.close()

    def call(self, method, fds=(), **parameters):
        self.handler.to_send = fds
        self.handler.received = []
        try:
            return getattr(self.handler, method)(**parameters)
        except varlink.VarlinkError:
            raise Error(self.handler.reply) from None

    def stream(self, method, **parameters):
        return getattr(self.handler, method)(_more=True, **parameters)

    def leases(self):
        replies = list(self.stream("ListLeases"))
        return [reply["lease"] for reply in replies if "lease" in reply]

    def acquire(self, **parameters):
        """A lease with a handle."""
        reply = self.call("Acquire", **parameters)
        return Lease(self, reply["lease"], self.handler.take_fd(reply["handleFileDescriptor"]))


class Lease:
    """A lease in our hands: its calls send the handle along."""

    def __init__(self, connection, description, handle):
        self.connection = connection
        self.description = description
        self.id = description["leaseId"]
        self.queues = description["hardwareQueues"]
        self.handle = handle

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        """The last copy of the handle goes: the lease ends."""
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None

    def call(self, method, fds=(), **parameters):
        return self.connection.call(method, fds=[self.handle, *fds], leaseId=self.id,
                                    handleFileDescriptor=0, **parameters)

    def register(self, ring, area, **more):
        parameters = {"queue": 0, "ring": ring, "areaFileDescriptor": 1, "areaSize": 1 << 20,
                      "refillEntries": 256, **more}
        return self.call("Register", fds=[area], **parameters)

    def add_socket(self, sock, **more):
        return self.call("AddFlow", fds=[sock.fileno()], socketFileDescriptor=1, **more)

    def add_flow(self, **flow):
        return self.call("AddFlow", flow=flow)

    def state(self):
        return self.connection.call("ListLeases", leaseId=self.id)["lease"]["state"]


# ------------------------------------------------------------------------ rings and areas

SYS_IO_URING_SETUP, SYS_IO_URING_REGISTER = 425, 427
R_DISABLED, CQE32, SINGLE_ISSUER, DEFER_TASKRUN = 1 << 6, 1 << 11, 1 << 12, 1 << 13
RING_FLAGS = R_DISABLED | CQE32 | SINGLE_ISSUER | DEFER_TASKRUN
REGISTER_ENABLE_RINGS = 12
libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def new_ring(flags=RING_FLAGS):
    """The descriptor of an io_uring that is still disabled."""
    parameters = ctypes.create_string_buffer(struct.pack("=3I", 0, 0, flags) + bytes(108))
    fd = libc.syscall(SYS_IO_URING_SETUP, 8, parameters)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    try:
        yield fd
    finally:
        with contextlib.suppress(OSError):
            os.close(fd)


def enable(ring):
    assert libc.syscall(SYS_IO_URING_REGISTER, ring, REGISTER_ENABLE_RINGS, None, 0) == 0


@contextlib.contextmanager
def new_area(size=1 << 20, seals=fcntl.F_SEAL_SHRINK, populate=True, flags=0):
    """The descriptor of a memfd as Register wants it, or not quite."""
    fd = os.memfd_create("area", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC | flags)
    try:
        os.ftruncate(fd, size)
        if populate:
            os.posix_fallocate(fd, 0, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
        yield fd
    finally:
        os.close(fd)
