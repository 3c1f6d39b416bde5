#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/PERFORMANCE.md has a place for each part of bench/run, and page.py writes there and nowhere else."""

import page

TABLE = "\nhere:\n\n```\n1 2 3\n```\n\n"


def outside(text):
    """What is written by hand."""
    found, inside = [], False
    for line in text.splitlines():
        if line.startswith("<!-- ") and line != page.END.rstrip():
            inside = True
        elif line == page.END.rstrip():
            inside = False
        elif not inside:
            found.append(line)
    assert not inside, "a table does not end"
    return found


def main():
    text = page.PAGE.read_text(encoding="utf-8")
    names = page.markers(text)
    reports = page.load_run().REPORTS
    assert len(names) == len(set(names)) == text.count(page.END), "markers are not in pairs"
    assert {name.split()[1] for name in names} == set(reports), \
        f"parts of bench/run and places in the page differ: {sorted(set(reports))}, {names}"

    written = text
    for name in names:
        written = page.replaced(written, name, TABLE)
    assert outside(written) == outside(text), "what is written by hand has changed"
    assert written.count(TABLE) == len(names)
    for name in names:
        assert page.replaced(written, name, TABLE) == written, "it is not the same the second time"
    try:
        page.replaced(text, "vm nothing", TABLE)
        raise AssertionError("there is a place for what is not measured")
    except ValueError:
        pass

    # A part that was not measured stays, and each goes to its place.
    shown = {"calls": lambda figures: print(f"\n{figures} calls"), "cost": print}
    results = [{"where": "simulated NIC, native", "calls": 12}, {"where": "Linux 7.2, VM", "calls": 34}]
    assert dict(page.tables(shown, results)) == {
        "native calls": "\nsimulated NIC, native:\n\n```\n12 calls\n```\n\n",
        "vm calls": "\nLinux 7.2, VM:\n\n```\n34 calls\n```\n\n"}


if __name__ == "__main__":
    main()
