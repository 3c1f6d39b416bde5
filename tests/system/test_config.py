# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mistakes in /etc/zcrxd.yaml: each is said exactly, and a bad file never replaces a good one. The
unit tests have all of them; here it is the installed program that says them."""

import os
import pathlib
import subprocess

import machine
import pytest

# What is in the file, and what is said of it behind the file's name.
UNKNOWN_KEY = ("interface: []\n",
               "1:1: interface: found an unknown key, expected one of on-stop, on-drift, grants, "
               "unsafe-kernel, interfaces, software, policy (did you mean interfaces?)")
TWICE = ("interfaces:\n  - name: zc0\n    zero-copy-queues: 4\n  - name: zc0\n    zero-copy-queues: 1\n",
         '4:11: interfaces[1].name: found "zc0" a second time (first at line 2), expected another '
         "device")
EMPTY_RULE = ("policy:\n  - {}\n",
              "2:5: policy[0]: found an empty rule, expected at least one key")
NOT_UTF8 = ("on-stop: \xff\n",
            "1:10: syntax: found a byte that is not UTF-8, expected text in UTF-8")


def check(path):
    done = subprocess.run([machine.DAEMON, "--check-config", f"--config={path}"], text=True,
                          capture_output=True, timeout=machine.PATIENCE)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("text, message", [UNKNOWN_KEY, NOT_UTF8], ids=["key", "UTF-8"])
def test_a_mistake_is_said_exactly(tmp_path, text, message):
    file = tmp_path / "zcrxd.yaml"
    file.write_bytes(text.encode("latin-1"))
    assert check(file) == (1, "", f"{file}:{message}\n")


def test_valid_configurations_are_accepted(tmp_path):
    file = tmp_path / "zcrxd.yaml"
    file.write_text(machine.config())
    assert check(file) == (0, f"{file} is good: 1 interface, 2 policy rules.\n", "")
    assert check("/etc/zcrxd.yaml")[0] == 0


def test_a_file_that_cannot_be_read(tmp_path):
    assert check(tmp_path) == (1, "", f"Cannot read {tmp_path}: Is a directory.\n")
    missing = tmp_path / "nope.yaml"
    assert check(missing) == (1, "", f"Cannot read {missing}: No such file or directory.\n")


@pytest.mark.parametrize("text, message", [UNKNOWN_KEY, TWICE], ids=["key", "twice"])
def test_reload_keeps_the_good_one(root, text, message):
    before = root.call("Describe")
    cursor = machine.journal_cursor()
    machine.write_config(text)
    try:
        for name in "zcrxctl", "systemctl":
            if name == "zcrxctl":
                assert message in machine.ctl("reload", status=1).stderr
            else:
                done = subprocess.run(["systemctl", "reload", "zcrxd"], capture_output=True)
                assert done.returncode != 0
            assert any(f"/etc/zcrxd.yaml:{message}" in said and "is unchanged" in said
                       for said in machine.messages(cursor))
            after = root.call("Describe")
            assert [i["zeroCopyCount"] for i in after["interfaces"]] == [
                i["zeroCopyCount"] for i in before["interfaces"]]
            with root.acquire():
                pass
        # Whoever looks is told, and not only the journal.
        said = (f"/etc/zcrxd.yaml was refused when zcrxd read it last, and the configuration "
                f"before stays in force. /etc/zcrxd.yaml:{message}")
        assert after["problems"] == [said]
        assert machine.show("zcrxd", "StatusText").endswith(said)
        assert machine.show("zcrxd", "ActiveState") == "active"
        assert " ".join(machine.ctl("status").stdout.split()).endswith(said)
    finally:
        machine.write_config(machine.configure.current)
    machine.systemctl("reload", "zcrxd")
    assert root.call("Describe")["problems"] == []
    assert "refused" not in machine.show("zcrxd", "StatusText")


def test_a_fifo_is_not_waited_for(root):
    """Neither by a reload nor by a start; and zcrxd comes back by itself once there is a file."""
    refused = "Cannot read /etc/zcrxd.yaml: It is not a regular file."
    good, path = machine.configure.current, pathlib.Path("/etc/zcrxd.yaml")
    cursor = machine.journal_cursor()
    path.unlink()
    os.mkfifo(path, 0o644)
    try:
        assert refused in machine.ctl("reload", status=1).stderr
        with root.acquire():
            pass
        machine.systemctl("restart", "zcrxd", works=False)
        assert refused in machine.messages(cursor)
    finally:
        path.unlink()
        machine.write_config(good)
    machine.until(lambda: machine.show("zcrxd", "ActiveState") == "active")


def test_a_bad_file_does_not_start():
    good = machine.configure.current
    machine.systemctl("stop", "zcrxd.socket", "zcrxd")
    text, message = EMPTY_RULE
    cursor = machine.journal_cursor()
    machine.write_config(text)
    try:
        machine.systemctl("start", "zcrxd", works=False)
        assert f"/etc/zcrxd.yaml:{message}" in machine.messages(cursor)
    finally:
        machine.write_config(good)
    # It is tried again, and needs nobody's help.
    machine.until(lambda: machine.show("zcrxd", "ActiveState") == "active")
