# SPDX-License-Identifier: LGPL-2.1-or-later
"""Idle queues serve RSS until they are leased: ordinary connections on all queues before and after a
lease, of which none ever fails."""

import contextlib
import os
import selectors
import socket
import statistics
import sys
import threading
import time

import machine
import simnic
from client import Connection, new_area, new_ring
from machine import HOST4

SERVE = machine.config(zc0="    idle-queues: serve\n")
KEEP_ONE = machine.config(zc0="    idle-queues: serve\n    keep-free: 1\n")
CONFIG = SERVE
PORT, CONNECTIONS = 7777, 128

# In the peer: a message on each connection, there and back, again and again. Any failure ends it.
TALKER = """
import socket, sys
talk = [socket.create_connection((sys.argv[1], int(sys.argv[2])), 30) for _ in range(int(sys.argv[3]))]
for number in range(1 << 30):
    message = b"%08d" % number
    for s in talk:
        s.sendall(message)
    for s in talk:
        said = s.recv(len(message), socket.MSG_WAITALL)
        assert said == message, (said, message)
    if number == 0:
        print("connected", flush=True)
"""


class Echo(threading.Thread):
    """Ordinary sockets: whatever is received is sent back. The first failure is kept."""

    def __init__(self):
        super().__init__(daemon=True)
        self.failure, self.ends, self.received = None, False, 0
        self.waiting = selectors.DefaultSelector()
        self.listener = machine.listener(port=PORT)
        self.waiting.register(self.listener, selectors.EVENT_READ)

    def run(self):
        try:
            while not self.ends:
                for key, _ in self.waiting.select(0.1):
                    if key.fileobj is self.listener:
                        self.waiting.register(self.listener.accept()[0], selectors.EVENT_READ)
                    elif data := key.fileobj.recv(65536):
                        key.fileobj.sendall(data)
                        self.received += 1
        except OSError as error:
            self.failure = error


@contextlib.contextmanager
def ordinary_traffic():
    """Checked at its end: it goes on, and no receive of either side has failed."""
    echo = Echo()
    echo.start()
    with machine.Program(sys.executable, "-c", TALKER, HOST4, str(PORT), str(CONNECTIONS), peer=True) as talker:
        talker.wait_for("connected")
        yield
        before = echo.received
        machine.until(lambda: echo.received > before + 2 * CONNECTIONS or echo.failure or
                      talker.process.poll() is not None)
        assert talker.process.poll() is None and echo.failure is None, (talker.said, echo.failure)
        echo.ends = True
        echo.join()
    for key in list(echo.waiting.get_map().values()):
        key.fileobj.close()


def busy():
    """The queues on which packets arrive."""
    before = simnic.counters()
    time.sleep(0.15)
    now = simnic.counters()
    return {queue for queue in range(8)
            if now.get(f"rx{queue}_packets", 0) > before.get(f"rx{queue}_packets", 0)}


def led_to():
    return set(simnic.indirection())


def test_ordinary_traffic_uses_all_queues_but_those_that_are_leased():
    machine.until(lambda: led_to() == set(range(8)))
    with ordinary_traffic():
        machine.until(lambda: busy() == set(range(8)))
        with Connection() as root, root.acquire() as lease, new_ring() as ring, new_area() as area:
            others = set(range(8)) - set(lease.queues)
            assert led_to() == others
            lease.register(ring, area)
            assert busy() == others
        machine.until(lambda: led_to() == set(range(8)))
        machine.until(lambda: busy() == set(range(8)))


def acquire_times(times):
    """Milliseconds that each took, with a ring on the queue every time."""
    took = []
    with Connection() as root:
        for _ in range(times):
            before = time.monotonic()
            with root.acquire() as lease, new_ring() as ring, new_area() as area:
                took.append((time.monotonic() - before) * 1000)
                lease.register(ring, area)
                lease.call("Release")
    return took


def test_no_ordinary_receive_fails_over_many_leases():
    leases, median = int(os.environ.get("ZCRXD_LEASES", "1000")), {}
    try:
        for name, config, times in (("reserve", machine.config(), leases // 10), ("serve", SERVE, leases),
                                    ("serve, keep-free 1", KEEP_ONE, leases // 10)):
            machine.configure(config)
            with ordinary_traffic():
                median[name] = statistics.median(acquire_times(times))
    finally:
        machine.configure(CONFIG)
    print("Acquire under ordinary traffic, medians:",
          ", ".join(f"{name} {ms:.1f} ms" for name, ms in median.items()))
