# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxctl, every verb on the real daemon: what it prints, its JSON, its exit status."""

import contextlib
import json
import re
import subprocess

import machine
import pytest
from machine import ctl, ctl_json, until

DONE, FAILED, USAGE, DENIED, NOTHING = range(5)
FLOW = "tcp4,dst-port=9999,dst=10.9.0.1/32,src=10.9.0.0/24,src-port=1000"


def test_status(root):
    with machine.receiver(9001):
        text = ctl("status").stdout
        description = ctl_json("status")
        lease = machine.leases()[0]["leaseId"]
        assert lease in text and "alice" in text and "steered" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert re.search(r"^zc0 +zcnic, configured$", text, re.M)
    # The picture: four ordinary queues, one leased, three free.
    assert re.search(r"^ +0 +\. +\. +\. +\. +a> +- +- +-$", text, re.M)
    assert description.keys() == root.call("Describe").keys() | {"leases"}
    assert [queue.get("state") for queue in description["interfaces"][0]["queues"]] == [
        None] * 4 + ["steered"] + ["free"] * 3
    assert [queue["kind"] for queue in description["interfaces"][0]["queues"]] == [
        "ordinary"] * 4 + ["zeroCopy"] * 4
    assert "\x1b" not in text
    assert [interface["name"] for interface in ctl_json("status", "zc0")["interfaces"]] == ["zc0"]


def test_alternative_name(root):
    """Whoever can name an interface can name it so; what is printed is its name."""
    alternative = "a-long-alternative-name"
    machine.run("ip", "link", "property", "add", "dev", "zc0", "altname", alternative)
    try:
        until(lambda: root.call("Describe", interface=alternative)["interfaces"])
        assert [found["name"] for found in ctl_json("status", alternative)["interfaces"]] == ["zc0"]
        made = ctl_json("lease", alternative)
        assert made["interface"] == "zc0" and made["leaseId"] in ctl("status", alternative).stdout
        assert ctl_json("explain", FLOW, alternative)["interface"] == "zc0"
        assert ctl_json("plan", alternative) == []
        checked = {one["requirement"]: one for one in ctl_json("check", alternative)}
        assert (checked["configured"]["interface"], checked["configured"]["verdict"]) == (
            "zc0", "yes")
        # As `ip link` shows it.
        ctl("release", "zcrx-" + made["leaseId"])
    finally:
        machine.run("ip", "link", "property", "del", "dev", "zc0", "altname", alternative)
    # Nor does anybody keep a lease whose id nobody has seen.
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(["zcrxctl", "lease", "zc0"], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False)
    assert done.returncode == FAILED and "was released again" in done.stderr
    assert machine.leases() == []


def test_lease_leases_release():
    made = ctl_json("lease", "zc0", "--queues", "2", "--name", "backup", "--ttl", "1h")
    assert (made["persistent"], made["name"], made["state"]) == (True, "backup", "reserved")
    assert made["hardwareQueues"] == [4, 5]
    assert made["expiryUSec"] - made["creationUSec"] == pytest.approx(3600e6, rel=0.01)
    assert ctl_json("leases") == [made]
    assert re.search(rf"^{made['leaseId']} +backup +root +\d+ +zc0 +4-5 +reserved",
                     ctl("leases").stdout, re.M)

    text = ctl("lease", "zc0").stdout
    second = re.search(r"^([0-9a-f]{8}) +zc0 +6$", text, re.M)[1]
    assert len(ctl("leases", "--no-legend").stdout.splitlines()) == 2
    ctl("release", second)
    assert ctl_json("leases") == [made]
    ctl("lease", "zc0", user="alice")
    ctl("release", "--all-mine")
    assert [lease["ownerUid"] != 0 for lease in ctl_json("leases")] == [True]
    ctl("release", "--all-mine", user="alice")
    assert ctl_json("leases") == []


def test_ttl():
    made = ctl_json("lease", "zc0", "--ttl", "1s")
    until(lambda: not machine.leases())
    assert f"There is no lease {made['leaseId']}" in ctl("release", made["leaseId"], status=FAILED).stderr


def test_flows_of_root():
    made = ctl_json("lease", "zc0", "--flow", FLOW)
    assert (made["selfRegistered"], made["grant"], made["state"]) == (True, "direct", "steered")
    assert [{key: value for key, value in flow.items() if key != "flowId"}
            for flow in made["flows"]] == [
        {"protocol": "tcp4", "source": "10.9.0.0/24", "destination": "10.9.0.1",
         "sourcePort": 1000, "destinationPort": 9999}]
    rule, = machine.rules()
    assert rule["Dest port"] == "9999 mask: 0x0"
    assert rule["Src IP addr"] == "10.9.0.0 mask: 0.0.0.255"
    ctl("release", made["leaseId"])
    assert machine.rules() == []


