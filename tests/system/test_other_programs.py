# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs that set NICs beside zcrxd (docs/COEXISTENCE.md): what each of them does to a NIC, and what comes
of it."""

import contextlib
import errno
import os
import pathlib
import re
import shutil
import socket

import machine
import nl
import pytest
import simnic
import units
from machine import HOST4, HOST6, run, until

CONFIG = machine.config(policy=machine.POLICY.replace("    flows: prove\n",
                                                      "    flows: prove\n    tune: true\n"))
PORT = 9001
MUCH = 1 << 20


def interface():
    return machine.call("Describe")[0]["parameters"]["interfaces"][0]


def queue(index):
    return interface()["queues"][index]


@contextlib.contextmanager
def traffic():
    """alice receives without end; how to see that she still does, by zero copy."""
    with machine.receiver(PORT, "--address", HOST4) as program, \
         machine.Program("zcrxperf", "send", HOST4, "--port", str(PORT), peer=True):
        index, = machine.lease_of(program.pid)["hardwareQueues"]

        def received():
            return simnic.counters().get(f"rx{index}_zc_bytes", 0)

        def goes_on():
            before = received()
            until(lambda: received() > before + MUCH)

        goes_on()
        yield goes_on


# --------------------------------------------------------------------- another lessor of queues


def test_a_queue_that_another_program_leases_is_not_handed_out(root):
    """To a netkit device of its own, as Cilium does; and of what zcrxd has leased it gets none."""
    nl.netkit_single("other0", 2)
    try:
        number = socket.if_nametoindex("other0")
        nl.queue_lease("other0", "zc0", 5)
        until(lambda: queue(5)["state"] == "quarantined")
        assert queue(5)["reason"] == ("the kernel shows it in use by a network device that is none of zcrxd's: "
                                      f"number {number} in `ip link`")
        with root.acquire(queues=3) as lease:
            assert lease.queues == [4, 6, 7]
            with pytest.raises(OSError) as refused:
                nl.queue_lease("other0", "zc0", 4)
            assert refused.value.errno == errno.EBUSY
    finally:
        run("ip", "link", "del", "other0")
    until(lambda: queue(5)["state"] == "free")


# ----------------------------------------------------------------------------------- irqbalance


def test_an_interrupt_that_irqbalance_moves_is_shown_where_it_is(alice):
    """zcrxd does not fight for it, and puts back what it found all the same."""
    with alice.acquire() as lease:
        index, = lease.queues
        own, other = sorted(os.sched_getaffinity(0))[:2]
        file = pathlib.Path(f"/proc/irq/{queue(index)['irq']}/smp_affinity_list")
        before = file.read_text()
        lease.call("Tune", irqAffinity=f"{own}")
        file.write_text(f"{other}")
        assert queue(index)["irqAffinity"] == f"{other}"
        lease.call("Tune", irqAffinity=f"{own}")
        assert file.read_text() == f"{own}\n"
        file.write_text(f"{other}")
    until(lambda: file.read_text() == before)


# ------------------------------------------------------- who sets channels and rings at a connection


def test_settings_of_a_network_manager_are_undone_under_traffic():
    """As NetworkManager makes them whenever it connects: what the kernel does not refuse is repaired, at once
    or, if that might disturb the lease, when it has ended. No traffic is lost."""
    machine.systemctl("restart", "zcrxd")  # the first drifts of a daemon are repaired at once
    with traffic() as goes_on:
        run("ip", "link", "set", "zc0", "down")
        simnic.refused("ethtool", "-L", "zc0", "combined", "4")
        run("ethtool", "-G", "zc0", "rx", "512")
        run("ethtool", "-K", "zc0", "ntuple", "off")
        simnic.addresses()
        until(machine.rule_count)
        goes_on()
    until(lambda: interface()["state"] == "configured")


# ------------------------------------------------------------------ systemd-networkd and systemd-udevd

UNITS = pathlib.Path("/etc/systemd/system")
NETWORK = pathlib.Path("/run/systemd/network")
UDEVD = "systemd-udevd.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket"


@pytest.fixture(name="udevd")
def fixture_udevd():
    """Both, which other tests do without."""
    for unit in UDEVD:
        (UNITS / unit).unlink()
    NETWORK.mkdir(exist_ok=True)
    units.daemon_reload()
    machine.systemctl("start", *UDEVD)
    yield
    machine.systemctl("stop", "systemd-networkd.socket", "systemd-networkd", *UDEVD)
    for unit in UDEVD:
        (UNITS / unit).symlink_to("/dev/null")
    shutil.rmtree(NETWORK)
    shutil.rmtree("/run/udev")
    units.daemon_reload()
    simnic.addresses()


def trigger():
    """What systemd-udev-trigger.service does at boot, and whoever starts it again."""
    run("udevadm", "trigger", "--action=add", "--subsystem-match=net")
    run("udevadm", "settle")


def managed(ifname):
    """What networkd has made of it."""
    state = pathlib.Path(f"/run/systemd/netif/links/{socket.if_nametoindex(ifname)}")
    return re.search(r"^ADMIN_STATE=(.*)$", state.read_text() if state.exists() else "", re.M)


def test_networkd_and_udevd_change_nothing_of_a_lease(udevd):
    """networkd has the NIC, and leaves the lease's netkit device alone; of what a .link file says of the
    NIC's channels and rings nothing lasts."""
    (NETWORK / "10-all.network").write_text(
        f"[Match]\nName=zc0 zcrx-*\n[Network]\nAddress={HOST4}/24\nAddress={HOST6}/64\n")
    trigger()
    machine.systemctl("start", "systemd-networkd")
    until(lambda: managed("zc0") and managed("zc0")[1] == "configured")
    with traffic() as goes_on:
        netkit, = machine.netkits()
        until(lambda: managed(netkit))
        assert managed(netkit)[1] == "unmanaged"
        machine.systemctl("restart", "systemd-networkd")
        (NETWORK / "10-zc0.link").write_text(
            "[Match]\nOriginalName=zc0\n[Link]\nCombinedChannels=4\nRxBufferSize=512\n")
        run("udevadm", "control", "--reload")
        for _ in range(3):
            trigger()
        goes_on()
        assert simnic.channels() == 8
    trigger()
    until(lambda: simnic.channels() == 8 and interface()["state"] == "configured")


# ----------------------------------------------------------------- names that come after the daemon


def test_an_alternative_name_that_comes_late_is_enough():
    """Of an entry that names the NIC as udev will: it may start after zcrxd, rename, and add names."""
    machine.configure(CONFIG.replace("name: zc0", "name: enp1s0np0"))
    try:
        assert interface()["state"] == "missing"
        run("ip", "link", "set", "zc0", "name", "eth7")
        run("ip", "link", "property", "add", "dev", "eth7", "altname", "enp1s0np0")
        until(lambda: (interface()["name"], interface()["state"]) == ("eth7", "configured"))
    finally:
        run("ip", "link", "property", "del", "dev", "eth7", "altname", "enp1s0np0")
        run("ip", "link", "set", "eth7", "name", "zc0")
        machine.configure(CONFIG)
    until(lambda: (interface()["name"], interface()["state"]) == ("zc0", "configured"))
