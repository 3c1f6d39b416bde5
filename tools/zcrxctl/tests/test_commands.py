# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real zcrxctl against a server with canned answers: what it asks, prints and returns."""
import json
import os
import re
import subprocess

import pytest

from fake import (CHANGE, DESCRIPTION, ENVIRONMENT, LEASE, OTHER, OURS, ZCRXCTL, bad,
                  good)


# status, leases

def test_status(server):
    server.answer(Describe={"parameters": DESCRIPTION},
                  ListLeases={"parameters": {"lease": LEASE}})
    out = good(server.ctl("status"))
    assert "zc0  zcnic, configured\n" in out and "zc9  zcnic, configured\n" in out
    assert "          0  1\n     0    .  a>\n" in out
    assert re.search(r"^a +3f9a01c2 +web +root +zc0 +1-3,7 +steered +netkit +"
                     r"tcp4 :9999$", out, re.M)
    assert "\x1b" not in out


def test_status_of_one_interface(server):
    """zcrxd finds it, by whatever name; its leases are those under the name that it has."""
    only = dict(DESCRIPTION, interfaces=[OTHER])
    server.answer(Describe={"parameters": only},
                  ListLeases=[{"parameters": {"lease": LEASE}},
                              {"parameters": {"lease": dict(LEASE, interface="zc9",
                                                            leaseId="00000009")}}])
    out = good(server.ctl("status", "a-long-alternative-name"))
    assert server.calls()[0] == ("Describe", {"interface": "a-long-alternative-name"})
    assert "zc0" not in out and "00000009" in out and "3f9a01c2" not in out
    shown = json.loads(good(server.ctl("status", "zc9", "--json=short")))
    assert [one["leaseId"] for one in shown.pop("leases")] == ["00000009"] and shown == only


def test_status_of_no_interface(server):
    server.answer(Describe={"error": OURS + "NoSuchInterface", "parameters": {
        "message": "nope is not in the configuration. See zcrxctl status."}})
    bad(server.ctl("status", "nope"), 1,
        "zcrxctl: nope is not in the configuration. See zcrxctl status.\n")


def test_status_json(server):
    server.answer(Describe={"parameters": DESCRIPTION},
                  ListLeases=[{"parameters": {"lease": LEASE}},
                              {"parameters": {"lease": dict(LEASE, ownerUid=4294967294)}}])
    expected = dict(DESCRIPTION, leases=[dict(LEASE, ownerName="root"), dict(LEASE, ownerUid=4294967294)])
    short = good(server.ctl("status", "--json=short"))
    assert json.loads(short) == expected and short.count("\n") == 1
    assert good(server.ctl("status", "--json")) == short  # no terminal
    pretty = good(server.ctl("--json=pretty", "status"))
    assert json.loads(pretty) == expected and pretty.count("\n") > 20
    assert json.loads(good(server.ctl("leases", "--json"))) == expected["leases"]


def test_leases(server):
    second = dict(LEASE, leaseId="77aa0e10", name=None, ownerUid=4294967294, areaBytes=0, flows=[],
                  persistent=True, spread="perFlow")
    server.answer(ListLeases=[{"parameters": {"lease": LEASE}}, {"parameters": {"lease": second}}])
    lines = good(server.ctl("leases")).splitlines()
    assert lines[0].split() == ["LEASE", "NAME", "OWNER", "PID", "INTERFACE", "QUEUES", "SPREAD",
                                "STATE", "GRANT", "AREA", "ENDS", "FLOWS"]
    assert lines[2].split() == ["77aa0e10", "-", "4294967294", "4711", "zc0", "1-3,7", "perFlow",
                                "steered", "netkit", "-", "never", "-"]
    assert good(server.ctl("leases", "--no-legend")).splitlines()[1].startswith("77aa0e10")
    assert json.loads(good(server.ctl("leases", "--json=short"))) == [dict(LEASE, ownerName="root"), second]
    good(server.ctl("leases", "3f9a01c2"))
    assert server.calls()[-1] == ("ListLeases", {"leaseId": "3f9a01c2"})


