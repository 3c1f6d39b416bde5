# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ways by packets that are not for this host: a rule by value leads them to the queue, or a firewall
sends them on from there."""

import simnic
from cases_socket import Case
from simnic import PEER4, Wire
from unreadable import (ACK, PSH, Bound, beyond, link_stats, modprobe, run, segment, settle)

FAR = ("10.8.0.2", 80)
NEAR = (PEER4, 5000)
PAYLOAD = b"z" * 1200


def forwarded(bound, **how):
    """One segment for somebody behind this host."""
    bound.steer("dst-ip", FAR[0])
    before, sent = bound.landed(), link_stats("out0")
    Wire().send(segment(NEAR, FAR, 1, 1, ACK | PSH, PAYLOAD, **how))
    settle()
    now = link_stats("out0")
    return (bound.landed() - before, now[0] - sent[0], now[1] - sent[1])


def to_device(kind):
    with Bound() as bound, beyond(kind=kind):
        seen = forwarded(bound)
        return "error", "landed %u, sent %u, dropped %u" % seen


def to_dummy():
    return to_device("dummy")


def to_bridge():
    return to_device("bridge")


def fragmented():
    """No DF, and the way on is narrower: the host has to cut it."""
    with Bound() as bound, beyond(mtu=600):
        seen = forwarded(bound, fragments=True)
        return "error", "landed %u, sent %u, dropped %u" % seen


def icmp(how, mtu=1500):
    """An error goes back, with the beginning of the packet in it."""
    with Bound() as bound, beyond(mtu=mtu), simnic.peer_socket(
            simnic.socket.AF_INET, simnic.socket.SOCK_RAW, 1) as ear:
        ear.settimeout(5)
        seen = forwarded(bound, **how)
        answer = ear.recv(2000)
        leaked = answer[28 + 40:].count(b"z")
        return "error" if leaked else "fine", "landed %u; an ICMP error of %u bytes, %u of payload" % (
            seen[0], len(answer), leaked)


def icmp_time_exceeded():
    return icmp({"ttl": 1})


def icmp_too_big():
    return icmp({}, mtu=600)


def ipsec():
    """What is forwarded is to be encrypted."""
    modprobe("esp4", "authenc", "echainiv", "xfrm4_tunnel", "cbc", "hmac", "sha256")
    state = ("src", "10.8.0.1", "dst", "10.8.0.2")
    with Bound() as bound, beyond():
        run("ip", "xfrm", "state", "add", *state, "proto", "esp", "spi", "1", "mode", "tunnel", "enc",
            "cbc(aes)", "0x" + "11" * 16, "auth-trunc", "hmac(sha256)", "0x" + "22" * 32, "128")
        run("ip", "xfrm", "policy", "add", "dir", "out", "src", "0.0.0.0/0", "dst", "10.8.0.2/32",
            "tmpl", *state, "proto", "esp", "mode", "tunnel")
        try:
            return "error", "landed %u, sent %u, dropped %u" % forwarded(bound)
        finally:
            run("ip", "xfrm", "policy", "flush")
            run("ip", "xfrm", "state", "flush")


CASES = [
    Case("forwarded-to-dummy", "error", False, to_dummy),
    Case("forwarded-to-bridge", "error", False, to_bridge),
    Case("forwarded-in-fragments", "panic", True, fragmented),
    Case("icmp-time-exceeded", "fine", False, icmp_time_exceeded),
    Case("icmp-too-big", "fine", False, icmp_too_big),
    Case("forwarded-by-ipsec", "panic", True, ipsec),
]
