# SPDX-License-Identifier: LGPL-2.1-or-later
"""What wakes the daemon while leases are there and nothing happens."""

import glob
import pathlib
import re
import time

import machine

PORT = 9001
SECONDS = 12
LOOKS, WATCHDOG = 10, 3  # every 1.2 s; every 5 to 7.5 s


def wake_ups():
    """Of all threads of the daemon so far."""
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", pathlib.Path(path).read_text("ascii"), re.M)[1])
               for path in glob.glob(f"/proc/{machine.main_pid()}/task/*/status"))


def test_a_lease_at_rest_takes_one_wake_up_a_second():
    with machine.receiver(PORT), machine.receiver(PORT + 1):
        time.sleep(5)  # what was just done has something to say yet
        before = wake_ups()
        time.sleep(SECONDS)
        assert LOOKS / 2 < wake_ups() - before <= LOOKS + WATCHDOG + 1