def test_no_leases(server):
    server.answer(ListLeases={"parameters": {"lease": None}})
    good(server.ctl("leases"), "No leases.\n")
    good(server.ctl("leases", "--no-legend"), "")
    good(server.ctl("leases", "--json=short"), "[]\n")


def test_strings_of_others_are_escaped(server):
    server.answer(ListLeases={"parameters": {"lease": dict(LEASE, name="\x1b[31mroot\n\u202ex")}},
                  Watch=[{"parameters": {"event": {"event": "failed", "timestampUSec": 0,
                                                   "reason": "\x1b]0;title\x07"}}}],
                  Release={"error": OURS + "NoSuchLease",
                           "parameters": {"message": "No lease \x1b[2J."}})
    assert "\\x1b[31mroot\\n\\u202ex" in good(server.ctl("leases"))
    assert "\\x1b]0;title\\x07" in good(server.ctl("watch"))
    bad(server.ctl("release", "x"), 1, "zcrxctl: No lease \\x1b[2J.\n")


# lease, release, run

def test_lease(server):
    server.answer(Acquire={"parameters": {"lease": LEASE}})
    good(server.ctl("lease"), "LEASE     INTERFACE  QUEUES\n3f9a01c2  zc0        1-3,7\n")
    assert server.calls()[-1] == ("Acquire", {"persistent": True})
    good(server.ctl("lease", "zc0", "--queues", "4", "--name", "web", "--ttl", "1h30min",
                    "--flow", "tcp4,dst-port=9999,dst=10.0.0.1/32,src=10.0.0.0/24,src-port=1000",
                    "--flow=tcp6,dst-port=80", "--no-legend"), "3f9a01c2  zc0  1-3,7\n")
    assert server.calls()[-1] == ("Acquire", {
        "persistent": True, "interface": "zc0", "queues": 4, "name": "web",
        "timeToLiveUSec": 5400000000,
        "flows": [{"protocol": "tcp4", "destination": "10.0.0.1", "destinationPort": 9999,
                   "source": "10.0.0.0/24", "sourcePort": 1000},
                  {"protocol": "tcp6", "destinationPort": 80}]})
    assert json.loads(good(server.ctl("lease", "--json=short"))) == dict(LEASE, ownerName="root")


def test_lease_for_another_user(server):
    """By name or by number, which need not be anybody's here."""
    server.answer(Acquire={"parameters": {"lease": dict(LEASE, ownerUid=1, acquirerUid=0)}})
    shown = json.loads(good(server.ctl("lease", "--owner", "daemon", "--json=short")))
    assert shown == dict(LEASE, ownerUid=1, acquirerUid=0, ownerName="daemon", acquirerName="root")
    good(server.ctl("lease", "--owner=4000000000"))
    assert [p for _, p in server.calls()] == [{"persistent": True, "ownerUid": 1},
                                              {"persistent": True, "ownerUid": 4000000000}]
    for user in "nobody-of-that-name", "-1", "4294967295", "":
        bad(server.ctl("lease", f"--owner={user}"), 2, f"zcrxctl: --owner {user}: there is no such user.\n")
    assert "unrecognized option '--owner" in server.ctl("run", "--owner=daemon", "true").stderr
    assert len(server.calls()) == 2


def test_leases_for_others_show_who_acquired_them(server):
    server.answer(ListLeases=[{"parameters": {"lease": dict(LEASE, ownerUid=1, acquirerUid=0)}},
                              {"parameters": {"lease": dict(LEASE, leaseId="00000001")}}])
    lines = [line.split() for line in good(server.ctl("leases")).splitlines()]
    assert lines[0][:4] == ["LEASE", "NAME", "OWNER", "ACQUIRER"]
    assert lines[1][:4] == ["3f9a01c2", "web", "daemon", "root"]
    assert lines[2][:5] == ["00000001", "web", "root", "-", "4711"]


