// SPDX-License-Identifier: LGPL-2.1-or-later
// zcrxctl, run as the user who is logged in; as root if he has administrative access and it is asked for.
/* global cockpit */

const RETRIES = [1, 2, 5, 10, 30]; // seconds

export class CtlError extends Error {
	constructor(message, status) {
		super(message);
		this.status = status; // 3: denied
	}
}

// Without what only terminals need: "zcrxctl: ".
function said(err, out) {
	const lines = (err || out || "").trim().split("\n");

	return lines.map(line => line.replace(/^zcrxctl: /, "")).join(" ");
}

function spawn(args, options) {
	return cockpit.spawn(["zcrxctl", "--json=short", ...args], { environ: ["LC_ALL=C.UTF-8"], ...options });
}

function explain(error, output) {
	if (error.problem === "not-found")
		return new CtlError("zcrxctl is not installed on this machine.", null);
	if (error.problem === "access-denied")
		return new CtlError("The server does not let this user run zcrxctl.", 3);
	if (error.problem)
		return new CtlError(`Cannot run zcrxctl: ${cockpit.message(error)}`, null);
	return new CtlError(said(error.message, output), error.exit_status ?? null);
}

// What it prints, as JSON; null for nothing. `failing` is for commands that say what they have to say with status 1.
export function run(args, { superuser = false, failing = false } = {}) {
	return new Promise((resolve, reject) => {
		let output = "";
		const parse = error => {
			try {
				resolve(output.trim() === "" ? null : JSON.parse(output));
			} catch {
				reject(error ?? new CtlError(`zcrxctl ${args[0]} printed what is no JSON: ${output.slice(0, 100)}`, 0));
			}
		};

		spawn(args, { err: "message", ...(superuser ? { superuser: "try" } : {}) })
			.stream(data => { output += data; })
			.then(() => parse(null), error => {
				const failure = explain(error, output);

				if (failing && failure.status === 1 && output.trim() !== "")
					parse(failure);
				else
					reject(failure);
			});
	});
}

// Events for as long as the page is open. zcrxctl itself waits for a zcrxd that restarts, and says so between
// the events (`said`); if zcrxctl ends, it is started again (`ended`, with the seconds until then). A line that is
// neither is `malformed`.
export function watch({ started, event, said: told, malformed, ended }) {
	let attempts = 0, timer = null, process = null;

	const line = text => {
		if (text.startsWith("zcrxctl: ")) {
			told(said(text));
			return;
		}
		try {
			const one = JSON.parse(text);

			if (typeof one?.event !== "string")
				throw new TypeError("no event");
			attempts = 0;
			event(one);
		} catch (error) {
			if (!(error instanceof SyntaxError || error instanceof TypeError))
				throw error;
			malformed(text);
		}
	};

	const start = () => {
		const begun = Date.now();
		let rest = "", last = "";

		timer = null;
		process = spawn(["watch"], { err: "out" });
		started();
		process.stream(data => {
			const lines = (rest + data).split("\n");

			rest = lines.pop();
			for (const one of lines.filter(text => text.trim() !== "")) {
				last = one;
				line(one);
			}
		}).then(() => again(begun, "zcrxctl watch has ended."), error => {
			again(begun, last.startsWith("zcrxctl: ") ? said(last) : explain(error, rest).message);
		});
	};

	const again = (begun, why) => {
		if (Date.now() - begun > 30000)
			attempts = 0;
		const seconds = RETRIES[Math.min(attempts++, RETRIES.length - 1)];

		process = null;
		timer = setTimeout(start, seconds * 1000);
		ended(why, seconds);
	};

	start();
	return {
		now() {
			if (timer === null)
				return;
			clearTimeout(timer);
			start();
		},
	};
}
