#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-man.py SOURCE BUILD: the manual, the shell completions and the default configuration say what
the programs do, and nothing else. What the programs do is asked of them: their --help, and the
daemon's reader of the configuration."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE, BUILD = Path(sys.argv[1]), Path(sys.argv[2])
ZCRXCTL, ZCRXPERF, ZCRXD = (BUILD / path for path in (
    "tools/zcrxctl/zcrxctl", "tools/zcrxperf/zcrxperf", "zcrxd/zcrxd"))
OPTION = re.compile(r"--[a-z][a-z-]+")
complaints = []


def same(a, b, of_a, of_b, may_be_empty=False):
    """Both are the same, and something."""
    if not of_a and not may_be_empty:
        complaints.append(f"{a}: nothing found")
    complaints.extend(f"{line}: in {a}, but not in {b}" for line in sorted(of_a - of_b))
    complaints.extend(f"{line}: in {b}, but not in {a}" for line in sorted(of_b - of_a))


def help_of(*command):
    return subprocess.run([*command, "--help"], capture_output=True, text=True).stdout


def options(text):
    return set(OPTION.findall(text))


def found(pattern, text):
    return set(re.findall(pattern, text, re.M))


def man(page):
    return (SOURCE / "man" / f"{page}.scd").read_text()


def heads(page, section=None):
    """What the page defines: what is bold in a line above a deeper one."""
    names, inside, head, indent = set(), False, "", ""
    for line in man(page).splitlines():
        if line.startswith("# "):
            inside = section in (None, line[2:])
        if inside and head and line.startswith(indent + "\t"):
            names.update(re.findall(r"\*([^*]+)\*", head))
        head = line if re.match(r"\t*\*", line) else ""
        indent = re.match(r"\t*", line)[0]
    return names


def check_zcrxctl():
    """Commands and options, in the manual and in both completions."""
    page, overview = man("zcrxctl.1"), help_of(ZCRXCTL)
    bash = (SOURCE / "tools/zcrxctl/completions/zcrxctl").read_text()
    zsh = (SOURCE / "tools/zcrxctl/completions/_zcrxctl").read_text()
    fish = (SOURCE / "tools/zcrxctl/completions/zcrxctl.fish").read_text()
    verbs = found(r"^  ([a-z]+)\b", overview)
    zsh_verbs = re.search(r"verbs=\((.*?)\)\n", zsh, re.S)[1]
    same("zcrxctl --help", "the manual", verbs,
         {head for head in heads("zcrxctl.1", "COMMANDS") if not head.startswith("-")})
    same("zcrxctl --help", "the synopsis", verbs, found(r"^\*zcrxctl\*.* \*([a-z]*)\*", page))
    same("zcrxctl --help", "the bash completion", verbs,
         set(re.search(r"verbs='(.*)'", bash)[1].split()))
    same("zcrxctl --help", "the zsh completion", verbs, found(r"^\s*'([a-z]*):", zsh_verbs))
    same("zcrxctl --help", "the fish completion", verbs, found(r"^complete .* -a ([a-z]+) -d", fish))

    everywhere, shown = found(r"^  (--[a-z-]*)", overview), set()
    for verb in sorted(verbs):
        name = f"zcrxctl {verb} --help"
        mine = found(r"^  (--[a-z-]*)", help_of(ZCRXCTL, verb))
        shown |= mine
        mine -= everywhere
        # In the synopsis, in the explanation ("(*lease*, *run*)"), in the completions.
        same(name, "its synopsis", mine, options(
            "".join(re.findall(rf"^\*zcrxctl\*.* \*{verb}\*.*", page, re.M))), True)
        explained, option = set(), None
        for line in page.splitlines():
            option = line.split()[0] if line.startswith("*--") else option
            if re.match(rf"\t.*\([^)]*\*{verb}\*[^)]*\)", line) and re.match(r"\t.*\(\*", line):
                explained.add(option.replace("*", ""))
        same(name, "its explanation", mine, explained, True)
        same(name, "its bash completion", mine, options(
            "".join(re.findall(rf"^\s*\[{verb}\]='(.*)'", bash, re.M))), True)
        same(name, "its fish completion", mine, {"--" + option for verbs, option in re.findall(
            r"^complete .*'__zcrxctl_is ([a-z ]+)'.* -l ([a-z-]+)", fish, re.M) if verb in verbs.split()}, True)
    same("zcrxctl --help", "zcrxctl(1)", shown,
         {head for head in heads("zcrxctl.1", "OPTIONS") if head.startswith("--")})
    same("zcrxctl --help", "the zsh completion", shown,
         options("".join(re.findall(r"(?:^|[ '{,*)])(?:--[a-z][a-z-]+)", zsh, re.M))))
    same("zcrxctl --help", "the fish completion", shown, {"--" + option for option in
                                                          re.findall(r"^complete .* -l ([a-z-]+)", fish, re.M)})


