# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody else's ethtool takes what a lease is for, or leads to a queue: what zcrxd says then is what
happens on the wire, and doing what it says to do helps."""

import contextlib
import pathlib
import re

import machine
import pytest
import simnic
from machine import HOST4, run, until

PORT = 9301
FLOW = f"tcp4,dst={HOST4},dst-port={PORT}"
REMOVES = "(ethtool -N zc0 delete 0 removes it)"
MUCH = 1 << 20


def interface():
    return machine.call("Describe")[0]["parameters"]["interfaces"][0]


def status():
    """As text, its lines joined again."""
    return " ".join(machine.ctl("status").stdout.split())


def taken(pid):
    """What the list says of the process's one flow."""
    flow, = machine.lease_of(pid)["flows"]
    return flow.get("takenBy", {}).get("message")


def follow(message):
    """The command that the message names."""
    run(*re.search(r"\((ethtool [^)]*) removes it\)", message)[1].split())


def foreign(*words):
    run("ethtool", "-N", "zc0", "flow-type", "tcp4", "dst-port", str(PORT), *words)


@contextlib.contextmanager
def receiving():
    with machine.receiver(PORT, "--address", HOST4) as program:
        yield program


def zero_copy(queue):
    return simnic.counters().get(f"rx{queue}_zc_bytes", 0)


def goes_on(queue):
    before = zero_copy(queue)
    until(lambda: zero_copy(queue) > before + MUCH)


@pytest.mark.parametrize("action, does", [("0", f"takes {FLOW} to queue 0"), ("-1", f"drops {FLOW}")])
def test_a_foreign_rule_that_was_first_is_reported(action, does):
    message = f"rule 0, which is not zcrxd's, {does} {REMOVES}"
    foreign("action", action, "loc", "0")
    try:
        with receiving() as program:
            lease = machine.lease_of(program.pid)
            queue, = lease["hardwareQueues"]
            before = zero_copy(queue)
            assert taken(program.pid) == message
            assert f"zcrxperf: warning: {message}\n" in program.said["stderr"]
            until(lambda: interface()["state"] == "degraded")
            assert message in interface()["reason"]
            assert interface()["takenFlows"] == 1
            said = status()
            assert f"Problems zc0 lease {lease['leaseId']}: {message}" in said
            assert "(rule 0 takes it)" in machine.ctl("leases").stdout
            with machine.Program("zcrxperf", "send", HOST4, "--port", str(PORT), peer=True):
                if action == "0":  # it comes, and all of it is copied
                    copied = simnic.counters().get("rx0_page_bytes", 0)
                    until(lambda: simnic.counters().get("rx0_page_bytes", 0) > copied + MUCH)
                assert zero_copy(queue) == before
                follow(message)
                goes_on(queue)
                until(lambda: interface()["state"] == "configured")
                assert taken(program.pid) is None and "Problems" not in status()
    finally:
        for location in simnic.rules():
            if location == 0:
                run("ethtool", "-N", "zc0", "delete", "0")


def test_a_later_foreign_rule_is_reported():
    """Put in the place of ours, under traffic: ours comes back behind it, and that is not over."""
    with receiving() as program, \
         machine.Program("zcrxperf", "send", HOST4, "--port", str(PORT), peer=True):
        queue, = machine.lease_of(program.pid)["hardwareQueues"]
        goes_on(queue)
        cursor = machine.journal_cursor()
        foreign("action", "0", "loc", "0")
        message = f"rule 0, which is not zcrxd's, takes {FLOW} to queue 0 {REMOVES}"
        until(lambda: taken(program.pid) == message)
        assert machine.rules_to(queue)
        until(lambda: message in interface().get("reason", ""))
        assert "zc0 repaired" not in machine.messages(cursor)
        # As soon as there is room before it ours goes there.
        run("ethtool", "-N", "zc0", "delete", "0")
        goes_on(queue)
        until(lambda: interface()["state"] == "configured")
        assert "zc0 repaired" in machine.messages(cursor)


