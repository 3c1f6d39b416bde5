# SPDX-License-Identifier: LGPL-2.1-or-later
"""The pictures of docs/COCKPIT.md: tests/vm/test-cockpit --pictures"""
import json
import time
from pathlib import Path

from conftest import SCRATCH
from pretended import CHECK, everything

PICTURES = Path("/src/docs/pictures")
MOST = 150_000  # bytes
HURRY = 5
# Five minutes of the graph in a minute.
FASTER = f"""{{
	const now = Date.now, begun = now(), every = window.setInterval;
	Date.now = () => begun + (now() - begun) * {HURRY};
	window.setInterval = (act, period) => every(act, period / {HURRY});
}}"""
RATES = {"0": 0.9, "1": 0.7, "16": 9.1, "17": 6.4, "18": 3.2}  # Gbit/s


def a_usual_day():
    status = everything()
    status["interfaces"] = status["interfaces"][:1]
    del status["interfaces"][0]["confirmUntilUSec"]
    status.update(problems=[], stateSetAside=None)
    status["version"] = "0.2.0"
    lease = status["leases"][0]
    del lease["flows"][1]["takenBy"]
    del status["leases"][1]["notSteered"]
    return status


def take(page, name, **how):
    page.picture(PICTURES / name, **how)
    assert (PICTURES / name).stat().st_size < MOST


def test_a_usual_day(page, daemon):
    (SCRATCH / "status.json").write_text(json.dumps(a_usual_day()))
    (SCRATCH / "check.json").write_text(json.dumps(CHECK))
    (SCRATCH / "traffic").write_text(json.dumps({queue: [rate * HURRY * 1e9 / 8, 4096 if queue == "16" else 0]
                                                 for queue, rate in RATES.items()}))
    events = [{"event": event, "timestampUSec": int(time.time() * 1e6), "interface": "eth0", "leaseId": "3f9a01c2"}
              for event in ("acquired", "bound", "steered")]
    (SCRATCH / "watch-lines").write_text("".join(json.dumps(event) + "\n" for event in events))
    page.devtools("Page.addScriptToEvaluateOnNewDocument", source=FASTER)
    page.visit(1920, "dark")
    page.click("[data-queue='16']")
    time.sleep(330 / HURRY)
    take(page, "cockpit-dark.png", scale=0.7)
    page.run("localStorage.setItem('shell:style', 'light'); dispatchEvent(new CustomEvent('cockpit-style', {detail: {style: 'light'}}))")
    page.resize(1024)
    time.sleep(1)
    take(page, "cockpit-light.png", most=1240)


def test_a_narrow_window_with_something_to_do(page):
    (SCRATCH / "status.json").write_text(json.dumps(everything()))
    (SCRATCH / "check.json").write_text(json.dumps(CHECK))
    page.visit(400, "light")
    take(page, "cockpit-narrow.png", most=1500)