def check_config(name, path):
    done = subprocess.run([ZCRXD, "--check-config", f"--config={path}"], capture_output=True, text=True)
    if done.returncode:
        complaints.append(f"{name}: {done.stdout}{done.stderr.rstrip()}")


def check_zcrxd(scratch):
    """Options and configuration keys. The configuration that is installed is good, also with all that it
    proposes switched on; so is every example in the manual."""
    same("zcrxd --help", "zcrxd(8)", options(help_of(ZCRXD)),
         {head for head in heads("zcrxd.8", "OPTIONS") if head.startswith("--")})
    readers = "".join(path.read_text() for path in (SOURCE / "zcrxd/model/config").glob("config-*.c"))
    keys = found(r'\{ "([a-z-]+)", (?:config_)?read_', readers)
    same("the daemon", "zcrxd.yaml(5)", keys, heads("zcrxd.yaml.5"))

    default = (SOURCE / "etc/zcrxd.yaml").read_text()
    check_config("etc/zcrxd.yaml", SOURCE / "etc/zcrxd.yaml")
    (scratch / "proposed.yaml").write_text(re.sub(r"^#([a-z]|  )", r"\1", default, flags=re.M))
    check_config("etc/zcrxd.yaml without #", scratch / "proposed.yaml")
    complaints.extend(f"{key}: in etc/zcrxd.yaml, but not a key" for key in
                      sorted(found(r"^[ -]*#? *-? *([a-z][a-z-]*):", default) - keys))
    examples = re.findall(r"^```\w*\n(.*?)^```", man("zcrxd.yaml.5"), re.M | re.S)
    if not examples:
        complaints.append("zcrxd.yaml(5): no examples found")
    for i, example in enumerate(examples, 1):
        (scratch / "example.yaml").write_text(example)
        check_config(f"zcrxd.yaml(5), example {i}", scratch / "example.yaml")


def check_others():
    """zcrxperf, zcrxd-tests: options. libzcrx-client: symbols."""
    same("zcrxperf --help", "zcrxperf(1)", options(help_of(ZCRXPERF)),
         options(" ".join(heads("zcrxperf.1"))))
    same("zcrxd-tests --help", "zcrxd-tests(8)", options(help_of("bash", SOURCE / "tests/installed/zcrxd-tests")),
         options(" ".join(heads("zcrxd-tests.8", "OPTIONS"))))
    for name in "zcrxperf", "_zcrxperf", "zcrxperf.fish":
        text = (SOURCE / "tools/zcrxperf/completions" / name).read_text()
        text = re.sub(r"(?<= )-l (?=[a-z])", "--", text) if name.endswith("fish") else text
        same("zcrxperf --help", f"the completion {name}", options(help_of(ZCRXPERF)), options(text))
    symbols = found(r"\b(zcrx_[a-z_]+);", (SOURCE / "libzcrx-client/libzcrx-client.sym").read_text())
    if not symbols:
        complaints.append("libzcrx-client.sym: nothing found")
    pages = "".join(path.read_text() for path in (SOURCE / "man").glob("*zcrx*.3.scd"))
    complaints.extend(f"{symbol}: exported, but in no page of section 3" for symbol in
                      sorted(symbols - found(r"\b(zcrx_[a-z_]+)\b", pages)))
    for path in sorted((SOURCE / "man").glob("zcrx_*.3.scd")):  # apropos goes by the names
        page = path.read_text()
        names, synopsis = (re.search(rf"^# {section}\n(.*?)^# ", page, re.M | re.S)[1]
                           for section in ("NAME", "SYNOPSIS"))
        same(f"the synopsis of {path.name}", "its name", found(r"\b(zcrx_[a-z_]+)\(", synopsis),
             found(r"\b(zcrx_[a-z_]+)\b", names.split(" - ")[0]))


def main():
    check_zcrxctl()
    with tempfile.TemporaryDirectory() as scratch:
        check_zcrxd(Path(scratch))
    check_others()
    for complaint in complaints:
        print(complaint)
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
