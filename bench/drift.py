# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long a leak into queues in use stays open, and what ordinary receivers suffer meanwhile: part
of bench/run, in the virtual machine, as root."""

import errno
import os
import select
import socket
import statistics
import subprocess
import sys
import threading
import time

HOST, PORT, CONNECTIONS = "10.9.0.1", 9100, 32
REQUEST, ANSWER = b"r" * 512, b"x"


class Strangers(threading.Thread):
    """Ordinary connections, answered here as fast as the peer asks. One whose packets landed in a
    queue in use fails with EFAULT, and is opened again by the peer."""

    def __init__(self, enter_peer):
        super().__init__(daemon=True)
        self.server = socket.create_server((HOST, PORT), backlog=CONNECTIONS)
        self.over = False
        self.received = self.failed = 0
        self.peer = subprocess.Popen([sys.executable, os.path.abspath(__file__), HOST, str(PORT)],
                                     preexec_fn=enter_peer)

    def answer(self, connection):
        """Whether it goes on."""
        try:
            if not connection.recv(4096):
                return False
            connection.send(ANSWER)
        except OSError as e:
            self.failed += e.errno == errno.EFAULT
            return False
        self.received += 1
        return True

    def run(self):
        poll = select.poll()
        poll.register(self.server, select.POLLIN)
        connections = {}
        while not self.over:
            for fd, _ in poll.poll(100):
                if fd == self.server.fileno():
                    new = self.server.accept()[0]
                    connections[new.fileno()] = new
                    poll.register(new, select.POLLIN)
                elif not self.answer(connections[fd]):
                    poll.unregister(fd)
                    connections.pop(fd).close()
        for connection in connections.values():
            connection.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        self.over = True
        self.peer.kill()
        self.peer.wait()
        self.join()
        self.server.close()


def once(opener, is_open, strangers):
    """Seconds of the opening itself, and until it was closed; receives until shortly after."""
    failed, received = strangers.failed, strangers.received
    start = time.monotonic()
    opener()
    opening = time.monotonic() - start
    while is_open():
        time.sleep(0.0005)
    closed = time.monotonic() - start
    time.sleep(0.3)  # what landed there is still being received
    return {"opening": opening, "open": closed, "failed": strangers.failed - failed,
            "received": strangers.received - received}


def measure(rounds, first):
    """For each way of opening: `rounds` times, with leases on the queues from `first` up."""
    import nl
    import old_ioctls
    import simnic

    openers = {"by netlink, notified": lambda: nl.rss_set("zc0"),
               "old ioctl, polled": old_ioctls.table}
    with Strangers(simnic.enter_peer) as strangers:
        simnic.until(lambda: strangers.received > CONNECTIONS)
        return {name: [once(opener, lambda: max(simnic.indirection()) >= first, strangers)
                       for _ in range(rounds)]
                for name, opener in openers.items()}


def report(result):
    print("\nA leak into queues in use, opened as ethtool -X does it: milliseconds, and ordinary "
          "receives meanwhile\n")
    print("                     opening it    until closed: median (longest)    times the opening"
          "    good    EFAULT")
    for name, rows in result.items():
        opening, closed = (statistics.median(row[key] * 1000 for row in rows)
                           for key in ("opening", "open"))
        longest = "(%.0f)" % max(row["open"] * 1000 for row in rows)
        good, failed = (sum(row[key] for row in rows) for key in ("received", "failed"))
        print(f"  {name:<18}{opening:>11.1f}{closed:>23.1f}{longest:>11}"
              f"{closed / opening:>21.1f}{good:>8}{failed:>10}")


def ask(host, port):
    """The peer: on each connection a request as soon as the last one is answered."""
    poll = select.poll()
    connections = {}

    def connect():
        new = socket.create_connection((host, port))
        new.send(REQUEST)
        connections[new.fileno()] = new
        poll.register(new, select.POLLIN)

    for _ in range(CONNECTIONS):
        connect()
    while True:
        for fd, _ in poll.poll():
            try:
                if connections[fd].recv(16):
                    connections[fd].send(REQUEST)
                    continue
            except OSError:
                pass
            poll.unregister(fd)
            connections.pop(fd).close()
            connect()


if __name__ == "__main__":
    ask(sys.argv[1], int(sys.argv[2]))
