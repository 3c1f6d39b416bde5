# SPDX-License-Identifier: GPL-2.0-only
"""What one should not do to a NIC that is in use. Data may stop; the kernel may not complain."""

import contextlib
import time

import pytest
import nl
import simnic
from simnic import HOST4, Receiver, run

MB = 1 << 20
QUEUE = 7
DRIVER = "/sys/bus/platform/drivers/zcnic/"


@pytest.fixture(autouse=True)
def steered(configured):
    simnic.rule_add("tcp4", "dst-port", "9000", "action", str(QUEUE), "loc", "0")


@contextlib.contextmanager
def traffic(size=0):
    """A receiver in the middle of a transfer, and its sender."""
    with Receiver("-q", QUEUE) as receiver:
        before = simnic.counters()[f"rx{QUEUE}_zc_bytes"]
        sending = simnic.sender(HOST4, 9000, size)
        try:
            simnic.until(lambda: simnic.counters()[f"rx{QUEUE}_zc_bytes"] - before > MB // 2)
            yield receiver
        finally:
            if not size:
                sending.kill()
            sending.wait(simnic.PATIENCE)
            sending.stderr.close()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def test_receiver_killed():
    for _ in range(3):
        with traffic() as receiver:
            receiver.stop()
            simnic.until(lambda: nl.bound_buf_len("zc0", QUEUE) is None)


def test_reconfigured():
    size = 16 * MB
    with traffic(size) as receiver:
        for channels, ring in (9, 64), (16, 4096), (9, 1024):
            run("ethtool", "-L", "zc0", "combined", str(channels))
            run("ethtool", "-G", "zc0", "rx", str(ring))
        simnic.rule_add("udp4", "dst-port", "1", "action", "1")
        run("ethtool", "-X", "zc0", "equal", "3")
        simnic.assert_zero_copy(receiver.result(), size)
    simnic.until(lambda: nl.bound_buf_len("zc0", QUEUE) is None)
    simnic.configure()


def test_link_down_and_up():
    size = 16 * MB
    with traffic(size) as receiver:
        run("ip", "link", "set", "zc0", "down")
        run("ethtool", "-G", "zc0", "rx", "512")
        simnic.addresses()
        assert nl.bound_buf_len("zc0", QUEUE) == 4096
        run("ip", "-n", "peer", "link", "set", "zc1", "down")
        simnic.addresses()
        simnic.assert_zero_copy(receiver.result(), size)


def test_bound_and_unbound_while_down():
    run("ip", "link", "set", "zc0", "down")
    with Receiver("-q", QUEUE, hold=True):
        pass
    with Receiver("-q", QUEUE) as receiver:
        simnic.addresses()
        simnic.assert_zero_copy(simnic.transfer(receiver, 1 * MB), 1 * MB)
        run("ip", "link", "set", "zc0", "down")
    time.sleep(0.3)
    simnic.addresses()
    simnic.until(lambda: nl.bound_buf_len("zc0", QUEUE) is None)


def test_unplugged():
    for device in "zcnic.0", "zcnic.1":
        with traffic():
            write(DRIVER + "unbind", device)
            write(DRIVER + "bind", device)
            if device == "zcnic.1":
                run("ip", "link", "set", "zc1", "netns", "peer")
            simnic.addresses()
            simnic.configure()
        simnic.until(lambda: nl.bound_buf_len("zc0", QUEUE) is None)
        with simnic.rule("tcp4", "dst-port", "9000", "action", str(QUEUE), "loc", "0"), \
             Receiver("-q", QUEUE) as receiver:
            simnic.assert_zero_copy(simnic.transfer(receiver, 1 * MB), 1 * MB)
        simnic.rule_add("tcp4", "dst-port", "9000", "action", str(QUEUE), "loc", "0")


def test_namespace_of_the_peer_goes():
    with traffic():
        pass
    run("ip", "netns", "del", "peer")
    simnic.until(lambda: "zc1" in run("ip", "-br", "link"))
    run("ip", "netns", "add", "peer")
    run("ip", "link", "set", "zc1", "netns", "peer")
    simnic.addresses()


def test_module_unloaded():
    run("ip", "-n", "peer", "link", "set", "lo", "up")
    with traffic():
        run("rmmod", "zcnic")
        run("insmod", str(simnic.BUILD / "zcnic.ko"))
        run("ip", "link", "set", "zc1", "netns", "peer")
    simnic.addresses()
    simnic.configure()
