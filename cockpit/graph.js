// SPDX-License-Identifier: LGPL-2.1-or-later
// What each queue receives, over the last minutes: a line for each of the busiest, told apart by colour, dashes and the
// number at its end. The same as numbers is in the table below.
import { h, keep, name, replace, set, svg, text } from "./dom.js";
import { rate } from "./format.js";

const LINES = 6, WINDOW = 5 * 60 * 1000; // milliseconds
const HEIGHT = 140, LEFT = 4, RIGHT = 30, TOP = 6, BOTTOM = 4, LABEL = 12;
const DASHES = ["", "8 4", "2 3", "12 3 2 3", "5 5", "1 5"];

// The next 1, 2 or 5 times a power of ten, in bit/s.
function ceiling(bytesPerSecond) {
	const bits = Math.max(bytesPerSecond * 8, 1000), power = 10 ** Math.floor(Math.log10(bits));

	return [1, 2, 5, 10].find(step => step * power >= bits) * power / 8;
}

function y(value, most) {
	return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / most);
}

export class Graph {
	constructor(interfaceName) {
		this.samples = new Map(); // by queue: { bytes, at, points: [{ at, rate }] }
		this.slots = new Map(); // which queue has which line
		this.lines = svg("g");
		this.picture = svg("svg", { role: "img", height: HEIGHT },
			[0, 0.5, 1].map(part => svg("line", { class: "grid", x1: LEFT, x2: "100%", y1: y(part, 1), y2: y(part, 1) })),
			this.lines);
		this.scale = h("span", { class: "scale quiet" });
		this.rows = h("tbody");
		this.table = h("table", { class: "rates", "aria-label": `Receiving now, queues of ${interfaceName}` },
			h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Queue"), h("th", { scope: "col" }, "Lease"),
				h("th", { scope: "col", class: "number" }, "Now"))), this.rows);
		this.nothing = h("p", { class: "quiet" });
		this.drawing = h("div", { class: "drawing" }, this.scale, this.picture,
			h("div", { class: "times quiet" }, h("span", {}, "5 min ago"), h("span", {}, "now")));
		this.element = h("div", { class: "graph" }, h("h3", {}, "Received by each queue"), this.nothing, this.drawing, this.table);
		new ResizeObserver(() => this.again?.()).observe(this.drawing);
	}

	// Counters as they were at a time (milliseconds). One that went back has begun anew.
	add(queues, leases, now) {
		for (const queue of queues) {
			if (!Number.isFinite(queue.receivedBytes))
				continue;
			const sample = this.samples.get(queue.queue) ?? { points: [] };
			const seconds = (now - sample.at) / 1000;

			// Events come in bursts: what is too short says nothing.
			if (seconds < 1)
				continue;
			if (queue.receivedBytes >= sample.bytes)
				sample.points.push({ at: now, rate: (queue.receivedBytes - sample.bytes) / seconds });
			sample.points = sample.points.filter(point => point.at > now - WINDOW);
			sample.bytes = queue.receivedBytes;
			sample.at = now;
			this.samples.set(queue.queue, sample);
		}
		for (const number of this.samples.keys())
			if (!queues.some(queue => queue.queue === number))
				this.samples.delete(number);
		this.again = () => this.draw(queues, leases, now);
		this.again();
	}

	busiest() {
		const sums = [...this.samples].map(([queue, sample]) =>
			({ queue, points: sample.points, sum: sample.points.reduce((all, point) => all + point.rate, 0) }));

		return sums.filter(one => one.sum > 0).sort((a, b) => b.sum - a.sum).slice(0, LINES)
			.sort((a, b) => a.queue - b.queue);
	}

	// A queue keeps its colour for as long as it has a line.
	assign(lines) {
		for (const queue of this.slots.keys())
			if (!lines.some(line => line.queue === queue))
				this.slots.delete(queue);
		for (const line of lines) {
			const used = new Set(this.slots.values());

			if (!this.slots.has(line.queue))
				this.slots.set(line.queue, DASHES.findIndex((_, slot) => !used.has(slot)));
		}
	}

	draw(queues, leases, now) {
		const lines = this.busiest();
		const most = ceiling(Math.max(0, ...lines.flatMap(line => line.points.map(point => point.rate))));

		this.assign(lines);
		text(this.nothing, this.samples.size === 0 ? "The driver does not count bytes by queue." : "Nothing was received in the last minutes.");
		this.nothing.hidden = lines.length > 0;
		this.drawing.hidden = this.table.hidden = lines.length === 0;
		text(this.scale, rate(most));
		set(this.picture, "aria-label", `Rates of ${lines.length} queues over the last five minutes, up to ${rate(most)}; the table has them now`);
		keep(this.lines, lines, line => line.queue,
			line => svg("g", {}, svg("polyline", { class: "line" }), svg("text", { class: "end" }, line.queue)),
			(group, line) => this.drawLine(group, line, most, now));
		keep(this.rows, lines, line => line.queue,
			() => h("tr", {}, h("th", { scope: "row" }), h("td"), h("td", { class: "number" })),
			(row, line) => this.fillRow(row, line, queues, leases));
		this.spreadLabels();
	}

	// From the bottom upwards, each with room for itself.
	spreadLabels() {
		const labels = [...this.lines.children].map(group => group.lastChild)
			.sort((a, b) => Number(b.getAttribute("y")) - Number(a.getAttribute("y")));
		let below = HEIGHT + LABEL;

		for (const label of labels) {
			below = Math.min(Number(label.getAttribute("y")), below - LABEL);
			set(label, "y", below.toFixed(1));
		}
	}

	drawLine(group, line, most, now) {
		const slot = this.slots.get(line.queue);
		const width = (this.picture.clientWidth || 600) - LEFT - RIGHT;
		const x = at => LEFT + width * Math.max(0, 1 - (now - at) / WINDOW);
		const end = line.points.at(-1);

		set(group, "data-slot", slot);
		set(group.firstChild, "stroke-dasharray", DASHES[slot] || null);
		set(group.firstChild, "points", line.points.map(point => `${x(point.at).toFixed(1)},${y(point.rate, most).toFixed(1)}`).join(" "));
		set(group.lastChild, "x", (x(end.at) + 4).toFixed(1));
		set(group.lastChild, "y", (y(end.rate, most) + 4).toFixed(1));
	}

	fillRow(row, line, queues, leases) {
		const slot = this.slots.get(line.queue);
		const held = leases.get(queues.find(queue => queue.queue === line.queue)?.leaseId);
		const sample = svg("svg", { class: "sample", viewBox: "0 0 32 8", "data-slot": slot, "aria-hidden": "true" },
			svg("line", { class: "line", x1: 0, x2: 32, y1: 4, y2: 4, "stroke-dasharray": DASHES[slot] || null }));

		replace(row.children[0], sample, `${line.queue}`);
		replace(row.children[1], held ? name(held.lease.name ?? held.lease.leaseId) : "-");
		text(row.children[2], rate(line.points.at(-1).rate));
	}
}
