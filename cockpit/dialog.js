// SPDX-License-Identifier: LGPL-2.1-or-later
// A question, by a <dialog> of the page: its form is what `act` gets, and it stays open, with the reason, if that fails.
import { text } from "./dom.js";

export function ask(dialog, act) {
	const form = dialog.querySelector("form"), error = dialog.querySelector(".error");
	const buttons = [...dialog.querySelectorAll("button")];
	const yes = dialog.querySelector("[type=submit]");

	form.reset();
	text(error, "");
	form.onsubmit = async event => {
		event.preventDefault();
		text(error, "");
		yes.disabled = true;
		try {
			await act(form.elements);
			dialog.close();
		} catch (failure) {
			text(error, `⚠ ${failure.message}`);
		}
		yes.disabled = false;
	};
	for (const button of buttons.filter(one => "close" in one.dataset))
		button.onclick = () => dialog.close();
	dialog.showModal();
}
