# SPDX-License-Identifier: LGPL-2.1-or-later
"""As much of nf_tables as the cases need, by netlink: the machine has no nft."""

import contextlib
import os
import socket
import struct

NETLINK_NETFILTER, SUBSYSTEM = 12, 10
NEWTABLE, DELTABLE, NEWCHAIN, NEWRULE, NEWOBJ = 0, 2, 3, 6, 18
BATCH_BEGIN, BATCH_END = 0x10, 0x11
REQUEST, ACK, CREATE = 1, 4, 0x400
INET, NETDEV = 1, 5
TRANSPORT, REGISTER, CT_HELPER, TCP = 2, 1, 3, 6
NESTED = 0x8000


def attribute(number, value):
    if isinstance(value, list):
        number, value = number | NESTED, b"".join(value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    elif isinstance(value, int):
        value = struct.pack(">I", value & 0xFFFFFFFF)
    return struct.pack("=HH", len(value) + 4, number) + value + bytes(-len(value) % 4)


def message(kind, flags, family, sequence, *attributes, resource=0):
    body = struct.pack(">BBH", family, 0, resource) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body


def commit(*messages):
    """(kind, family, attributes)... as one transaction."""
    data = message(BATCH_BEGIN, REQUEST, 0, 1, resource=SUBSYSTEM)
    for number, (kind, family, attributes) in enumerate(messages, 2):
        data += message(SUBSYSTEM << 8 | kind, REQUEST | ACK | CREATE, family, number, *attributes)
    data += message(BATCH_END, REQUEST, 0, 99, resource=SUBSYSTEM)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as s:
        s.settimeout(10)
        s.sendall(data)
        left = len(messages)
        while left:
            answer = s.recv(1 << 16)
            while answer:
                length, kind, _, number = struct.unpack_from("=IHHI", answer)
                error = struct.unpack_from("=i", answer, 16)[0] if kind == 2 else 0
                assert error == 0, (f"message {number}", os.strerror(-error))
                left -= kind == 2
                answer = answer[(length + 3) & ~3:]


def expression(name, *data):
    return attribute(1, [attribute(1, name), attribute(2, list(data))])


def table(family):
    return NEWTABLE, family, [attribute(1, "case")]


def chain(family, hook, priority, device=None):
    where = [attribute(1, hook), attribute(2, priority)]
    if device:
        where.append(attribute(3, device))
    return NEWCHAIN, family, [attribute(1, "case"), attribute(3, "c"), attribute(4, where),
                              attribute(7, "filter")]


def rule(family, *expressions):
    return NEWRULE, family, [attribute(1, "case"), attribute(2, "c"),
                             attribute(4, list(expressions))]


@contextlib.contextmanager
def gone_afterwards(family, *messages):
    commit(table(family), *messages)
    try:
        yield
    finally:
        commit((DELTABLE, family, [attribute(1, "case")]))


def payload_match(hook):
    """@th,1600,32 "xxxx" drop: what lies well behind the headers."""
    family = NETDEV if hook == "ingress" else INET
    where = chain(NETDEV, 0, 0, "zc0") if hook == "ingress" else chain(INET, 1, 0)
    return gone_afterwards(family, where, rule(
        family,
        expression("payload", attribute(1, REGISTER), attribute(2, TRANSPORT), attribute(3, 200),
                   attribute(4, 4)),
        expression("cmp", attribute(1, REGISTER), attribute(2, 0),
                   attribute(3, [attribute(1, b"xxxx")])),
        expression("immediate", attribute(1, 0),
                   attribute(2, [attribute(2, [attribute(1, 0)])]))))


def helper(name):
    """Every connection gets that helper of the connection tracker."""
    made = NEWOBJ, INET, [
        attribute(1, "case"), attribute(2, "h"), attribute(3, CT_HELPER),
        attribute(4, [attribute(1, name), attribute(2, struct.pack(">H", socket.AF_INET)),
                      attribute(3, bytes([TCP]))])]
    return gone_afterwards(INET, made, chain(INET, 0, 0), rule(
        INET, expression("objref", attribute(1, CT_HELPER), attribute(2, "h"))))
