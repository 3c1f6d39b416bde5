# SPDX-License-Identifier: LGPL-2.1-or-later
"""Messages that are endless, broken, huge, or full of descriptors."""

import contextlib
import json
import os
import re
import time

import pytest
from flood import HELD, HOSTILE, MIB, OF_A_CONNECTION, QUIET, Refused, attack, message, until

KIB = 1024
MESSAGE_MAX = 64 * KIB  # bytes that a message may have
HALF = 60 * KIB


def with_reset_ignored(function, *arguments):
    try:
        function(*arguments)
    except ConnectionError:
        pass


def test_half_messages(daemon):
    """Also behind whole ones: what is kept has a bound at once, and is let go of in the end."""
    lines = len(daemon.lines())
    half = message("Describe", padding="x" * HALF)[:-2]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.connect()) for _ in range(250)]
        for n, client in enumerate(clients):
            with_reset_ignored(client.send, message("ListLeases") + half if n % 2 else half)
        daemon.serves()
        assert daemon.holds() < HELD
        bound = 4 * MIB // (HALF - 8 * KIB) + 1
        until(lambda: sum(not client.is_closed() for client in clients) <= bound)
        until(lambda: all(client.is_closed() for client in clients))
    assert len(daemon.lines()) - lines < QUIET


def test_large_messages_that_are_whole(daemon):
    """They are answered, and what sd-varlink keeps of them afterwards has the same bound."""
    whole = message("Nothing", padding="x" * HALF)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(daemon.connect()) for _ in range(250)]
        for client in clients:
            with_reset_ignored(client.send, whole)
        daemon.serves()
        bound = 4 * MIB // (HALF - 8 * KIB) + 1
        until(lambda: sum(not client.is_closed() for client in clients) <= bound)
        assert daemon.holds() < HELD
    with daemon.connect() as client:
        client.send(whole)
        assert "MethodNotFound" in client.receive()["error"]


def test_drops(daemon):
    """A client that sends byte by byte is served, unless it never comes to the end."""
    drip, slow = daemon.connect(), daemon.connect()
    start = time.monotonic()
    for byte in message("ListLeases"):
        slow.send(bytes([byte]))
        drip.send(b" ")
    assert slow.receive() == {"parameters": {}}
    with pytest.raises(ConnectionError):
        while time.monotonic() < start + 60:
            drip.send(b" ")
            time.sleep(0.05)
    drip.close()
    slow.close()


@pytest.mark.parametrize("end", (b"", b"\0"))
def test_sixteen_megabytes(daemon, end):
    """Not read to the end."""
    with daemon.connect() as client, pytest.raises(ConnectionError):
        client.send(b'{"method":"' + b"x" * 16 * MIB + end)
    assert daemon.holds() < HELD

    def send(number):
        with daemon.connect(HOSTILE + number) as client:
            client.send(b"[" * 16 * MIB + end)

    with attack(send, processes=4):
        daemon.serves(times=10)
        assert daemon.holds() < HELD


