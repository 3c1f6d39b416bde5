# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files sent through many connections at once, for the programs of docs/examples that store them."""

import contextlib
import random

import machine
import pytest

SENDER = """
import os, random, select, socket, sys
host, port, n, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
gates = sys.argv[5] # a file that has a byte for each quarter that may follow the first; or nothing
left, quarter = {}, {}
for i in range(n):
    s = socket.create_connection((host, port))
    data = i.to_bytes(4, "little") + random.Random(i).randbytes(size + 1000 * i)
    s.setblocking(False)
    left[s] = memoryview(data)
    quarter[s] = len(data) // 4
while left:
    held = 3 - os.path.getsize(gates) if gates else 0
    ready = [s for s in left if len(left[s]) > held * quarter[s]]
    for s in select.select([], ready, [], 0.05 if held else None)[1]:
        left[s] = left[s][s.send(left[s][:min(65536, len(left[s]) - held * quarter[s])]):]
        if not left[s]:
            s.close()
            del left[s]
"""


def send(host, port, n, size, peer, gates=""):
    """So many connections at once; each says its number, and what follows from that."""
    return machine.Program("python3", "-c", SENDER, host, str(port), str(n), str(size), str(gates), peer=peer)


def check(directory, n, size):
    """Every byte of every connection; how many there were."""
    found, total = set(), 0
    for i in range(n):
        data = (directory / str(i)).read_bytes()
        number = int.from_bytes(data[:4], "little")
        assert data[4:] == random.Random(number).randbytes(size + 1000 * number), (i, number, len(data))
        found.add(number)
        total += len(data)
    assert found == set(range(n))
    return total


def example(program):
    """The path of one, from the sanitizers' build; of a script, as it is, and what has a path already."""
    if program.startswith("/"):
        return program
    if program.endswith(".py"):
        return f"/src/docs/examples/{program}"
    return machine.with_sanitizers("zcrxperf").replace("tools/zcrxperf/zcrxperf", f"libzcrx-client/{program}")


@contextlib.contextmanager
def storing(directory, n, interface="zc0", program="zcrx-ring-example"):
    directory.mkdir(mode=0o777)
    directory.chmod(0o777)
    with machine.Program("env", f"INTERFACE={interface}", example(program), "9001", str(directory), str(n),
                         user="alice") as program:
        program.wait_for("^listening$")
        yield program


@pytest.fixture
def directory(tmp_path_factory):
    """Where alice may write, too."""
    base = tmp_path_factory.mktemp("pool")
    for parent in (base, *base.parents[:2]):
        parent.chmod(0o755)
    return base / "files"
