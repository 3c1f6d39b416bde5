# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs of docs/examples that stand on queues, with many connections at once. The one on a ring of its own
is in test_pool.py."""

import contextlib
import hashlib
import os
import pathlib
import random
import signal

import machine
import pytest
from files import check, directory, example, send, storing  # noqa: F401 (a fixture)
from machine import HOST4, run
from simnic import counted

EPOLL_WAIT = "232", "281"  # epoll_wait, epoll_pwait


def test_the_example_without_ipv6():
    """Where there is none, what people copy listens on IPv4."""
    machine.configure(machine.config())
    with machine.Program("/src/tools/zcrxperf/tests/without_ipv6.py", example("zcrx-receive-example"), "9001",
                         user="alice") as receiving:
        machine.until(lambda: [lease["state"] for lease in machine.leases()] == ["steered"])
        with machine.sender(HOST4, 9001, 1 << 20) as sending:
            assert sending.finish() == 0, sending.said
        receiving.wait_for("^1048576 bytes received, 0 of them copied$")
        assert receiving.finish() == 0


@pytest.mark.parametrize("program", ["zcrx-epoll-example", "tests/zcrx-cpp-example", "receive_asyncio.py"])
def test_files_of_many_connections(directory, program):  # noqa: F811
    machine.configure(machine.config())
    n, size = 64, 100_000
    with counted() as grown, storing(directory, n, program=program) as receiving:
        queue, = machine.lease_of(receiving.pid)["hardwareQueues"]
        with send(HOST4, 9001, n, size, peer=True) as sending:
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    total = check(directory, n, size)
    assert "\n0 bytes were copied\n" in receiving.said["stdout"]
    machine.assert_counted(grown, queue, total)
    assert machine.is_clean() and not machine.leases()


@pytest.mark.parametrize("program", ["zcrx-epoll-example", "tests/zcrx-cpp-example"])
def test_the_lease_ends_and_they_go_on(directory, program):  # noqa: F811
    machine.configure(machine.config())
    n, size = 4, 8_000_000
    with storing(directory, n, program=program) as receiving:
        lease = machine.lease_of(receiving.pid)
        with send(HOST4, 9001, n, size, peer=True) as sending:
            machine.until(lambda: sum(f.stat().st_size for f in directory.iterdir()) > size)
            machine.ctl("revoke", lease["leaseId"])
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    check(directory, n, size)
    assert "The lease has ended: " in receiving.said["stderr"]


def test_a_program_that_waits_for_zcrxd_can_be_stopped(directory):  # noqa: F811
    """Its loop runs while zcrxd, which is stopped, says nothing."""
    machine.configure(machine.config())
    pid = machine.main_pid()
    directory.mkdir(mode=0o777)
    os.kill(pid, signal.SIGSTOP)
    try:
        with machine.Program("env", "INTERFACE=zc0", example("zcrx-epoll-example"), "9001", str(directory), "1",
                             user="alice") as receiving:
            machine.until(lambda: os.path.realpath(f"/proc/{receiving.pid}/exe").endswith("zcrx-epoll-example"))
            machine.until(lambda: pathlib.Path(f"/proc/{receiving.pid}/syscall").read_text().split()[0]
                          in EPOLL_WAIT)
            os.kill(pid, signal.SIGCONT)
            receiving.wait_for("^listening$")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_program_that_is_executed_again(directory, tmp_path):  # noqa: F811
    """In the same process, under traffic, several times; every byte is right, and none copied."""
    machine.configure(machine.config())
    n, size, gates = 32, 1_000_000, tmp_path / "gates"
    gates.touch()
    with counted() as grown, storing(directory, n, program="zcrx-reexec-example") as receiving:
        lease = machine.lease_of(receiving.pid)
        with send(HOST4, 9001, n, size, peer=True, gates=gates) as sending:
            for round in range(3):
                expected = round * n * size // 4 + 3_000_000
                machine.until(lambda: sum(f.stat().st_size for f in directory.iterdir()) > expected)
                os.kill(receiving.pid, signal.SIGHUP)
                receiving.wait_for(r"(?:again\n(?:.*\n)*?){%d}" % (round + 1))
                assert sending.process.poll() is None
                assert [one["leaseId"] for one in machine.leases()] == [lease["leaseId"]]
                gates.write_bytes(bytes(round + 1))
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    total = check(directory, n, size)
    assert "\n0 bytes were copied\n" in receiving.said["stdout"]
    machine.assert_counted(grown, lease["hardwareQueues"][0], total)
    assert machine.is_clean() and not machine.leases()


@contextlib.contextmanager
def mtu(n):
    def set_both(n):
        run("ip", "link", "set", "zc0", "mtu", str(n))
        run("ip", "-n", "peer", "link", "set", "zc1", "mtu", str(n))
    set_both(n)
    try:
        yield
    finally:
        set_both(1500)


def test_what_lies_side_by_side_is_one_event(directory):  # noqa: F811
    """Packets of two whole buffers each."""
    machine.configure(machine.config())
    n, size = 4, 4_000_000
    with mtu(2 * 4096 + 20 + 32), storing(directory, n, program="zcrx-epoll-example") as receiving:
        with send(HOST4, 9001, n, size, peer=True) as sending:
            assert sending.finish() == 0, sending.said
        assert receiving.finish() == 0, receiving.said
    total = check(directory, n, size)
    events = int(receiving.wait_for(r"^(\d+) events$")[1])
    print(total, events)
    # Without, none has more than a buffer.
    assert total / events > 4096
    assert "\n0 bytes were copied\n" in receiving.said["stdout"]


# ------------------------------------------------------------------------------- uploads

UPLOADS = """
import hashlib, http.client, random, socket, sys
host, n, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