def test_a_leak_into_a_free_queue_quarantines_it():
    """Shown as what it is, and nobody gets it."""
    context = re.search(r"New RSS context is (\d+)", run(
        "ethtool", "-X", "zc0", "context", "new", "start", "4", "equal", "1"))[1]
    reason = (f"RSS context {context} of zc0, which is not zcrxd's, leads to queue 4; narrow it, or remove "
              f"it with: ethtool -X zc0 context {context} delete")
    try:
        with receiving() as program:
            assert machine.lease_of(program.pid)["hardwareQueues"] == [5]
            queue = interface()["queues"][4]
            assert (queue["state"], queue["reason"]) == ("quarantined", reason)
            assert f"zc0 queue 4 (quarantined): {reason}" in status()
            refused = machine.ctl("lease", "--queues", "3", status=4).stderr
            assert "zc0 has 2 of 4 zero-copy queues free, 3 asked. 1 is quarantined; queue 4: " in \
                " ".join(refused.split())
    finally:
        run(*reason.split("with: ")[1].split())
    until(lambda: interface()["queues"][4]["state"] == "free")


def test_a_leaking_table_in_report_mode_quarantines():
    """What somebody has set stays as it is, until somebody else applies; other queues are leased."""
    machine.configure("on-drift: report\n" + machine.config())
    try:
        with machine.stopped_receiver(PORT, "acquire") as early:
            run("ethtool", "-X", "zc0", "equal", "5")
            with receiving() as program:
                assert machine.lease_of(early.pid)["hardwareQueues"] == [4]
                assert machine.lease_of(program.pid)["hardwareQueues"] == [5]
                assert set(simnic.indirection()) == set(range(5))
            early.kill()
        until(lambda: interface()["queues"][4]["state"] == "quarantined")
        reason = interface()["queues"][4]["reason"]
        assert reason == ("The RSS table of zc0 leads ordinary traffic to queue 4; narrow it with: zcrxctl "
                          "apply zc0")
        assert set(simnic.indirection()) == set(range(5))
        run(*reason.split("with: ")[1].split())
        until(lambda: interface()["queues"][4]["state"] == "free")
        assert set(simnic.indirection()) == set(range(4))
    finally:
        machine.configure(machine.config())


def test_addresses_beyond_max_flows_are_reported():
    """A listener on all of them: what fits into the lease is steered, and what does not is said."""
    addresses = [f"10.9.{1 + i // 250}.{1 + i % 250}/32" for i in range(260)]
    run("ip", "-batch", "-", input="".join(f"address add {a} dev zc0\n" for a in addresses))
    try:
        with machine.receiver(PORT, user="root") as program:
            lease = machine.lease_of(program.pid)
            assert len(lease["flows"]) == 256
            assert re.search(r"^zcrxperf: warning: there is no room for tcp[46],dst=\S+,dst-port=9301 and \d+ "
                             r"more flows, which are copied; see zcrxctl status$", program.said["stderr"], re.M)
            said = re.fullmatch(
                r"tcp[46],dst=\S+,dst-port=9301 and \d+ more flows of its listener are not steered, and "
                r"copied: A lease has at most 256 flows\. The listener is on all addresses, which takes one "
                r"flow for each address of zc0; one that is bound to an address takes one\.",
                lease["notSteered"])
            assert said and f"zc0 lease {lease['leaseId']}: {said[0]}" in status()
            run("ip", "-batch", "-", input="".join(f"address delete {a} dev zc0\n" for a in addresses[:20]))
            until(lambda: "notSteered" not in machine.lease_of(program.pid))
        # An ordinary user has fewer, and the refusal says where they come from.
        with machine.receiver(PORT, ready=False) as program:
            program.wait_for("The listener is on all addresses, which takes one flow for each address of zc0")
    finally:
        run("ip", "-batch", "-", "-force",
            input="".join(f"address delete {a} dev zc0\n" for a in addresses[20:]))


def test_rules_of_a_lost_record_are_foreign():
    """Nothing can be made out of it: the old rule still takes the port from who comes next."""
    state = pathlib.Path("/run/zcrxd/state")
    with receiving():
        machine.systemctl("stop", "zcrxd.service")
        state.write_text("nothing\n")
        machine.systemctl("start", "zcrxd")
        until(lambda: not machine.netkits())
    with receiving() as program:
        message = f"rule 0, which is not zcrxd's, takes {FLOW} to queue 4 {REMOVES}"
        assert taken(program.pid) == message
        assert machine.lease_of(program.pid)["hardwareQueues"] == [5]
        follow(message)
        until(lambda: taken(program.pid) is None)
    until(lambda: interface()["queues"][4]["state"] == "free")
    for broken in state.parent.glob("*.broken"):
        broken.unlink()
    machine.systemctl("restart", "zcrxd")
