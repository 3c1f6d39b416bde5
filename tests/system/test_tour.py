# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/TOUR.md: each command that it shows prints what the page has, but for numbers.

With WRITE_TOUR=FILE the page is written there, as it is with what is printed now:

	mkdir out; tests/vm/run --build release --share out -- env WRITE_TOUR=/mnt/share/TOUR.md \\
		python3 -m pytest -p no:cacheprovider /src/tests/system/test_tour.py
"""

import contextlib
import os
import pathlib
import re
import shlex
import subprocess

import machine
import pytest
from machine import HOST4

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "TOUR.md"
BLOCK = re.compile(r"^```\n\$ (.*)\n((?:.*\n)*?)```\n", re.M)
COLUMNS = "100"
PORT = 9001


def shape(text):
    """Lines in which numbers, handles of leases, sizes of bars and columns do not count."""
    text = re.sub(r"\b[0-9a-f]{8}\b", "LEASE", text)
    text = re.sub(r"[-0-9.]*\d", "N", text)
    text = re.sub(r"[█▏▎▍▌▋▊▉#]+", "#", text)
    return [" ".join(line.split()) for line in text.splitlines()]


def said(command, **more):
    return subprocess.run(command, shell=True, executable="/bin/bash", capture_output=True, text=True,
                          timeout=machine.PATIENCE, stdin=subprocess.DEVNULL, check=True,
                          env=dict(os.environ, COLUMNS=COLUMNS, NO_COLOR="1", LC_ALL="C.UTF-8"), **more).stdout


def compared(command):
    """As it prints on a terminal, from somewhere else being answered."""
    argv = machine.as_user("alice", *shlex.split(command))
    with machine.Program(*argv, env=dict(os.environ, COLUMNS=COLUMNS, LC_ALL="C.UTF-8")) as comparing:
        comparing.wait_for("^listening on port")
        with machine.Program("zcrxperf", "answer", HOST4, "--port", "9999", peer=True) as answering:
            assert answering.finish() == 0, answering.said
        assert comparing.finish() == 0, comparing.said
        return comparing.said["stdout"]


def printed(command):
    return compared(command) if command.startswith("zcrxperf compare") else said(command)


@contextlib.contextmanager
def at_work():
    """Two leases: one with a name, that has a flow, and one by hand."""
    machine.configure(machine.config())
    with machine.receiver(PORT, "--name", "cache"):
        lease = machine.ctl_json("lease", "zc0", "--name", "backup")
        yield
    machine.ctl("release", lease["leaseId"])


@pytest.fixture(name="shown", scope="module")
def fixture_shown():
    """Each command of the page, with what it has printed on the page, and now."""
    page = PAGE.read_text(encoding="utf-8")
    with at_work():
        now = {match[1]: printed(match[1]) for match in BLOCK.finditer(page)}
    if target := os.environ.get("WRITE_TOUR"):
        page = BLOCK.sub(lambda match: f"```\n$ {match[1]}\n{now[match[1]]}```\n", page)
        pathlib.Path(target).write_text(page, encoding="utf-8")
    return {match[1]: (match[2], now[match[1]]) for match in BLOCK.finditer(page)}


def test_the_tour_shows_the_commands_that_it_is_about(shown):
    words = " ".join(shown)
    assert all(f"{name}" in words for name in ("zcrxctl status", "zcrxctl check", "zcrxctl metrics", "zcrxperf compare"))


def test_every_command_of_the_tour_prints_what_the_page_has(shown):
    for command, (page, now) in shown.items():
        assert shape(page) == shape(now), f"{command}: see the beginning of this file\n{now}"
