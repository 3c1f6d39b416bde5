# SPDX-License-Identifier: LGPL-2.1-or-later
"""Receive TCP payload by zero copy, on queues that zcrxd leases: libzcrx-client for Python.

    with zcrx.Client() as client, zcrx.Lease(client) as lease:
        queue = zcrx.Queue(lease)
        queue.steer(listener)
        queue.receive(listener.accept()[0])
        for event in queue:
            if event.kind is zcrx.Kind.DATA:
                file.write(event.data)
            elif event.kind is zcrx.Kind.EOF:
                break

What is received stays where the NIC has put it. `event.data` is a Span: it has the interface of a buffer (`file.write`,
`bytes`, `memoryview`, `numpy.frombuffer` of its `view` take it without a copy; before Python 3.12 all of them of its `view`),
and the memory goes back to the NIC when
the span and every view of it are gone: keep none longer than needed.

Each method is the C function of the same name; libzcrx-client(3) and zcrx-client(7) say more. What fails there raises
Error. A queue belongs to the thread that first receives on it; spans may be dropped in any."""

import ctypes
import enum
import itertools
import os

__all__ = ["Client", "Error", "Event", "Kind", "Lease", "Queue", "Span", "Stream"]

SONAME = "libzcrx-client.so.0.2"


class Error(OSError):
    """errno, and what was being done, to what, and what to do about it. `id`: the Varlink error that zcrxd answered
    with, or None."""

    def __init__(self, error, message, error_id=None):
        super().__init__(error, message)
        self.id = error_id


class Kind(enum.IntEnum):
    """What an event tells: enum zcrx_event_kind."""
    DATA = 1  # `data`
    EOF = 2  # the peer has sent everything
    ERROR = 3  # `error` and `message` say why the stream cannot continue
    LEASE_GONE = 4  # likewise why the lease has ended; streams continue, copied, unless error is -ENODEV
    COMPLETION = 5
    STOPPED = 6  # after stop(), or what receive() was to receive at most
    STAGED = 7
    LEASE_ENDING = 8  # revoked; ends at `deadline_usec`


class _Event(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("error", ctypes.c_int), ("stream", ctypes.c_void_p),
                ("userdata", ctypes.c_void_p), ("data", ctypes.c_void_p), ("length", ctypes.c_size_t),
                ("message", ctypes.c_char_p), ("user_data", ctypes.c_uint64), ("result", ctypes.c_int32),
                ("flags", ctypes.c_uint32), ("offset", ctypes.c_uint64), ("area_offset", ctypes.c_uint64),
                ("deadline_usec", ctypes.c_uint64)]


def _load():
    """The functions that are used here, with their types: "int" may fail, "ptr" and "str" may be None."""
    library = ctypes.CDLL(os.environ.get("ZCRX_CLIENT_LIBRARY", SONAME), use_errno=False)
    p, s, u, i, z, q = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint64)
    for name, result, *arguments in (
            ("client_new", i, p), ("client_unref", p, p), ("client_connect", i, p, s), ("client_set_timeout", i, p, q),
            ("client_error", s, p), ("client_error_id", s, p),
            ("lease_new", i, p, p), ("lease_unref", p, p), ("lease_set_interface", i, p, s),
            ("lease_set_queues", i, p, u), ("lease_set_name", i, p, s), ("lease_set_time_to_live", i, p, q),
            ("lease_set_backends", i, p, s), ("lease_set_owner", i, p, u), ("lease_open", i, p, s), ("lease_acquire", i, p), ("lease_get_id", s, p),
            ("lease_get_interface", s, p), ("lease_get_queues", u, p), ("lease_get_backend", s, p),
            ("lease_get_fd", i, p), ("lease_has_ended", i, p), ("lease_find_queue", i, p, i),
            ("lease_steer_socket", i, p, i), ("lease_renew", i, p, q), ("lease_release", i, p),
            ("queue_new", i, p, u, p), ("queue_ref", p, p), ("queue_unref", p, p), ("queue_set_area_size", i, p, z),
            ("queue_set_buffer_length", i, p, z), ("queue_set_huge_pages", i, p, i), ("queue_set_join", i, p, i),
            ("queue_register", i, p), ("queue_steer_socket", i, p, i), ("queue_receive", i, p, i, p, p),
            ("queue_receive_bounded", i, p, i, q, p, p), ("queue_wait", i, p, i, p), ("queue_return", i, p, p),
            ("queue_get_fd", i, p), ("queue_get_received", q, p), ("queue_get_copied", i, p, p, p),
            ("stream_pause", i, p), ("stream_resume", i, p), ("stream_set_limit", i, p, u), ("stream_stop", i, p),
            ("stream_continue", i, p, q), ("stream_free", p, p)):
        function = getattr(library, "zcrx_" + name)
        function.restype, function.argtypes = result, arguments
    return library


_lib = _load()


def _encode(text):
    return None if text is None else os.fsencode(text)


