"""Counts what tests/vm/test ran: tally.py DIRECTORY SESSION...

DIRECTORY holds, for each, SESSION.xml (JUnit's format: pytest and meson write it), for some also
SESSION.tap (the Test Anything Protocol), and SESSION.status (an exit status). Whatever was not seen
to pass has failed.
"""

import re
import sys
import textwrap
import xml.etree.ElementTree as ElementTree
from pathlib import Path

LONGEST = 2000  # characters of what a failed test said; its session printed all of it


def junit_results(path):
    """Pairs: what was tested, and what is wrong with it (None: it passed)."""
    for case in ElementTree.parse(path).iter("testcase"):
        bad = [part for part in case if part.tag in ("failure", "error", "skipped")]
        # meson puts nothing into the failure, and all into what was printed.
        printed = "\n".join(case.findtext(tag) or "" for tag in ("system-out", "system-err"))
        said = [f"{part.tag}\n{textwrap.indent((part.text or printed)[-LONGEST:].strip(), '    ')}"
                for part in bad]
        yield f"{case.get('classname')} {case.get('name')}", said[0] if said else None


def tap_results(path):
    """The same, and the plan, without which a test that died would not be missed."""
    text = path.read_text(errors="replace")
    found = re.findall(r"^(not ok|ok) \d+ (?:- )?(.*)", text, re.MULTILINE)
    for verdict, name in found:
        skipped = "skipped" if "# SKIP" in name.upper() else None
        yield name, "failure" if verdict == "not ok" else skipped
    if f"1..{len(found)}" not in text.splitlines():
        yield "the plan", f"{len(found)} results are not what was planned"


def tally_session(directory, name):
    """The number of passed tests, and the failures as lines of text."""
    tap = directory / f"{name}.tap"
    try:
        results = list(junit_results(directory / f"{name}.xml"))
        results += tap_results(tap) if tap.exists() else []
    except (OSError, ElementTree.ParseError) as error:
        return 0, [f"{name}: no results ({error})"]

    failures = [f"{name}: {test}: {wrong}" for test, wrong in results if wrong]
    status = (directory / f"{name}.status").read_text().strip()
    if not results:
        failures.append(f"{name}: nothing was tested")
    elif status != "0" and not failures:
        failures.append(f"{name}: ended with status {status}, although no test failed")
    return sum(1 for _, wrong in results if not wrong), failures


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
