# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxperf compare on a terminal, over loopback and without zcrxd: what it shows fits, whatever the terminal."""

import json
import os
import pty
import re
import socket
import subprocess

import pytest

PERF = os.environ["ZCRXPERF"]
COMPARE = "compare", "--backend", "copy", "--connections", "2", "--time", "0.1", "--port"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def on_terminal(environment, *options):
    """All that it shows, and its exit status, with `answer` on the other side."""
    port = free_port()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(PERF, [PERF, *COMPARE, port, *options], {**os.environ, "TERM": "xterm", **environment})
    said = b""
    answering = None
    try:
        while data := os.read(terminal, 65536):
            said += data
            if answering is None and b"listening on port" in said:
                answering = subprocess.Popen([PERF, "answer", "127.0.0.1", "--port", port],
                                             stdout=subprocess.DEVNULL)
    except OSError:  # as a terminal says that nobody writes any more
        pass
    assert answering is not None, said
    assert answering.wait(20) == 0
    return said.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def shown(said):
    """Without what is written over, and without colours."""
    text = re.sub(r"[^\n]*\r\x1b\[K", "", said.replace("\r\n", "\n"))
    return re.sub(r"\x1b\[[0-9;]*m", "", text).partition("listening on port")[2].splitlines()[1:]


@pytest.mark.parametrize("environment, width, marks", [
    ({"COLUMNS": "40", "NO_COLOR": "1", "LC_ALL": "C"}, 40, "#"),
    ({"COLUMNS": "100", "LC_ALL": "C.UTF-8"}, 100, "█")])
def test_it_fits_the_terminal(environment, width, marks):
    said, status = on_terminal(environment)
    assert status == 0, said
    lines = shown(said)
    assert max(map(len, lines)) <= width, lines
    assert any(marks in line for line in lines), lines
    assert ("\x1b[32m" in said or "\x1b[36m" in said) == ("NO_COLOR" not in environment)
    if "NO_COLOR" in environment:
        assert all(ord(c) < 128 for c in "".join(lines))
    assert any(re.fullmatch(r"\s+recv\s+read\s+copy", line) for line in lines) == (width > 60)


def test_each_mode_is_in_the_object():
    port = free_port()
    comparing = subprocess.Popen([PERF, *COMPARE, port, "--json", "--verify", "--interval", "0.1"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert comparing.stderr.readline() == f"listening on port {port}\n"
    subprocess.run([PERF, "answer", "127.0.0.1", "--port", port], check=True, stdout=subprocess.DEVNULL, timeout=20)
    out, err = comparing.communicate(timeout=20)
    assert comparing.returncode == 0, err
    assert err == ""  # progress is for terminals
    result = json.loads(out)
    assert (result["backend"], result["connections"], result["wrongBytes"]) == ("copy", 2, 0)
    assert [mode["mode"] for mode in result["modes"]] == ["recv", "read", "copy"]
    for mode in result["modes"]:
        assert mode["bytes"] == mode["copiedBytes"] > 0 and mode["zeroCopyBytes"] == 0
        assert mode["roundTrips"] > 0 and 0 < mode["roundTripP50NSec"] <= mode["roundTripP99NSec"]
        assert abs(mode["bytesPerSecond"] * mode["elapsedUSec"] / 1e6 - mode["bytes"]) < mode["bytes"] * 0.001


def test_another_program_is_told_apart():
    port = free_port()
    comparing = subprocess.Popen([PERF, *COMPARE, port], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not comparing.stdout.readline().startswith("listening"):
        pass
    with socket.create_connection(("127.0.0.1", int(port)), 20) as one:
        one.sendall(b"x" * 1000)  # as zcrxperf send, which waits for nobody
        with socket.create_connection(("127.0.0.1", int(port)), 20):
            _, err = comparing.communicate(timeout=20)
    assert comparing.returncode == 1
    assert "The other side sends what it was not asked for. It has to be zcrxperf answer." in err
