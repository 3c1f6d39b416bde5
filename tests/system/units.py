# SPDX-License-Identifier: LGPL-2.1-or-later
"""systemctl without a process: in an emulated machine each start of it takes half a second. As root,
straight from systemd's own socket, by libsystemd."""

import contextlib
import ctypes
import os
import re
import time

ADDRESS = b"unix:path=/run/systemd/private"
NAME = b"org.freedesktop.systemd1"
MANAGER = (NAME, b"/org/freedesktop/systemd1", b"org.freedesktop.systemd1.Manager")
METHODS = {"start": b"StartUnit", "stop": b"StopUnit", "restart": b"RestartUnit",
           "reload": b"ReloadUnit"}
# The interface and the type of what is asked for most; systemctl knows the rest.
PROPERTIES = {"ActiveState": ("Unit", "s"), "UnitFileState": ("Unit", "s"),
              "StatusText": ("Service", "s"), "NRestarts": ("Service", "u"),
              "NFileDescriptorStore": ("Service", "u"), "MainPID": ("Service", "u"),
              "WatchdogTimestampMonotonic": ("Service", "t")}
NUMBERS = {"u": ctypes.c_uint32, "t": ctypes.c_uint64}

lib = ctypes.CDLL("libsystemd.so.0")
libc = ctypes.CDLL(None)
lib.sd_bus_flush_close_unref.restype = None
lib.sd_bus_message_unref.restype = None
libc.free.argtypes = [ctypes.c_void_p]
libc.free.restype = None


def check(r, what):
    assert r >= 0, f"{what}: {os.strerror(-r)}"
    return r


@contextlib.contextmanager
def connected():
    bus = ctypes.c_void_p()
    check(lib.sd_bus_new(ctypes.byref(bus)), "sd_bus_new")
    try:
        check(lib.sd_bus_set_address(bus, ADDRESS), "sd_bus_set_address")
        check(lib.sd_bus_start(bus), "sd_bus_start")
        yield bus
    finally:
        lib.sd_bus_flush_close_unref(bus)


def full_name(unit):
    return unit if "." in unit else unit + ".service"


def show(unit, name):
    """A property as systemctl shows it; None for those that are not in the table."""
    if name not in PROPERTIES:
        return None
    interface, kind = PROPERTIES[name]
    path = "/org/freedesktop/systemd1/unit/" + re.sub(
        "[^a-zA-Z0-9]", lambda found: f"_{ord(found[0]):02x}", full_name(unit))
    where = (NAME, path.encode(), b"org.freedesktop.systemd1." + interface.encode(), name.encode())
    with connected() as bus:
        if kind == "s":
            text = ctypes.c_void_p()
            check(lib.sd_bus_get_property_string(bus, *where, None, ctypes.byref(text)), name)
            value = ctypes.string_at(text.value).decode()
            libc.free(text)
            return value
        number = NUMBERS[kind]()
        check(lib.sd_bus_get_property_trivial(bus, *where, None, ctypes.c_char(kind.encode()),
                                              ctypes.byref(number)), name)
        return str(number.value)


def start_job(bus, verb, unit):
    """The path of the job, by which it is known."""
    reply, path = ctypes.c_void_p(), ctypes.c_char_p()
    check(lib.sd_bus_call_method(bus, *MANAGER, METHODS[verb], None, ctypes.byref(reply), b"ss",
                                 full_name(unit).encode(), b"replace"), f"{verb} {unit}")
    check(lib.sd_bus_message_read(reply, b"o", ctypes.byref(path)), verb)
    job = path.value
    lib.sd_bus_message_unref(reply)
    return job


def next_result(bus):
    """A job that has ended and how, or nothing."""
    message = ctypes.c_void_p()
    if not check(lib.sd_bus_process(bus, ctypes.byref(message)), "sd_bus_process"):
        check(lib.sd_bus_wait(bus, ctypes.c_uint64(1000000)), "sd_bus_wait")
    if not message:
        return None
    found = None
    if lib.sd_bus_message_is_signal(message, MANAGER[2], b"JobRemoved") > 0:
        number = ctypes.c_uint32()
        job, unit, result = (ctypes.c_char_p() for _ in range(3))
        check(lib.sd_bus_message_read(message, b"uoss", *map(ctypes.byref, (number, job, unit, result))),
              "JobRemoved")
        found = job.value, result.value
    lib.sd_bus_message_unref(message)
    return found


def control(verb, *units, seconds=60):
    """start, stop, restart or reload: whether that has been done, which is waited for."""
    deadline = time.monotonic() + seconds
    with connected() as bus:
        jobs, results = {start_job(bus, verb, unit) for unit in units}, {}
        while not jobs <= results.keys():
            assert time.monotonic() < deadline, f"{verb} {units} takes more than {seconds} s"
            if found := next_result(bus):
                results[found[0]] = found[1]
    return all(results[job] == b"done" for job in jobs)


def daemon_reload():
    with connected() as bus:
        check(lib.sd_bus_call_method(bus, *MANAGER, b"Reload", None, None, None), "daemon-reload")
