# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrx.py over loopback, where there is no zcrxd: the backend that copies. What needs a NIC is tests/system/test_examples.py."""

import asyncio
import errno
import gc
import importlib.util
import os
import pathlib
import socket
import sys
import threading

import pytest

import zcrx

EXAMPLE = pathlib.Path(__file__).parents[2] / "docs/examples/receive_asyncio.py"


@pytest.fixture(name="client")
def fixture_client():
    with zcrx.Client(connect=False) as client:
        yield client


@pytest.fixture(name="queue")
def fixture_queue(client):
    with zcrx.Lease(client, backends="copy") as lease, zcrx.Queue(lease, area_size=1 << 20) as queue:
        yield queue


@pytest.fixture(name="pair")
def fixture_pair():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as sender, listener.accept()[0] as receiver:
            yield sender, receiver


def test_for_another_user_only_zcrxd_leases(client, monkeypatch):
    """Whoever copies has no other users; and uids are not all numbers."""
    monkeypatch.setenv("ZCRX_BACKEND", "copy")
    for owner, number in ((1001, errno.EPERM), (-1, errno.EINVAL), (2**32 - 1, errno.EINVAL)):
        with pytest.raises(zcrx.Error) as error:
            zcrx.Lease(client, backends="copy", owner=owner)
        assert error.value.errno == number


def read_all(queue, stream):
    received, start = bytearray(), None
    while (event := queue.wait(10)).kind is zcrx.Kind.DATA:
        start = event.offset if start is None else start
        assert event.stream is stream and event.offset == start + len(received)
        received += event.data.view
    return bytes(received), event


def test_what_was_sent_is_received(queue, pair):
    sender, receiver = pair
    sent = os.urandom(3 << 20)
    thread = threading.Thread(target=lambda: (sender.sendall(sent), sender.shutdown(socket.SHUT_WR)))
    thread.start()
    stream = queue.receive(receiver, userdata="mine")
    received, last = read_all(queue, stream)
    thread.join()
    assert received == sent and last.kind is zcrx.Kind.EOF and last.stream.userdata == "mine"
    assert queue.received == len(sent)


def test_a_view_keeps_its_memory(queue, pair):
    """As long as a slice of it is there, even when the queue is not; more than the area holds would overwrite it."""
    sender, receiver = pair
    sender.sendall(b"first")
    stream = queue.receive(receiver)
    event = queue.wait(10)
    assert bytes(event.data) == b"first" and len(event.data) == 5
    part = event.data.view[1:4]
    del event
    thread = threading.Thread(target=lambda: (sender.sendall(bytes(4 << 20)), sender.shutdown(socket.SHUT_WR)))
    thread.start()
    assert read_all(queue, stream)[0] == bytes(4 << 20)
    thread.join()
    queue.close()
    gc.collect()
    assert part == b"irs"


def test_a_span_is_a_buffer(queue, pair, tmp_path):
    sender, receiver = pair
    sender.sendall(b"payload")
    queue.receive(receiver)
    with open(tmp_path / "file", "wb") as file:
        span = queue.wait(10).data
        file.write(span if sys.version_info >= (3, 12) else span.view)
    assert (tmp_path / "file").read_bytes() == b"payload"


def test_no_event_in_time(queue, pair):
    queue.receive(pair[1])
    assert queue.wait(0) is None and queue.wait(0.01) is None


def test_so_many_bytes_and_then_more(queue, pair):
    sender, receiver = pair
    sender.sendall(b"headerbody")
    stream = queue.receive(receiver, 6)
    received, last = read_all(queue, stream)
    assert (received, last.kind) == (b"header", zcrx.Kind.STOPPED)
    stream.receive(4)
    assert read_all(queue, stream)[0] == b"body"


def test_pause_and_close(queue, pair):
    sender, receiver = pair
    stream = queue.receive(receiver)
    stream.pause()
    sender.sendall(b"later")
    assert queue.wait(0.05) is None
    stream.resume()
    assert bytes(queue.wait(10).data) == b"later"
    stream.close()
    stream.close()
    with pytest.raises(ValueError, match="closed"):
        stream.pause()
    sender.sendall(b"nobody")
    assert queue.wait(0.05) is None


def test_failures_say_what_and_why(client, tmp_path):
    with pytest.raises(zcrx.Error) as missing:
        zcrx.Client(str(tmp_path / "socket"))
    assert missing.value.errno == errno.ENOENT and str(tmp_path) in missing.value.strerror
    assert missing.value.id is None
    with pytest.raises(zcrx.Error, match="nonsense"):
        zcrx.Lease(client, backends="nonsense")
    with zcrx.Lease(client, backends="copy") as lease, pytest.raises(zcrx.Error):
        zcrx.Queue(lease, index=7)


def test_a_closed_queue_says_so(queue, pair):
    queue.close()
    with pytest.raises(ValueError, match="closed"):
        queue.receive(pair[1])


def test_the_example_for_asyncio(client, tmp_path):
    spec = importlib.util.spec_from_file_location("example", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    sent = [os.urandom(300000) for _ in range(3)]

    async def send(port, data):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        await writer.drain()
        writer.close()

    async def both():
        with socket.create_server(("127.0.0.1", 0)) as listener, zcrx.Lease(client, backends="copy") as lease, \
                zcrx.Queue(lease) as queue:
            port = listener.getsockname()[1]
            await asyncio.gather(example.serve(queue, listener, tmp_path, 3), *(send(port, data) for data in sent))

    asyncio.run(asyncio.wait_for(both(), 30))
    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == sorted(sent)
