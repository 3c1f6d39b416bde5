# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mistakes in /etc/zcrxd.yaml: each is said exactly, and a bad file never replaces a good one. The
unit tests have many more of them; here it is the installed program that says them."""

import os
import pathlib
import subprocess

import machine
import pytest

ZC0 = "interfaces:\n  - name: zc0\n    zero-copy-queues: 4\n"
MATCH = "expected exactly one of name, driver, mac and path to find the device by"
NOT_A_NAME = "of 1 to 127 characters without blanks"

# What is in the file, and what is said of it behind the file's name.
MISTAKES = [
    ("interface: []\n",
     "1:1: interface: found an unknown key, expected one of on-stop, on-drift, grants, "
     "unsafe-kernel, interfaces, software, policy (did you mean interfaces?)"),
    ("on-stop: leave\n", '1:10: on-stop: found "leave", expected keep or restore'),
    ("grants: netkit\n", '1:9: grants: found "netkit", expected auto or direct'),
    ("on-stop: keep\non-stop: keep\n",
     "2:1: on-stop: found the key a second time (first at line 1), expected it once"),
    ("interfaces:\n  - name: zc0\n",
     "2:5: interfaces[0].zero-copy-queues: found nothing, expected the number of queues to carve "
     "out"),
    (ZC0 + "    driver: zcnic\n", f"2:5: interfaces[0]: found name and driver, {MATCH}"),
    ("interfaces:\n  - name: two words\n    zero-copy-queues: 1\n",
     '2:11: interfaces[0].name: found "two words", expected the name of an interface '
     + NOT_A_NAME),
    ("interfaces:\n  - mac: 2:0:0:0:0:1\n    zero-copy-queues: 1\n",
     '2:10: interfaces[0].mac: found "2:0:0:0:0:1", expected an address like 02:00:5e:10:00:01'),
    (ZC0 + "    channels: 1\n",
     '4:15: interfaces[0].channels: found "1", expected at least 2: at least one queue must stay '
     "ordinary"),
    (ZC0 + "    channels: 4\n",
     "3:23: interfaces[0].zero-copy-queues: found 4 of 4 channels, expected at most 3: at least one "
     "queue must stay ordinary"),
    (ZC0 + "    tcp-data-split: false\n",
     "4:21: interfaces[0].tcp-data-split: found false, expected true: zero-copy receive needs "
     "headers apart from payload"),
    (ZC0 + "    tcp-data-split: yes\n",
     '4:21: interfaces[0].tcp-data-split: found "yes", expected true or false'),
    (ZC0 + "    hds-threshold: 128\n",
     '4:20: interfaces[0].hds-threshold: found "128", expected 0: the kernel refuses zero-copy '
     "receive with any other threshold"),
    (ZC0 + "    zero-copy: 2\n",
     "4:5: interfaces[0].zero-copy: found an unknown key, expected one of name, driver, mac, path, "
     "channels, zero-copy-queues, rx-ring, tcp-data-split, hds-threshold"),
    (ZC0 + "  - name: zc0\n    zero-copy-queues: 1\n",
     '4:11: interfaces[1].name: found "zc0" a second time (first at line 2), expected another '
     "device"),
    ("policy:\n  - {}\n", "2:5: policy[0]: found an empty rule, expected at least one key"),
    ("policy:\n  - user: root\n    max-area: 256MB\n",
     '3:15: policy[0].max-area: found "256MB", expected a size in bytes or like 256M (K, M, G, T)'),
    ("policy:\n  - user: root\n    flows: all\n",
     '3:12: policy[0].flows: found "all", expected prove, any or a list of {ports, addresses}'),
    ("policy:\n  - user: root\n    flows: [{ports: 9999-9000}]\n",
     '3:21: policy[0].flows[0].ports: found "9999-9000", expected a port or a range like 9000-9999, '
     "from 1 to 65535"),
    ("policy:\n  - flows: any\n  - user: root\n",
     "3:5: policy[1]: found a rule that never decides, expected it before the rule at line 2, which "
     "matches the same users first"),
    ("policy: [\n",
     "2:1: syntax: found a mistake (did not find expected node content while parsing a flow node), "
     "expected valid YAML"),
    ("on-stop: &a keep\n",
     "1:10: syntax: found an anchor, expected plain YAML: write the value out"),
    ("on-stop: \xff\n",
     "1:10: syntax: found a byte that is not UTF-8, expected text in UTF-8"),
]


def check(path):
    done = subprocess.run([machine.DAEMON, "--check-config", f"--config={path}"], text=True,
                          capture_output=True, timeout=machine.PATIENCE)
    return done.returncode, done.stdout, done.stderr


def test_each_mistake_is_said_exactly(tmp_path):
    file = tmp_path / "zcrxd.yaml"
    said, expected = {}, {}
    for text, message in MISTAKES:
        file.write_bytes(text.encode("latin-1"))
        said[text] = check(file)
        expected[text] = (1, "", f"{file}:{message}\n")
    assert said == expected


def test_what_is_right(tmp_path):
    file = tmp_path / "zcrxd.yaml"
    file.write_text(machine.config())
    assert check(file) == (0, f"{file} is good: 1 interface, 2 policy rules.\n", "")
    assert check("/etc/zcrxd.yaml")[0] == 0


def test_a_file_that_cannot_be_read(tmp_path):
    assert check(tmp_path) == (1, "", f"Cannot read {tmp_path}: Is a directory.\n")


@pytest.mark.parametrize("text, message", MISTAKES[:1] + MISTAKES[14:15], ids=["key", "twice"])
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
            assert any(f"/etc/zcrxd.yaml:{message}" in said and "stays as it was" in said
                       for said in machine.messages(cursor))
            after = root.call("Describe")
            assert [i["zeroCopyCount"] for i in after["interfaces"]] == [
                i["zeroCopyCount"] for i in before["interfaces"]]
            with root.acquire():
                pass
        # Whoever looks is told, and not only the journal.
        said = (f"/etc/zcrxd.yaml was refused when zcrxd read it last, and what it had read before "
                f"holds. /etc/zcrxd.yaml:{message}")
        assert after["problems"] == [said]
        assert machine.show("zcrxd", "StatusText").endswith(said)
        assert machine.show("zcrxd", "ActiveState") == "active"
        assert " ".join(machine.ctl("status").stdout.split()).endswith(said)
    finally:
        machine.write_config(machine.configure.current)
    machine.run("systemctl", "reload", "zcrxd")
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
        assert subprocess.run(["systemctl", "restart", "zcrxd"], capture_output=True).returncode != 0
        assert refused in machine.messages(cursor)
    finally:
        path.unlink()
        machine.write_config(good)
    machine.until(lambda: machine.show("zcrxd", "ActiveState") == "active")


def test_a_bad_file_does_not_start():
    good = machine.configure.current
    machine.run("systemctl", "stop", "zcrxd.socket", "zcrxd")
    text, message = MISTAKES[15]
    cursor = machine.journal_cursor()
    machine.write_config(text)
    try:
        assert subprocess.run(["systemctl", "start", "zcrxd"], capture_output=True).returncode != 0
        assert f"/etc/zcrxd.yaml:{message}" in machine.messages(cursor)
    finally:
        machine.write_config(good)
    # It is tried again, and needs nobody's help.
    machine.until(lambda: machine.show("zcrxd", "ActiveState") == "active")
