# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page as time goes on: events, a daemon that restarts, a zcrxctl that is gone or talks nonsense."""
import json
import os
import time
from pathlib import Path

import pytest
from conftest import SCRATCH, commands, ctl
from pretended import everything
from webdriver import eventually

HIDE = """Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' });
document.dispatchEvent(new Event('visibilitychange'))"""


def asked(what):
    return sum(what in one["arguments"] for one in commands())


def hide(page):
    """Nothing is asked for any more but because of an event."""
    page.run(HIDE)
    time.sleep(1)
    before = asked("status")
    time.sleep(4)
    assert asked("status") == before


def test_what_happens_is_shown_when_it_happens(page):
    page.visit()
    hide(page)
    lease = ctl("lease", "sim0", "--queues=2", "--flow=tcp4,dst-port=9999", "--name=web", "--no-legend").stdout.split()[0]
    page.shows("a>", ".map", seconds=3)
    page.shows("web", "#leases", seconds=3)
    page.shows(f"steered sim0 lease {lease}", "#events", seconds=3)
    ctl("release", lease)
    page.shows("No leases.", seconds=3)
    page.shows(f"lease {lease}", "#events")


def test_while_nobody_looks_counters_are_not_asked_for(page):
    page.visit()
    before = asked("status")
    eventually(lambda: asked("status") > before, 6)
    hide(page)


def test_a_restart_of_the_daemon_is_told_and_outlived(page, daemon):
    ctl("lease", "sim0", "--name=before")
    page.visit()
    page.shows("before", "#leases")
    daemon.stop()
    page.shows("zcrxd is gone", "#connection")
    assert page.state() == "gone"
    page.shows("What is shown is from before", "#connection")
    assert "before" in page.text("#leases")
    daemon.start()
    eventually(lambda: page.state() == "live")
    page.shows("No leases.") # the simulated machine begins anew
    page.shows("zcrxd is back", "#events")
    hide(page)
    ctl("lease", "sim0", "--name=after")
    page.shows("after", "#leases", seconds=3)


def test_a_daemon_that_is_not_there_is_told_with_what_to_do(page, daemon):
    daemon.stop()
    page.open(page.address)
    page.shows("systemctl start", "#connection")
    page.shows("Trying again in", "#connection")
    daemon.start()
    eventually(lambda: page.state() == "live", 15)


def test_trying_now_does_not_wait(page, daemon):
    daemon.stop()
    page.open(page.address)
    eventually(lambda: "in 10 s" in page.text("#connection"))
    daemon.start()
    page.click("#reconnect")
    eventually(lambda: page.state() == "live", 5)
    assert not page.run("return document.getElementById('reconnect').checkVisibility()")


@pytest.mark.parametrize("line", ['{"event": "acqui', "Segmentation fault", "[1, 2]", "null", '{"event": 5}', "<b>bold</b>"])
def test_a_line_that_is_no_event_is_told_and_the_next_is_shown(page, line):
    (SCRATCH / "watch-lines").write_text(line + "\n" + json.dumps({"event": "failed", "interface": "sim0", "reason": "of a test"}) + "\n")
    page.visit()
    page.shows(f"printed a line that is no event, so that one may be missing: {line}", "#notices")
    page.shows("failed sim0: of a test", "#events")
    assert page.state() == "live"


def test_names_are_in_any_script(page):
    page.visit()
    ctl("lease", "sim0", "--name=größer 网络 שלום")
    page.shows("größer 网络 שלום", "#leases")
    assert "no event" not in page.text("#notices")


@pytest.mark.parametrize("answer", ["no JSON {", "", "[]", '{"interfaces": 5}', "null"])
def test_a_status_that_cannot_be_read_is_told(page, answer):
    page.visit()
    (SCRATCH / "status.json").write_text(answer)
    eventually(lambda: page.state() == "gone", 8)
    page.shows("zcrxctl status", "#connection")
    (SCRATCH / "status.json").unlink()
    eventually(lambda: page.state() == "live", 8)


@pytest.mark.parametrize("strange", [
    {"leases": None}, {"leases": {}}, {"leases": [None, {"leaseId": "1"}]}, {"interfaces": [{"name": "x"}]}, {"kernel": None},
    {"problems": "none"}, {"interfaces": [{"name": "x", "state": "configured", "queues": [{"queue": 0}, {"queue": 0}, None]}]},
])
def test_what_is_missing_or_strange_does_not_break_the_page(page, strange):
    (SCRATCH / "status.json").write_text(json.dumps({**everything(), **strange}))
    page.visit()
    page.shows("zcrxd 0.1.0")


def test_a_zcrxctl_that_is_not_installed_is_told(page):
    program = Path("/usr/bin/zcrxctl")
    os.rename(program, "/usr/bin/zcrxctl-away")
    try:
        page.open(page.address)
        page.shows("zcrxctl is not installed", "#connection")
    finally:
        os.rename("/usr/bin/zcrxctl-away", program)
    eventually(lambda: page.state() == "live", 15)


def test_it_is_in_the_menu_of_cockpit(shell):
    shell.resize(1400)
    shell.open(shell.address + "/zcrx")
    shell.shows("Zero-copy receive", "body")
    frames = "return [...document.querySelectorAll('iframe')].map(f => f.name)"
    eventually(lambda: "cockpit1:localhost/zcrx" in shell.run(frames))
    shell.enter_frame("iframe[name='cockpit1:localhost/zcrx']")
    eventually(lambda: shell.state() == "live")
