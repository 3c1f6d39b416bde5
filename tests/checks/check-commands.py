#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-commands.py SOURCE BUILD: every command that README.md and docs/HACKING.md tell people to run
exists: the target of make, the script and its options, the test, the command of zcrxctl."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

SOURCE, BUILD = Path(sys.argv[1]), Path(sys.argv[2])
PAGES = "README.md", "docs/HACKING.md"
COMMANDS_LEAST = 40  # fewer: the pages have another form than this reads
OURS = {"zcrxctl": "tools/zcrxctl/zcrxctl", "zcrxperf": "tools/zcrxperf/zcrxperf"}
OTHERS = {"apt", "cd", "clang-format", "git", "ip", "ethtool", "meson", "python3", "systemctl", "systemd-sysusers",
          "varlinkctl"}
BEFORE = {"sudo", "env"}
OPTION = re.compile(r"--[a-z][a-z-]+")


class Wrong(Exception):
    pass


def expect(condition, message):
    if not condition:
        raise Wrong(message)


def options(words):
    return {found[0] for word in words if (found := OPTION.match(word))}


def cut(words, separator="--"):
    """What stands before the separator, and what stands after it."""
    at = words.index(separator) if separator in words else len(words)
    return words[:at], words[at + 1:]


def check_make(words):
    makefile = (SOURCE / "Makefile").read_text()
    for word in words:
        name, is_variable, _ = word.partition("=")
        if is_variable:
            expect(f"$({name})" in makefile, f"make knows no variable {name}")
        else:
            expect(re.search(rf"^{re.escape(name)}:", makefile, re.M), f"make has no target {name}")


def check_path(text):
    """A file of the checkout, or of this build; as the root or the virtual machine sees it, too."""
    if text.startswith("/build/"):
        path = BUILD / text.split("/", 3)[3]
    else:
        path = SOURCE / text.removeprefix("/src/")
    expect(path.exists(), f"there is no {text}")
    return path


def check_script(name, words):
    script = check_path(name)
    mine, rest = cut(words)
    text = script.read_text() if script.is_file() and not name.startswith("/build/") else ""
    for option in options(mine) if text else ():
        expect(re.search(rf"(?<![\w-]){option}(?![\w-])", text), f"{name} has no option {option}")
    if name.endswith("vm/test"):
        for session in (word for word in mine if word.isalpha()):
            expect(re.search(rf"^#   {session} ", text, re.M), f"{name} has no session {session}")
    if rest:
        check_command(rest)


def check_ours(name, words):
    mine, rest = cut(words)
    verb = [word for word in mine[:1] if name == "zcrxctl" and word.isalpha()]
    done = subprocess.run([BUILD / OURS[name], *verb, "--help"], capture_output=True, text=True)
    expect(done.returncode == 0, f"{name} has no command {' '.join(verb)}")
    for option in options(mine):
        expect(option in OPTION.findall(done.stdout), f"{name} {' '.join(verb)} has no option {option}")
    if name == "zcrxperf" and mine and mine[0].isalpha():
        expect(re.search(rf"\b{mine[0]}\b", done.stdout), f"zcrxperf has no command {mine[0]}")
    if rest and "/" not in rest[0]:
        check_command(rest)


def check_meson(words):
    """Of `meson test`, the names and suites."""
    if words[:1] != ["test"]:
        return
    tests = json.loads((BUILD / "meson-info/intro-tests.json").read_text())
    names = {test["name"] for test in tests}
    suites = {suite.rpartition(":")[2] for test in tests for suite in test["suite"]}
    value_of = None
    for word in words[1:]:
        if value_of == "--suite":
            expect(word in suites, f"there is no suite {word}")
        elif value_of is None and not word.startswith("-"):
            expect(word in names or word == "NAME", f"there is no test {word}")
        value_of = word if value_of is None and word in ("-C", "--suite", "--setup") else None


def check_command(words):
    while words and (words[0] in BEFORE or re.fullmatch(r"[A-Z_]+=.*", words[0])):
        words = words[1:]
    if not words:
        return
    name, words = words[0], words[1:]
    if name == "make":
        check_make(words)
    elif name in OURS:
        check_ours(name, words)
    elif name == "meson":
        check_meson(words)
    elif name == "man":
        for page in " ".join(words).replace(",", " ").split():
            expect(list((SOURCE / "man").glob(f"{page}.*.scd")), f"there is no manual page {page}")
    elif "/" in name:
        check_script(name, words)
    else:
        expect(name in OTHERS, f"{name} is not known here")
    for word in words:
        if word.startswith(("/src/", "tests/")):
            check_path(word)


def is_command(text):
    """Whether a word or two in a sentence are one: `make test`, but not `make_test()`."""
    first = text.split(" ", 1)[0]
    if first in OURS:
        return " " in text
    return (first in ("make", "man") and " " in text) or (
        first.startswith(("tests/", "bench/")) and " " in text) or first.startswith(("tests/vm/", "/build/"))


def commands(text):
    """All of them: lines of code blocks, whatever they are, and what looks like one in a sentence."""
    text = re.sub(r"^```\w+\n.*?^```$", "", text, flags=re.M | re.S)  # C, YAML
    for line in re.findall(r"^    (\S.*)$", re.sub(r"\\\n\s*", "", text), re.M):
        if re.match(r"[a-z./]", line):
            yield from re.split(r"&&|;|\|", re.sub(r"\s#.*", "", line))
    joined = re.sub(r"\n(?!\n)", " ", re.sub(r"^    .*$", "", text, flags=re.M))
    for found in re.findall(r"`([^`]+)`", joined):
        if is_command(found):
            yield from found.split(";")


def main():
    failed, n = False, 0
    for page in PAGES:
        for command in commands((SOURCE / page).read_text()):
            n += 1
            try:
                check_command([word for word in shlex.split(command) if word not in ("...", "[...]")])
            except (Wrong, ValueError) as wrong:
                print(f"{page}: `{command.strip()}`: {wrong}")
                failed = True
    if n < COMMANDS_LEAST:
        print(f"only {n} commands were found")
    return failed or n < COMMANDS_LEAST


if __name__ == "__main__":
    sys.exit(main())
