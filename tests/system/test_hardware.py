# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxctl check --hardware: the life of a lease, as a report that may be sent to anybody."""

import os
import pathlib
import re

import machine
import pytest
import simnic


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch):
    monkeypatch.setenv("ZCRXD_CHECK_PAUSE_MSEC", "100")
    machine.configure(machine.config())


@pytest.mark.parametrize("user", [None, "alice"], ids=["root", "alice"])
def test_the_report_has_every_step_and_no_names(user):
    before = simnic.settings()
    report = machine.ctl("check", "--hardware", "zc0", user=user).stdout
    assert re.findall(r"^(\d+)\. .*: \d+\.\d+ ms$", report, re.M) == [str(n) for n in range(1, 15)], report
    assert "FAILED" not in report and "At the end the NIC is as before." in report
    assert ("The kernel's log is missing here" in report) == bool(user)
    assert re.search(r"^  queue \d+: NAPI \d+, leased -> NAPI \d+, io_uring, leased$", report, re.M), report
    mac = pathlib.Path("/sys/class/net/zc0/address").read_text(encoding="ascii").strip()
    for name in "zc0", "vnet0", mac, simnic.HOST4, simnic.HOST6, "10.9.0", os.uname().nodename, user or mac:
        assert not re.search(rf"\b{name}\b", report), name
    assert simnic.settings() == before
    machine.until(machine.is_clean)
    assert machine.leases() == []


def test_it_is_refused_where_a_default_route_leads(request):
    machine.run("ip", "route", "add", "default", "via", simnic.PEER4, "dev", "zc0")
    request.addfinalizer(lambda: machine.run("ip", "route", "del", "default", "dev", "zc0"))
    said = machine.ctl("check", "--hardware", "zc0", status=1)
    assert said.stdout == "" and "A default route leads through zc0" in said.stderr
    assert machine.leases() == []
    assert "is as before" in machine.ctl("check", "--hardware", "--force", "zc0").stdout


def test_a_step_that_fails_ends_it_and_leaves_nothing():
    """No rule of the policy is for her."""
    report = machine.ctl("check", "--hardware", "zc0", user="mallory", status=1).stdout
    assert "FAILED: " in report and "No rule of the policy" in report
    assert "\n3. " not in report and "At the end the NIC is as before." in report
