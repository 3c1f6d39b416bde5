# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processor time of a receiver for each byte, in turns by ways to receive: on a simulated NIC that moves payload by a
thread of its own on the sender's processor, as DMA would, with frames of 9000 bytes and hardware GRO. What remains to
the other processor is what a receiver pays: its process, and the NIC's NAPI."""

import glob
import json
import os
import subprocess

PORT = 9200
TITLES = {"recv": "recv()", "read": "io_uring READ", "zerocopy": "zero copy, liburing", "library": "zero copy, library"}
SENDER, RECEIVER = 0, 1  # processors
MTU = 9000
NIC = [f"dma_cpu={SENDER}", "offload=1"]  # the module's parameters


def napi_threads():
    """The threads that receive for zc0."""
    found = []
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            with open(path, encoding="ascii") as f:
                if f.read().startswith("napi/zc0-"):
                    found.append(int(path.split("/")[2]))
        except OSError:
            pass
    return found


def place():
    """NAPI in threads, where the receiver is."""
    for command in (["ip", "link", "set", "zc0", "mtu", str(MTU)],
                    ["ip", "-n", "peer", "link", "set", "zc1", "mtu", str(MTU)]):
        subprocess.run(command, check=True)
    with open("/sys/class/net/zc0/threaded", "w", encoding="ascii") as f:
        f.write("1")
    threads = napi_threads()
    for thread in threads:
        os.sched_setaffinity(thread, {RECEIVER})
    return threads


def spent(threads):
    """Nanoseconds that they have run."""
    total = 0
    for thread in threads:
        with open(f"/proc/{thread}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total


def turn(program, mode, connections, length, threads):
    """What a receiver took for so many bytes, itself and in NAPI."""
    before = spent(threads)
    with subprocess.Popen(["taskset", "-c", str(RECEIVER), program, "receive", mode, "10.9.0.1", str(PORT),
                           str(connections)], stdout=subprocess.PIPE, text=True) as receiver:
        try:
            if receiver.stdout.readline() != "listening\n":
                raise RuntimeError(f"{mode}: it does not listen")
            subprocess.run(["ip", "netns", "exec", "peer", "taskset", "-c", str(SENDER), program, "send", "10.9.0.1",
                            str(PORT), str(connections), str(length)], check=True, timeout=300)
            took = json.loads(receiver.stdout.readline())
            receiver.wait(60)
        finally:
            receiver.kill()
    took["napiNSec"] = spent(threads) - before
    return took


def measure(program, rounds, length, await_free):
    """Of 1, 8 and 64 connections: for each way the turn with the median of processor time."""
    threads = place()
    result = {}
    for connections in 1, 8, 64:
        turns = {mode: [] for mode in TITLES}
        for _ in range(rounds):
            for mode, found in turns.items():
                found.append(turn(program, mode, connections, length, threads))
                await_free()
        result[str(connections)] = {
            mode: sorted(found, key=lambda t: t["cpuNSec"])[len(found) // 2] for mode, found in turns.items()}
    return result


def share(turns, mode, key):
    return turns[mode][key] / turns[mode]["bytes"]


def report(result):
    print("\nProcessor time of a receiver, nanoseconds a byte: of its process, and with the NIC's NAPI; and what of one of "
          "recv()'s\n")
    print("  connections                       process           with NAPI      bytes a piece     copied")
    for connections, turns in result.items():
        whole = {mode: share(turns, mode, "cpuNSec") + share(turns, mode, "napiNSec") for mode in turns}
        for mode, title in TITLES.items():
            process = share(turns, mode, "cpuNSec")
            print(f"  {connections:>3} {title:<24}{process:>8.3f}{process / share(turns, 'recv', 'cpuNSec'):>7.2f}"
                  f"{whole[mode]:>13.3f}{whole[mode] / whole['recv']:>7.2f}"
                  f"{turns[mode]['bytes'] / turns[mode]['pieces']:>19.0f}"
                  f"{100 * share(turns, mode, 'copied'):>9.1f} %", flush=True)
