// SPDX-License-Identifier: LGPL-2.1-or-later
// What was just said, until it is dismissed; the latest few.
import { byId, h, keep, name } from "./dom.js";

const MOST = 5;
let notices = [], next = 0;

function show() {
	keep(byId("notices"), notices, notice => notice.id,
		notice => h("li", { class: notice.bad ? "notice bad" : "notice" },
			h("span", { class: "sign", "aria-hidden": "true" }, notice.bad ? "⚠" : "ℹ"), name(notice.text),
			h("button", { type: "button", class: "small", "aria-label": "Dismiss this notice", click: () => dismiss(notice) }, "Dismiss")));
}

function dismiss(notice) {
	notices = notices.filter(one => one !== notice);
	show();
}

export function notify(text, bad = false) {
	notices = [{ id: next++, text, bad }, ...notices.filter(one => one.text !== text)].slice(0, MOST);
	show();
}