def lease_into(server, stdout, *arguments, **kwargs):
    return subprocess.run([ZCRXCTL, "--socket", server.socket, "lease", *arguments],
                          env=ENVIRONMENT, stdout=stdout, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False, **kwargs)


@pytest.mark.parametrize("arguments", [(), ("--json=short",)])
@pytest.mark.parametrize("where, why", [("/dev/full", "No space left on device"),
                                        ("a closed pipe", "Broken pipe"),
                                        ("closed", "Bad file descriptor")])
def test_lease_that_nobody_sees(server, where, why, arguments):
    """Its id was to be printed, and is what it takes to end it: so it ends now."""
    server.answer(Acquire={"parameters": {"lease": LEASE}}, Release={"parameters": {}})
    if where == "/dev/full":
        with open(where, "w", encoding="ascii") as full:
            result = lease_into(server, full, *arguments)
    elif where == "closed":
        result = lease_into(server, None, *arguments, preexec_fn=lambda: os.close(1))
    else:
        reader, writer = os.pipe()
        os.close(reader)
        result = lease_into(server, writer, *arguments)
        os.close(writer)
    assert (result.returncode, result.stderr.splitlines()[-1]) == (
        1, "zcrxctl: Lease 3f9a01c2 was released again.")
    assert why in result.stderr
    assert server.calls()[-1] == ("Release", {"leaseId": "3f9a01c2"})


def test_lease_that_cannot_be_released(server):
    server.answer(Acquire={"parameters": {"lease": LEASE}},
                  Release={"error": OURS + "WrongState", "parameters": {"message": "Not now."}})
    with open("/dev/full", "w", encoding="ascii") as full:
        result = lease_into(server, full)
    assert (result.returncode, result.stderr) == (
        1, "zcrxctl: Cannot write the output: No space left on device.\nzcrxctl: Not now.\n"
        "zcrxctl: Lease 3f9a01c2 is still there. To end it: zcrxctl release 3f9a01c2\n")


def test_release(server):
    mine = dict(LEASE, persistent=True, ownerUid=os.getuid())
    leases = [dict(mine, leaseId="00000001"), dict(mine, leaseId="00000002", persistent=False),
              dict(mine, leaseId="00000003", ownerUid=os.getuid() + 1),
              dict(mine, leaseId="00000004")]
    server.answer(Release={"parameters": {}},
                  ListLeases=[{"parameters": {"lease": lease}} for lease in leases])
    good(server.ctl("release", "a", "b"), "")
    good(server.ctl("release", "--all-mine"), "")
    assert [p for m, p in server.calls() if m == "Release"] == [
        {"leaseId": "a"}, {"leaseId": "b"}, {"leaseId": "00000001"}, {"leaseId": "00000004"}]
    usage = "zcrxctl: Name the leases to release, or give --all-mine.\n"
    bad(server.ctl("release"), 2, usage)
    bad(server.ctl("release", "a", "--all-mine"), 2, usage)


def test_release_goes_on(server):
    server.answer(Release={"error": OURS + "NoSuchLease", "parameters": {"message": "No lease."}})
    bad(server.ctl("release", "a", "b"), 1, "zcrxctl: No lease.\nzcrxctl: No lease.\n")
    assert len(server.calls()) == 2


SHOW_HANDLE = """
import os, socket, sys
handle = int(os.environ["ZCRX_LEASE_HANDLE_FD"])
alive = socket.socket(fileno=handle).getpeername() == ""
others = [f for f in os.listdir("/proc/self/fd") if int(f) > 2 and int(f) != handle
          and os.path.exists("/proc/self/fd/" + f)]
print(os.environ["ZCRX_LEASE"], alive, os.getpid(), others, sys.argv[1:])
sys.exit(7)
"""


