# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxctl apply --confirm-within and --confirm, with and without a terminal."""
import os
import pty
import re
import signal
import subprocess
import time

import pytest

from fake import CHANGE, DESCRIPTION, ENVIRONMENT, INTERFACE, OURS, ZCRXCTL, bad, good

HOUR = 3600 * 1000000
DONE = dict(CHANGE, outcome="done")


def applied(seconds):
    until = int((time.time() + seconds) * 1000000)
    return {"parameters": {"changes": [DONE], "confirmUntilUSec": until}}


class Terminal:
    """zcrxctl on a terminal of its own."""

    def __init__(self, server, *arguments):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([ZCRXCTL, "--socket", server.socket, *arguments],
                                        stdin=slave, stdout=slave, stderr=slave, env=ENVIRONMENT)
        os.close(slave)
        self.out = b""

    def read_until(self, text):
        while text not in self.out:
            self.out += os.read(self.master, 4096)

    def end(self):
        try:
            while chunk := os.read(self.master, 4096):
                self.out += chunk
        except OSError:  # the other end is closed
            pass
        os.close(self.master)
        return self.process.wait(timeout=60)


def test_enter_keeps_it(server):
    server.answer(Apply=applied(3600), Confirm={"parameters": {"interfaces": ["zc0"]}})
    terminal = Terminal(server, "apply", "zc0", "--confirm-within", "1h")
    terminal.read_until(b"Rolling back in 3600 s.")
    terminal.read_until(b"Rolling back in 3599 s.")
    os.write(terminal.master, b"\n")
    assert terminal.end() == 0
    assert b"zc0 keeps the changes." in terminal.out
    assert server.calls() == [("Apply", {"interface": "zc0", "confirmWithinUSec": HOUR}),
                              ("Confirm", {"interface": "zc0"})]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_puts_it_back(server, number):
    server.answer(Apply=applied(3600), Confirm={"parameters": {"interfaces": ["zc0"]}})
    terminal = Terminal(server, "apply", "--confirm-within", "1h")
    terminal.read_until(b"Rolling back in")
    terminal.process.send_signal(number)
    assert terminal.end() == 1
    assert b"zc0 is rolled back." in terminal.out
    assert server.calls()[1:] == [("Confirm", {"keep": False})]


def test_nobody_answers(server):
    server.answer(Apply=applied(1), Confirm={"parameters": {"interfaces": ["zc0"]}})
    terminal = Terminal(server, "apply", "--confirm-within", "1s")
    assert terminal.end() == 1
    assert b"Not confirmed in time" in terminal.out
    assert [method for method, _ in server.calls()] == ["Apply"]


def test_without_a_terminal(server):
    server.answer(Apply=applied(59.5), Confirm={"parameters": {"interfaces": ["zc0"]}})
    out = good(server.ctl("apply", "zc0", "--confirm-within", "1min"))
    assert "Rolling back in 5" in out
    assert out.endswith(" unless confirmed with: zcrxctl apply --confirm zc0\n")
    good(server.ctl("apply", "--confirm", "zc0"), "zc0 keeps the changes.\n")
    good(server.ctl("apply", "--confirm", "--json=short"), '["zc0"]\n')
    assert [method for method, _ in server.calls()] == ["Apply", "Confirm", "Confirm"]


def test_status_says_so(server):
    waiting = dict(INTERFACE, confirmUntilUSec=int((time.time() + 3600) * 1000000))
    server.answer(Describe={"parameters": dict(DESCRIPTION, interfaces=[waiting])},
                  ListLeases={"parameters": {}})
    out = " ".join(good(server.ctl("status")).split())
    assert re.search(r"not confirmed: it goes back in 59min \d+s to what it was", out), out
    assert "unless: zcrxctl apply --confirm zc0" in out


def test_nothing_to_confirm(server):
    server.answer(Apply={"parameters": {"changes": []}},
                  Confirm={"error": OURS + "WrongState", "parameters": {
                      "state": "confirmed", "message": "There is nothing to confirm."}})
    good(server.ctl("apply", "--confirm-within", "1min"), "Nothing to change.\n")
    bad(server.ctl("apply", "--confirm"), 1, "zcrxctl: There is nothing to confirm.\n")


@pytest.mark.parametrize("arguments, message", [
    (["--confirm-within", "0"], "--confirm-within 0: at least a second."),
    (["--confirm-within", "soon"], "--confirm-within soon: not a time; expected something like "
                                   "30s, 5min or 1h30min."),
    (["--confirm-within", "1min", "--confirm"],
     "--confirm is for what was applied with --confirm-within before; give one of them."),
])
def test_usage(server, arguments, message):
    bad(server.ctl("apply", *arguments), 2, f"zcrxctl: {message}\n")
