# SPDX-License-Identifier: LGPL-2.1-or-later
"""How soon a program hears of what has arrived: 256 bytes there and back between two NICs, answered in turns by a
program without zcrxd (epoll and recv()), by one that sleeps in zcrx_queue_wait(), and by one that polls
zcrx_queue_get_fd()."""

import json
import statistics
import subprocess

from target import verdict

PORT = 9100
LEAST = 0.7  # of what epoll and recv() do
TITLES = {"recv": "epoll, recv()", "wait": "zcrx_queue_wait()", "poll": "epoll, get_fd()"}


def turn(program, mode, connections, seconds):
    """Answers a second."""
    with subprocess.Popen([program, "serve", mode, "10.9.0.1", str(PORT), str(connections)],
                          stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout.readline() != "listening\n":
                raise RuntimeError(f"{mode}: it does not listen")
            asked = subprocess.run(
                ["ip", "netns", "exec", "peer", program, "ask", "10.9.0.1", str(PORT), str(connections),
                 str(seconds)], check=True, stdout=subprocess.PIPE, text=True, timeout=60 + 4 * seconds)
            server.wait(60)
        finally:
            server.kill()
    return json.loads(asked.stdout)["perSecond"]


def measure(program, rounds, seconds, await_free):
    """Of 1 and of 8 connections: the median of each kind."""
    result = {}
    for connections in 1, 8:
        rates = {mode: [] for mode in TITLES}
        for _ in range(rounds):
            for mode, found in rates.items():
                found.append(turn(program, mode, connections, seconds))
                await_free()
        result[str(connections)] = {mode: statistics.median(found) for mode, found in rates.items()}
    return result


def report(result):
    print("\n256 bytes there and back: round trips a second, and how many for one of epoll and recv()\n")
    print("  connections" + "".join(f"{title:>28}" for title in TITLES.values()))
    for connections, rates in result.items():
        print(f"  {connections:<11}" + "".join(
            f"{rate:>18.0f}/s{rate / rates['recv']:>8.2f}" for rate in rates.values()))
    worst = min(rates["poll"] / rates["recv"] for rates in result.values())
    print(f"\n  an epoll with zcrx_queue_get_fd() has {worst:.2f} of what epoll and recv() have, at worst "
          f"{verdict(worst, least=LEAST)}", flush=True)
