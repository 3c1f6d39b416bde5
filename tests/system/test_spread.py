# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lease of several queues: the NIC spreads its connections over them by an RSS context of the
lease's own, and each is received by zero copy on the ring of its queue."""

import struct

import machine
import nl
import simnic
from machine import HOST4, ZERO_COPY, until
from simnic import counted

CONFIG = machine.config(policy=machine.POLICY.replace("max-queues: 3", "max-queues: 4"))
CONNECTIONS = 8
QUEUES = len(ZERO_COPY)
RSS_GET = 38


def contexts():
    """The table of each extra RSS context, by its id."""
    header = nl.attr(nl.HEADER, [nl.attr(nl.HEADER_DEV_NAME, "zc0")])
    rows = nl.Generic("ethtool").call(RSS_GET, [header], dump=True)
    return {nl.number(row[nl.RSS_CONTEXT]): [queue for queue, in struct.iter_unpack("=I", row[nl.RSS_INDIR])]
            for row in rows if nl.RSS_CONTEXT in row}


def spreading_receiver(port):
    return machine.receiver(port, "--verify", "--queues", str(QUEUES), "--connections",
                            str(CONNECTIONS))


def spreading_sender(port, size):
    return machine.sender(HOST4, port, size, "--connections", str(CONNECTIONS))


def assert_spread(result, grown, total):
    """Not a byte was copied, and what each ring had is what the NIC has put into its queue."""
    machine.assert_zero_copy(result, total)
    assert [q["hardwareQueue"] for q in result["queues"]] == list(ZERO_COPY)
    assert sum(q["connections"] for q in result["queues"]) == CONNECTIONS
    assert sum(q["connections"] > 0 for q in result["queues"]) > 1
    for q in result["queues"]:
        in_queue = grown.get(f"rx{q['hardwareQueue']}_zc_bytes", 0)
        assert q["bytes"] <= in_queue <= q["bytes"] * 1.02
        assert bool(q["connections"]) == bool(in_queue)
        assert f"rx{q['hardwareQueue']}_page_bytes" not in grown
    print({q["hardwareQueue"]: (q["connections"], q["bytes"]) for q in result["queues"]})


def test_eight_connections_on_four_queues_while_the_daemon_comes_and_goes():
    with counted() as grown, spreading_receiver(9001) as receiving:
        lease = machine.lease_of(receiving.pid)
        table = contexts()
        assert list(table) == [lease["rssContext"]]
        assert set(table[lease["rssContext"]]) == set(ZERO_COPY)
        assert all("RSS Context" in str(rule) for rule in machine.rules())

        def arrived():
            return sum(simnic.counters()[f"rx{q}_zc_bytes"] for q in ZERO_COPY)

        begun = arrived()
        with spreading_sender(9001, 1 << 40) as sending:  # until it is killed
            until(lambda: arrived() > begun + (4 << 20))
            pid = machine.main_pid()
            machine.run("systemctl", "kill", "--signal=SIGKILL", "zcrxd")
            until(lambda: machine.main_pid() not in (0, pid))
            machine.systemctl("restart", "zcrxd")
            now = machine.lease_of(receiving.pid)
            # The time that is left was written down to the millisecond.
            assert now | {"expiryUSec": lease["expiryUSec"]} == lease
            assert contexts() == table
            begun = arrived()
            until(lambda: arrived() > begun + (4 << 20))
        result = receiving.result()
    assert_spread(result, grown, result["bytes"])
    assert not contexts()


def test_a_killed_client_frees_all_queues():
    with spreading_receiver(9001) as client, spreading_sender(9001, 1 << 30) as sending:
        before = simnic.counters()
        until(lambda: any(simnic.counters()[f"rx{q}_zc_bytes"] > before[f"rx{q}_zc_bytes"]
                          for q in ZERO_COPY))
        assert len(contexts()) == len(machine.netkits()) == 1
        client.kill()
        until(lambda: not contexts())
        until(machine.is_clean)
        assert sending.finish() != 0


def test_run_gives_all_queues_of_its_lease():
    """Explain says where a connection goes; and zcrxperf takes the lease that it finds."""
    argv = ["zcrxctl", "run", "--interface", "zc0", "--queues", "2", "--", "zcrxperf", "receive",
            "--json", "--verify", "--port", "9002", "--connections", "2"]
    with machine.Program(*argv, user="alice") as receiving:
        receiving.wait_for("^listening on port")
        (target,) = machine.call("Explain", interface="zc0", flow={
            "protocol": "tcp4", "destination": HOST4,
            "destinationPort": 9002})[0]["parameters"]["targets"]
        assert target["queues"] == list(ZERO_COPY)[:2]
        assert target["rssContext"] in contexts()
        with machine.sender(HOST4, 9002, 1 << 20, "--connections", "2") as sending:
            assert sending.finish() == 0, sending.said
        result = receiving.result()
    machine.assert_zero_copy(result, 2 << 20)
    assert len(result["queues"]) == 2
