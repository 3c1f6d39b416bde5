# SPDX-License-Identifier: LGPL-2.1-or-later
"""What zcrxctl prints on a terminal, and what goes on until it is interrupted."""
import json
import os
import re
import subprocess

import pytest

from fake import DESCRIPTION, ENVIRONMENT, LEASE, ZCRXCTL, bad, good, on_terminal


def test_colours(server):
    server.answer(Describe={"parameters": DESCRIPTION}, ListLeases={"parameters": {}})
    assert "\x1b[" in on_terminal(server, "status")
    assert "\x1b[" in on_terminal(server, "status", NO_COLOR="")
    assert "\x1b[" not in on_terminal(server, "status", NO_COLOR="1")
    assert "\x1b[" not in on_terminal(server, "status", TERM="dumb")
    assert "\x1b[" not in on_terminal(server, "status", "--json", NO_COLOR="1")
    assert "\n" in on_terminal(server, "status", "--json", NO_COLOR="1").strip()  # pretty


def test_without_a_command_there_is_the_status(server):
    server.answer(Describe={"parameters": DESCRIPTION}, ListLeases={"parameters": {"lease": LEASE}})
    assert good(server.ctl()) == good(server.ctl("status"))


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_tables_know_the_width(server, monkeypatch, columns):
    long = dict(LEASE, name="n" * 64, flows=[{"flowId": "1", "protocol": "tcp6", "destinationPort": 9999,
                                              "destination": "2001:db8:1111:2222:3333:4444:5555:6666/128"}])
    monkeypatch.setitem(ENVIRONMENT, "COLUMNS", columns)
    monkeypatch.setitem(ENVIRONMENT, "NO_COLOR", "1")
    server.answer(Describe={"parameters": DESCRIPTION}, ListLeases={"parameters": {"lease": long}})
    for command in (["status"], ["leases"], ["status", "zc0"]):
        out = on_terminal(server, *command, "--no-pager")
        assert max(map(len, out.splitlines())) <= int(columns) and "3f9a01c2" in out and "steered" in out
    whole = on_terminal(server, "leases", "-l", "--no-pager")
    assert "n" * 64 in whole and "2001:db8:1111:2222:3333:4444:5555:6666/128" in whole
    # What a program reads is whole, too, whatever its parent has left in the environment.
    assert good(server.ctl("leases")) == whole.replace("\r\n", "\n")


@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"LANG": "C"}], ids=str)
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_terminals(server, columns, environment):
    """What is printed fits, by what the terminal says; without Unicode there are three dots."""
    long = dict(LEASE, flows=[{"flowId": "1", "protocol": "tcp4", "destinationPort": 9999,
                               "destination": "10.9.0.1", "source": "10.9.0.0/24", "sourcePort": 1}] * 3)
    server.answer(Describe={"parameters": DESCRIPTION}, ListLeases={"parameters": {"lease": long}})
    for command in ("status", "leases"):
        out = on_terminal(server, command, "--no-pager", columns=columns, **environment)
        assert ("\x1b" in out) == ("NO_COLOR" not in environment)
        lines = re.sub("\x1b\\[[0-9;]*m", "", out).splitlines()
        assert columns >= max(map(len, lines)) and any("steered" in line for line in lines)
    if columns == 80:
        assert ("..." if environment == {"LANG": "C"} else "…") in out


def pager(tmp_path, monkeypatch, body):
    path = tmp_path / "pager"
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)
    monkeypatch.setitem(ENVIRONMENT, "SYSTEMD_PAGER", str(path))


def test_pager_on_a_terminal_only(server, tmp_path, monkeypatch):
    pager(tmp_path, monkeypatch, "sed 's/^/paged: /'\n")
    server.answer(Describe={"parameters": DESCRIPTION}, ListLeases={"parameters": {"lease": LEASE}})
    assert all(line.startswith("paged: ") for line in on_terminal(server, "status").splitlines())
    assert on_terminal(server, "leases").startswith("paged: ")
    assert "paged" not in on_terminal(server, "status", "--no-pager")
    assert "paged" not in on_terminal(server, "status", "--json=short")
    assert "paged" not in on_terminal(server, "status", SYSTEMD_PAGER="")
    assert "paged" not in on_terminal(server, "status", SYSTEMD_PAGER="/nonexistent/pager")
    assert "paged" not in good(server.ctl("status"))
    # Who became root for this command only gets no program of the user's choice.
    assert "paged" not in on_terminal(server, "status", SUDO_UID="1000")


