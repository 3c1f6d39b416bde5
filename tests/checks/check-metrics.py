#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-metrics.py SOURCE BUILD: what zcrxd on a simulated machine tells as metrics is text that Prometheus reads, is
what docs/METRICS.md says, and has all that the dashboard asks for."""
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE, BUILD = Path(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(SOURCE / "tests/common"))
import openmetrics  # noqa: E402 pylint: disable=wrong-import-position

CONFIG = "interfaces:\n  - name: sim0\n    channels: 8\n    zero-copy-queues: 4\n"
PREFIX = "io.zcrx."
PROMQL = {"sum", "max", "by", "or", "vector", "rate", "increase", "histogram_quantile"}
complaints = []


def same(of_a, a, of_b, b):
    complaints.extend(f"{line}: in {a}, but not in {b}" for line in sorted(of_a - of_b))
    complaints.extend(f"{line}: in {b}, but not in {a}" for line in sorted(of_b - of_a))


def call(socket, method):
    done = subprocess.run(["varlinkctl", "--more", "--json=short", "call", socket, "io.systemd.Metrics." + method, "{}"],
                          capture_output=True, text=True, timeout=60)
    return [json.loads(line) for line in done.stdout.replace("\x1e", "").splitlines()]


def metrics_of_sim(scratch):
    """Families, values, and both texts."""
    (scratch / "zcrxd.yaml").write_text(CONFIG)
    socket = str(scratch / "socket")
    with subprocess.Popen([BUILD / "tests/sim/zcrxd-sim", f"--config={scratch}/zcrxd.yaml", f"--socket={socket}"],
                          stderr=subprocess.DEVNULL) as sim:
        try:
            for _ in range(500):
                if (scratch / "socket").exists():
                    break
                time.sleep(0.02)
            texts = [subprocess.run([BUILD / "tools/zcrxctl/zcrxctl", f"--socket={socket}", "metrics", *arguments],
                                    capture_output=True, text=True, timeout=60, check=True).stdout
                     for arguments in ([], ["--prometheus"])]
            return call(socket, "Describe"), call(socket, "List"), texts
        finally:
            sim.terminate()


def name_of(metric):
    return "zcrx_" + metric["name"].removeprefix(PREFIX)


def rows_of(families):
    """As the page has them: name, type, meaning. A histogram is one row."""
    names = {name_of(family) for family in families}
    for family in families:
        name, kind = name_of(family), family["type"]
        if name.endswith("_bucket"):
            yield name.removesuffix("_bucket"), "histogram", family["description"]
        elif not any(name.endswith(end) and name.removesuffix(end) + "_bucket" in names for end in ("_count", "_sum")):
            yield name, kind, family["description"]


def check_page(families, values):
    page = (SOURCE / "docs/METRICS.md").read_text()
    rows = [tuple(cell.strip().replace("`", "") for cell in line.split("|")[1:-1])
            for line in page.splitlines() if line.startswith("| `")]
    found = [row for row in rows if len(row) == 4]
    alerts = {name for row in rows if len(row) == 2 for name in re.findall(r"\bzcrx_\w+", row[0])}
    complaints.extend(f"{name}: an alert of docs/METRICS.md, but no metric" for name in
                      sorted(alerts - {name_of(family) for family in families}))
    same({(name, kind, meaning) for name, kind, _, meaning in found}, "docs/METRICS.md", set(rows_of(families)), "zcrxd")
    labels = {name: set(re.findall(r"\w+", text)) for name, _, text, _ in found}
    for value in values:
        name = re.sub(r"_(bucket|count|sum)$", "", name_of(value))
        has = set(value.get("fields", {})) - {"le"} | ({"interface"} if "object" in value else set())
        if has != labels.get(name, has):
            complaints.append(f"{name}: docs/METRICS.md says labels {labels[name]}, zcrxd {has}")
    return set().union(*labels.values()) | {"le", "instance"}


def check_dashboard(families, labels):
    dashboard = json.loads((SOURCE / "contrib/grafana/zcrxd.json").read_text())
    names, shown = {name_of(family) for family in families}, set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            asked = set(re.findall(r"\bzcrx_\w+", target["expr"]))
            shown |= asked
            if not asked or asked - names:
                complaints.append(f"the panel {panel['title']!r} asks for {target['expr']}")
            words = set(re.findall(r"[a-z_]+", re.sub(r'"[^"]*"|\$\w+|\b\d\w*', "", target["expr"]))) - asked
            words |= set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            if words - labels - PROMQL:
                complaints.append(f"the panel {panel['title']!r} has unknown labels {words - labels - PROMQL}")
    if len(shown) < 20:
        complaints.append(f"the dashboard: only these were found: {shown}")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        families, values, texts = metrics_of_sim(Path(scratch))
    for text, prometheus in zip(texts, (False, True)):
        openmetrics.read(text, prometheus)
    check_dashboard(families, check_page(families, values))
    golden = json.loads((SOURCE / "tools/zcrxctl/tests/golden/metrics.json").read_text())
    same({json.dumps(family) for family in golden["families"]}, "golden/metrics.json",
         {json.dumps(family) for family in families}, "zcrxd")
    for complaint in complaints:
        print(complaint)
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
