"""Counts what tests/vm/test ran: tally.py DIRECTORY SESSION...

DIRECTORY holds SESSION.xml (JUnit's format: both pytest and meson write it) and SESSION.status
(an exit status) for each. Whatever was not seen to pass has failed.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def tally_session(directory, name):
    """The number of passed tests, and the failures as lines of text."""
    passed, failures = 0, []
    try:
        cases = list(ElementTree.parse(directory / f"{name}.xml").iter("testcase"))
    except (OSError, ElementTree.ParseError) as error:
        return 0, [f"{name}: no results ({error})"]

    for case in cases:
        bad = [part.tag for part in case if part.tag in ("failure", "error", "skipped")]
        if bad:
            failures.append(f"{name}: {case.get('classname')} {case.get('name')}: {bad[0]}")
        else:
            passed += 1

    status = (directory / f"{name}.status").read_text().strip()
    if not cases:
        failures.append(f"{name}: nothing was tested")
    elif status != "0" and not failures:
        failures.append(f"{name}: ended with status {status}, although no test failed")
    return passed, failures


def main():
    directory = Path(sys.argv[1])
    passed, failures = 0, []
    for name in sys.argv[2:]:
        more_passed, more_failures = tally_session(directory, name)
        passed += more_passed
        failures += more_failures
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
