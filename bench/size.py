# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Acquire and Release take while many leases are there already. A daemon for each number of them, which take
turns, so that whatever else the machine does hits all of them alike."""

import contextlib
import statistics

from target import verdict

MOST = 1.5  # of what they take without any


def measure(simulated, sizes, turns, pairs):
    """`simulated(n)`: as a context, a daemon with n leases, and what a client alone takes there: nanoseconds of
    a pair, median of `pairs`. The median of all turns."""
    with contextlib.ExitStack() as stack:
        daemons = [stack.enter_context(simulated(n)) for n in sizes]
        taken = [[daemon(pairs) for daemon in daemons] for _ in range(turns)]
    return [{"leases": n, "pairNSec": statistics.median(column)} for n, column in zip(sizes, zip(*taken))]


def report(result):
    print("\nAcquire and Release with so many leases already there: microseconds of a pair, and how many for one "
          "of the first\n")
    for row in result:
        ratio = row["pairNSec"] / result[0]["pairNSec"]
        print(f"  {row['leases']:>4} leases{row['pairNSec'] / 1000:>10.0f}{ratio:>8.2f} {verdict(ratio, most=MOST)}")
