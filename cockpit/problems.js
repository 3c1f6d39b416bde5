// SPDX-License-Identifier: LGPL-2.1-or-later
// What is wrong, and what to do: zcrxd's own sentences, which end with the remedy, and what `zcrxctl check` finds missing.
import { byId, h, keep, name, replace, text } from "./dom.js";
import { list, plural } from "./format.js";
import { run } from "./ctl.js";

const LACKS = [["zeroCopyReceive", "zero-copy receive"], ["queueLeasing", "queue leasing"], ["largeBuffers", "large buffers"],
	["control", "flush and export"], ["software", "software queues"], ["events", "events and statistics"]];

function ofZcrxd(status) {
	const kernel = status.kernel ?? {};
	const lacks = LACKS.filter(([field]) => kernel[field] === false).map(([, words]) => words);
	const found = list(status.problems).map(what => ["zcrxd", what]);

	if (kernel.zeroCopyReceive === false)
		found.push(["Kernel", "io_uring zero-copy receive needs Linux 6.15 or later with CONFIG_IO_URING_ZCRX: no queue can be leased."]);
	else if (lacks.length > 0)
		found.push(["Kernel", `Linux ${kernel.release} lacks ${lacks.join(", ")}.`]);
	if (status.unsafeKernel)
		found.push(["Kernel", status.unsafeKernel]);
	if (status.stateSetAside)
		found.push(["zcrxd", `${status.stateSetAside}. Leases from before are not known to zcrxd; their rules may still be there (ethtool --show-ntuple).`]);
	return found;
}

function ofInterface(nic) {
	const found = [nic.state === "configured" ? null : nic.reason, ...list(nic.problems), nic.smallArea]
		.filter(what => what).map(what => [nic.name, what]);

	if (Number.isFinite(nic.standstillUSec))
		found.push([nic.name, "One operation makes no progress, so that nothing else can be done there; see journalctl -u zcrxd."]);
	for (const queue of list(nic.queues))
		if (queue.reason)
			found.push([`${nic.name} queue ${queue.queue}`, `${queue.state ?? "ordinary"}: ${queue.reason}`]);
	return found;
}

function ofLease(lease) {
	const where = `lease ${lease.name ?? ""} ${lease.leaseId}`;
	const taken = list(lease.flows).filter(flow => flow.takenBy);
	const more = taken.length > 1 ? ` Likewise ${taken.length - 1} more of its flows.` : "";

	return [taken.length > 0 ? `${taken[0].takenBy.message ?? "A rule of others takes a flow."}${more}` : null, lease.notSteered,
		lease.shortage].filter(what => what).map(what => [where, what]);
}

export function showProblems(status) {
	const found = [...ofZcrxd(status), ...list(status.interfaces).flatMap(ofInterface), ...list(status.leases).flatMap(ofLease)];

	keep(byId("problems"), found, pair => pair.join("\n"),
		([where, what]) => h("li", { class: "problem" }, h("span", { class: "sign", "aria-hidden": "true" }, "⚠"),
			h("span", {}, h("strong", {}, name(where)), " ", name(what))));
	byId("no-problems").hidden = found.length > 0;
	text(byId("no-problems"), "✓ zcrxd knows of none.");
}

function showCheck(found) {
	const bad = list(found).filter(one => one.verdict !== "yes");
	const missing = bad.filter(one => one.verdict === "no" && !one.optional);
	const signs = { no: "✕", unknown: "?" };

	text(byId("check-text"), `${plural(list(found).length, "requirement", "requirements")} checked, as this user: ` +
		(missing.length > 0 ? `${missing.length} not met.` : bad.length > 0 ? `all met, ${plural(bad.length, "remark", "remarks")}.` : "all met."));
	keep(byId("check"), bad, one => `${one.interface ?? ""}\n${one.requirement}`,
		() => h("li", { class: "requirement" }, h("span", { class: "sign", "aria-hidden": "true" }), h("span")),
		(item, one) => {
			const verdict = one.verdict === "no" && one.optional ? "optional" : one.verdict;

			text(item.firstChild, signs[verdict] ?? "○");
			replace(item.lastChild, h("strong", {}, name(`${one.interface ? `${one.interface}: ` : ""}${one.requirement}`)),
				` (${verdict}) `, name(one.found), h("span", { class: "below" }, name(one.remedy)));
		});
}

export async function check() {
	text(byId("check-text"), "Checking …");
	byId("recheck").disabled = true;
	try {
		showCheck(await run(["check"], { failing: true }));
	} catch (error) {
		text(byId("check-text"), `⚠ ${error.message}`);
	}
	byId("recheck").disabled = false;
}
