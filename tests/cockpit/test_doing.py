# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be done on the page, by whom, and with which keys."""
import json
import re

import pytest
from conftest import ALICE, SCRATCH, commands, ctl
from pretended import everything
from webdriver import eventually

FOCUS = """const e = document.activeElement, style = getComputedStyle(e);
return [e.id || e.dataset.queue || e.getAttribute('aria-label') || e.innerText.trim(), style.outlineStyle, parseFloat(style.outlineWidth)]"""
TAB_STOPS = """return [...document.querySelectorAll('button, input, select, summary, [tabindex="0"]')]
	.filter(e => e.checkVisibility() && !e.disabled).map(e => e.id || e.dataset.queue || e.getAttribute('aria-label') || e.innerText.trim())"""


def run_as(*words):
    """Who has run what begins with these words."""
    return [one for one in commands() if [a for a in one["arguments"] if a != "--json=short"][:len(words)] == list(words)]


def leave_unmanaged(page):
    """There is something to apply."""
    ctl("restore", "sim0")
    page.shows("Apply would make", "#plan-text")


def apply(page, within):
    page.click("#apply")
    page.run("document.querySelector('#apply-dialog [name=within]').value = arguments[0]", within)
    page.click("#apply-dialog [type=submit]")


def test_the_plan_says_what_would_be_changed(page):
    page.visit()
    assert "Everything is as configured" in page.text("#plan-text")
    leave_unmanaged(page)
    plan = page.text("#plan")
    assert "sim0: tcp-data-split" in plan and "→ enabled" in plan
    assert "degraded" in page.text(".interface h2")


def test_changes_can_be_applied_for_good(page):
    page.visit()
    leave_unmanaged(page)
    apply(page, "")
    page.shows("Applied. sim0", "#notices")
    page.shows("Everything is as configured", "#plan-text")
    page.shows("configured", ".interface h2")
    assert "Changes to sim0 are rolled back" not in page.text()


def test_changes_are_kept_if_they_are_confirmed_in_time(page):
    page.visit()
    leave_unmanaged(page)
    apply(page, "30s")
    page.shows("Changes to sim0 are rolled back unless they are kept.", "#countdowns")
    first = int(re.match(r"(\d+) second", page.text(".left"))[1])
    assert 20 <= first <= 30
    eventually(lambda: int(re.match(r"(\d+) second", page.text(".left"))[1]) < first)
    page.click("#countdowns button")
    page.shows("The changes to sim0 are kept.", "#notices")
    eventually(lambda: page.text("#countdowns") == "")
    assert json.loads(ctl("--json=short", "plan").stdout) == []


def test_a_countdown_that_runs_out_is_told(page):
    page.visit()
    leave_unmanaged(page)
    apply(page, "5s")
    page.shows("second", ".left")
    page.shows("sim0 was put back.", "#notices", seconds=15)
    eventually(lambda: page.text("#countdowns") == "")
    page.shows("Apply would make", "#plan-text")


def test_a_countdown_is_there_after_the_page_was_loaded_again(page):
    ctl("restore", "sim0")
    ctl("apply", "--confirm-within=60s")
    page.visit()
    page.shows("seconds left", "#countdowns")
    assert int(re.match(r"(\d+) second", page.text(".left"))[1]) in range(45, 61)


def test_what_waits_for_a_lease_says_for_which(page, daemon):
    page.visit()
    lease = ctl("lease", "sim0", "--no-legend").stdout.split()[0]
    daemon.configure(32, 8)
    ctl("reload", check=False)
    page.click("#replan")
    page.shows(f"Waits for lease {lease}", "#plan")


def test_a_refused_application_is_told_in_the_dialog(page):
    page.visit()
    leave_unmanaged(page)
    page.run("document.querySelector('#apply-dialog [name=within] option').value = '0.1s'")
    apply(page, "0.1s")
    page.shows("⚠", "#apply-dialog .error")
    assert page.run("return document.getElementById('apply-dialog').open")


def test_a_lease_is_revoked_by_the_keyboard_alone(page):
    lease = ctl("lease", "sim0", "--name=web", "--no-legend").stdout.split()[0]
    page.visit()
    page.shows("web", "#leases")
    tab_to(page, f"Revoke web {lease} …")
    page.press("Enter")
    assert page.run("return document.getElementById('revoke-dialog').open")
    assert lease in page.text("#revoke-what")
    page.press("Escape")
    assert not page.run("return document.getElementById('revoke-dialog').open")
    assert page.run(FOCUS)[0] == f"Revoke web {lease} …"
    page.press("Enter")
    page.press("ArrowUp") # 10 seconds instead of 30
    page.press("Tab", *"for <b>us</b>")
    page.press("Tab", "Tab", "Enter")
    page.shows(f"Lease web {lease} is revoked.", "#notices")
    [command] = run_as("revoke")[-1:]
    assert command["arguments"] == ["--json=short", "revoke", "--grace=10s", "--reason=for <b>us</b>", "--", lease]
    page.shows("for <b>us</b>", "#events")
    page.shows("has ended", "#notices", seconds=15)


