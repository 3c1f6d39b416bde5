// SPDX-License-Identifier: LGPL-2.1-or-later
// Elements. Whatever is shown goes through text(), and is never taken for HTML: names of leases, interfaces and users
// are others' choice.

const SVG = "http://www.w3.org/2000/svg";
// What moves or hides other text, and what is no text at all.
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

export function printable(value) {
	return String(value ?? "").replace(UNPRINTABLE, "\ufffd");
}

function fill(element, attributes, children) {
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (typeof value === "function")
			element.addEventListener(name, value);
		else
			set(element, name, value);
	}
	for (const child of children.flat())
		element.append(child instanceof Node ? child : document.createTextNode(printable(child)));
	return element;
}

export function h(tag, attributes, ...children) {
	return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes, ...children) {
	return fill(document.createElementNS(SVG, tag), attributes, children);
}

// Somebody's choice among other words: <bdi> keeps what is written from right to left to itself.
export function name(value) {
	return h("bdi", { class: "name" }, value);
}

export function byId(id) {
	return document.getElementById(id);
}

// null and false: not at all.
export function set(element, attribute, value) {
	const wanted = value === null || value === undefined || value === false ? null : value === true ? "" : printable(value);

	if (wanted === null)
		element.removeAttribute(attribute);
	else if (element.getAttribute(attribute) !== wanted)
		element.setAttribute(attribute, wanted);
}

export function text(element, value) {
	const wanted = printable(value);

	if (element.textContent !== wanted)
		element.textContent = wanted;
}

export function replace(element, ...children) {
	element.replaceChildren(...children.flat().map(child => child instanceof Node ? child : printable(child)));
}

// One element for each item, in their order. Those that are there stay, with the focus and what is unfolded in them.
// Items have a key each; what appears twice is shown once.
export function keep(parent, items, keyOf, create, update) {
	const before = parent.kept ?? new Map(), now = new Map();
	let last = null;

	for (const item of items) {
		const key = keyOf(item);

		if (now.has(key))
			continue;
		const element = before.get(key) ?? create(item);

		now.set(key, element);
		update?.(element, item);
		const next = last ? last.nextSibling : parent.firstChild;
		if (next !== element)
			parent.insertBefore(element, next);
		last = element;
	}
	for (const [key, element] of before)
		if (!now.has(key))
			element.remove();
	parent.kept = now;
}
