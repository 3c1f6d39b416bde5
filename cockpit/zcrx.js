// SPDX-License-Identifier: LGPL-2.1-or-later
// The page. What there is comes from `zcrxctl status`, which is asked for when `zcrxctl watch` tells an event. Counters
// have no events: for the graph, status is asked for each few seconds as well, while the page is visible.
/* global cockpit */
import { byId, h, keep, name, printable, text } from "./dom.js";
import { learnClock, list, time } from "./format.js";
import { run, watch } from "./ctl.js";
import { Graph } from "./graph.js";
import { InterfaceCard, nameLeases } from "./map.js";
import { showLeases } from "./leases.js";
import { check, showProblems } from "./problems.js";
import { allowApply, askToApply, plan, showCountdowns, tickCountdowns } from "./changes.js";
import { ask } from "./dialog.js";
import { notify } from "./notices.js";
import { followTheme } from "./theme.js";

const PERIOD = 3000, BURST = 150; // milliseconds
const MOST_EVENTS = 50;
const OF_PLAN = ["appeared", "gone", "configured", "unconfirmed", "confirmed", "restored", "drifted", "repaired", "failed", "freed"];
const REFUSAL = "Only administrators may, by the policy in /etc/zcrxd.yaml: root, unless it says otherwise. If you can have " +
	"administrative access, turn it on at the top of Cockpit.";

const cards = new Map(); // of interfaces, by name
let status = null, events = [];
let administers = false; // as far as is known
let watcher = null, watching = false, gone = ""; // why it is not live
let asked = false, again = false, soon = null;

// -------------------------------------------------------------------------------------------- connection

function showConnection(state, words) {
	byId("connection").dataset.state = state;
	text(byId("connection-text"), words);
}

function showLive() {
	gone = "";
	showConnection("live", "● Live");
}

function showGone(why, retries) {
	const age = status ? " What is shown is from before." : "";

	gone = why;
	showConnection("gone", `⚠ ${why}${retries ? ` Trying again in ${retries} s.` : ""}${age}`);
	byId("reconnect").hidden = !retries;
}

// ------------------------------------------------------------------------------------------------ status

function card(nic) {
	if (!cards.has(nic.name))
		cards.set(nic.name, new InterfaceCard(nic, new Graph(nic.name)));
	return cards.get(nic.name);
}

function show() {
	const interfaces = list(status.interfaces), leases = list(status.leases);
	const letters = nameLeases(leases), now = Date.now();

	for (const nic of interfaces)
		learnClock(nic.observationUSec);
	text(byId("version"), `zcrxd ${status.version ?? "?"} on Linux ${status.kernel?.release ?? "?"}`);
	keep(byId("interfaces"), interfaces, nic => nic.name, nic => card(nic).element, (_, nic) => card(nic).update(nic, letters, now));
	for (const of of [...cards.keys()])
		if (!interfaces.some(nic => nic.name === of))
			cards.delete(of);
	byId("no-interfaces").hidden = interfaces.length > 0;
	showProblems(status);
	showCountdowns(interfaces);
	showLeases(leases, interfaces, { revoke, mayRevoke: administers, letters });
}

// One question at a time; another one if something happened since.
async function refresh() {
	again = asked;
	if (asked)
		return;
	asked = true;
	try {
		const answer = await run(["status"]);

		if (!answer || !Array.isArray(answer.interfaces))
			throw new Error("zcrxctl status did not say what interfaces there are.");
		status = answer;
		show();
		if (watching)
			showLive();
	} catch (error) {
		if (!gone)
			showGone(error.message);
	}
	asked = false;
	if (again)
		refresh();
}

function refreshSoon() {
	clearTimeout(soon);
	soon = setTimeout(refresh, BURST);
}

// ------------------------------------------------------------------------------------------------ events

function sentence(event) {
	const parts = [event.event, event.interface, Number.isFinite(event.queue) ? `queue ${event.queue}` : null,
		event.leaseId ? `lease ${event.leaseId}` : null].filter(part => part).join(" ");

	return event.reason ? `${parts}: ${event.reason}` : parts;
}

