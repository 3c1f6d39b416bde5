// SPDX-License-Identifier: LGPL-2.1-or-later
// The queue map of an interface: a list box, one stop of the Tab key, in which arrow keys choose a queue; below it
// is what is known of the chosen one. The marks are those of zcrxctl(1).
import { h, keep, name, printable, replace, set, text } from "./dom.js";
import { bytes, letter, list, number, owner } from "./format.js";

const MARKS = { ordinary: "·", free: "-", reserved: "", bound: "=", steered: ">", draining: "~", quarantined: "!" };
const LEGEND = [["ordinary", "·"], ["free", "-"], ["reserved", "a"], ["bound", "a="], ["steered", "a>"], ["draining", "a~"],
	["quarantined", "!"]];

function stateOf(queue) {
	return queue.kind === "ordinary" ? "ordinary" : queue.state ?? "unknown";
}

// Leases by id, each with its letter.
export function nameLeases(leases) {
	return new Map(leases.map((lease, i) => [lease.leaseId, { lease, letter: letter(i) }]));
}

function whose(queue, leases) {
	const held = leases.get(queue.leaseId);

	if (!queue.leaseId)
		return "";
	if (!held)
		return `lease ${queue.leaseId}`;
	return `lease ${held.letter}, ${held.lease.name ? `${held.lease.name}, ` : ""}${queue.leaseId} of ${owner(held.lease)}`;
}

function mark(queue, leases) {
	const state = stateOf(queue);

	return (queue.leaseId ? leases.get(queue.leaseId)?.letter ?? "?" : "") + (MARKS[state] ?? "?");
}

function facts(queue, leases) {
	const rows = [["State", stateOf(queue)], ["Lease", whose(queue, leases)], ["Why", queue.reason]];
	const counters = [["Packets", "receivedPackets"], ["Without a buffer", "allocationFailures"],
		["Dropped by the NIC", "hardwareDrops"], ["Buffers in use", "buffersInUse"], ["NAPI", "napiId"],
		["NUMA node", "numaNode"], ["Empty polls before interrupts", "deferHardIrqs"]];

	if (queue.servesRss)
		rows.push(["Meanwhile", "serves ordinary traffic (RSS)"]);
	if (Number.isFinite(queue.receivedBytes))
		rows.push(["Received", bytes(queue.receivedBytes)]);
	for (const [label, field] of counters)
		if (Number.isFinite(queue[field]))
			rows.push([label, field === "napiId" ? `${queue[field]}` : number(queue[field])]);
	if (Number.isFinite(queue.irq))
		rows.push(["Interrupt", `${queue.irq}${queue.irqAffinity ? ` on CPUs ${queue.irqAffinity}` : ""}`]);
	return rows.filter(([, value]) => value);
}

export class QueueMap {
	constructor(interfaceName) {
		this.cells = h("ul", {
			class: "map", role: "listbox", "aria-label": `Queues of ${interfaceName}`,
			keydown: event => this.move(event),
			click: event => this.choose(event.target.closest("[role=option]")),
			focusin: event => this.choose(event.target.closest("[role=option]")),
		});
		this.details = h("dl", { class: "details" });
		this.hint = h("p", { class: "quiet hint" }, "Choose a queue, with the mouse or Tab and the arrow keys, for what is known of it.");
		this.legend = h("ul", { class: "legend plain", "aria-label": "Marks of the map" }, LEGEND.map(([state, sign]) =>
			h("li", {}, h("span", { class: "cell", "data-state": state, "aria-hidden": "true" }, sign), ` ${state}`)));
		this.chosen = null;
		this.element = h("div", { class: "map-and-details" }, this.cells, this.legend,
			h("div", { class: "chosen", "aria-live": "polite" }, this.hint, this.details));
	}

	update(queues, leases) {
		this.queues = queues;
		this.leases = leases;
		keep(this.cells, queues, queue => queue.queue,
			queue => h("li", { role: "option", class: "cell", "data-queue": queue.queue },
				h("span", { class: "index" }), h("span", { class: "mark" })),
			(cell, queue) => {
				set(cell, "data-state", stateOf(queue));
				set(cell, "aria-label", printable(`Queue ${queue.queue}: ${stateOf(queue)}${queue.leaseId ? `, ${whose(queue, leases)}` : ""}`));
				text(cell.children[0], queue.queue);
				text(cell.children[1], mark(queue, leases));
			});
		if (!queues.some(queue => queue.queue === this.chosen))
			this.chosen = null;
		this.show();
	}

