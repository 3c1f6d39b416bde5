// SPDX-License-Identifier: LGPL-2.1-or-later
// The table of leases. In a narrow window each row is a block of its own (zcrx.css), whose cells say what they are.
import { byId, h, keep, name, replace, set, text } from "./dom.js";
import { bytes, flow, list, number, owner, plural, queues, serverNow, span } from "./format.js";

const STATE_SIGNS = { reserved: "○", bound: "=", steered: ">", draining: "~", quarantined: "!" };
const COLUMNS = ["", "Lease", "Owner", "Queues", "State", "Flows", "Age", "Without a buffer", ""];

function create(lease, revoke) {
	const cells = COLUMNS.map((label, i) => h(i === 1 ? "th" : "td", { "data-label": label, scope: i === 1 ? "row" : null }));
	const row = h("tr", { "data-lease": lease.leaseId }, cells);

	// What is unfolded stays so.
	row.flows = h("details", {}, h("summary"), h("ul", { class: "plain" }));
	row.noFlows = h("span", { class: "quiet" }, "none");
	cells[5].append(row.flows, row.noFlows);
	row.revoke = h("button", { type: "button", class: "small", "aria-describedby": "may-not-revoke", click: () => revoke(row.lease) },
		"Revoke …");
	cells[8].append(row.revoke);
	return row;
}

function fillFlows(row, lease) {
	const flows = list(lease.flows), taken = flows.filter(one => one.takenBy);
	const first = flows[0];

	row.flows.hidden = flows.length === 0;
	row.noFlows.hidden = flows.length > 0;
	if (!first)
		return;
	text(row.flows.firstChild, `${taken.length > 0 ? "⚠ " : ""}${first.protocol} ${first.destinationPort ? `:${first.destinationPort}` : "any port"}` +
		`${flows.length > 1 ? ` +${flows.length - 1}` : ""}${taken.length > 0 ? ", taken by others' rules" : ""}`);
	keep(row.flows.lastChild, flows, one => one.flowId, () => h("li"), (item, one) =>
		replace(item, name(flow(one)), one.takenBy ? ` ⚠ ${one.takenBy.message ?? "taken by a rule of others"}` : ""));
}

// Its queues' counter, and what zcrxd thinks of it.
function starvation(lease, counters) {
	const lost = list(lease.hardwareQueues).map(queue => counters.get(queue)).filter(Number.isFinite);
	const sum = lost.reduce((all, n) => all + n, 0);

	if (lease.shortage)
		return `⚠ starved: ${plural(sum, "packet", "packets")}`;
	return lost.length === 0 ? "not counted" : sum === 0 ? "0" : plural(sum, "packet", "packets");
}

function fill(row, lease, letter, counters) {
	const cells = row.children, now = serverNow();

	row.lease = lease;
	text(cells[0], letter);
	replace(cells[1], name(lease.name ?? lease.leaseId),
		h("span", { class: "quiet below" }, lease.name ? `${lease.leaseId}, ${lease.grant}` : lease.grant));
	replace(cells[2], name(owner(lease)), h("span", { class: "quiet below" }, `pid ${lease.ownerPid}${lease.persistent ? ", persistent" : ""}`));
	replace(cells[3], name(lease.interface), ` ${queues(lease.hardwareQueues)}`,
		h("span", { class: "quiet below" }, lease.areaBytes > 0 ? bytes(lease.areaBytes) : ""));
	text(cells[4], `${STATE_SIGNS[lease.state] ?? "?"} ${lease.state}`);
	set(cells[4], "data-state", lease.state);
	fillFlows(row, lease);
	replace(cells[6], span(now - lease.creationUSec),
		h("span", { class: "quiet below" }, Number.isFinite(lease.expiryUSec) ? `ends in ${span(lease.expiryUSec - now)}` : ""));
	text(cells[7], starvation(lease, counters));
	set(cells[7], "data-bad", lease.shortage ? "yes" : null);
	set(row.revoke, "aria-label", `Revoke ${lease.name ?? ""} ${lease.leaseId} …`);
}

export function showLeases(leases, interfaces, { revoke, mayRevoke, letters }) {
	const counters = new Map(interfaces.map(nic => [nic.name,
		new Map(list(nic.queues).map(queue => [queue.queue, queue.allocationFailures]))]));

	byId("leases").hidden = leases.length === 0;
	byId("no-leases").hidden = leases.length > 0;
	text(byId("leases-title"), leases.length > 0 ? `Leases (${number(leases.length)})` : "Leases");
	keep(byId("leases").tBodies[0], leases, lease => lease.leaseId, lease => create(lease, revoke), (row, lease) => {
		fill(row, lease, letters.get(lease.leaseId).letter, counters.get(lease.interface) ?? new Map());
		row.revoke.disabled = !mayRevoke || lease.state === "draining";
	});
}
