# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the real zcrxctl says, and returns, when zcrxd refuses, is not there, or is asked nonsense."""
import os
import re
import signal
import socket
import stat
import subprocess
import time

import pytest

from fake import DESCRIPTION, ENVIRONMENT, OURS, ZCRXCTL, Server, bad, good


# errors

@pytest.mark.parametrize("error, parameters, status, text", [
    (OURS + "NoSuchInterface", {"interface": "x", "message": "M."}, 1, "M."),
    (OURS + "NoSuchLease", {"leaseId": "x", "message": "M."}, 1, "M."),
    (OURS + "NoQueueAvailable", {"interface": "x", "message": "M."}, 4, "M."),
    (OURS + "NoQueueAvailable", {}, 4, "No zero-copy queue is free; see zcrxctl leases."),
    (OURS + "QuotaExceeded", {"limit": "max-queues", "message": "M."}, 3, "M."),
    (OURS + "InvalidFlow", {"field": "x", "message": "M."}, 1, "M."),
    (OURS + "FlowNotProved", {"message": "M."}, 3, "M."),
    (OURS + "FlowConflict", {"message": "M."}, 1, "M."),
    (OURS + "WrongState", {"state": "x", "message": "M."}, 1, "M."),
    (OURS + "NotSupported", {"feature": "x", "message": "M."}, 1, "M."),
    (OURS + "InterfaceDown", {"interface": "x", "message": "M."}, 1, "M."),
    (OURS + "KernelRejected", {"message": "M (extack).", "kernelMessage": "extack"}, 1,
     "M (extack)."),
    (OURS + "KernelRejected", {"message": "M.", "kernelMessage": "extack"}, 1,
     "M. The kernel says: extack"),
    ("org.varlink.service.PermissionDenied", {"rule": "r", "message": "M."}, 3, "M."),
    ("org.varlink.service.PermissionDenied", {}, 3, "The policy does not allow this."),
    ("org.varlink.service.InvalidParameter", {"parameter": "name", "message": "M."}, 1, "M."),
    ("org.varlink.service.InvalidParameter", {"parameter": "name"}, 1,
     "zcrxd refuses the value of 'name'."),
    ("io.systemd.System", {"errno": 12}, 1,
     "zcrxd failed: Cannot allocate memory; see: journalctl -u zcrxd"),
    ("com.example.Strange", {}, 1, "zcrxd refused: com.example.Strange"),
])
def test_errors(server, error, parameters, status, text):
    reply = {"error": error, "parameters": parameters}
    server.answer(Acquire=reply, ListLeases=reply)
    bad(server.ctl("lease"), status, f"zcrxctl: {text}\n")
    bad(server.ctl("run", "true"), status, f"zcrxctl: {text}\n")
    bad(server.ctl("leases"), status, f"zcrxctl: {text}\n")


@pytest.mark.parametrize("arguments", [("restore", "zc0"), ("revoke", "x"), ("reload",), ("plan",),
                                       ("leases",), ("explain", "tcp4", "zc0"), ("lease",)])
def test_old_daemon(server, arguments):
    server.answer(Describe={"parameters": DESCRIPTION})
    method = {"leases": "ListLeases", "lease": "Acquire"}.get(arguments[0],
                                                             arguments[0].capitalize())
    bad(server.ctl(*arguments), 1, "zcrxctl: This zcrxd (0.1.0) cannot do that: it has no method "
        f"{method}. A newer one may.\n")


def test_not_zcrxd(server):
    server.answer()
    bad(server.ctl("plan"), 1, "zcrxctl: What answers there is not zcrxd.\n")


def test_no_daemon(tmp_path):
    server = Server(tmp_path)
    hint = "Is it running? Try: systemctl start zcrxd.socket\n"
    bad(server.ctl("status"), 1, f"zcrxctl: Cannot reach zcrxd at {server.socket}: "
        f"No such file or directory. {hint}")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(server.socket)
    bad(server.ctl("status"), 1, f"zcrxctl: Cannot reach zcrxd at {server.socket}: "
        f"Connection refused. {hint}")


def test_denied_by_the_socket(server):
    server.answer(Describe={"parameters": DESCRIPTION})
    os.chmod(server.socket, 0o600)
    os.chmod(server.directory, stat.S_IRWXU | stat.S_IXOTH | stat.S_IXGRP)
    for parent in server.directory.parents:
        if parent.stat().st_uid == os.getuid() and str(parent) not in ("/", "/tmp"):
            os.chmod(parent, 0o755)
    bad(server.ctl("status", user=65534, group=65534, extra_groups=[]), 3,
        f"zcrxctl: Cannot reach zcrxd at {server.socket}: Permission denied.\n")


def test_connection_lost(server):
    server.answer(Plan={"hangUp": True})
    bad(server.ctl("plan"), 1, "zcrxctl: zcrxd closed the connection; see: journalctl -u zcrxd\n")