function showEvents() {
	byId("no-events").hidden = events.length > 0;
	keep(byId("events"), events, event => event.key,
		event => h("li", {}, h("time", { class: "quiet" }, Number.isFinite(event.timestampUSec) ? time(event.timestampUSec) : ""), " ",
			name(sentence(event))));
}

function remember(event) {
	events = [{ ...event, key: (events[0]?.key ?? 0) + 1 }, ...events].slice(0, MOST_EVENTS);
	showEvents();
}

function happened(event) {
	learnClock(event.timestampUSec);
	remember(event);
	if (event.event === "confirmed")
		notify(`The changes to ${event.interface} are kept.`);
	if (event.event === "restored")
		notify(`${event.interface} was put back. ${event.reason ?? ""}`, true);
	if (event.event === "failed")
		notify(`${event.interface} could not be configured. ${event.reason ?? ""}`, true);
	refreshSoon();
	if (OF_PLAN.includes(event.event))
		plan(500);
}

function startWatching() {
	watcher = watch({
		started() {
			watching = true;
			byId("reconnect").hidden = true;
			gone = "";
			refresh();
		},
		event: happened,
		said(words) {
			showGone(words);
			remember({ event: words, timestampUSec: Date.now() * 1000 });
			refreshSoon();
			plan(1000);
		},
		malformed(line) {
			notify(`zcrxctl watch printed a line that is no event, so that one may be missing: ${printable(line).slice(0, 100)}`, true);
			refreshSoon();
		},
		ended(why, seconds) {
			watching = false;
			showGone(why, seconds);
		},
	});
}

// ------------------------------------------------------------------------------------------------ rights

// As whom things are done, with administrative access if there is.
async function askWhatIsAllowed() {
	try {
		const answer = await run(["status"], { superuser: true });

		// An older zcrxd does not say: it will refuse.
		administers = answer?.caller?.administers ?? true;
	} catch {
		return; // zcrxd is not there, which is told already
	}
	for (const id of ["may-not-apply", "may-not-revoke"]) {
		text(byId(id), administers ? "" : REFUSAL);
		byId(id).hidden = administers;
	}
	allowApply(administers);
	if (status)
		show();
}

function revoke(lease) {
	const dialog = byId("revoke-dialog");

	text(byId("revoke-what"), `${lease.name ?? "A lease"} (${lease.leaseId}) of ${lease.ownerName ?? `uid ${lease.ownerUid}`} on ${lease.interface}: ` +
		"its owner is told, and its queues are reclaimed after the grace period.");
	ask(dialog, async form => {
		const args = ["revoke", `--grace=${form.grace.value}`];

		if (form.reason.value)
			args.push(`--reason=${form.reason.value}`);
		if (form.force.checked)
			args.push("--force");
		const which = `Lease ${lease.name ?? ""} ${lease.leaseId}`;
		const ended = run([...args, "--", lease.leaseId], { superuser: true });

		// zcrxctl waits for the end of the grace period; a refusal comes at once.
		await Promise.race([ended, new Promise(resolve => setTimeout(resolve, 1000))]);
		notify(`${which} is revoked.`);
		ended.then(() => notify(`${which} has ended.`), error => notify(`${which}: ${error.message}`, true));
		refreshSoon();
	});
}

function visible() {
	return !cockpit.hidden && document.visibilityState === "visible";
}

function start() {
	const permission = cockpit.permission({ admin: true });

	followTheme();
	permission.addEventListener("changed", askWhatIsAllowed);
	byId("reconnect").addEventListener("click", () => watcher.now());
	byId("apply").addEventListener("click", () => askToApply(refreshSoon));
	byId("replan").addEventListener("click", () => plan());
	byId("recheck").addEventListener("click", check);
	startWatching();
	askWhatIsAllowed();
	plan();
	check();
	setInterval(() => visible() && refresh(), PERIOD);
	setInterval(tickCountdowns, 1000);
	document.addEventListener("visibilitychange", () => visible() && refresh());
}

start();
