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
NEWTABLE, GETTABLE, DELTABLE, GETRULE, DELRULE, GETSETELEM = 0, 1, 2, 7, 8, 13
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

    def dump(self, kind, payload=b""):
        """Attributes of all that there is of a kind."""
        self.socket.send(self.message(SUBSYS << 8 | kind, nl.NLM_F_DUMP, NFPROTO_NETDEV, payload))
        while True:
            for answer, body in self.receive():
                if answer == nl.NLMSG_DONE:
                    return
                yield attrs(body[4:])

    def tables(self):
        """Flags by name."""
        return {table[TABLE_NAME].rstrip(b"\0").decode(): int.from_bytes(table[TABLE_FLAGS], "big")
                for table in self.dump(GETTABLE)}

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


def rules(ifindex):
    """The kernel's numbers of its rules, which are others when they are made again."""
    with Nft() as nft:
        return sorted(int.from_bytes(rule[3], "big")
                      for rule in nft.dump(GETRULE, attr(1, f"zcrxd-{ifindex}")))


def ports(ifindex):
    """What it guards, where all flows are to one address by IPv4, and a port."""
    found = set()
    with Nft() as nft:
        for part in nft.dump(GETSETELEM, attr(1, f"zcrxd-{ifindex}") + attr(2, "flows-0")):
            data = part[3]
            while data:
                key = attrs(attrs(data[4:struct.unpack_from("=H", data)[0]])[1])[1]
                found.add(int.from_bytes(key[4:6], "big"))
                data = data[(struct.unpack_from("=H", data)[0] + 3) & ~3:]
    return found
