#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-containers.py SOURCE CDI: what containers are given agrees with zcrxd, with the page about it, and with what
engines take."""

import json
import re
import subprocess
import sys
from pathlib import Path

SOURCE, CDI = Path(sys.argv[1]), Path(sys.argv[2])
HERE = SOURCE / "contrib/containers"
IO_URING = ["io_uring_enter", "io_uring_register", "io_uring_setup"]
# As engines have it: a rule for many calls, one with a condition, and one that is ours to decide.
DEFAULT = {"defaultAction": "SCMP_ACT_ERRNO", "archMap": [], "syscalls": [
    {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
    {"names": ["io_uring_setup", "bpf"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
    {"names": ["io_uring_enter"], "action": "SCMP_ACT_ERRNO"},
    {"names": ["personality"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}]}]}


def value(text, key):
    found = re.search(rf"^[ -]*{key}: *(.*)$", text, re.M)
    assert found, f"{CDI.name} has no {key}"
    return found[1].strip('"')


def check_cdi():
    text = CDI.read_text(encoding="utf-8")
    socket = re.search(r'ZCRX_SOCKET_PATH "(.*)/[^/]*"', (SOURCE / "shared/zcrx-names.h").read_text(encoding="utf-8"))[1]
    unit = (SOURCE / "systemd/zcrxd.socket").read_text(encoding="utf-8")
    assert "@" not in text, "something was not filled in"
    assert value(text, "hostPath") == value(text, "containerPath") == socket
    assert f"ListenStream={socket}/" in unit
    device = f"{value(text, 'kind')}={value(text, 'name')}"
    assert re.fullmatch(r"[a-z][a-z0-9.-]*\.[a-z]+/[a-z][a-z0-9_-]*=[a-z]+", device), device
    # Without a daemon that preserves the directory, a container would have one that is no longer zcrxd's.
    assert "RuntimeDirectoryPreserve=yes" in (SOURCE / "systemd/zcrxd.service.in").read_text(encoding="utf-8")
    page = (SOURCE / "docs/CONTAINERS.md").read_text(encoding="utf-8")
    named = set(re.findall(r"zcrx\.io/[a-z]+=[a-z]+", page + text))
    assert named == {device}, named


def check_seccomp(scratch):
    scratch.write_text(json.dumps(DEFAULT), encoding="utf-8")
    done = subprocess.run([HERE / "make-seccomp-profile", scratch], capture_output=True, text=True, check=True)
    scratch.unlink()
    profile = json.loads(done.stdout)
    actions = {}
    for rule in profile["syscalls"]:
        for name in rule["names"]:
            actions.setdefault(name, []).append(rule["action"])
    assert all(actions[name] == ["SCMP_ACT_ALLOW"] for name in IO_URING), actions
    assert set(actions) == {"read", "write", "bpf", "personality", *IO_URING}
    assert profile["syscalls"][-2] == DEFAULT["syscalls"][-1]
    assert {**profile, "syscalls": 0} == {**DEFAULT, "syscalls": 0}


check_cdi()
check_seccomp(CDI.with_name("seccomp-default.json"))