def test_output_lost(server):
    server.answer(Describe={"parameters": DESCRIPTION}, ListLeases={"parameters": {}})
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run([ZCRXCTL, "--socket", server.socket, "status"], stdout=full,
                                stderr=subprocess.PIPE, env=ENVIRONMENT, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "zcrxctl: Cannot write the output: No space left on device.\n"


def test_a_zcrxd_that_does_not_answer(tmp_path):
    server = Server(tmp_path)
    server.answer(Plan={"parameters": {"changes": []}})
    try:
        server.process.send_signal(signal.SIGSTOP)
        asked = time.monotonic()
        bad(server.ctl("plan"), 1, f"zcrxctl: zcrxd at {server.socket} has not answered for 10 seconds; "
            "see: systemctl status zcrxd, journalctl -u zcrxd\n")
        assert 10 <= time.monotonic() - asked < 20
        # Once it has answered, what is asked for may take its time.
        server.process.send_signal(signal.SIGCONT)
        good(server.ctl("plan"))
    finally:
        server.stop()


# usage

@pytest.mark.parametrize("arguments, text", [
    (["stauts"], "'stauts' is not a command. Did you mean 'status'? See zcrxctl --help."),
    (["-h", "relaod"], "'relaod' is not a command. Did you mean 'reload'? See zcrxctl --help."),
    (["list-leases"], "'list-leases' is not a command; see zcrxctl --help."),
    (["plan", "a", "b"], "Too many arguments; usage: zcrxctl plan [OPTION...] [INTERFACE]"),
    (["restore"], "Too few arguments; usage: zcrxctl restore [OPTION...] INTERFACE"),
    (["run"], "Too few arguments; usage: zcrxctl run [OPTION...] [--] COMMAND..."),
    (["reload", "x"], "Too many arguments; usage: zcrxctl reload [OPTION...]"),
    (["plan", "--json=yaml"], "--json=yaml: expected pretty, short or off."),
    (["lease", "--queues", "0"], "--queues 0: expected a number from 1 up."),
    (["lease", "--queues", "many"], "--queues many: expected a number from 1 up."),
    (["lease", "--ttl", "soon"],
     "--ttl soon: not a time; expected something like 30s, 5min or 1h30min."),
    (["lease", "--ttl", "0s"], "--ttl 0s: a lease cannot end at once."),
    (["revoke", "x", "--grace", "99999999999d"], "--grace 99999999999d: the time is too long."),
    (["--socket", "exec:/bin/true", "plan"], "--socket exec:/bin/true: expected an absolute path."),
])
def test_usage(tmp_path, arguments, text):
    bad(Server(tmp_path).ctl(*arguments), 2, f"zcrxctl: {text}\n")


def test_usage_of_options(tmp_path):
    server = Server(tmp_path)
    bad(server.ctl("plan", "--force"), 2, "zcrxctl: unrecognized option '--force'\n")
    bad(server.ctl("--queues", "2", "lease"), 2, "zcrxctl: unrecognized option '--queues'\n")
    bad(server.ctl("lease", "--queues"), 2, "zcrxctl: option '--queues' requires an argument\n")


def test_usage_of_flows(tmp_path):
    server = Server(tmp_path)
    pointed = ("zcrxctl: Cannot understand the flow 'tcp4,dst-prt=9999', character 6: 'dst-prt' is "
               "not a field; expected dst, dst-port, src or src-port.\n"
               "  tcp4,dst-prt=9999\n"
               "       ^~~~~~~\n")
    bad(server.ctl("lease", "--flow", "tcp4,dst-prt=9999"), 2, pointed)
    bad(server.ctl("explain", "tcp4,dst-prt=9999"), 2, pointed)
    # Nothing to point at where the text is shown otherwise than it was given.
    bad(server.ctl("lease", "--flow", "tcp\x1b"), 2, "zcrxctl: Cannot understand the flow "
        "'tcp\\x1b', character 1: 'tcp\\x1b' is not a protocol; expected tcp4 or tcp6.\n")


def test_help():
    def help_of(*arguments):
        result = subprocess.run([ZCRXCTL, *arguments], env=ENVIRONMENT, capture_output=True,
                                text=True, check=False)
        out = good(result)
        assert all(len(line) <= 80 for line in out.splitlines())
        return out
    verbs = re.findall(r"^  ([a-z]+)\b", help_of("--help"), re.M)
    assert verbs == ["status", "leases", "lease", "release", "run", "tune", "watch", "metrics", "gres", "explain", "plan",
                     "apply", "restore", "revoke", "reload", "check"]
    for verb in verbs:
        assert help_of(verb, "--help").startswith(f"zcrxctl {verb} [OPTION...]")
        assert help_of("-h", verb) == help_of("--help", "--json=off", verb) == help_of(verb, "-h")
    assert help_of("-h") == help_of("--help")
    assert re.fullmatch(r"zcrxctl \d+\.\d+\.\d+\n", help_of("--version"))
