# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxctl check, with the real zcrxd-check, beside a server with canned answers."""
import json

import pytest

from fake import DESCRIPTION, ENVIRONMENT, INTERFACE, bad, on_terminal


def check(server, *arguments, status=1):
    result = server.ctl("check", "lo", "--json=short", *arguments)
    assert (result.returncode, result.stderr) == (status, "")
    return {one["requirement"]: one for one in json.loads(result.stdout)}


def test_check_without_a_daemon(server):
    """It looks for itself; what it finds on this machine is not for a test to say."""
    found = check(server)
    assert found["zcrxd"] == {"requirement": "zcrxd", "verdict": "no", "optional": False,
                              "found": "nothing listens on its socket",
                              "remedy": "systemctl enable --now zcrxd.socket zcrxd"}
    # No word of channels and rings to set where there are none.
    assert "interface" not in found["netlink"] and "channels" not in found
    assert (found["hardware"]["interface"], found["hardware"]["verdict"], found["hardware"]["found"]) == (
        "lo", "no", "none: it has no driver")


def test_check_asks_the_daemon(server):
    """Its word on the interface and on the caller, or that it does not know the interface."""
    loopback = dict(INTERFACE, name="lo", index=1, state="degraded", reason="No header split.",
                    leaseRefusal="Not you.")
    server.answer(Describe=[{"parameters": dict(DESCRIPTION, interfaces=[loopback])}])
    found = check(server)
    assert (found["zcrxd"]["verdict"], found["zcrxd"]["found"]) == ("yes", "runs, version 0.1.0")
    assert (found["configured"]["verdict"], found["configured"]["remedy"]) == (
        "no", "No header split.")
    assert (found["policy"]["verdict"], found["policy"]["remedy"]) == ("no", "Not you.")


def test_check_of_the_hardware_is_of_one_interface(server):
    bad(server.ctl("check", "--hardware"), 2,
        "zcrxctl: --hardware: name the interface whose queues are to be leased.\n")
    bad(server.ctl("check", "--hardware", "lo", "--json=short"), 2,
        "zcrxctl: --hardware gives a text; there is no JSON of it.\n")
    bad(server.ctl("check", "lo", "--force"), 2,
        "zcrxctl: --force is for --hardware: check by itself changes nothing.\n")
    bad(server.ctl("check", "--hardware", "nope0"), 1, "There is no interface nope0.\n")


def test_check_of_what_the_daemon_leases(server):
    loopback = dict(INTERFACE, name="lo", index=1)
    server.answer(Describe=[{"parameters": dict(DESCRIPTION, interfaces=[loopback])}])
    found = check(server)
    assert (found["configured"]["verdict"], found["policy"]["verdict"]) == ("yes", "yes")


@pytest.mark.parametrize("program, said", [
    ("/nonexistent/zcrxd-check", "Cannot inspect this machine: there is no /nonexistent/zcrxd-check. It comes "
                                 "with zcrxd; install that here."),
    ("/bin/false", "Cannot inspect this machine: /bin/false failed."),
    ("/bin/true", "Cannot inspect this machine with /bin/true: No data available."),
])
def test_check_without_who_looks(server, monkeypatch, program, said):
    monkeypatch.setitem(ENVIRONMENT, "ZCRXD_CHECK", program)
    bad(server.ctl("check"), 1, f"zcrxctl: {said}\n")


def test_check_of_a_stranger(server):
    server.answer(Describe=[{"parameters": DESCRIPTION}])
    found = check(server)
    assert found["configured"]["found"] == "not in /etc/zcrxd.yaml"
    assert found["policy"]["verdict"] == "no"


def test_check_says_below_the_tables_what_to_do(server, tmp_path, monkeypatch):
    """By machine, interface and policy; a remedy is as long as it is, and only of what is not yes."""
    long = "Do this, " * 30 + "then that."
    report = tmp_path / "report.json"
    report.write_text(json.dumps([
        {"requirement": "memlock", "verdict": "no", "optional": True, "found": "8 MiB", "remedy": "Raise it."},
        {"requirement": "netlink", "verdict": "yes", "optional": False, "found": "ethtool and netdev"},
        {"requirement": "rss", "interface": "eth0", "verdict": "no", "optional": False,
         "found": "spreads over 4 of 4 queues", "remedy": long},
        {"requirement": "configured", "interface": "eth0", "verdict": "unknown", "optional": False,
         "found": "zcrxd cannot be asked", "remedy": "Start zcrxd."},
        {"requirement": "link", "interface": "eth1", "verdict": "yes", "optional": False, "found": "up"}]))
    program = tmp_path / "check"
    program.write_text(f"#!/bin/sh\ncat {report}\n")
    program.chmod(0o755)
    monkeypatch.setitem(ENVIRONMENT, "ZCRXD_CHECK", str(program))
    result = server.ctl("check")
    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout.startswith("""\
This machine
memlock  optional  8 MiB
netlink  yes       ethtool and netdev

eth0
rss  no  spreads over 4 of 4 queues

eth0 and zcrxd
configured  unknown  zcrxd cannot be asked

eth1
link  yes  up

What to do
  eth0 rss: Do this, Do this,""")
    assert result.stdout.endswith("""then that.
  eth0 configured: Start zcrxd.

What would be better
  memlock: Raise it.
""")
    for columns in "40", "80":
        monkeypatch.setitem(ENVIRONMENT, "COLUMNS", columns)
        out = on_terminal(server, "check", "--no-pager", status=1, NO_COLOR="1")
        assert max(map(len, out.splitlines())) <= int(columns) and "then that." in out