def tab_to(page, wanted, most=60):
    for _ in range(most):
        page.press("Tab")
        if page.run(FOCUS)[0] == wanted:
            return
    raise AssertionError(f"{wanted} is not reached by the Tab key")


def test_without_grace_a_revoked_lease_is_gone_at_once(page):
    ctl("lease", "sim0", "--name=web")
    page.visit()
    page.shows("web", "#leases")
    page.click("#leases button")
    page.run("document.querySelector('#revoke-dialog [name=grace]').value = '0'")
    page.click("#revoke-dialog [type=submit]")
    page.shows("No leases.")


def test_everything_is_reached_by_tab_in_its_order_and_seen(page):
    (SCRATCH / "status.json").write_text(json.dumps(everything()))
    page.visit()
    some = {"Keep the changes", "0", "Revoke web 3f9a01c2 …", "replan", "recheck"}
    eventually(lambda: some <= set(page.run(TAB_STOPS)))
    wanted, reached = page.run(TAB_STOPS), []
    for _ in wanted:
        page.press("Tab")
        name, style, width = page.run(FOCUS)
        assert style != "none" and width >= 2, name
        reached.append(name)
    assert reached == wanted
    page.press("Tab", "Tab", shift=True)
    assert page.run(FOCUS)[0] == wanted[-3]


def test_queues_are_chosen_by_arrow_keys(page):
    (SCRATCH / "status.json").write_text(json.dumps(everything()))
    page.visit(1024)
    tab_to(page, "0")
    for key, queue in (("ArrowRight", 1), ("ArrowDown", 17), ("ArrowLeft", 16), ("ArrowUp", 0), ("ArrowUp", 0), ("End", 31), ("Home", 0)):
        page.press(key)
        assert page.run(FOCUS)[0] == str(queue)
    page.press("ArrowDown")
    page.shows("lease a, web", ".chosen")
    # It is still there when the page has been told anew.
    page.press("Tab", shift=True)
    page.press("Tab")
    assert page.run(FOCUS)[0] == "16"
    page.resize(400)
    page.press("ArrowUp")
    assert page.run(FOCUS)[0] == "8"


def test_what_unfolds_does_so_by_the_keyboard(page):
    ctl("lease", "sim0", "--flow=tcp4,dst-port=9999,dst=127.0.0.1/32")
    page.visit()
    page.shows("tcp4 :9999", "#leases")
    tab_to(page, "tcp4 :9999")
    page.press("Enter")
    page.shows("tcp4 127.0.0.1", "#leases")


def test_whoever_may_not_sees_everything_and_is_told_why_not(alices):
    ctl("lease", "sim0", "--name=web")
    ctl("restore", "sim0", "--force")
    ctl("lease", "sim0", "--name=web", check=False)
    (SCRATCH / "commands").write_text("")
    alices.visit()
    alices.shows("Apply would make", "#plan-text")
    alices.shows("Only administrators may", "#may-not-apply")
    assert alices.run("return document.getElementById('apply').disabled")
    assert alices.run("return document.getElementById('apply').getAttribute('aria-describedby')") == "may-not-apply"
    assert {one["uid"] for one in commands()} == {ALICE}


def test_whoever_may_not_cannot_revoke(alices):
    lease = ctl("lease", "sim0", "--name=web", "--no-legend").stdout.split()[0]
    alices.visit()
    alices.shows("web", "#leases")
    alices.shows("Only administrators may", "#may-not-revoke")
    assert alices.run("return document.querySelector('#leases button').disabled")
    # It is zcrxd that refuses, whatever the page allows.
    alices.run("const button = document.querySelector('#leases button'); button.disabled = false; button.click()")
    alices.click("#revoke-dialog [type=submit]")
    alices.shows(f"uid {ALICE} revoke a lease; ask an administrator", "#revoke-dialog .error")
    assert lease in ctl("leases").stdout


def test_whom_the_policy_lets_administer_may_without_being_root(alices, daemon):
    config = (SCRATCH / "zcrxd.yaml").read_text()
    (SCRATCH / "zcrxd.yaml").write_text(config + f"  - user: {ALICE}\n    administer: true\n")
    ctl("reload")
    ctl("lease", "sim0", "--name=web")
    alices.visit()
    alices.shows("web", "#leases")
    assert not alices.run("return document.getElementById('may-not-revoke').checkVisibility()")
    alices.click("#leases button")
    alices.run("document.querySelector('#revoke-dialog [name=grace]').value = '0'")
    alices.click("#revoke-dialog [type=submit]")
    alices.shows("No leases.")
    assert run_as("revoke")[-1]["uid"] == ALICE


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dialogs_fit_a_narrow_window(page, scheme):
    page.visit(400, scheme)
    leave_unmanaged(page)
    page.click("#apply")
    left, right = page.run("const b = document.getElementById('apply-dialog').getBoundingClientRect(); return [b.left, b.right]")
    assert left >= 0 and right <= 400
