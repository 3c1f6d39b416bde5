# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the page shows: of the real daemon, and of all that there can be."""
import json

import pytest
from conftest import SCRATCH, ctl
from pretended import CHECK, NOT_STEERED, SHORTAGE, TAKEN, everything, evil
from webdriver import eventually

# Of each text that is seen: its contrast with what is behind it, as the WCAG computes that; those below 4.5.
POOR_CONTRAST = """
const parse = colour => colour.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
	.reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = element => {
	for (let e = element; e; e = e.parentElement) {
		const colour = parse(getComputedStyle(e).backgroundColor);
		if ((colour[3] ?? 1) > 0)
			return colour;
	}
	return [255, 255, 255];
};
const poor = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let seen = 0;
while (walker.nextNode()) {
	const element = walker.currentNode.parentElement;
	if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("script"))
		continue;
	const style = getComputedStyle(element);
	const a = light(parse(element instanceof SVGElement ? style.fill : style.color)), b = light(behind(element));
	const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
	seen++;
	if (contrast < 4.5)
		poor.push(`${walker.currentNode.data.trim()}: ${contrast.toFixed(2)}`);
}
return [seen, poor];
"""
# What reaches beyond the window, or is cut off by what it is in.
OVERFLOWING = """
const wide = document.documentElement.scrollWidth > innerWidth ? [`page ${document.documentElement.scrollWidth}`] : [];
for (const element of document.querySelectorAll("main *")) {
	const box = element.getBoundingClientRect();
	if (element.closest(".hidden, thead, svg") || !element.checkVisibility() || box.width === 0)
		continue;
	if (box.right > innerWidth + 1 || box.left < -1)
		wide.push(`${element.tagName}.${element.className} ${box.left}-${box.right}`);
}
return wide;
"""


def pretend(status):
    (SCRATCH / "status.json").write_text(json.dumps(status))
    (SCRATCH / "check.json").write_text(json.dumps(CHECK))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1024, 1920])
