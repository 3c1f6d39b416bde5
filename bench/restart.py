# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long nobody answers when the daemon is restarted: askers call Describe all the time."""

import json
import socket
import subprocess
import threading
import time

SOCKET = "/run/zcrxd/io.zcrx.Manager"
METHOD = "io.zcrx.Manager."
PAUSE = 0.01  # between two calls, so that the askers are not what the machine is busy with


def exchange(connection, method):
    """A call and its answer; OSError if the connection is lost over it."""
    connection.sendall(json.dumps({"method": METHOD + method}).encode() + b"\0")
    data = b""
    while not data.endswith(b"\0"):
        received = connection.recv(1 << 20)
        if not received:
            raise ConnectionError
        data += received
    return data[:-1]


def varlink(path, method):
    """The answer to a call on a connection of its own."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        return json.loads(exchange(connection, method))["parameters"]


class Asker(threading.Thread):
    """`answers`, and the longest time between two of them since reset()."""

    def __init__(self, keeps_connection):
        super().__init__(daemon=True)
        self.keeps_connection = keeps_connection
        self.connection = None
        self.answers = 0
        self.longest = 0.0
        self.over = False

    def ask(self):
        if not self.connection:
            self.connection = socket.socket(socket.AF_UNIX)
            self.connection.connect(SOCKET)
        exchange(self.connection, "Describe")

    def drop(self):
        self.connection.close()
        self.connection = None

    def run(self):
        last = time.monotonic()
        while not self.over:
            try:
                self.ask()
            except OSError:
                self.drop()
                continue
            now = time.monotonic()
            self.longest = max(self.longest, now - last)
            last = now
            self.answers += 1
            if not self.keeps_connection:
                self.drop()
            time.sleep(PAUSE)

    def await_answers(self, count):
        count += self.answers
        while self.answers < count:
            time.sleep(PAUSE)

    def reset(self):
        self.longest = 0.0


def measure(restarts):
    """Seconds of each restart: without an answer for who connects for each call, and for who keeps
    the connection; and for systemctl."""
    askers = Asker(keeps_connection=False), Asker(keeps_connection=True)
    for asker in askers:
        asker.start()
    rows = []
    for _ in range(restarts):
        for asker in askers:
            asker.await_answers(5)
        for asker in askers:
            asker.reset()
        before = time.monotonic()
        subprocess.run(["systemctl", "restart", "zcrxd"], check=True)
        took = time.monotonic() - before
        for asker in askers:
            asker.await_answers(3)
        rows.append({"newConnection": askers[0].longest, "keptConnection": askers[1].longest,
                     "systemctl": took})
    for asker in askers:
        asker.over = True
        asker.join()
    return rows