def test_run(server):
    server.answer(Acquire={"parameters": {"lease": LEASE, "handleFileDescriptor": 0},
                           "handle": True})
    process = subprocess.Popen(
        [ZCRXCTL, "--socket", server.socket, "run", "--interface", "zc0", "--queues", "4", "--flow",
         "tcp4,dst-port=9", "--", "python3", "-c", SHOW_HANDLE, "--queues", "x"],
        env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    out, _ = process.communicate(timeout=60)
    # The command took zcrxctl's place, kept the handle, and inherited nothing else.
    assert out == f"3f9a01c2 True {process.pid} [] ['--queues', 'x']\n"
    assert process.returncode == 7
    assert server.calls() == [("Acquire", {
        "interface": "zc0", "queues": 4,
        "flows": [{"protocol": "tcp4", "destinationPort": 9}]})]
    # Options of the command are its own, without -- as well.
    assert server.ctl("run", "sh", "-c", "echo $ZCRX_LEASE").stdout == "3f9a01c2\n"


def test_run_without_handle(server):
    server.answer(Acquire={"parameters": {"lease": LEASE}})
    bad(server.ctl("run", "true"), 1, "zcrxctl: zcrxd answered without a lease and its handle.\n")


def test_run_of_what_cannot_be_run(server):
    """As with a shell and env(1)."""
    server.answer(Acquire={"parameters": {"lease": LEASE, "handleFileDescriptor": 0}, "handle": True})
    bad(server.ctl("run", "--", "/nonexistent"), 127,
        "zcrxctl: Cannot run /nonexistent: No such file or directory.\n")
    bad(server.ctl("run", "/etc/passwd"), 126, "zcrxctl: Cannot run /etc/passwd: Permission denied.\n")


# explain, plan, apply, restore, revoke, reload

def test_explain(server):
    answer = {"interface": "zc0", "targets": [
        {"share": "some", "rule": 5, "leaseId": "3f9a01c2", "queues": [7], "message": "Rule 5."},
        {"share": "rest", "queues": [0, 1, 2, 4], "message": "RSS."}]}
    server.answer(Explain={"parameters": answer})
    text = ("SHARE  RULE  LEASE     QUEUES  WHY\n"
            "some      5  3f9a01c2  7       Rule 5.\n"
            "rest      -  -         0-2,4   RSS.\n")
    good(server.ctl("explain", "tcp4,dst-port=9", "zc9"), text)
    good(server.ctl("explain", "tcp4,dst-port=9"), text)
    assert [p for m, p in server.calls() if m == "Explain"] == [
        {"flow": {"protocol": "tcp4", "destinationPort": 9}, "interface": "zc9"},
        {"flow": {"protocol": "tcp4", "destinationPort": 9}}]
    assert json.loads(good(server.ctl("explain", "tcp4", "zc0", "--json=short"))) == answer


def test_plan(server):
    server.answer(Plan={"parameters": {"changes": [CHANGE]}})
    good(server.ctl("plan", "zc0"), "INTERFACE  STEP      FROM  TO  EFFECT\n"
         "zc0        channels  8     32  the link bounces\n")
    assert server.calls() == [("Plan", {"interface": "zc0"})]
    assert json.loads(good(server.ctl("plan", "--json=short"))) == [CHANGE]


def test_plan_warns(server):
    """Of what is for nothing: where the changes go, it would be in the way."""
    server.answer(Plan={"parameters": {"changes": [], "warnings": ["zco is nothing."]}})
    bad(server.ctl("plan"), 0, "zcrxctl: Warning: zco is nothing.\n", "Nothing to change.\n")
    bad(server.ctl("plan", "--json=short"), 0, "zcrxctl: Warning: zco is nothing.\n", "[]\n")


def test_plan_waits(server):
    waits = dict(CHANGE, blockedBy=["3f9a01c2"], message="Waits for lease 3f9a01c2 (queue 7)")
    server.answer(Plan={"parameters": {"changes": [waits]}}, Apply={"parameters": {"changes": [
        dict(waits, outcome="waits")]}})
    good(server.ctl("plan"), "INTERFACE  STEP      FROM  TO  EFFECT\n"
         "zc0        channels  8     32  the link bounces\n"
         "zc0: channels: Waits for lease 3f9a01c2 (queue 7).\n")
    result = server.ctl("apply")
    assert (result.returncode, result.stderr) == (
        1, "zcrxctl: zc0: Waits for lease 3f9a01c2 (queue 7)\n")
    assert " waits " in result.stdout


def test_empty_plan(server):
    server.answer(Plan={"parameters": {"changes": []}})
    good(server.ctl("plan"), "Nothing to change.\n")
    good(server.ctl("plan", "--no-legend"), "")
    good(server.ctl("plan", "--json=short"), "[]\n")


@pytest.mark.parametrize("verb, method, arguments", [("apply", "Apply", {}),
                                                     ("restore", "Restore", {"interface": "zc0"})])
def test_apply(server, verb, method, arguments):
    done = dict(CHANGE, outcome="done")
    server.answer(**{method: {"parameters": {"changes": [done]}}})
    good(server.ctl(verb, *arguments.values()),
         "INTERFACE  STEP      FROM  TO  OUTCOME  EFFECT\n"
         "zc0        channels  8     32  done     the link bounces\n")
    good(server.ctl(verb, *arguments.values(), "--force"))
    assert server.calls() == [(method, arguments), (method, dict(arguments, force=True))]


def test_apply_failed(server):
    failed = [dict(CHANGE, outcome="undone"),
              dict(CHANGE, step="rss", outcome="failed", message="Cannot set RSS: busy.")]
    server.answer(Apply={"parameters": {"changes": failed}})
    result = server.ctl("apply")
    assert result.returncode == 1
    assert result.stderr == "zcrxctl: zc0: Cannot set RSS: busy.\n"
    assert " undone " in result.stdout and " failed " in result.stdout
    result = server.ctl("apply", "--json=short")
    assert result.returncode == 1 and json.loads(result.stdout) == failed


def test_revoke(server):
    server.answer(Revoke={"parameters": {}})
    good(server.ctl("revoke", "3f9a01c2"), "")
    good(server.ctl("revoke", "3f9a01c2", "--force", "--grace", "0", "--reason", "why"), "")
    assert server.calls() == [("Revoke", {"leaseId": "3f9a01c2"}), ("Revoke", {
        "leaseId": "3f9a01c2", "force": True, "graceUSec": 0, "reason": "why"})]


def test_reload(server):
    server.answer(Reload={"parameters": {"warnings": []}})
    good(server.ctl("reload"), "")
    good(server.ctl("reload", "--json=short"), '{"warnings":[]}\n')


def test_reload_in_part(server):
    server.answer(Reload={"parameters": {"warnings": ["zc9 is missing."], "waiting": ["zc0: it waits."]}})
    bad(server.ctl("reload"), 1, "zcrxctl: zc0: it waits.\nzcrxctl: zc9 is missing.\n")


def test_reload_that_waits_for_a_lease_is_no_failure(server):
    server.answer(Reload={"parameters": {"warnings": [], "waiting": ["zc0: it waits for lease 3f9a01c2."]}})
    bad(server.ctl("reload"), 0, "zcrxctl: zc0: it waits for lease 3f9a01c2.\n")


def test_refusals_name_options_not_fields(server):
    server.answer(Tune={"error": OURS + "InvalidParameter", "parameters": {
        "parameter": "deferHardIrqs", "message": "deferHardIrqs is a number from 0 to 100; irqAffinity, too."}})
    bad(server.ctl("tune", "3f9a01c2", "--defer-hard-irqs", "101"), 1,
        "zcrxctl: --defer-hard-irqs is a number from 0 to 100; --irq-affinity, too.\n")


def test_reload_result(server):
    """What systemd asks after it has sent the signal."""
    server.answer(Describe={"parameters": dict(DESCRIPTION, refusedConfig="/etc/zcrxd.yaml:1:1: so")})
    bad(server.ctl("reload", "--result"), 1,
        "zcrxctl: The configuration is unchanged: /etc/zcrxd.yaml:1:1: so\n")
