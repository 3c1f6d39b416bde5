#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Receives files over TCP by zero copy, with asyncio:

    receive_asyncio.py PORT DIRECTORY [CONNECTIONS]

What comes through each connection is written to a file in DIRECTORY, from where the NIC has put it. Ends when so many
CONNECTIONS have been stored, or when killed. The variable INTERFACE may name the NIC."""

import asyncio
import os
import pathlib
import socket
import sys

import zcrx

SOME = 256  # events, after which the others have their turn


class Receiver:
    """Streams of a queue, each as an asynchronous iterator over its spans."""

    def __init__(self, queue):
        self.queue, self.loop = queue, asyncio.get_running_loop()
        self.loop.add_reader(queue.fileno(), self.handle)

    def close(self):
        self.loop.remove_reader(self.queue.fileno())

    def handle(self):
        for _ in range(SOME):
            event = self.queue.wait(0)
            if not event:
                return
            if event.stream:
                event.stream.userdata.put_nowait(event)
            elif event.kind is zcrx.Kind.LEASE_GONE:
                print(f"The lease has ended: {event.message}.", file=sys.stderr)
        self.loop.call_soon(self.handle)  # the descriptor tells only of what comes when there was none

    async def receive(self, connection):
        events = asyncio.Queue()
        stream = self.queue.receive(connection, userdata=events)
        self.loop.call_soon(self.handle)
        try:
            while (event := await events.get()).kind is zcrx.Kind.DATA:
                yield event.data
        finally:
            stream.close()
        if event.kind is zcrx.Kind.ERROR:
            raise OSError(-event.error, event.message)


async def store(receiver, connection, path):
    size = 0
    with connection, open(path, "wb") as file:
        async for span in receiver.receive(connection):
            size += file.write(span.view)
    print(f"{path.name}: {size} bytes", flush=True)


async def serve(queue, listener, directory, connections):
    """Until so many connections have been stored; None: for ever."""
    receiver, running, accepted = Receiver(queue), set(), 0
    listener.setblocking(False)
    while connections is None or accepted < connections:
        connection, _ = await receiver.loop.sock_accept(listener)
        running.add(asyncio.create_task(store(receiver, connection, directory / str(accepted))))
        accepted += 1
        running = {task for task in running if not task.done()}
    await asyncio.gather(*running)
    receiver.close()


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(f"usage: {sys.argv[0]} PORT DIRECTORY [CONNECTIONS]")
    port, directory = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128) as listener, \
            zcrx.Client() as client, zcrx.Lease(client, interface=os.environ.get("INTERFACE")) as lease, \
            zcrx.Queue(lease) as queue:
        queue.steer(listener)
        print("listening", flush=True)
        asyncio.run(serve(queue, listener, directory, int(sys.argv[3]) if len(sys.argv) == 4 else None))
        print(f"{queue.copied} bytes were copied")


if __name__ == "__main__":
    main()
