// SPDX-License-Identifier: LGPL-2.1-or-later
// Values as words. Pure but for the clock, which is the server's: its times are not this browser's.

let ahead = null; // by how many microseconds the server's clock is, at least

// A time that the server has just told. What was told late makes it seem slow, so the latest counts.
export function learnClock(usec) {
	const seen = usec - Date.now() * 1000;

	if (Number.isFinite(seen) && (ahead === null || seen > ahead))
		ahead = seen;
}

export function serverNow() {
	return Date.now() * 1000 + (ahead ?? 0);
}

export function list(value) {
	return Array.isArray(value) ? value.filter(one => one !== null && one !== undefined) : [];
}

export function number(n) {
	return Number(n).toLocaleString("en");
}

export function plural(n, one, many) {
	return `${number(n)} ${n === 1 ? one : many}`;
}

function scaled(n, step, units) {
	let unit = 0;

	while (n >= step && unit < units.length - 1) {
		n /= step;
		unit++;
	}
	return `${unit === 0 || n >= 100 ? Math.round(n) : Number(n.toPrecision(3))} ${units[unit]}`;
}

export function bytes(n) {
	return scaled(n, 1024, ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"]);
}

// As network people read it.
export function rate(bytesPerSecond) {
	return scaled(bytesPerSecond * 8, 1000, ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"]);
}

export function span(usec) {
	const parts = [], units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
	let seconds = Math.max(0, Math.round(usec / 1e6));

	for (const [size, unit] of units) {
		if (seconds >= size || (size === 1 && parts.length === 0))
			parts.push(`${Math.floor(seconds / size)} ${unit}`);
		seconds %= size;
	}
	return parts.slice(0, 2).join(" ");
}

export function time(usec) {
	return new Date(usec / 1000).toLocaleTimeString("en-GB");
}

// "16-17, 20"
export function queues(numbers) {
	const runs = [];

	for (const n of list(numbers)) {
		const run = runs.at(-1);

		if (run && run[1] + 1 === n)
			run[1] = n;
		else
			runs.push([n, n]);
	}
	return runs.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(", ");
}

function endpoint(address, port) {
	const host = address ?? "*";

	return `${host.includes(":") ? `[${host}]` : host}:${port ?? "*"}`;
}

export function flow(f) {
	const to = `${f.protocol} ${endpoint(f.destination, f.destinationPort)}`;

	return f.source || f.sourcePort ? `${to} from ${endpoint(f.source, f.sourcePort)}` : to;
}

export function owner(lease) {
	return lease.ownerName ?? `uid ${lease.ownerUid}`;
}

// What the map calls a lease: a to z, then aa, ab and so on.
export function letter(index) {
	const a = "a".charCodeAt(0);

	return (index >= 26 ? letter(Math.floor(index / 26) - 1) : "") + String.fromCharCode(a + index % 26);
}
