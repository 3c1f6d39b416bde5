#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel does where it meets payload that it cannot read: one case for each way in.

    panics.py list             name, how it is known to end, whether it needs a machine of its own
    panics.py run NAME...      runs cases; a line each: name, how it ended, what was seen

How a case ends: fine (the connection goes on), error (a call or the segment fails, nothing else),
warning (the kernel says WARNING, and dies with panic_on_warn), panic (no line: the machine is gone).
tests/vm/test-panics boots the machines and compares; docs/KERNEL.md is the table in words."""

import sys

import unreadable
from cases_forwarded import CASES as FORWARDED
from cases_seen import CASES as SEEN
from cases_socket import CASES as SOCKET

CASES = SOCKET + SEEN + FORWARDED


def run(case):
    log = unreadable.kernel_log()
    ended, seen = case.work()
    warned = unreadable.complaints(log)
    if warned:
        ended, seen = "warning", f"{warned[0]}; {seen}"
    print(case.name, ended, seen, sep="\t", flush=True)


def main():
    if sys.argv[1:] == ["list"]:
        for case in CASES:
            print(case.name, case.ends, "alone" if case.alone else "together")
        return
    for name in sys.argv[2:]:
        run(next(case for case in CASES if case.name == name))


if __name__ == "__main__":
    main()