def _decode(text):
    return None if text is None else text.decode(errors="replace")


def _fileno(socket):
    return socket if isinstance(socket, int) else socket.fileno()


class _Object:
    """A reference to one of the library's objects."""

    _unref = None

    def __init__(self):
        self._pointer = ctypes.c_void_p()

    def close(self):
        if self._pointer:
            self._unref(self._pointer)
            self._pointer = ctypes.c_void_p()

    def __del__(self):
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Client(_Object):
    """A connection to zcrxd. `path`: its socket, where it is not the usual one. `timeout`: seconds for each answer."""

    _unref = _lib.zcrx_client_unref

    def __init__(self, path=None, timeout=None, connect=True):
        super().__init__()
        self._check(_lib.zcrx_client_new(ctypes.byref(self._pointer)))
        if timeout is not None:
            self._check(_lib.zcrx_client_set_timeout(self._pointer, int(timeout * 1000000)))
        if connect:
            self._check(_lib.zcrx_client_connect(self._pointer, _encode(path)))

    def _check(self, result):
        if result >= 0:
            return result
        message = _decode(_lib.zcrx_client_error(self._pointer)) if self._pointer else ""
        raise Error(-result, message or os.strerror(-result),
                    _decode(_lib.zcrx_client_error_id(self._pointer)) if self._pointer else None)


class Lease(_Object):
    """Queues of a NIC, from the moment that this returns. `backends`: where they may come from, as
    zcrx_lease_set_backends(3) has it; with another one than "zcrxd" the client need not be connected. close()
    ends it, unless somebody else has its handle, once its queues are gone. `owner`: a uid, for which an administrator
    acquires it; it then lasts until it is released, and that user's program has it by Lease(client, open=ID)."""

    _unref = _lib.zcrx_lease_unref

    def __init__(self, client, interface=None, queues=None, name=None, time_to_live=None, backends=None, owner=None,
                 open=None):  # pylint: disable=redefined-builtin,too-many-arguments,too-many-positional-arguments
        super().__init__()
        self._client = client
        self._check = client._check
        self._check(_lib.zcrx_lease_new(client._pointer, ctypes.byref(self._pointer)))
        for setter, value in ((_lib.zcrx_lease_set_interface, _encode(interface)),
                              (_lib.zcrx_lease_set_queues, queues), (_lib.zcrx_lease_set_name, _encode(name)),
                              (_lib.zcrx_lease_set_time_to_live, time_to_live and int(time_to_live * 1000000)),
                              (_lib.zcrx_lease_set_backends, _encode(backends)), (_lib.zcrx_lease_set_owner, owner)):
            if value is not None:
                self._check(setter(self._pointer, value))
        if open is not None:
            self._check(_lib.zcrx_lease_open(self._pointer, _encode(open)))
        else:
            self._check(_lib.zcrx_lease_acquire(self._pointer))

    id = property(lambda self: _decode(_lib.zcrx_lease_get_id(self._pointer)))
    interface = property(lambda self: _decode(_lib.zcrx_lease_get_interface(self._pointer)))
    backend = property(lambda self: _decode(_lib.zcrx_lease_get_backend(self._pointer)))
    queues = property(lambda self: _lib.zcrx_lease_get_queues(self._pointer))
    has_ended = property(lambda self: bool(_lib.zcrx_lease_has_ended(self._pointer)))

    def fileno(self):
        return self._check(_lib.zcrx_lease_get_fd(self._pointer))

    def steer(self, socket):
        """Over all queues; each has to be registered."""
        self._check(_lib.zcrx_lease_steer_socket(self._pointer, _fileno(socket)))

    def find_queue(self, socket):
        """The index of the queue that has to receive from a connection."""
        return self._check(_lib.zcrx_lease_find_queue(self._pointer, _fileno(socket)))

    def renew(self, seconds):
        self._check(_lib.zcrx_lease_renew(self._pointer, int(seconds * 1000000)))

    def release(self):
        """Drop its queues, streams and spans first, or wait for the kernel to take the queue back."""
        self._check(_lib.zcrx_lease_release(self._pointer))


class Span:
    """Payload where it was received. Given back to the NIC when this and all its views are gone."""

    __slots__ = ("_queue", "_data", "_length", "__weakref__")

    def __init__(self, queue, data, length):
        # A reference of its own: what is collected together is so in any order.
        self._queue, self._data, self._length = _lib.zcrx_queue_ref(queue), data, length

    def __len__(self):
        return self._length

    def __bytes__(self):
        return ctypes.string_at(self._data, self._length)

    @property
    def view(self):
        """A memoryview, which keeps the span: for slices, struct, numpy, and whatever takes a buffer."""
        array = (ctypes.c_char * self._length).from_address(self._data)
        array.span = self
        return memoryview(array).cast("B")

    def __buffer__(self, _flags):  # from Python 3.12 on a span is a buffer itself
        return self.view

    def __del__(self):
        _lib.zcrx_queue_return(self._queue, self._data)
        _lib.zcrx_queue_unref(self._queue)