def test_pager_that_has_had_enough(server, tmp_path, monkeypatch):
    """As if the reader had pressed q: no error."""
    pager(tmp_path, monkeypatch, "exec true\n")
    many = [{"parameters": {"lease": dict(LEASE, leaseId=f"{n:08x}", name="n" * 60)}} for n in range(1000)]
    server.answer(ListLeases=many)
    assert on_terminal(server, "leases") == ""


# watch, status --watch

EVENTS = [{"event": "acquired", "timestampUSec": 1795223403000000, "interface": "zc0", "queue": 1,
           "leaseId": "3f9a01c2"},
          {"event": "revoked", "timestampUSec": 1795223404000000, "leaseId": "3f9a01c2",
           "reason": "maintenance", "deadlineUSec": 1795223434000000}]


def test_watch(server):
    server.answer(Watch=[{"parameters": {}}] + [{"parameters": {"event": e}} for e in EVENTS],
                  ListLeases={"parameters": {"lease": LEASE}})
    good(server.ctl("watch"),
         "2026-11-21 01:10:03  acquired     zc0  queue 1  lease 3f9a01c2 (web, root)\n"
         "2026-11-21 01:10:04  revoked      lease 3f9a01c2 (web, root)  in 30s: maintenance\n")
    out = good(server.ctl("watch", "3f9a01c2", "--json=short"))
    assert [json.loads(line) for line in out.splitlines()] == EVENTS
    assert [p for m, p in server.calls() if m == "Watch"] == [{}, {"leaseId": "3f9a01c2"}]


def test_watch_names_a_lease_that_comes_later(server):
    """Looked up when it is first heard of; who has no name is told by uid."""
    server.answer(Watch=[{"parameters": {}}, {"parameters": {"event": dict(EVENTS[0], leaseId="77aa0e10")}}],
                  ListLeases={"parameters": {"lease": dict(LEASE, leaseId="77aa0e10", name=None,
                                                           ownerUid=4294967294)}})
    good(server.ctl("watch"), "2026-11-21 01:10:03  acquired     zc0  queue 1  lease 77aa0e10 (4294967294)\n")


def test_watch_refused_at_once(server):
    server.answer(Watch=[{"hangUp": True}])
    bad(server.ctl("watch"), 1,
        "zcrxctl: zcrxd closed the connection; see: journalctl -u zcrxd\n")


def test_watch_goes_on_when_zcrxd_is_back(server):
    server.answer(Watch=[{"parameters": {}}, {"hangUp": True}])
    process = subprocess.Popen([ZCRXCTL, "--socket", server.socket, "watch"], env=ENVIRONMENT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline() == "zcrxctl: zcrxd is gone; waiting until it is back.\n"
    server.stop()
    os.unlink(server.socket)
    server.answer(Watch=[{"parameters": {}}] + [{"parameters": {"event": EVENTS[1]}}])
    out, said = process.communicate(timeout=60)
    assert said == "zcrxctl: zcrxd is back. What happened meanwhile is not shown.\n"
    assert out == "2026-11-21 01:10:04  revoked      lease 3f9a01c2  in 30s: maintenance\n"
    assert process.returncode == 0


def test_status_again_and_again(server):
    """At the beginning, at each event, and in between; on a terminal in the same place."""
    server.answer(Describe={"parameters": DESCRIPTION}, ListLeases={"parameters": {"lease": LEASE}},
                  Watch=[{"parameters": {}}, {"parameters": {"event": EVENTS[0]}}])
    once = good(server.ctl("status"))
    assert good(server.ctl("status", "--watch")) == 2 * (once + "\n")
    assert good(server.ctl("status", "--watch", "--json=short")).count("\n") == 2
    assert on_terminal(server, "status", "--watch").count("\x1b[H\x1b[2J") == 2


def test_watch_refused(server):
    server.answer(Describe={"parameters": DESCRIPTION})
    bad(server.ctl("watch"), 1, "zcrxctl: This zcrxd (0.1.0) cannot do that: it has no method "
        "Watch. A newer one may.\n")
