# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxperf serve --iperf3 and iperf3 itself, over loopback and without zcrxd: what the client reports is
right, what cannot be done it says in its own words, and no other client disturbs a test."""

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import time

import pytest

PERF = os.environ["ZCRXPERF"]
COOKIE = 37
PARAM_EXCHANGE, CREATE_STREAMS, TEST_START, TEST_RUNNING, TEST_END = 9, 10, 1, 2, 4
SERVER_TERMINATE, EXCHANGE_RESULTS, DISPLAY_RESULTS, IPERF_DONE, ACCESS_DENIED, SERVER_ERROR = 11, 13, 14, 16, -1, -2
BAD_MESSAGE, BAD_PARAMETERS, BAD_STREAM = 110, 114, 203

pytestmark = pytest.mark.skipif(not shutil.which("iperf3"), reason="there is no iperf3")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, *options):
        self.port = free_port()
        self.process = subprocess.Popen(
            [PERF, "serve", "--iperf3", "--port", str(self.port), "--backend", "copy", "--json", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not self.process.stderr.readline().startswith("listening on port"):
            assert self.process.poll() is None

    def stop(self):
        """What it said of its tests, and of all else."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, err
        return [json.loads(line) for line in out.splitlines()], err


@pytest.fixture
def server():
    started = Server()
    yield started
    if started.process.poll() is None:
        started.stop()
    assert started.process.returncode == 0


def client(server, *options):
    return subprocess.run(["iperf3", "-c", "127.0.0.1", "-p", str(server.port), *options], capture_output=True,
                          text=True, timeout=30)


class Hostile:
    """A client that says what it likes."""

    def __init__(self, server):
        self.port, self.cookie = server.port, secrets.token_hex(COOKIE).encode()[:COOKIE]
        self.socket = self.connect()

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), 20)
        s.sendall(self.cookie)
        return s

    def expect(self, *states):
        for state in states:
            assert struct.unpack("b", self.socket.recv(1)) == (state,)

    def say(self, text):
        self.socket.sendall(struct.pack(">I", len(text)) + text)

    def error(self):
        """Which of iperf3's; nothing more comes then."""
        self.expect(SERVER_ERROR)
        numbers = self.socket.recv(8, socket.MSG_WAITALL)
        assert self.socket.recv(1) == b""
        return struct.unpack(">I", numbers[:4])[0]

    def test(self, streams=1, **more):
        self.expect(PARAM_EXCHANGE)
        self.say(json.dumps({"tcp": True, "time": 10, "parallel": streams, **more}).encode())


def test_its_own_report_is_right(server):
    """To the last byte, of several streams, also among rude strangers."""
    size = 4 << 20
    with contextlib.ExitStack() as strangers:
        for _ in range(200):  # more than have a place while their cookie is awaited
            strangers.enter_context(socket.create_connection(("127.0.0.1", server.port), 20))
        done = subprocess.run(["iperf3", "-c", "::1", "-p", str(server.port), "-J", "-n", str(size), "-P", "3",
                               "--get-server-output"], stdout=subprocess.PIPE, text=True, timeout=60)
    said = json.loads(done.stdout)
    assert "error" not in said, said["error"]
    sent, received = (said["end"][sum_of]["bytes"] for sum_of in ("sum_sent", "sum_received"))
    # The client ends in the middle of blocks of 128 KiB, and does not count what was sent of them.
    assert size <= sent <= received < sent + 3 * (128 << 10)
    streams = [stream["receiver"]["bytes"] - stream["sender"]["bytes"] for stream in said["end"]["streams"]]
    assert len(streams) == 3 and all(0 <= more <= 128 << 10 for more in streams)
    assert re.search(r"^received .* on 3 streams", said["server_output_text"], re.M)
    (result,), _ = server.stop()
    assert (result["bytes"], result["copiedBytes"], result["connections"]) == (received, received, 3)


def test_one_test_at_a_time(server):
    one = Hostile(server)
    one.test()
    one.expect(CREATE_STREAMS)
    done = client(server)
    assert "the server is busy running a test" in done.stdout + done.stderr and done.returncode != 0


@pytest.mark.parametrize("options, words", [
    ("-R", "an option you are trying to set is not implemented yet"),
    ("--bidir", "an option you are trying to set is not implemented yet"),
    ("-u", "an option you are trying to set is not implemented yet"),
    ("-A 0,0", "unable to set CPU affinity")])
