#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes docs/DRIVERS.md: table.py RESULTS. The results are what the tests of this directory left;
rows of what was not tried stay as they are."""

import json
import pathlib
import sys

import modes
from sources import SOURCES

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "DRIVERS.md"
COLUMNS = {name: f"test_{name}" for name in (
    "configure", "receive", "queues", "kill", "revoke", "restart", "drift", "plan", "restore")}

TEXT = """\
# Drivers

Drivers differ in what the kernel leaves to them. This page says what zcrxd does about each
difference that was found in the drivers of Linux 7.2 and 7.3, and how that was tried: the simulated NIC
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

## What a lease costs its neighbours

Read in the drivers of Linux 7.3, not measured on hardware; `zcrxctl status` shows it with the interface (`bindEffect`).

| driver | while any queue is bound or released | the ring keeps of an area (default ring, MTU 1500) |
| --- | --- | --- |
| mlx5 | All channels are deactivated (`mlx5e_queue_start`): what arrives is dropped, nothing is sent, the longer the more channels. If a ring cannot be filled (a client keeps all its buffers), up to 20 s (`mlx5e_wait_channels_min_rx_wqes`) | 2 MiB; 16 MiB with an MTU of 9000 |
| bnxt | What ntuple rules steer, to all leases, is dropped (`bnxt_queue_stop` sets the MRU of every VNIC that has the ring, and that of ntuple has all); other traffic goes on | 8 MiB |
| gve | All queues stop twice, the carrier goes off and on (`gve_turndown`), packets wait; each queue has another NAPI id | 2 MiB |
| fbnic | Others are not disturbed | 1 MiB |

zcrxd binds a queue once for each Register and releases all queues of a lease at once, by deleting the one device that holds
them; the kernel restarts each of them by itself, so a lease of n queues costs n restarts at each end. Whoever acquires and
ends leases often disturbs the others on mlx5, bnxt and gve: programs should keep a lease, and register again on it.

Several binds or releases cannot be one restart, of one lease or of several: every way to give a queue to a program or to
take it back ends in `netdev_rx_queue_reconfig(dev, rxq_idx, ...)` (net/core/netdev_rx_queue.c), which stops and starts
one queue, and the driver's `ndo_queue_stop` and `ndo_queue_start` are not told of another. A registration
with io_uring names one queue (`if_rxq`, io_uring/zcrx.c); `NETDEV_CMD_BIND_RX`, which takes many, binds one after the
other (`netdev_nl_bind_rx_doit`); the end of a netkit device walks its queues (`netkit_queue_unlease`). The way around,
to bind while the interface is down, is closed by the drivers that it is about (`bind-needs-up`), and would cost
a bounce. What is left, and done: an interface's releases that are due are done in one go, before anything
else that waits for its worker (`util/worker.c`), so that their restarts fall together and no bind comes between them.

Weighed, and not built: to bind queues ahead (`prebind: N`), so that an Acquire restarts nothing. An ifq is bound to the ring and
the area of one process, and neither can be given to another afterwards: an export (Linux 6.19) can be put on a client's ring, but
the area stays the daemon's, which would have to pin memory for queues that nobody uses, share it with clients in turn, and wipe it
between them. What remains of the gain is the first bind of each queue; the release restarts it as before.

## Idle queues that serve

With `idle-queues: serve` RSS leads to carved-out queues until somebody leases them: the table is set before each lease is
granted, and after its end. Read in Linux 7.3.

| driver | `idle-queues: serve` |
| --- | --- |
| mlx5, gve, fbnic | Yes: the table is set while traffic goes on (`mlx5e_rx_res_rss_set_rxfh`, `gve_adminq_configure_rss`, `fbnic_rss_reinit_hw`). |
| ice, idpf | Likewise, but they have no queues to lease. |
| bnxt | No: the device is closed and opened for it (`bnxt_set_rxfh`). The interface is degraded, with that reason, before anything is changed. |

## Drivers without queues to lease

{without}

## Read, not run

What the code rests on and no simulated NIC can prove: read in Linux 7.3.4 and 7.2.12, and not tried on hardware. Who has such
a NIC: `zcrxctl check --hardware` writes down what it does.

{sources}
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
        sources=table(["what", "where"], list(map(list, SOURCES))),
    ), encoding="ascii")


if __name__ == "__main__":
    main()
