# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ways by what looks at packets before a socket does: checksums, taps, filters, firewalls."""

import socket

import nft
import simnic
from cases_socket import Case
from unreadable import (SIZE, Bound, Pair, ingress, link_stats, modprobe, received, run, settle,
                        wait_landed)


def goes_on(pair, bound, before, size=SIZE):
    """Whether payload still gets to the socket, where it cannot be read."""
    pair.send(b"x" * size)
    settle()
    seen = received(pair)
    return ("fine" if seen == "EFAULT" else "error",
            f"recv: {seen}, {bound.landed() - before} bytes landed")


def watched(*words, size=SIZE):
    with Bound() as bound:
        bound.steer()
        with ingress(*words), Pair() as pair:
            return goes_on(pair, bound, bound.landed(), size)


def checksum_by_software():
    """ethtool -K rx off: the driver does not say that the checksum is right."""
    with simnic.quirks("checksum-unsaid"), Bound() as bound:
        bound.steer()
        with Pair() as pair:
            return goes_on(pair, bound, bound.landed())


def packet_socket():
    """tcpdump."""
    with Bound() as bound, socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:
        bound.steer()
        tap.bind(("zc0", 3))
        tap.settimeout(5)
        with Pair() as pair:
            before = bound.landed()
            pair.send(b"tcpdump-was-here" * 50)
            wait_landed(before, 800)
            settle(0.3)
            frames = []
            tap.setblocking(False)
            try:
                while True:
                    frames.append(tap.recv(1 << 16))
            except BlockingIOError:
                pass
            leaked = sum(b"tcpdump-was-here" in frame for frame in frames)
            return "fine" if not leaked else "error", f"{len(frames)} frames, {leaked} with payload"


def mirred():
    run("ip", "link", "add", "mirror0", "type", "veth", "peer", "mirror1")
    run("ip", "link", "set", "mirror0", "up")
    run("ip", "link", "set", "mirror1", "up")
    try:
        ended, seen = watched("matchall", "action", "mirred", "egress", "mirror", "dev", "mirror0")
        return ended, f"{seen}; veth sent, dropped: {link_stats('mirror0')}"
    finally:
        run("ip", "link", "del", "mirror0")


def tc_payload_match():
    return watched("protocol", "ip", "u32", "match", "u32", "0x78787878", "0xffffffff", "at", "200",
                   "action", "drop")


def tc_checksum():
    """The action that computes a TCP checksum anew, of what GRO has not merged."""
    return watched("protocol", "ip", "matchall", "action", "csum", "ip4h", "tcp", size=500)


def nft_case(hook):
    modprobe("nf_tables", "nft_ct")
    with Bound() as bound:
        bound.steer()
        with nft.payload_match(hook), Pair() as pair:
            return goes_on(pair, bound, bound.landed())


def nft_input():
    return nft_case("input")


def nft_ingress():
    return nft_case("ingress")


def conntrack_helper():
    """The ftp helper reads the control connection's payload."""
    modprobe("nf_conntrack_ftp", "nf_tables", "nft_ct")
    with Bound() as bound:
        bound.steer()
        with nft.helper("ftp"), Pair() as pair:
            before = bound.landed()
            pair.send(b"PORT 10,9,0,2,4,1\r\n" * 20)
            settle()
            seen = received(pair)
            return ("fine" if seen == "EFAULT" else "error",
                    f"recv: {seen}, {bound.landed() - before} bytes landed")


CASES = [
    Case("checksum-by-software", "warning", True, checksum_by_software),
    Case("packet-socket", "fine", False, packet_socket),
    Case("mirred-to-veth", "fine", False, mirred),
    Case("tc-payload-match", "fine", False, tc_payload_match),
    Case("tc-checksum", "error", False, tc_checksum),
    Case("nft-payload-input", "fine", False, nft_input),
    Case("nft-payload-ingress", "fine", False, nft_ingress),
    Case("conntrack-helper", "error", False, conntrack_helper),
]