def body(i):
    return random.Random(i).randbytes(size + 1000 * i)

def put(i, method="PUT", extra=""):
    return f"{method} /file-{i} HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: {len(body(i))}\\r\\n{extra}\\r\\n".encode() + body(i)

# As a client library does it, several on one connection, all connections at once.
connections = [http.client.HTTPConnection(host, 9001) for _ in range(n)]
for c in connections:
    c.connect()
for round in range(2):
    for i, c in enumerate(connections):
        c.request("PUT" if i % 2 else "POST", f"/file-{i}", body(i))
    for i, c in enumerate(connections):
        answer = c.getresponse()
        assert answer.status == (204 if round else 201), (i, answer.status)
        assert answer.read() == b""
for c in connections:
    c.close()

class Wire:
    def __init__(self):
        self.s = socket.create_connection((host, 9001))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.f = self.s.makefile("rb")
    def answer(self):
        status, line = self.f.readline(), None
        while line != b"\\r\\n":
            line = self.f.readline()
            assert line, status
        return status.split(b" ", 1)[1].strip().decode()
    def over(self):
        return self.f.read() == b""

# Pipelined, and cut anywhere.
w = Wire()
data = b"".join(put(i) for i in range(100, 103))
cut = random.Random(1)
while data:
    k = cut.randrange(1, 5000)
    w.s.sendall(data[:k])
    data = data[k:]
assert [w.answer() for _ in range(3)] == ["201 Created"] * 3

# A head byte by byte; the next request begins in the same packet.
text = put(103)
at = text.index(b"\\r\\n\\r\\n")
for i in range(at):
    w.s.sendall(text[i:i + 1])
w.s.sendall(text[at:] + b"\\r\\nPUT /empty HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 0\\r\\n\\r\\n")
assert (w.answer(), w.answer()) == ("201 Created", "201 Created")

# The body follows when it may.
text = put(104, extra="Expect: 100-continue\\r\\nConnection: close\\r\\n")
at = text.index(b"\\r\\n\\r\\n") + 4
w.s.sendall(text[:at])
assert w.answer() == "100 Continue"
w.s.sendall(text[at:])
assert w.answer() == "201 Created" and w.over()

# What is not taken: it is said, and the connection ends in order.
for request, status in [
    (b"PUT /x HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n5\\r\\nhello\\r\\n0\\r\\n\\r\\n", "501 Not Implemented"),
    (b"PUT /x HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", "411 Length Required"),
    (b"GET /x HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", "405 Method Not Allowed"),
    (b"PUT /../x HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 1\\r\\n\\r\\nx", "404 Not Found"),
    (b"PUT /x HTTP/1.1\\r\\nHost: a\\r\\nA: " + b"a" * 9000, "431 Request Header Fields Too Large"),
    (b"PUT /x HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 99999999999\\r\\n\\r\\n" + b"x" * 500000, "413 Content Too Large"),
]:
    w = Wire()
    w.s.sendall(request)
    assert (got := w.answer()) == status, (got, status)
    assert w.over()

# Half of it, and then nothing.
w = Wire()
w.s.sendall(put(105)[:size // 2])
w.s.close()
"""


@contextlib.contextmanager
def uploading(directory):  # noqa: F811
    directory.mkdir(mode=0o777)
    directory.chmod(0o777)
    with machine.Program("env", "INTERFACE=zc0", example("zcrx-http-example"), "9001", str(directory),
                         user="alice") as program:
        program.wait_for("^listening$")
        yield program


def test_uploads_by_http(directory):  # noqa: F811
    machine.configure(machine.config())
    n, size = 64, 50_000
    with uploading(directory) as server:
        with machine.Program("python3", "-c", UPLOADS, HOST4, str(n), str(size), peer=True) as client:
            assert client.finish() == 0, client.said
        machine.until(lambda: not any(f.name.startswith(".") for f in directory.iterdir()))
        server.process.send_signal(signal.SIGTERM)
        assert server.finish() == 0, server.said
    numbers = [*range(n), *range(100, 105)]
    assert {f.name for f in directory.iterdir()} == {*(f"file-{i}" for i in numbers), "empty"}
    for i in numbers:
        data = (directory / f"file-{i}").read_bytes()
        want = random.Random(i).randbytes(size + 1000 * i)
        assert hashlib.sha256(data).digest() == hashlib.sha256(want).digest(), (i, len(data))
    assert (directory / "empty").read_bytes() == b""
    assert "\n0 bytes were copied\n" in server.said["stdout"]
    assert server.said["stdout"].count(" bytes\n") == 2 * n + 6
    assert machine.is_clean() and not machine.leases()
