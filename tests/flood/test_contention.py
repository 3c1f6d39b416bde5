# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many processes of one user at once: quotas hold at every moment, and everything comes back."""

import contextlib
import fcntl
import os
import random
import signal
import time

from flood import HELD, HOSTILE, OF_A_CONNECTION, PATIENCE, QUOTA, Refused, attack, message, until

PROCESSES = 64
QUEUES, AREA = 4, 192 << 10  # the quota in the configuration
ADD_SEALS, SEALS = 1033, 6  # F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW
SIZE = 64 << 10


def area():
    fd = os.memfd_create("area", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.posix_fallocate(fd, 0, SIZE)
    fcntl.fcntl(fd, ADD_SEALS, SEALS)
    return fd


def contend(daemon, area_fd, number):
    """Takes what it can get, registers, and gives it back in one way or another."""
    chance = random.Random(number + time.monotonic_ns())
    with daemon.connect(QUOTA) as client:
        for _ in range(10):
            with contextlib.suppress(Refused):
                lease, handle = client.acquire(queues=chance.choice((1, 1, 2, 3)))
                with contextlib.suppress(Refused):
                    client.call("Register", [handle, area_fd], leaseId=lease, queue=0, ring=0,
                                handleFileDescriptor=0, areaFileDescriptor=1, areaSize=SIZE,
                                refillEntries=16)
                if chance.random() < 0.5:
                    client.release(lease, handle)
                else:
                    os.close(handle)


def test_quota(daemon):
    area_fd = area()
    most_queues = most_area = 0
    with daemon.connect(0) as root, attack(contend, daemon, area_fd, processes=PROCESSES):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and (most_queues < QUEUES or most_area < AREA or
                                               time.monotonic() < deadline - PATIENCE + 4):
            leases = root.leases()
            queues = sum(len(lease["hardwareQueues"]) for lease in leases)
            held = sum(lease["areaBytes"] for lease in leases)
            assert queues <= QUEUES and held <= AREA
            shown = root.call("Describe")["interfaces"][0]["queues"]
            assert sum("leaseId" in queue for queue in shown) <= QUEUES
            most_queues, most_area = max(most_queues, queues), max(most_area, held)
        daemon.serves(times=2)
    os.close(area_fd)
    assert (most_queues, most_area) == (QUEUES, AREA)
    assert daemon.holds() < HELD


def babble(daemon, number):
    """Calls and halves of them, descriptors among them, until something ends it."""
    chance = random.Random(number + time.monotonic_ns())
    whole = [message("Acquire"), message("Describe"), message("ListLeases", _more=True),
             message("Acquire", name="x" * 100)]
    with daemon.connect(HOSTILE + number % 4) as client:
        while True:
            data = chance.choice(whole)
            client.send(data[:chance.randrange(len(data) + 1)] if chance.random() < 0.1 else data,
                        [0] if chance.random() < 0.1 else [])
            if chance.random() < 0.5:
                client.socket.recv(100)


def test_killed_at_random(daemon):
    """In the middle of a message, of a call, or of reading a reply."""
    chance = random.Random(4)
    for _ in range(15):
        with attack(babble, daemon, processes=8) as pids:
            time.sleep(chance.random() / 5)
            os.kill(pids[0], signal.SIGSTOP)
            daemon.serves(times=1)
    assert daemon.holds() < HELD


def test_stopped_with_half_a_message(daemon):
    """A client that is stopped delays nobody, and goes after a while."""
    reading, writing = os.pipe()

    def send_half(number):
        with daemon.connect(HOSTILE) as client:
            client.send(message("Describe")[:20])
            os.write(writing, b"x")
            signal.pause()

    before = daemon.before["descriptors"]
    with attack(send_half, processes=4) as pids, os.fdopen(reading, "rb") as sent:
        os.close(writing)
        sent.read(len(pids))
        until(lambda: daemon.descriptors() == before + 4 * OF_A_CONNECTION)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        daemon.serves(times=5)
        until(lambda: daemon.descriptors() == before)