def test_what_cannot_be_done_the_client_says(server, options, words):
    done = client(server, *options.split())
    assert done.returncode != 0 and words in done.stdout + done.stderr
    assert "refused, because zcrxperf cannot do this" in server.stop()[1]


@pytest.mark.parametrize("said, error", [
    (struct.pack(">I", (8 << 10) + 1), BAD_PARAMETERS),
    (struct.pack(">I", 0), BAD_PARAMETERS),
    (struct.pack(">I", 4) + b"{}\0\0", BAD_PARAMETERS),
    (struct.pack(">I", 4) + b"[1,]", BAD_PARAMETERS)])
def test_a_message_that_is_none_ends_its_test_alone(server, said, error):
    one = Hostile(server)
    one.expect(PARAM_EXCHANGE)
    one.socket.sendall(said)
    assert one.error() == error
    Hostile(server).expect(PARAM_EXCHANGE)  # it serves the next one


def test_a_state_out_of_turn(server):
    one = Hostile(server)
    one.test()
    one.expect(CREATE_STREAMS)
    one.socket.sendall(struct.pack("b", TEST_END))
    assert one.error() == BAD_MESSAGE
    two = Hostile(server)
    two.test()
    two.expect(CREATE_STREAMS)
    stream, other = two.connect(), Hostile(server)
    other.expect(ACCESS_DENIED)
    two.expect(TEST_START, TEST_RUNNING)
    stream.sendall(b"x" * 1000)
    two.socket.sendall(struct.pack("b", TEST_END))
    two.expect(EXCHANGE_RESULTS)
    two.say(json.dumps({"streams": [{"id": 1, "bytes": 1000}] * 2}).encode())  # of a stream that there is not
    assert two.error() == 117


def test_what_is_under_way_at_the_end_counts(server):
    """The client knows how much it has sent; the rest is waited for before it is told what came."""
    one = Hostile(server)
    one.test(streams=2)
    one.expect(CREATE_STREAMS)
    streams = [one.connect(), one.connect()]
    one.expect(TEST_START, TEST_RUNNING)
    streams[0].sendall(b"x" * 1000)
    one.socket.sendall(struct.pack("b", TEST_END))
    one.expect(EXCHANGE_RESULTS)
    one.say(json.dumps({"streams": [{"id": 1, "bytes": 1000}, {"id": 3, "bytes": 500}]}).encode())
    time.sleep(0.05)
    streams[1].sendall(b"x" * 500)
    length, = struct.unpack(">I", one.socket.recv(4, socket.MSG_WAITALL))
    said = json.loads(one.socket.recv(length, socket.MSG_WAITALL))
    assert [(stream["id"], stream["bytes"]) for stream in said["streams"]] == [(1, 1000), (3, 500)]
    one.expect(DISPLAY_RESULTS)
    one.socket.sendall(struct.pack("b", IPERF_DONE))
    assert one.socket.recv(1) == b""
    (result,), _ = server.stop()
    assert (result["bytes"], result["connections"]) == (1500, 2)


def test_a_client_that_goes_leaves_the_server_free(server):
    one = Hostile(server)
    one.test(streams=2)
    one.expect(CREATE_STREAMS)
    stream = one.connect()
    one.socket.close()
    late = one.connect()
    late_says = late.recv(1)
    assert late_says == struct.pack("b", ACCESS_DENIED)
    two = Hostile(server)
    two.expect(PARAM_EXCHANGE)
    two.socket.sendall(b"\0\0")  # and so does half a length
    two.socket.close()
    stream.close()
    Hostile(server).expect(PARAM_EXCHANGE)


def test_a_server_that_ends_says_so(server):
    one = Hostile(server)
    one.test()
    one.expect(CREATE_STREAMS)
    stream = one.connect()
    one.expect(TEST_START, TEST_RUNNING)
    assert server.stop()[0] == []
    one.expect(SERVER_TERMINATE)
    stream.close()


def test_the_status_of_a_single_test_is_its_own():
    one_off = Server("--one-off")
    assert client(one_off, "-R").returncode != 0
    assert one_off.process.wait(20) == 1
    one_off.process.communicate()
