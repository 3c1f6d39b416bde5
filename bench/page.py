#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Puts what bench/run printed into docs/PERFORMANCE.md: page.py OUTPUT... Each OUTPUT ends with a line of JSON.

The tables stand between markers, <!-- native calls --> and <!-- end -->; all else there is written by hand, and a part
that was not measured stays as it is.
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "PERFORMANCE.md"
END = "<!-- end -->\n"


def load_run():
    """bench/run, whose reports they are."""
    loader = importlib.machinery.SourceFileLoader("run", str(HERE / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run", loader))
    sys.modules["run"] = module
    loader.exec_module(module)
    return module


def markers(page):
    return re.findall(r"^<!-- ((?:native|vm) \w+) -->$", page, re.MULTILINE)


def replaced(page, name, table):
    """The page with another table behind that marker."""
    before, marker, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(END)
    if not marker or not end:
        raise ValueError(f"the page has no place for {name}")
    return before + marker + table + END + after


def printed(report, figures, where):
    """As the table is in the page."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        report(figures)
    return f"\n{where}:\n\n```\n" + output.getvalue().strip("\n") + "\n```\n\n"


def tables(reports, results):
    """What is measured: the name of each marker and its table."""
    for result in results:
        place = "native" if "native" in result["where"] else "vm"
        for part, report in reports.items():
            if part in result:
                yield f"{place} {part}", printed(report, result[part], result["where"])


def main():
    results = [json.loads(pathlib.Path(name).read_text(encoding="utf-8").splitlines()[-1])
               for name in sys.argv[1:]]
    page = PAGE.read_text(encoding="utf-8")
    for name, table in tables(load_run().REPORTS, results):
        page = replaced(page, name, table)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
