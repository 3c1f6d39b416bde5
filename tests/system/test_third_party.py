# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program of root's that has never heard of zcrxd, on a queue reserved for it: liburing's own
example, which build-third-party built."""

import socket
import string

import machine
import simnic
from machine import HOST4, PEER4, until

ZCRX = "/build/third-party/zcrx"
PAYLOAD = string.ascii_lowercase.encode() * (4 << 20 >> 4)  # what the example verifies


def test_liburings_example_receives_on_a_reserved_queue():
    lease = machine.ctl_json("lease", "zc0", "--flow", "tcp4,dst-port=9999")
    assert lease.pop("ownerName") == "root"
    queue, = lease["hardwareQueues"]
    assert (lease["state"], lease["grant"], lease["selfRegistered"]) == ("steered", "direct", True)
    assert len(machine.rules_to(queue)) == 1

    argv = ["stdbuf", "-oL", ZCRX, "-i", "zc0", "-q", str(queue), "-p", "9999", "-v", "-S",
            str(32 << 20)]
    with machine.Program(*argv) as program, simnic.counted() as grown:
        until(lambda: machine.held(queue) == {"io_uring"} or program.process.poll() is not None)
        assert program.process.poll() is None, program.finish()
        with simnic.peer_socket(socket.AF_INET, socket.SOCK_STREAM) as sending:
            sending.bind((PEER4, 0))
            sending.connect((HOST4, 9999))
            sending.sendall(PAYLOAD)
        program.wait_for(f"^Connection terminated: received {len(PAYLOAD)},")
        assert machine.leases() == [lease]
    machine.assert_counted(grown, queue, len(PAYLOAD))

    # It is gone; the queue is still reserved, until it is released.
    until(lambda: not machine.held(queue))
    assert machine.leases() == [lease]
    machine.ctl("release", lease["leaseId"])
    assert machine.is_clean()
    result = machine.transfer(9001, 1 << 20)
    machine.assert_zero_copy(result, 1 << 20)
    assert result["hardwareQueue"] == queue