def test_everything_fits_and_can_be_read(page, width, theme):
    pretend(everything())
    page.visit(width, theme)
    page.run("for (const one of document.querySelectorAll('details')) one.open = true")
    seen, poor = page.run(POOR_CONTRAST)
    assert seen > 150 and poor == []
    assert page.run(OVERFLOWING) == []
    dark = page.run("return getComputedStyle(document.body).backgroundColor") == "rgb(21, 21, 21)"
    assert dark == (theme == "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_a_choice_it_is_as_the_system_is(page, scheme):
    page.prefer("light" if scheme == "dark" else "dark")
    page.visit(1024, "auto")
    page.prefer(scheme)
    eventually(lambda: page.run("return document.documentElement.classList.contains('pf-v6-theme-dark')") == (scheme == "dark"))


def test_the_theme_follows_a_choice_in_the_shell(page):
    page.visit(1024, "light")
    page.run("dispatchEvent(new CustomEvent('cockpit-style', { detail: { style: 'dark' } }))")
    assert page.run("return document.documentElement.classList.contains('pf-v6-theme-dark')")


def test_the_map_has_each_state_with_its_mark(page):
    pretend(everything())
    page.visit()
    cells = page.run("return [...document.querySelectorAll('.interface:first-child .map .cell')].map(c => [c.ariaLabel ?? c.getAttribute('aria-label'), c.innerText])")
    assert len(cells) == 32
    marks = {number: cells[number][1].split()[1] for number in (0, 16, 18, 19, 21, 20, 30)}
    assert marks == {0: "·", 16: "a>", 18: "b=", 19: "c", 21: "d~", 20: "-", 30: "!"}
    assert cells[16][0] == "Queue 16: steered, lease a, web, 3f9a01c2 of alice"
    assert cells[30][0] == "Queue 30: quarantined"


def test_a_chosen_queue_tells_what_is_known_of_it(page):
    pretend(everything())
    page.visit()
    page.click("[data-queue='16']")
    told = page.text(".chosen")
    for words in ("16", "steered", "lease a, web", "62.5 MiB", "16,000", "4,096", "80 on CPUs 16", "8209"):
        assert words in told, told
    page.click("[data-queue='30']")
    page.shows("pid 4711", ".chosen")


def test_leases_have_owner_flows_age_and_starvation(page):
    pretend(everything())
    page.visit()
    row = page.text("[data-lease='3f9a01c2']")
    for words in ("web", "alice", "pid 4711", "eth0 16-17", "steered", "256 MiB", "1 h 1 min", "starved: 4,096 packets", "taken by others"):
        assert words in row, row
    page.click("[data-lease='3f9a01c2'] summary")
    page.shows("tcp6 [fd09::1]:9999", "[data-lease='3f9a01c2']")
    page.shows(TAKEN, "[data-lease='3f9a01c2']")
    assert "uid 4242" in page.text("[data-lease='77aa0e10']")
    assert "ends in " in page.text("[data-lease='0badcafe']")
    # Unfolded it stays while the page goes on.
    page.run("window.asked = document.querySelector('[data-lease=\"3f9a01c2\"] details')")
    status = everything()
    status["leases"][0]["state"] = "draining"
    pretend(status)
    page.shows("draining", "[data-lease='3f9a01c2']")
    assert page.run("return window.asked.isConnected && window.asked.open")
    assert page.run("return document.querySelectorAll('#leases tbody tr').length") == 4


def test_problems_come_with_their_remedies(page):
    pretend(everything())
    page.visit()
    problems = page.text("#problems")
    for words in ("/etc/zcrxd.yaml was refused", "set aside", "becomes free when the process", "Use a NIC whose driver can", TAKEN, SHORTAGE,
                  NOT_STEERED, "No interface matches"):
        assert words in problems
    assert not page.run("return document.getElementById('no-problems').checkVisibility()")


def test_requirements_that_are_not_met_come_with_their_remedies(page):
    pretend(everything())
    page.visit()
    checked = page.text("#check")
    for words in ("memlock (optional)", "LimitMEMLOCK=64M", "eth0: tcp-data-split (no)", "zcrxctl apply eth0", "(unknown)", "Ask as root"):
        assert words in checked
    assert "zero-copy-receive" not in checked
    assert "5 requirements checked, as this user: 1 not met" in page.text("#check-text")


def test_nothing_is_taken_for_html(page):
    pretend(evil(everything()))
    (SCRATCH / "check.json").write_text(json.dumps(evil(CHECK)))
    page.visit()
    page.run("for (const one of document.querySelectorAll('details')) one.open = true")
    assert page.text().count("<img src=x") > 30
    assert page.run("return document.querySelectorAll('main img, main script').length") == 0
    assert page.run("return document.title") == "Zero-copy receive"
    assert "\u202e" not in page.text() and "\x1b" not in page.text()
    assert page.run(OVERFLOWING) == []


def test_the_name_of_a_real_lease_is_text(page):
    name = "<img src=x onerror=alert(1)>"
    ctl("lease", "sim0", f"--name={name}", "--flow=tcp4,dst-port=9999")
    page.visit()
    page.shows(name, "#leases")
    page.shows("tcp4 :9999", "#leases")
    assert page.run("return document.querySelectorAll('main img').length") == 0


def test_the_graph_has_a_line_and_a_number_for_each_queue_that_receives(page):
    (SCRATCH / "traffic").write_text(json.dumps({"0": [1e9 / 8, 0], "8": [9e9 / 8, 3], "9": [0, 0]}))
    page.visit()
    page.shows("Gbit/s", ".rates")
    rows = page.text(".rates").split()
    assert "0" in rows and "8" in rows and "9" not in rows[2:]
    eventually(lambda: page.run("return document.querySelectorAll('.graph polyline').length") == 2)
    eventually(lambda: page.run("return [...document.querySelectorAll('.graph polyline')].every(l => l.getAttribute('points').includes(' '))"))
    dashes = page.run("return [...document.querySelectorAll('.graph polyline')].map(l => l.getAttribute('stroke-dasharray'))")
    assert len(set(dashes)) == 2
    assert "2 queues" in page.run("return document.querySelector('.drawing svg').getAttribute('aria-label')")


def test_without_counters_the_graph_says_so(page):
    page.visit()
    assert "does not count" in page.text(".graph")
    assert not page.run("return document.querySelector('.drawing').checkVisibility()")


def test_without_interfaces_it_says_what_to_do(page):
    pretend({**everything(), "interfaces": [], "leases": []})
    page.visit()
    page.shows("name one under")
    page.shows("No leases.")
