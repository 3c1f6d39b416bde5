#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-contexts.py SOURCE BUILD: contrib/selinux/zcrxd.fc names each installed path that is the daemon's own, and no path
that is not there."""
import json
import re
import sys
from pathlib import Path

# Those have the context of their place, as what other packages install there.
ORDINARY = re.compile(r"/usr/(s?bin|include|share|lib/(NetworkManager|python3|sysusers\.d|tmpfiles\.d|systemd/network|[^/]*-linux-[^/]*)"
                      r"|lib(64)?/(libzcrx|pkgconfig)[^/]*)/.*|/etc/(apparmor\.d|cdi)/.*|.*\.d/zcrxd\.conf|/usr/lib(64)?/libzcrx[^/]*")
# What it makes when it runs.
MADE = ["/run/zcrxd", "/run/zcrxd/state", "/run/zcrxd/io.zcrx.Manager", "/run/zcrxd-irq", "/var/lib/zcrxd", "/var/lib/zcrxd/eth0"]


def main():
    source, build = map(Path, sys.argv[1:])
    lines = (source / "contrib/selinux/zcrxd.fc").read_text(encoding="ascii").splitlines()
    contexts = {line.split()[0]: line.split()[-1] for line in lines if line.startswith("/")}
    declared = re.findall(r"^type (\w+);", (source / "contrib/selinux/zcrxd.te").read_text(encoding="ascii"), re.M)
    installed = json.loads((build / "meson-info/intro-installed.json").read_text(encoding="utf-8")).values()
    paths = sorted({path for path in installed if not ORDINARY.fullmatch(path)} | set(MADE))
    complaints, used = [], set()
    for path in paths:
        matching = [pattern for pattern in contexts if re.fullmatch(pattern, path)]
        used |= set(matching)
        if len(matching) != 1:
            complaints.append(f"{path}: {matching or 'no context'}")
    complaints += [f"{pattern}: nothing is there" for pattern in contexts if pattern not in used]
    for context in contexts.values():
        kind = re.search(r":(\w+),s0", context)[1]
        if kind not in [*declared, "bin_t"]:
            complaints.append(f"{kind}: no such type")
    print("\n".join(complaints) or f"{len(paths)} paths, {len(contexts)} contexts")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main())
