// SPDX-License-Identifier: LGPL-2.1-or-later
// Plan and apply, and the time within which what was applied has to be kept.
import { byId, h, keep, name, replace, text } from "./dom.js";
import { list, plural, serverNow } from "./format.js";
import { CtlError, run } from "./ctl.js";
import { ask } from "./dialog.js";
import { notify } from "./notices.js";

let changes = [], mayApply = false, asking = null;

function showChanges() {
	text(byId("plan-text"), changes.length === 0 ? "✓ Everything is as configured." :
		`Apply would make ${plural(changes.length, "change", "changes")}, in this order:`);
	keep(byId("plan"), changes, change => `${change.interface}\n${change.step}\n${change.from}\n${change.to}`,
		() => h("li", { class: "change" }, h("strong"), h("span", { class: "below" }), h("span", { class: "below waits" })),
		(item, change) => {
			const waits = list(change.blockedBy);

			replace(item.children[0], name(change.interface), `: ${change.step} `, name(change.from), " → ", name(change.to));
			text(item.children[1], change.effect ?? "");
			text(item.children[2], waits.length > 0 ? `Waits for ${waits.length === 1 ? "lease" : "leases"} ${waits.join(", ")}` : "");
		});
	byId("apply").disabled = !mayApply || changes.length === 0;
}

export function allowApply(may) {
	mayApply = may;
	showChanges();
}

async function askForPlan() {
	try {
		changes = list(await run(["plan"]));
		showChanges();
	} catch (error) {
		text(byId("plan-text"), `⚠ ${error.message}`);
	}
}

// Events come in bursts: one question for each.
export function plan(delay = 0) {
	clearTimeout(asking);
	asking = setTimeout(askForPlan, delay);
}

function tell(done) {
	const words = done.map(change => `${change.interface} ${change.step}: ${change.outcome ?? "?"}${change.message ? ` (${change.message})` : ""}`);
	const bad = done.some(change => ["failed", "undone", "undo-failed"].includes(change.outcome));

	notify(`${bad ? "Not everything could be applied." : "Applied."} ${words.join("; ")}`, bad);
}

async function apply(form) {
	const args = ["apply"];

	if (form.within.value)
		args.push(`--confirm-within=${form.within.value}`);
	if (form.force.checked)
		args.push("--force");
	const done = await run(args, { superuser: true, failing: true });

	if (!Array.isArray(done))
		throw new CtlError("zcrxctl apply did not say what it has done.", 0);
	tell(done);
}

export function askToApply(done) {
	ask(byId("apply-dialog"), async form => {
		await apply(form);
		done();
	});
}

// ------------------------------------------------------------------------------------------ the countdown

async function confirm(nic, button) {
	button.disabled = true;
	try {
		await run(["apply", "--confirm", "--", nic], { superuser: true });
	} catch (error) {
		notify(`The changes to ${nic} could not be kept: ${error.message}`, true);
	}
	button.disabled = !mayApply;
}

function createCountdown(nic) {
	const keepButton = h("button", { type: "button", class: "primary", "aria-describedby": "may-not-apply" }, "Keep the changes");
	const left = h("span", { role: "timer", class: "left" });

	keepButton.addEventListener("click", () => confirm(nic.name, keepButton));
	return h("section", { class: "countdown", "aria-label": "Changes that are not kept yet" },
		h("p", { role: "alert" }, "⚠ Changes to ", name(nic.name), " are rolled back unless they are kept."),
		h("p", {}, left), keepButton, h("p", { class: "quiet" }, "To roll back, just wait: zcrxd does it, also without this page."));
}

function tick(card) {
	const seconds = Math.ceil((card.until - serverNow()) / 1e6);

	text(card.querySelector(".left"), seconds > 0 ? `${plural(seconds, "second", "seconds")} left` : "The time is over: zcrxd rolls back …");
	card.querySelector("button").disabled = !mayApply || seconds <= 0;
}

export function showCountdowns(interfaces) {
	const waiting = interfaces.filter(nic => Number.isFinite(nic.confirmUntilUSec));

	keep(byId("countdowns"), waiting, nic => nic.name, createCountdown, (card, nic) => {
		card.until = nic.confirmUntilUSec;
		tick(card);
	});
}

export function tickCountdowns() {
	for (const card of byId("countdowns").children)
		tick(card);
}
