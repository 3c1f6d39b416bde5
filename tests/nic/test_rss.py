# SPDX-License-Identifier: GPL-2.0-only
"""Receive-side scaling: the table, the key, the hash itself, and further contexts."""

import ipaddress
import re
import struct

import pytest
import nl
import simnic
from simnic import frame, refused, run


def toeplitz(key, data):
    bits = int.from_bytes(key, "big")
    size = 8 * len(key)
    total = 0
    for position in range(8 * len(data)):
        if data[position // 8] >> (7 - position % 8) & 1:
            total ^= bits >> (size - 32 - position) & 0xFFFFFFFF
    return total


def hashed(src, dst, *ports):
    addresses = ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed
    return addresses + b"".join(struct.pack(">H", port) for port in ports)


def test_hash_is_toeplitz(wire):
    """Frames land where the key and the table, as ethtool shows them, say."""
    run("ethtool", "-X", "zc0", "weight", *"0 0 0 0 1 1 1 1".split())
    key, table = simnic.rss_key(), simnic.indirection()
    four, six = ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")
    cases = [(frame("udp4", sport=port), hashed(*four, port, 2)) for port in range(10, 16)]
    cases += [(frame("tcp6", sport=port), hashed(*six, port, 2)) for port in range(10, 16)]
    cases += [(frame("udp4", dst=f"192.0.2.{host}", proto=132), hashed(four[0], f"192.0.2.{host}"))
              for host in range(20, 24)]
    for sent, data in cases:
        landed = wire.lands(*[sent] * 20)
        # Ordinary traffic comes here too, a frame now and then.
        assert max(landed, key=landed.get) == table[toeplitz(key, data) % len(table)]
    run("ethtool", "-X", "zc0", "equal", "4")


def test_key_changes_where_frames_land(wire):
    old = simnic.rss_key()
    run("ethtool", "-X", "zc0", "hkey", ":".join(["00"] * 40))
    assert simnic.rss_key() == bytes(40)
    run("ethtool", "-X", "zc0", "weight", *"0 0 0 0 0 1 1 0".split())
    # With a key of zeros every hash is zero.
    landed = wire.lands(*[frame("udp4", sport=port) for port in range(8)])
    assert set(landed) == {5} and landed[5] >= 8
    run("ethtool", "-X", "zc0", "hkey", old.hex(":"))
    run("ethtool", "-X", "zc0", "equal", "4")


def test_table():
    assert simnic.indirection() == [entry % 4 for entry in range(128)]
    refused("ethtool", "-X", "zc0", "equal", "9")
    refused("ethtool", "-X", "zc0", "hfunc", "xor")
    run("ethtool", "-X", "zc0", "default")
    assert simnic.indirection() == [entry % 8 for entry in range(128)]
    run("ethtool", "-X", "zc0", "equal", "4")


def new_context(*words):
    return re.search(r"New RSS context is (\d+)",
                     run("ethtool", "-X", "zc0", "context", "new", *words))[1]


def test_contexts(wire):
    one = new_context("equal", "2", "start", "4")
    two = new_context("equal", "1", "start", "6")
    assert simnic.indirection(one) == [4 + entry % 2 for entry in range(128)]
    frames = [frame("udp4", sport=port, dport=2000) for port in range(40)]
    try:
        with simnic.rule("udp4", "dst-port", "2000", "context", one):
            landed = wire.lands(*frames)
            assert set(landed) == {4, 5} and sum(landed.values()) == 40
            assert "context 1" in (simnic.DEBUGFS / "zcnic.0" / "rules").read_text()
            assert "RSS Context " + one in run("ethtool", "-n", "zc0")
            refused("ethtool", "-X", "zc0", "context", one, "delete")
            run("ethtool", "-X", "zc0", "context", one, "equal", "1", "start", "7")
            assert wire.lands(*frames) == {7: 40}
            said = refused("ethtool", "-L", "zc0", "combined", "7")
            assert "too low for existing indirection table (7)" in said
        with simnic.rule("udp4", "dst-port", "2000", "context", two):
            assert wire.lands(*frames) == {6: 40}
    finally:
        for context in one, two:
            run("ethtool", "-X", "zc0", "context", context, "delete")
    refused("ethtool", "-N", "zc0", "flow-type", "udp4", "dst-port", "2000", "context", one)


def test_context_defaults_and_limit():
    contexts = [nl.rss_create("zc0") for _ in range(15)]
    assert sorted(contexts) == list(range(1, 16))
    assert simnic.indirection(contexts[0]) == [entry % 8 for entry in range(128)]
    with pytest.raises(OSError):
        nl.rss_create("zc0")
    for context in contexts:
        nl.rss_delete("zc0", context)