DESCRIBE = '{"method":"io.zcrx.Manager.Describe","parameters":%s}'
BROKEN = {
    "nothing": "",
    "spaces": " " * 1000,
    "no JSON": "describe",
    "not UTF-8": b'{"method":"\xff\xfe","parameters":{}}',
    "surrogates": '{"method":"\\ud800","parameters":{}}',
    "a NUL in a string": '{"method":"io.zcrx.Manager.Describe\\u0000x","parameters":{}}',
    "an array": "[]",
    "a number": "1",
    "no end": '{"method":"io.zcrx.Manager.Describe"',
    "something behind it": '{"method":"io.zcrx.Manager.Describe"}}',
    "no method": '{"parameters":{}}',
    "two methods": '{"method":"a.b.C","method":"a.b.D"}',
    "two parameters": '{"method":"io.zcrx.Manager.Describe","parameters":{},"parameters":{}}',
    "a method that is a number": '{"method":1}',
    "parameters that are an array": DESCRIBE % "[]",
    "more and oneway": '{"method":"io.zcrx.Manager.Watch","more":true,"oneway":true}',
    "more that is a number": '{"method":"io.zcrx.Manager.Watch","more":1}',
    "flags unheard of": '{"method":"io.zcrx.Manager.Describe","more":false,"x":[]}',
    "deep arrays": "[" * 60 * KIB,
    "deep arrays that end": DESCRIBE % ('{"a":' + "[" * 25 * KIB + "]" * 25 * KIB + "}"),
    "deep objects": DESCRIBE % ('{"a":' * 10 * KIB),
    "many elements": DESCRIBE % ('{"a":[' + "0," * 30 * KIB + "0]}"),
    "many fields": DESCRIBE % ("{" + ",".join(f'"{i:x}":0' for i in range(6000)) + "}"),
    "one field again and again": DESCRIBE % ("{" + ",".join(['"a":0'] * 6000) + "}"),
    "a long name": DESCRIBE % ('{"' + "x" * 60 * KIB + '":0}'),
    "a long number": DESCRIBE % ('{"a":' + "9" * 60 * KIB + "}"),
    "not a number": DESCRIBE % '{"a":NaN}',
    "infinity": DESCRIBE % '{"a":1e999999}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(daemon, name):
    """A refusal or the end of the connection, and neither harm nor a line in the journal."""
    lines = len(daemon.lines())
    text = BROKEN[name]
    data = text if isinstance(text, bytes) else text.encode()
    assert len(data) < MESSAGE_MAX
    for _ in range(20):
        with daemon.connect() as client:
            client.send(data + b"\0")
            with_reset_ignored(client.receive)
    daemon.serves(times=1)
    assert len(daemon.lines()) - lines <= 1, daemon.lines()[lines:]


def methods_of(client):
    """Pairs from the interface's own description: a method and one of its parameters."""
    text = client.call("org.varlink.service.GetInterfaceDescription",
                       interface="io.zcrx.Manager")["description"]
    text = re.sub(r"#.*", "", text)
    for name, parameters in re.findall(r"^method (\w+)\s*\(([^)]*)\)\s*->", text, re.MULTILINE):
        yield name, None
        for parameter in re.findall(r"(\w+):", parameters):
            yield name, parameter


ODD = (None, True, -1, 0, 2**31, 2**32, 2**63, 2**64 - 1, 2**64, -2**63, 1.5, 1e300, "", "x",
       "x" * 60000, "../../etc/passwd", "00000000", "%s%n", [], [[]], {}, {"a": [None]},
       [0] * 1000, list(range(-2, 2)), {"protocol": "tcp4"}, {"protocol": 4}, [{"protocol": "udp"}],
       [{"protocol": "tcp4", "destinationPort": 2**40}] * 300)


def odd_calls(client):
    """Each value for each parameter of each method."""
    pairs = list(methods_of(client))
    assert len(pairs) > 40
    for method, parameter in pairs:
        for value in ODD if parameter else (None,):
            sent = {parameter: value} if parameter else {}
            if method == "Acquire":
                sent.setdefault("interface", "none")
            elif parameter in ("flow", "timeToLiveUSec", "graceUSec"):
                sent["leaseId"] = "00000001"
            yield method, sent


def test_odd_parameters(daemon):
    """Everything is answered, to somebody who may lease and to root."""
    lines = len(daemon.lines())
    for uid in (HOSTILE, 0):
        with daemon.connect(uid) as client:
            for method, sent in odd_calls(client):
                client.send(message(method, **sent))
                answer = client.receive()
                assert "error" in answer or "parameters" in answer, (method, sent, answer)
    unexpected = [line for line in daemon.lines()[lines:] if "onfig" not in line]
    assert len(unexpected) < QUIET, unexpected


def test_heavy_messages(daemon):
    """As expensive as they can be, from many connections: others come first, and one at a time is
    held as what it was parsed to, which takes a megabyte each."""
    heavy = (DESCRIBE % ('{"a":[' + "[]," * 20 * KIB + "0]}")).encode() + b"\0"

    def send(number):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(daemon.connect(HOSTILE + number)) for _ in range(16)]
            while True:
                for client in clients:
                    client.send(heavy)
                for client in clients:
                    client.receive()

    held = []
    with attack(send, processes=4):
        for _ in range(10):
            daemon.serves(times=1)
            held.append(daemon.holds())
    assert max(held) < HELD, [n // MIB for n in held]


def test_descriptors_where_none_belong(daemon):
    """Eight are closed after the call; more end the connection at once."""
    null = os.open("/dev/null", os.O_RDWR)
    before = daemon.before["descriptors"]
    with daemon.connect() as client:
        for _ in range(100):
            client.call("ListLeases", [null] * 8)
            with pytest.raises(Refused):
                client.call("Release", [null] * 8, leaseId="00000001", handleFileDescriptor=1)
        until(lambda: daemon.descriptors() <= before + OF_A_CONNECTION)
    for n in (9, 253):
        with daemon.connect() as client, pytest.raises(ConnectionError):
            client.call("ListLeases", [null] * n)

    def send(number):
        with daemon.connect(HOSTILE + number) as client:
            while True:
                client.send(message("ListLeases"), [null] * 253)

    with attack(send, processes=4):
        daemon.serves(times=10)
        assert daemon.descriptors() < before + 2000
    os.close(null)


def test_reply_is_json(daemon):
    """Whatever a client calls things comes out as it went in, for everybody who looks."""
    name = 'a"\\\u2028\u00e9'
    with daemon.connect() as client:
        lease = client.acquire(name=name)
        assert [entry["name"] for entry in client.leases()] == [name]
        json.dumps(client.call("Describe"))
        client.release(*lease)
