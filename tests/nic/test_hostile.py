# SPDX-License-Identifier: GPL-2.0-only
"""What one should not do to a NIC that is in use. Data may stop; the kernel may not complain."""

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


class Traffic:
    """A receiver in the middle of a transfer without end."""

    def __enter__(self):
        self.receiver = Receiver("-q", QUEUE)
        assert not self.receiver.refused
        self.sending = simnic.sender(HOST4, 9000, 0)
        self.flows()
        return self

    def __exit__(self, *unused):
        self.sending.kill()
        self.sending.wait(simnic.PATIENCE)
        self.sending.stderr.close()
        self.receiver.stop()

    @staticmethod
    def flows():
        """Waits until half a megabyte more has arrived."""
        before = simnic.counters()[f"rx{QUEUE}_zc_bytes"]
        simnic.until(lambda: simnic.counters()[f"rx{QUEUE}_zc_bytes"] - before > MB // 2)

    def ends_well(self):
        self.sending.kill()
        result = self.receiver.result()
        assert (result["bad"], result["copied"], result["end"]) == (0, 0, "EOF")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def test_receiver_killed():
    for _ in range(3):
        with Traffic() as traffic:
            traffic.receiver.stop()
            simnic.until(lambda: nl.bound_buf_len("zc0", QUEUE) is None)


def test_reconfigured():
    with Traffic() as traffic:
        for channels, ring in (9, 64), (16, 4096), (9, 1024):
            run("ethtool", "-L", "zc0", "combined", str(channels))
            run("ethtool", "-G", "zc0", "rx", str(ring))
            traffic.flows()
        simnic.rule_add("udp4", "dst-port", "1", "action", "1")
        run("ethtool", "-X", "zc0", "equal", "3")
        traffic.flows()
        traffic.ends_well()
    simnic.until(lambda: nl.bound_buf_len("zc0", QUEUE) is None)
    simnic.configure()


def test_link_down_and_up():
    with Traffic() as traffic:
        run("ip", "link", "set", "zc0", "down")
        run("ethtool", "-G", "zc0", "rx", "512")
        simnic.addresses()
        assert nl.bound_buf_len("zc0", QUEUE) == 4096
        traffic.flows()
        run("ip", "-n", "peer", "link", "set", "zc1", "down")
        simnic.addresses()
        traffic.flows()
        traffic.ends_well()


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
        with Traffic():
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
    with Traffic():
        pass
    run("ip", "netns", "del", "peer")
    simnic.until(lambda: "zc1" in run("ip", "-br", "link"))
    run("ip", "netns", "add", "peer")
    run("ip", "link", "set", "zc1", "netns", "peer")
    simnic.addresses()


def test_module_unloaded():
    module = str(simnic.BUILD / "zcnic.ko")
    with Traffic():
        run("rmmod", "zcnic")
        # A bad load leaves nothing behind, half a pair least of all.
        for parameter in "queues=0", "queues=17", "pairs=9", "quirks=no", "names=zc0,lo":
            simnic.refused("insmod", module, parameter)
            assert "zc0" not in run("ip", "-br", "link")
        run("insmod", module, "pairs=2", "names=a,b", "queues=2", "max_queues=3")
        links = run("ip", "-br", "link")
        assert all(name in links for name in ("a ", "b ", "zc2 ", "zc3 "))
        assert "Combined:\t3\n" in run("ethtool", "-l", "zc3")
        run("rmmod", "zcnic")
        run("insmod", module)
        run("ip", "link", "set", "zc1", "netns", "peer")
    simnic.addresses()
    simnic.configure()