def test_run():
    script = ('echo "$ZCRX_LEASE"; readlink /proc/self/fd/$ZCRX_LEASE_HANDLE_FD; '
              'zcrxctl --json=short leases; exit 7')
    done = ctl("run", "--name", "job", "--", "sh", "-c", script, user="alice", status=7)
    lease, handle, listed = done.stdout.splitlines()
    assert handle.startswith("socket:[")
    assert [(found["leaseId"], found["name"]) for found in json.loads(listed)] == [(lease, "job")]
    until(lambda: not machine.leases())


def test_run_hands_the_lease_to_a_program():
    argv = ["zcrxctl", "run", "--", "zcrxperf", "receive", "--json", "--verify", "--port", "9001"]
    with machine.Program(*argv, user="alice") as receiving:
        receiving.wait_for("^listening")
        lease, = machine.leases()
        with machine.sender(machine.HOST4, 9001, 1 << 20) as sending:
            assert sending.finish() == 0
        result = receiving.result()
    machine.assert_zero_copy(result, 1 << 20)
    assert result["leaseId"] == lease["leaseId"]


def test_run_hands_the_lease_to_a_program_that_knows_nothing_of_it():
    """zcrx_lease_acquire() finds it: there is one lease, not two."""
    example = machine.with_sanitizers("zcrxperf").replace(
        "tools/zcrxperf/zcrxperf", "libzcrx-client/zcrx-receive-example")
    with machine.Program("zcrxctl", "run", "--name", "job", "--", example, "9001", user="alice") as receiving:
        until(lambda: [(lease["name"], lease["state"]) for lease in machine.leases()] == [("job", "steered")])
        with machine.sender(machine.HOST4, 9001, 1 << 20) as sending:
            assert sending.finish() == 0
        assert receiving.finish() == 0, receiving.said
    assert "1048576 bytes received, 0 of them copied" in receiving.said["stdout"]


def test_watch():
    with machine.Program("zcrxctl", "--json=short", "watch", user="mallory") as watching:

        def saw(lease):
            with contextlib.suppress(AssertionError):
                return watching.wait_for(f'"freed".*{lease}', seconds=1)

        def make():
            made = ctl_json("lease")["leaseId"]
            ctl("release", made)
            return made

        # Whoever is heard of at all shows that it watches; what comes then is seen from the start.
        until(lambda: saw(make()))
        last = make()
        watching.wait_for(f'"freed".*{last}')
        seen = [json.loads(line) for line in watching.said["stdout"].splitlines()]
        assert [event["event"] for event in seen if event["leaseId"] == last] == [
            "acquired", "draining", "freed"]
        assert {event["interface"] for event in seen} == {"zc0"}


def test_plan_and_apply_of_what_is_done():
    assert ctl_json("plan") == []
    assert ctl_json("apply", "zc0") == []
    assert ctl("plan").stdout or ctl("plan").stderr
    ctl("reload")


def test_revoke():
    with machine.receiver(9001) as receiving:
        lease = machine.leases()[0]["leaseId"]
        assert "Only administrators" in ctl("revoke", lease, user="bob", status=DENIED).stderr
        ctl("revoke", lease, "--reason", "maintenance")
        assert machine.is_clean()
        receiving.wait_for("The lease is gone")


def test_denied():
    assert "No rule of the policy" in ctl("lease", "zc0", user="mallory", status=DENIED).stderr
    for arguments in ["apply"], ["reload"]:
        ctl(*arguments, user="alice", status=DENIED)
    assert "by value" in ctl("lease", "zc0", "--flow", FLOW, user="alice", status=DENIED).stderr
    assert "max-queues" in ctl("lease", "--queues", "4", user="alice", status=DENIED).stderr


def test_nothing_available():
    ctl("lease", "zc0", "--queues", "4")
    assert "has 0 of 4 zero-copy queues free" in ctl("lease", user="alice", status=NOTHING).stderr
    ctl("run", "--", "true", user="alice", status=NOTHING)
    ctl("release", "--all-mine")


def test_failed():
    assert "not in the configuration" in ctl("lease", "eth9", status=FAILED).stderr
    assert "no lease 00000001" in ctl("release", "00000001", status=FAILED).stderr
    said = ctl("--socket", "/run/nobody", "status", status=FAILED).stderr
    assert "Is it running?" in said


def test_usage():
    """The rest is tested where zcrxctl is, against a server with canned answers."""
    for arguments in ["lend"], ["lease", "--flow", "tcp4,dst-port=x"], ["status", "--what"]:
        assert ctl(*arguments, status=USAGE).stderr


def test_help():
    overview = ctl("--help").stdout
    for verb in ("status", "leases", "lease", "release", "run", "watch", "plan", "apply", "reload"):
        assert f"  {verb}" in overview
    assert ctl("lease", "--help").stdout.startswith("zcrxctl lease")


def test_version():
    version = subprocess.run([machine.DAEMON, "--version"], capture_output=True, text=True).stdout
    assert version == "zcrxd " + ctl("--version").stdout.split()[-1] + "\n"
