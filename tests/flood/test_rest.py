# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing is polled that is told, and nothing at all while nobody could be harmed: connections, a
watcher, and a lease whose queue nobody receives on do not wake the daemon."""

import time
from pathlib import Path

from flood import message, until

LONGER_THAN_A_POLL = 3  # seconds


def wakeups(daemon):
    """How often its threads have waited for something."""
    return sum(int(line.split()[1])
               for path in Path(f"/proc/{daemon.process.pid}/task").glob("*/status")
               for line in path.read_text().splitlines()
               if line.startswith("voluntary_ctxt_switches"))


def rests(daemon):
    before = wakeups(daemon)
    time.sleep(LONGER_THAN_A_POLL)
    return wakeups(daemon) == before


def test_rests(daemon):
    with daemon.connect(0) as client, daemon.connect() as watcher:
        watcher.send(message("Watch", _more=True))
        watcher.receive()
        lease, handle = client.acquire()
        assert until(lambda: rests(daemon))
        client.release(lease, handle)
        assert until(lambda: rests(daemon))
