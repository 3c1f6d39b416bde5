#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes docs/DRIVERS.md: table.py RESULTS. The results are what the tests of this directory left;
rows of what was not tried stay as they are."""

import json
import pathlib
import sys

import modes

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "DRIVERS.md"
COLUMNS = {name: f"test_{name}" for name in (
    "configure", "receive", "queues", "kill", "revoke", "restart", "drift", "plan", "restore")}

TEXT = """\
# Drivers

Drivers differ in what the kernel leaves to them. This page says what zcrxd does about each
difference that was found in the drivers of Linux 7.2, and how that was tried: the simulated NIC
(tests/nic) takes on the quirk, alone and together with the others of a driver, and the lease tests
(tests/drivers) run on it. The page is written by that run: `make test-drivers`.

- configure: the NIC is configured, and a second plan is empty
- receive: an ordinary user receives by zero copy on a leased queue, no foreign packets go there,
  and root's own rule stays
- queues: a lease of two queues with a ring each receives by zero copy on both; where the driver has
  no RSS contexts, each flow is assigned to one of them
- kill: the client is killed under traffic, and everything is reclaimed
- revoke: the queue is reclaimed under traffic; the client falls back to copying, and no byte is lost
- restart: the daemon is restarted under traffic, and no byte is lost
- drift: somebody resets the RSS table and deletes the rule under traffic; both are repaired
- plan: a change of the carve-out waits for the lease that it would disturb, under traffic, and
  follows when that has ended
- restore: the NIC is restored to its baseline, configured again as planned, and restored again

"yes" and "no" are how these tests ended; "refused" is an end about which the driver leaves no choice;
what has a "-" was not tried. Beyond these, what a quirk changes has a test of its own there: that lost
rules come back, that other fields and buffers are refused by name, how flows are assigned to queues, that
nobody waits for a slow driver.

## Quirks

{quirks}

## Drivers as a whole

What a driver does is imitated by several quirks at once.

{drivers}

## Drivers without queues to lease

{without}
"""


def previous():
    """What the page says of each mode now, if it has these columns."""
    rows = [line.strip("| \n").split(" | ") for line in
            DOCUMENT.read_text(encoding="ascii").splitlines() if line.startswith("|")]
    known, head = {}, []
    for row in rows:
        if row[0] in ("quirk", "driver"):
            head = row
        elif head[-len(COLUMNS):] == list(COLUMNS) and len(row) == len(head):
            known[row[0].strip("`()")] = row[-len(COLUMNS):]
    return known


def cells(mode, results, known):
    """The outcome of the mode's tests, in the order of the columns."""
    if mode not in results:
        return known.get(mode, ["-"] * len(COLUMNS))

    def cell(test):
        found = results[mode].get(test)
        if found is None:
            return "-"
        return ("refused" if mode in modes.REFUSING else "yes") if found else "**no**"

    return [cell(test) for test in COLUMNS.values()]


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main():
    results = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="ascii"))
    known = previous()
    quirks = [["(none)", "", "", "", *cells("none", results, known)]]
    quirks += [[f"`{name}`", drivers, quirk, does, *cells(name, results, known)]
               for name, (drivers, quirk, does) in modes.QUIRKS.items()]
    drivers = [[name, ", ".join(f"`{quirk}`" for quirk in found.split()), missing,
                *cells(name, results, known)] for name, (found, missing) in modes.DRIVERS.items()]
    DOCUMENT.write_text(TEXT.format(
        quirks=table(["quirk", "drivers", "what the driver does", "what zcrxd does", *COLUMNS],
                     quirks),
        drivers=table(["driver", "quirks", "not imitated", *COLUMNS], drivers),
        without=table(["driver", "what zcrxd finds"], list(map(list, modes.WITHOUT.items()))),
    ), encoding="ascii")


if __name__ == "__main__":
    main()