	choose(cell) {
		if (!cell)
			return;
		this.chosen = Number(cell.dataset.queue);
		this.show();
	}

	show() {
		const stop = this.chosen ?? this.queues[0]?.queue;

		for (const cell of this.cells.children) {
			const queue = Number(cell.dataset.queue);

			set(cell, "tabindex", queue === stop ? "0" : "-1");
			set(cell, "aria-selected", queue === this.chosen ? "true" : "false");
		}
		this.hint.hidden = this.chosen !== null;
		this.details.hidden = this.chosen === null;
		if (this.chosen !== null)
			this.describe(this.queues.find(queue => queue.queue === this.chosen));
	}

	// Only what is other than before: who listens hears it once.
	describe(queue) {
		keep(this.details, [["Queue", `${queue.queue}`], ...facts(queue, this.leases)], row => row[0],
			([label]) => h("div", {}, h("dt", {}, label), h("dd", {}, name(""))),
			(row, [, value]) => text(row.lastChild.firstChild, value));
	}

	move(event) {
		const cells = [...this.cells.children];
		const at = cells.indexOf(event.target.closest("[role=option]"));
		const columns = cells.filter(cell => cell.offsetTop === cells[0].offsetTop).length;
		const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -at, End: cells.length - 1 - at };

		if (at < 0 || !(event.key in steps))
			return;
		event.preventDefault();
		cells[Math.min(cells.length - 1, Math.max(0, at + steps[event.key]))].focus();
	}
}

const STATE_SIGNS = { configured: "✓", degraded: "⚠", missing: "✕" };

// What `zcrxctl status` says of it in a line.
function interfaceFacts(nic) {
	const facts = [];

	if (nic.name === "software")
		return ["queues without a NIC: everything is copied"];
	facts.push(`header/data split ${nic.tcpDataSplit ?? "unknown"}${Number.isFinite(nic.hdsThreshold) ? `, threshold ${nic.hdsThreshold}` : ""}`,
		`RSS over ${nic.rssQueues} of ${nic.combinedChannels} queues`, `${nic.zeroCopyCount} zero-copy`);
	if (nic.idleQueues === "serve")
		facts.push(`idle ones serve RSS but for ${nic.keepFree ?? 0}`);
	if (nic.foreignRules > 0)
		facts.push(`ntuple rules of others: ${nic.foreignRules}`);
	if (nic.bindEffect)
		facts.push(nic.bindEffect);
	if (nic.bond)
		facts.push(`port of ${nic.bond}${nic.standby ? " (standby)" : ""}`);
	if (nic.urgentSegments > 0)
		facts.push(`urgent segments made ordinary: ${number(nic.urgentSegments)}`);
	if (nic.signedSegments > 0)
		facts.push(`signed segments dropped: ${number(nic.signedSegments)}`);
	return facts;
}

// An interface as a card; `graph` stands below its map.
export class InterfaceCard {
	constructor(nic, graph) {
		this.state = h("span", { class: "state" });
		this.driver = h("span", { class: "quiet" });
		this.reason = h("p", { class: "reason" });
		this.facts = h("p", { class: "quiet" });
		this.map = new QueueMap(nic.name);
		this.graph = graph;
		this.body = h("div", {}, this.facts, this.map.element, graph.element);
		this.element = h("section", { class: "card interface", "aria-label": `Interface ${printable(nic.name)}` },
			h("h2", {}, name(nic.name), " ", this.driver, " ", this.state), this.reason, this.body);
	}

	update(nic, leases, now) {
		text(this.driver, nic.driver ?? "");
		text(this.state, `${STATE_SIGNS[nic.state] ?? "?"} ${nic.state}`);
		set(this.state, "data-state", nic.state);
		text(this.reason, nic.reason ?? "");
		this.reason.hidden = !nic.reason;
		this.body.hidden = nic.state === "missing";
		replace(this.facts, interfaceFacts(nic).join("; "));
		this.map.update(list(nic.queues), leases);
		this.graph.add(list(nic.queues), leases, now);
	}
}
