// SPDX-License-Identifier: LGPL-2.1-or-later
// Light or dark as Cockpit's own pages: what its user has chosen there, else as the system is.

const system = window.matchMedia("(prefers-color-scheme: dark)");

function choose(chosen) {
	let style = chosen;

	try {
		style ??= localStorage.getItem("shell:style");
	} catch {
		// A browser that keeps nothing.
	}
	const dark = style === "dark" || (style !== "light" && system.matches);

	for (const of of ["pf-v6-theme-dark", "pf-v5-theme-dark"])
		document.documentElement.classList.toggle(of, dark);
}

export function followTheme() {
	window.addEventListener("storage", event => {
		if (event.key === "shell:style")
			choose(event.newValue);
	});
	window.addEventListener("cockpit-style", event => choose(event.detail?.style));
	system.addEventListener("change", () => choose());
	choose();
}