class Event:
    """What Queue.wait() returns. `data` is a Span of Kind.DATA, and bytes of Kind.STAGED."""

    __slots__ = ("kind", "stream", "data", "error", "message", "offset", "deadline_usec")

    def __init__(self, raw, queue):
        self.kind = Kind(raw.type)
        self.stream = queue._streams.get(raw.userdata)
        self.error, self.message = raw.error, _decode(raw.message)
        self.offset, self.deadline_usec = raw.offset, raw.deadline_usec
        self.data = None
        if self.kind is Kind.DATA:
            self.data = Span(queue._pointer, raw.data, raw.length)
        elif self.kind is Kind.STAGED:
            self.data = ctypes.string_at(raw.data, raw.length)

    def __repr__(self):
        return f"<zcrx.Event {self.kind.name} at {self.offset}{': ' + self.message if self.message else ''}>"


class Stream:
    """A connection that is received. `userdata` is the caller's."""

    def __init__(self, queue, key, userdata):
        self._queue, self._key, self.userdata = queue, key, userdata
        self._pointer = ctypes.c_void_p()

    def _call(self, function, *arguments):
        if not self._pointer:
            raise ValueError("The stream is closed.")
        self._queue._check(function(self._pointer, *arguments))

    def pause(self):
        self._call(_lib.zcrx_stream_pause)

    def resume(self):
        self._call(_lib.zcrx_stream_resume)

    def set_limit(self, buffers):
        self._call(_lib.zcrx_stream_set_limit, buffers)

    def stop(self):
        self._call(_lib.zcrx_stream_stop)

    def receive(self, count=0):
        """On with a stream that has stopped: zcrx_stream_continue()."""
        self._call(_lib.zcrx_stream_continue, count)

    def close(self):
        """Nothing of it comes any more; also after its last event."""
        if self._pointer:
            _lib.zcrx_stream_free(self._pointer)
            self._pointer = ctypes.c_void_p()
            self._queue._streams.pop(self._key, None)


class Queue(_Object):
    """One queue of a lease, registered. For a loop of your own: `fileno()` is readable when wait(0) should be called,
    until that returns None."""

    _unref = _lib.zcrx_queue_unref

    def __init__(self, lease, index=0, area_size=None, buffer_length=None, huge_pages=False, join=False):
        super().__init__()
        pointer = self._pointer
        self._lease, self._check, self._streams, self._keys = lease, lease._check, {}, itertools.count(1)
        self._check(_lib.zcrx_queue_new(lease._pointer, index, ctypes.byref(pointer)))
        if area_size is not None:
            self._check(_lib.zcrx_queue_set_area_size(pointer, area_size))
        if buffer_length is not None:
            self._check(_lib.zcrx_queue_set_buffer_length(pointer, buffer_length))
        self._check(_lib.zcrx_queue_set_huge_pages(pointer, huge_pages))
        self._check(_lib.zcrx_queue_set_join(pointer, join))
        self._check(_lib.zcrx_queue_register(pointer))

    def _open(self):
        if not self._pointer:
            raise ValueError("The queue is closed.")
        return self._pointer

    def steer(self, socket):
        """What the socket accepts, or receives, comes to this queue."""
        self._check(_lib.zcrx_queue_steer_socket(self._open(), _fileno(socket)))

    def receive(self, socket, count=0, userdata=None):
        """From a connected socket, which may be closed then; at most so many bytes, if a count is given."""
        queue, key = self._open(), next(self._keys)
        stream = Stream(self, key, userdata)
        self._streams[key] = stream
        arguments = (queue, _fileno(socket), *([count] if count else []), key, ctypes.byref(stream._pointer))
        result = (_lib.zcrx_queue_receive_bounded if count else _lib.zcrx_queue_receive)(*arguments)
        if result < 0:
            del self._streams[key]
        self._check(result)
        return stream

    def wait(self, timeout=None):
        """The next event, or None when so many seconds are over."""
        raw = ctypes.POINTER(_Event)()
        milliseconds = -1 if timeout is None else int(timeout * 1000)
        return Event(raw.contents, self) if self._check(
            _lib.zcrx_queue_wait(self._open(), milliseconds, ctypes.byref(raw))) else None

    def __iter__(self):
        while True:
            yield self.wait()

    def fileno(self):
        return self._check(_lib.zcrx_queue_get_fd(self._open()))

    received = property(lambda self: _lib.zcrx_queue_get_received(self._open()))

    @property
    def copied(self):
        """Bytes of it that the kernel had to copy; None before Linux 7.2."""
        n, size = ctypes.c_uint64(), ctypes.c_uint64()
        result = _lib.zcrx_queue_get_copied(self._open(), ctypes.byref(n), ctypes.byref(size))
        return size.value if result >= 0 else None

    def close(self):
        """Its streams end. Spans stay valid until they are dropped."""
        for stream in list(self._streams.values()):
            stream.close()
        super().close()
