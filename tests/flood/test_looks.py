# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plan is open to everybody, and its answer takes a look at the NIC. However many wait for theirs, the
rules of a lease that ends go at once: what comes by them is somebody else's by now."""

import os
import time

from flood import Daemon, attack, message, until
from test_contention import SIZE, area

STRANGER = 4000  # whom no rule of the policy names
PROCESSES, CALLS = 5, 100
DELAY = 20  # milliseconds for each operation on the NIC
SOON = 5  # seconds; behind a look for each of those who wait it takes ten


def look(daemon, _):
    """As many as one user may have connections, again and again."""
    clients = [daemon.connect(STRANGER) for _ in range(CALLS)]
    while True:
        for client in clients:
            client.send(message("Plan"))
        for client in clients:
            client.receive()


def steered(root):
    """A lease with a rule, and the only copy of its handle."""
    lease, handle = root.acquire()
    area_fd = area()
    root.call("Register", [handle, area_fd], leaseId=lease, queue=0, ring=0, handleFileDescriptor=0,
              areaFileDescriptor=1, areaSize=SIZE, refillEntries=16)
    os.close(area_fd)
    root.call("AddFlow", [handle], leaseId=lease, handleFileDescriptor=0,
              flow={"protocol": "tcp4", "destination": "127.0.0.1", "destinationPort": 80})
    assert root.leases()[0]["flows"]
    return handle


def test_a_rule_goes_before_all_who_look():
    with Daemon(f"--delay={DELAY}") as daemon, daemon.connect(0) as root, \
            attack(look, daemon, processes=PROCESSES):
        handle = steered(root)
        time.sleep(2)  # until all of them wait
        os.close(handle)
        until(lambda: not any(lease.get("flows") for lease in root.leases()), SOON)
