# SPDX-License-Identifier: LGPL-2.1-or-later
"""Instructions in user space for each buffer that is received and returned, counted by zcrx-instructions."""

import json
import subprocess

from target import verdict

TITLES = {"liburing": "liburing alone", "pool": "pool", "queue": "queue", "joined": "queue, joined"}
MOST = 1.3  # of the smallest loop


def measure(program, short=False):
    """For each way of feeding, the instructions of each loop; the same every time."""
    return json.loads(subprocess.run([program] + ["--short"] * short, check=True,
                                     stdout=subprocess.PIPE, text=True).stdout)


def report(result):
    print("\nInstructions in user space for a buffer of 4 KiB, received and returned; and how many for one of "
          "liburing alone\n")
    print("  buffers a turn, of connections" + "".join(f"{title:>20}" for title in TITLES.values()))
    for row in result:
        fed = f"{row['batch']}, {row['connections']}" + (f", {row['run']} in a row" if row["run"] > 1 else "")
        print(f"  {fed:<30}" + "".join(
            f"{row[name]:>12.1f}{row[name] / row['liburing']:>8.2f}" for name in TITLES))
    worst = max(row["queue"] / row["liburing"] for row in result)
    print(f"\n  the queue takes {worst:.2f} times as many as liburing alone at worst {verdict(worst, most=MOST)}",
          flush=True)
