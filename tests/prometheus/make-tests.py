#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""make-tests.py FOLDER: what promtool is to check, as JSON, which is YAML: rules.json, with each query of the dashboard as
a rule, and tests.json, which runs each on the golden metrics, of which everything grows: none may come to nothing."""
import json
import re
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2]
sys.path.insert(0, str(SOURCE / "tests/common"))
import openmetrics  # noqa: E402 pylint: disable=wrong-import-position

MINUTES = 10


def queries():
    for panel in json.loads((SOURCE / "contrib/grafana/zcrxd.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m")


def alerts():
    """Those of the page, but of what node_exporter says itself."""
    for line in (SOURCE / "docs/METRICS.md").read_text().splitlines():
        if found := re.match(r"\| `(.*zcrx_.*?)` \| [^|]* \|$", line):
            yield found[1]


def series():
    text = (SOURCE / "tools/zcrxctl/tests/golden/metrics-prometheus.txt").read_text()
    for family in openmetrics.read(text, prometheus=True).values():
        for name, labels, number in family.samples:
            shown = ",".join(f'{label}="{value}"' for label, value in {**labels, "instance": "machine"}.items())
            growth = 0 if family.type == "gauge" else 1 + sum(labels.get("le") == le for le in ("30.0", "+Inf"))
            yield {"series": f"{name}{{{shown}}}", "values": f"{number:g}+{growth}x{MINUTES * 4}"}


def main():
    folder, asked = Path(sys.argv[1]), list(queries())
    rules = [{"record": f"zcrx:query{i}", "expr": query} for i, query in enumerate([*asked, *alerts()])]
    (folder / "rules.json").write_text(json.dumps({"groups": [{"name": "zcrxd", "rules": rules}]}))
    nothing = [{"expr": f"absent({query})", "eval_time": f"{MINUTES}m", "exp_samples": []} for query in asked]
    # That this finds something.
    nothing.append({"expr": "absent(zcrx_nonsense)", "eval_time": f"{MINUTES}m", "exp_samples": [{"labels": "{}", "value": 1}]})
    (folder / "tests.json").write_text(json.dumps({"tests": [{
        "interval": "15s", "input_series": list(series()), "promql_expr_test": nothing}]}))
    print(f"{len(asked)} queries, {len(rules) - len(asked)} alerts")


if __name__ == "__main__":
    main()
