# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `nft` would say to the kernel, as root: the tables of the netdev family, and taking them away."""

import errno
import os
import socket
import struct

import nl
from nl import attr, attrs

NETLINK_NETFILTER, SUBSYS = 12, 10
NFPROTO_NETDEV = 5
NEWTABLE, GETTABLE, DELTABLE, DELRULE = 0, 1, 2, 8
BATCH_BEGIN, BATCH_END = 0x10, 0x11
TABLE_NAME, TABLE_FLAGS, OWNER = 1, 2, 2


class Nft:
    def __enter__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.settimeout(10)
        return self

    def __exit__(self, *unused):
        self.socket.close()

    @staticmethod
    def message(kind, flags, family, payload=b"", resource=0):
        body = struct.pack("=BB", family, 0) + struct.pack(">H", resource) + payload
        return struct.pack("=IHHII", 16 + len(body), kind, flags | nl.NLM_F_REQUEST, 1, 0) + body

    def receive(self):
        data = self.socket.recv(1 << 20)
        while data:
            length, kind = struct.unpack_from("=IH", data)
            yield kind, data[16:length]
            data = data[(length + 3) & ~3:]

    def tables(self):
        """Flags by name."""
        self.socket.send(self.message(SUBSYS << 8 | GETTABLE, nl.NLM_F_DUMP, NFPROTO_NETDEV))
        found = {}
        while True:
            for kind, body in self.receive():
                if kind == nl.NLMSG_DONE:
                    return found
                table = attrs(body[4:])
                found[table[TABLE_NAME].rstrip(b"\0").decode()] = int.from_bytes(
                    table[TABLE_FLAGS], "big")

    def change(self, kind, payload=b"", family=NFPROTO_NETDEV, flags=0):
        """One change, as a batch."""
        self.socket.send(
            self.message(BATCH_BEGIN, 0, 0, resource=SUBSYS) +
            self.message(SUBSYS << 8 | kind, nl.NLM_F_ACK | flags, family, payload) +
            self.message(BATCH_END, 0, 0, resource=SUBSYS))
        for answer, body in self.receive():
            error = -struct.unpack_from("=i", body)[0] if answer == nl.NLMSG_ERROR else errno.EPROTO
            if error:
                raise OSError(error, os.strerror(error))

    def flush_ruleset(self):
        self.change(DELTABLE, family=0)

    def create_table(self, name):
        self.change(NEWTABLE, attr(TABLE_NAME, name), flags=0x400)

    def delete_table(self, name):
        self.change(DELTABLE, attr(TABLE_NAME, name))


def guards():
    """zcrxd's tables: whether each is owned by somebody, by the index of its interface."""
    with Nft() as nft:
        return {int(name.removeprefix("zcrxd-")): bool(flags & OWNER)
                for name, flags in nft.tables().items() if name.startswith("zcrxd-")}
