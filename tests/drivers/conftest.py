# SPDX-License-Identifier: LGPL-2.1-or-later
"""One simulated NIC after another, each with the quirks of some driver, and zcrxd started anew on
it. What came out is left for table.py."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).parent.parent
sys.path[:0] = [str(TESTS / "nic"), str(TESTS / "system")]

pytest.register_assert_rewrite("machine")

import machine  # noqa: E402 (needs the path)
import modes  # noqa: E402
import simnic  # noqa: E402

DRIVERS = pathlib.Path("/sys/bus/platform/drivers")
DEVICE = pathlib.Path("/sys/devices/platform/zcnic.0")
PARAMETER = pathlib.Path("/sys/module/zcnic/parameters/quirks")
RESULTS = pathlib.Path("/mnt/share/drivers.json")

results = {}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure comes with what the daemon said meanwhile; each outcome goes into the table."""
    report = (yield).get_result()
    if report.failed:
        said = subprocess.run(["journalctl", "-q", "-o", "short-precise", "--no-hostname", "-u",
                               "zcrxd*", f"--since=@{call.start - 60:.6f}"],
                              capture_output=True, text=True, check=False)
        report.sections.append(("zcrxd's journal", said.stdout[-6000:]))
    row = results.setdefault(item.callspec.params["mode"], {})
    row[item.originalname] = row.get(item.originalname, True) and report.passed
    if RESULTS.parent.is_mount():
        RESULTS.write_text(json.dumps(results, indent=1), encoding="ascii")


def pytest_configure(config):
    config.addinivalue_line("markers", "quirk(name): of NICs with that quirk only")


def pytest_collection_modifyitems(items):
    """Each test where it has something to say."""
    def speaks(item):
        mode = item.callspec.params["mode"]
        only = item.get_closest_marker("quirk")
        if mode in modes.REFUSING:
            return item.originalname == "test_configure"
        return not only or only.args[0] in modes.MODES[mode].split()

    items[:] = [item for item in items if speaks(item)]


def new_nic(quirks, driver="zcnic"):
    """Another NIC is plugged in as zc0, of this driver by name; nobody remembers the last one."""
    machine.systemctl("stop", "zcrxd")
    for kept in "/run/zcrxd/state", "/var/lib/zcrxd":
        shutil.rmtree(kept, ignore_errors=True)
        pathlib.Path(kept).unlink(missing_ok=True)
    PARAMETER.write_text(quirks.replace(" ", ",") + "\n", encoding="ascii")
    (DEVICE / "driver" / "unbind").write_text("zcnic.0", encoding="ascii")
    (DEVICE / "driver_override").write_text(f"{driver}\n", encoding="ascii")
    (DRIVERS / driver / "bind").write_text("zcnic.0", encoding="ascii")
    simnic.addresses()
    simnic.run("ip", "-n", "peer", "neigh", "flush", "dev", "zc1")  # it knows another address of zc0


@pytest.fixture(scope="session", autouse=True)
def users():
    """alice, whom the policy knows by her group."""
    subprocess.run(["useradd", "-M", "-U", "-G", "zcrx", "alice"], check=True)


@pytest.fixture(scope="module", params=modes.MODES)
def mode(request):
    new_nic(modes.MODES[request.param])
    machine.found = simnic.settings()
    machine.configure.current = None
    machine.configure(machine.config())
    return request.param


@pytest.fixture
def named(mode):
    """The NIC of a driver as a whole, called as that, so that zcrxd knows it."""
    def plug(quirks, driver):
        new_nic(modes.MODES[quirks], driver)
        machine.configure.current = None
        machine.configure(machine.config())
        machine.until(lambda: machine.call("Describe")[0]["parameters"]["interfaces"][0]["state"]
                      == "configured")

    yield plug
    for lease in machine.leases():
        machine.call("Revoke", leaseId=lease["leaseId"], force=True, graceUSec=0)
    machine.until(lambda: not machine.leases())
    plug(mode, "zcnic")


@pytest.fixture(autouse=True)
def nothing_left(request, mode):
    """Whatever a test did, its leases are gone soon after it."""
    yield
    for lease in machine.leases():
        machine.call("Revoke", leaseId=lease["leaseId"], force=True, graceUSec=0)
    machine.until(lambda: not machine.leases())
    # Else there are no queues that could be looked at.
    if mode not in modes.REFUSING and request.node.originalname != "test_restore":
        machine.until(machine.is_clean)
    # A rule that is not listed is never asked for.
    assert simnic.counters()["unlisted_reads"] == 0
