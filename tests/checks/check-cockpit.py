#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-cockpit.py [SOURCE]: the page for Cockpit takes nothing for HTML or for a program, its policy lets nothing in
from elsewhere, what its parts import is there, and what they look for in the page is, too."""
import json
import re
import sys
from pathlib import Path

PAGE = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "../..") / "cockpit"
MOST_LINES = 400
# What makes elements, attributes or programs of strings, and what leads elsewhere.
FORBIDDEN = r"""innerHTML|outerHTML|insertAdjacentHTML|setHTML|DOMParser|createContextualFragment|srcdoc
document\s*\.\s*write|\beval\s*\(|\bFunction\s*\(|javascript:|setTimeout\s*\(\s*["'`]|setInterval\s*\(\s*["'`]
\bfetch\s*\(|XMLHttpRequest|WebSocket|https?://(?!www\.w3\.org/2000/svg)|\bimport\s*\(|["']on[a-z]+["']
""".split()
complaints = []


def complain(path, number, what):
    complaints.append(f"cockpit/{path.name}:{number}: {what}")


def check_script(path, ids):
    text = path.read_text()
    for number, line in enumerate(text.splitlines(), 1):
        for pattern in FORBIDDEN:
            found = re.search(pattern, line)
            if found:
                complain(path, number, f"{found[0]} is not for this page: see dom.js")
        for module in re.findall(r"""from ["']\./([^"']+)["']""", line):
            if not (PAGE / module).exists():
                complain(path, number, f"there is no {module}")
        for wanted in re.findall(r"""byId\("([^"]+)"\)""", line):
            if wanted not in ids:
                complain(path, number, f"index.html has no element {wanted}")


def check_page(path):
    text = path.read_text()
    if re.search(r"<script(?![^>]*\bsrc=)", text) or re.search(r"\s(on[a-z]+|style)=", text) or "<style" in text:
        complain(path, 1, "a script, a handler or a style in the page itself is refused by its policy")
    for reference in re.findall(r'(?:src|href)="([^"]+)"', text):
        if reference != "../base1/cockpit.js" and not (PAGE / reference).exists():
            complain(path, 1, f"there is no {reference}")


def check_policy(path):
    policy = json.loads(path.read_text())["content-security-policy"]
    rules = dict(rule.split(None, 1) for rule in policy.split(";") if rule.strip())
    if rules.pop("default-src", None) != "'none'":
        complain(path, 1, "by default nothing may be loaded: default-src 'none'")
    for rule, value in rules.items():
        if value not in ("'self'", "'none'"):
            complain(path, 1, f"{rule} {value}: 'self' or 'none'")


ids = set(re.findall(r'\sid="([^"]+)"', (PAGE / "index.html").read_text()))
scripts = sorted(PAGE.glob("*.js"))
if len(scripts) < 5:
    complaints.append("cockpit/: where are its scripts?")
for script in scripts:
    check_script(script, ids)
for file in PAGE.iterdir():
    if len(file.read_text().splitlines()) >= MOST_LINES:
        complain(file, MOST_LINES, "a file has less than 400 lines")
check_page(PAGE / "index.html")
check_policy(PAGE / "manifest.json")
print("\n".join(complaints))
sys.exit(1 if complaints else 0)
