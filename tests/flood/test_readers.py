# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients that do not read: replies, events, and the last ones when the daemon ends."""

import contextlib
import signal
import threading
import time

import pytest
from flood import (BYSTANDER, HELD, HOSTILE, PATIENCE, QUIET, Daemon, Refused, message, until)

WATCHERS_OF_A_USER = 32


def pour(client, data, times):
    """Sends until the daemon does not read any more."""
    client.socket.settimeout(0.5)
    with contextlib.suppress(TimeoutError, ConnectionError):
        for _ in range(times):
            client.socket.sendall(data)
        return False
    return True


@pytest.mark.parametrize("method", ("Describe", "ListLeases", "org.varlink.service.GetInfo"))
def test_replies_are_not_read(daemon, method):
    lines = len(daemon.lines())
    clients = [daemon.connect() for _ in range(8)]
    for client in clients:
        assert pour(client, message(method) * 100, 1000)
    daemon.serves()
    assert daemon.holds() < HELD
    until(lambda: all(client.is_closed() for client in clients))
    assert len(daemon.lines()) - lines < QUIET
    for client in clients:
        client.close()


def test_handles_are_not_read(daemon):
    """Each would keep a descriptor and a reply in the daemon."""
    with daemon.connect() as client:
        lease = client.call("Acquire", persistent=True)["lease"]["leaseId"]
        before = daemon.descriptors()
        pour(client, message("Open", leaseId=lease) * 100, 100)
        daemon.serves()
        assert daemon.descriptors() < before + 100
        assert daemon.holds() < HELD
        with daemon.connect() as other:
            other.call("Release", leaseId=lease)


def test_patient_client_gets_every_reply(daemon):
    """It sends thousands of calls before it reads: it waits, and loses nothing."""
    calls = 3000
    with daemon.connect() as client:
        sender = threading.Thread(target=client.socket.sendall, args=(message("Describe") * calls,))
        sender.start()
        time.sleep(0.5)
        for _ in range(calls):
            assert "interfaces" in client.receive()["parameters"]
        sender.join(PATIENCE)
        assert not sender.is_alive()


def test_answered_all_at_once(daemon):
    """A reply that its client had no time to read yet is nobody's fault, however many there are: one look
    at the NIC answers all who ask for its plan."""
    clients = [daemon.connect(0) for _ in range(200)]
    daemon.process.send_signal(signal.SIGSTOP)
    for client in clients:
        client.send(message("Plan"))
    time.sleep(1)  # the session passes them on meanwhile
    daemon.process.send_signal(signal.SIGCONT)
    assert all("error" not in client.receive() for client in clients)
    for client in clients:
        client.close()


def churn(client, times):
    for _ in range(times):
        client.release(*client.acquire())


def watch(daemon, uid=HOSTILE):
    client = daemon.connect(uid)
    client.send(message("Watch", _more=True))
    client.receive()
    return client


def test_events_are_not_read(daemon):
    """Who reads gets every event; who does not is dropped, and costs a bounded amount until then."""
    deaf = [watch(daemon) for _ in range(WATCHERS_OF_A_USER)]
    with pytest.raises(Refused, match="QuotaExceeded"), daemon.connect() as client:
        client.call("Watch", _more=True)
    with watch(daemon, BYSTANDER) as listener, daemon.connect(BYSTANDER) as client:
        for _ in range(400):
            churn(client, 1)
            while listener.receive()["parameters"]["event"]["event"] != "freed":
                pass
        assert daemon.holds() < HELD
    until(lambda: all(client.is_closed() for client in deaf))
    for client in deaf:
        client.close()


def test_watchers_come_and_go(daemon):
    """While leases do."""
    with daemon.connect(BYSTANDER) as client:
        for _ in range(50):
            watchers = [watch(daemon, HOSTILE + n) for n in range(8)]
            churn(client, 2)
            for watcher in watchers[::2]:
                watcher.close()
            churn(client, 1)
            for watcher in watchers[1::2]:
                watcher.close()


def test_stop_waits_for_nobody():
    """Not for unread replies, nor for half messages; closing the daemon waits for its end."""
    with contextlib.ExitStack() as stack, Daemon() as daemon:
        for _ in range(4):
            client = stack.enter_context(daemon.connect())
            assert pour(client, message("Describe") * 100, 1000)
            stack.enter_context(daemon.connect()).send(b"{")
