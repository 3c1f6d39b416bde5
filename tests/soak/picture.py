# SPDX-License-Identifier: LGPL-2.1-or-later
"""Everything that a lease, a client or a fault could have left behind, by name: taken at the start
and after each round, and compared."""

import collections
import contextlib
import json
import os
import pathlib
import re
import subprocess

import machine
import nl

UNIT_PROCESSES = pathlib.Path("/sys/fs/cgroup/system.slice/zcrxd.service/cgroup.procs")
RUN = pathlib.Path("/run/zcrxd")
ETHTOOL_MSG_RSS_GET = 38
TIMERS, CLOCKS = "anon_inode:[timerfd]", 5


def descriptors(pid):
    """The daemon's, by kind."""
    kinds = collections.Counter()
    for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            kinds[re.sub(r":?\[?\d+\]?$", "", os.readlink(fd))] += 1
        except FileNotFoundError:  # closed meanwhile
            pass
    # sd-event makes one for a clock when the clock is first used, and keeps it.
    kinds[TIMERS] = max(kinds[TIMERS], CLOCKS)
    return {f"descriptors: {kind}": count for kind, count in kinds.items()}


def rss_contexts():
    header = nl.attr(nl.HEADER, [nl.attr(nl.HEADER_DEV_NAME, "zc0")])
    rows = nl.Generic("ethtool").call(ETHTOOL_MSG_RSS_GET, [header], dump=True)
    return sum(nl.RSS_CONTEXT in row for row in rows)


def stored():
    """With systemd, but for the epoll that watches rings: it stays once there is one."""
    listed = subprocess.run(["systemd-analyze", "fdstore", "zcrxd.service"], capture_output=True,
                            text=True, check=False).stdout.splitlines()
    rings = sum(line.split()[:1] == ["rings"] for line in listed)
    return int(machine.show("zcrxd", "NFileDescriptorStore")) - rings


def recorded_leases():
    """As many as the state file has, with what was changed since it was written whole."""
    leases, rest = set(), (RUN / "state").read_bytes()
    while rest:
        header, _, rest = rest.partition(b"\n")
        size = int(header.split()[1 if header.startswith(b"+") else -2])
        part, rest = json.loads(rest[:size]), rest[size:].lstrip(b"\n")
        leases -= set(part.get("gone", []))
        leases |= {lease["id"] for lease in part["leases"]}
    return len(leases)


def described():
    """Of the interface and its queues, all but what counts packets."""
    zc0 = machine.call("Describe")[0]["parameters"]["interfaces"][0]
    states = [q["state"] + (f" ({q['reason']})" if "reason" in q else "") for q in zc0["queues"]
              if q["kind"] == "zeroCopy"]
    return {"interface": " ".join(filter(None, (zc0["state"], zc0.get("reason")))),
            "queues as zcrxd has them": ", ".join(states),
            "foreign rules": zc0.get("foreignRules", 0)}


def for_registrations():
    """The processes that wait for one: they are kept until nobody has had a lease for ten seconds."""
    def name(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return [pid for pid in UNIT_PROCESSES.read_text().split() if name(pid) in ("zcrxd-first", "zcrxd-registrar")]


def take(pid):
    return {
        **descriptors(pid),
        "threads": int(machine.status_of(pid)["Threads"]),
        "processes of the unit": len(UNIT_PROCESSES.read_text().split()),
        "descriptors with systemd": stored(),
        "leases": len(machine.leases()),
        "leases on record": recorded_leases(),
        "files in /run/zcrxd": " ".join(sorted(path.name for path in RUN.iterdir())),
        **described(),
        "queues as the kernel has them": ", ".join(
            "+".join(sorted(machine.held(queue))) or "free" for queue in machine.ZERO_COPY),
        "rules": machine.rule_count(),
        "RSS contexts": rss_contexts(),
        "devices of leases": len(machine.netkits()),
    }


def differences(before, after):
    """Lines that say what is not as it was."""
    return [f"{key}: {before.get(key, 0)} before, {after.get(key, 0)} now"
            for key in {**before, **after} if before.get(key, 0) != after.get(key, 0)]


def memory(pid):
    """KiB that the daemon has for itself, and its share of everything (PSS)."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return [int(re.search(rf"^{key}: +(\d+) kB", text, re.M)[1]) for key in ("Pss_Anon", "Pss")]


def is_sanitized(pid):
    """The sanitizers keep what is freed for long: its memory says nothing then."""
    return "libasan" in pathlib.Path(f"/proc/{pid}/maps").read_text()
