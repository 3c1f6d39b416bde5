# SPDX-License-Identifier: GPL-2.0-only
"""The little netlink that the tests need where ethtool and ip have no words: attributes, requests,
and the generic families "netdev" and "ethtool"."""

import contextlib
import os
import socket
import struct

NETLINK_GENERIC = 16  # socket has no name for it
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLM_F_CREATE_EXCL = 0x600
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
SOL_NETLINK, NETLINK_CAP_ACK, NETLINK_EXT_ACK = 270, 10, 11
NLA_F_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF
NLMSGERR_ATTR_MSG = 1
GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 16, 3, 1, 2
CTRL_ATTR_MCAST_GROUPS, CTRL_ATTR_MCAST_GRP_ID, NETLINK_ADD_MEMBERSHIP = 7, 2, 1


class NetlinkError(OSError):
    """strerror is what the kernel said, if it said anything."""


def attr(kind, value):
    """One attribute: an int is a u32, a str ends with NUL, a list is a nest."""
    if isinstance(value, int):
        value = struct.pack("=I", value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    elif isinstance(value, list):
        kind |= NLA_F_NESTED
        value = b"".join(value)
    data = struct.pack("=HH", 4 + len(value), kind) + value
    return data + bytes(-len(data) % 4)


def attrs(data):
    """Attributes by type; of several with one type the last."""
    result = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        result[kind & NLA_TYPE_MASK] = data[4:length]
        data = data[(length + 3) & ~3:]
    return result


def number(value):
    return int.from_bytes(value, "little")


class Netlink:
    def __init__(self, protocol):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)

    def request(self, kind, payload, flags=NLM_F_ACK):
        """Payloads of the answers, without netlink's own header."""
        header = struct.pack("=IHHII", 16 + len(payload), kind, NLM_F_REQUEST | flags, 1, 0)
        self.socket.send(header + payload)
        answers = []
        while True:
            data = self.socket.recv(1 << 16)
            while data:
                length, kind, flags = struct.unpack_from("=IHH", data)
                body, data = data[16:length], data[(length + 3) & ~3:]
                if kind == NLMSG_DONE or kind == NLMSG_ERROR:
                    self._check(body, flags)
                    return answers
                answers.append(body)

    @staticmethod
    def _check(body, flags):
        error = struct.unpack_from("=i", body)[0]
        if error >= 0:
            return
        said = {}
        if flags & NLM_F_ACK_TLVS and flags & NLM_F_CAPPED:
            said = attrs(body[20:])
        message = said.get(NLMSGERR_ATTR_MSG, b"").rstrip(b"\0").decode()
        raise NetlinkError(-error, message or os.strerror(-error))


class Generic(Netlink):
    def __init__(self, family):
        super().__init__(NETLINK_GENERIC)
        self.family = GENL_ID_CTRL
        answer = self.call(CTRL_CMD_GETFAMILY, [attr(CTRL_ATTR_FAMILY_NAME, family)])
        self.family = number(answer[0][CTRL_ATTR_FAMILY_ID])
        self.groups = answer[0].get(CTRL_ATTR_MCAST_GROUPS, b"")

    def call(self, command, request, dump=False):
        payload = struct.pack("=BBH", command, 1, 0) + b"".join(request)
        answers = self.request(self.family, payload, NLM_F_DUMP if dump else NLM_F_ACK)
        return [attrs(answer[4:]) for answer in answers]

    def monitor(self):
        """From now on this hears what the kernel tells of the family."""
        return Monitor(number(attrs(group)[CTRL_ATTR_MCAST_GRP_ID])
                       for group in attrs(self.groups).values())


class Monitor(Netlink):
    def __init__(self, groups):
        super().__init__(NETLINK_GENERIC)
        self.socket.bind((0, 0))
        self.socket.setblocking(False)
        for group in groups:
            self.socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def heard(self):
        """How many messages have come since the last time."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while self.socket.recv(1 << 16):
                count += 1
        return count


NETDEV_CMD_PAGE_POOL_GET, NETDEV_CMD_QUEUE_GET, NETDEV_CMD_NAPI_GET = 5, 10, 11
NETDEV_CMD_QSTATS_GET, NETDEV_CMD_QUEUE_CREATE = 12, 16
QUEUE_ID, QUEUE_IFINDEX, QUEUE_TYPE, QUEUE_NAPI_ID, QUEUE_IO_URING, QUEUE_LEASE = 1, 2, 3, 4, 6, 8
LEASE_IFINDEX, LEASE_QUEUE, LEASE_QUEUE_ID, LEASE_QUEUE_TYPE = 1, 2, 1, 3
QSTATS_IFINDEX, QSTATS_QUEUE_TYPE, QSTATS_QUEUE_ID, QSTATS_SCOPE = 1, 2, 3, 4
QSTATS_RX_PACKETS, QSTATS_RX_BYTES, QSTATS_RX_ALLOC_FAIL, QSTATS_RX_HW_DROPS = 8, 9, 12, 13
QSTATS_RX_CSUM_UNNECESSARY, QSTATS_RX_CSUM_NONE = 16, 17
IO_URING_RX_BUF_LEN = 1
POOL_IFINDEX = 2


def queue_get(ifname, queue):
    request = [attr(QUEUE_IFINDEX, socket.if_nametoindex(ifname)), attr(QUEUE_TYPE, 0),
               attr(QUEUE_ID, queue)]
    return Generic("netdev").call(NETDEV_CMD_QUEUE_GET, request)[0]


def bound_buf_len(ifname, queue):
    """The provider's buffer length, None without provider."""
    provider = queue_get(ifname, queue).get(QUEUE_IO_URING)
    return None if provider is None else number(attrs(provider)[IO_URING_RX_BUF_LEN])


def queue_lease(virtual, ifname, queue):
    """Leases a queue to a netkit device; returns the queue's id there."""
    lease = [attr(LEASE_IFINDEX, socket.if_nametoindex(ifname)),
             attr(LEASE_QUEUE, [attr(LEASE_QUEUE_ID, queue), attr(LEASE_QUEUE_TYPE, 0)])]
    request = [attr(QUEUE_IFINDEX, socket.if_nametoindex(virtual)), attr(QUEUE_TYPE, 0),
               attr(QUEUE_LEASE, lease)]
    return number(Generic("netdev").call(NETDEV_CMD_QUEUE_CREATE, request)[0][QUEUE_ID])


def qstats(ifname, per_queue=False):
    """Statistics of the device, or {queue id: statistics} of the receive queues."""
    request = [attr(QSTATS_IFINDEX, socket.if_nametoindex(ifname))]
    if per_queue:
        request.append(attr(QSTATS_SCOPE, 1))
    rows = [{kind: number(value) for kind, value in row.items()}
            for row in Generic("netdev").call(NETDEV_CMD_QSTATS_GET, request, dump=True)]
    if not per_queue:
        return rows[0]
    return {row[QSTATS_QUEUE_ID]: row for row in rows if row[QSTATS_QUEUE_TYPE] == 0}


HEADER, HEADER_DEV_NAME = 1, 2


def ethtool(command, ifname, *attributes):
    request = [attr(HEADER, [attr(HEADER_DEV_NAME, ifname)]), *attributes]
    return Generic("ethtool").call(command, request)


ETHTOOL_MSG_RINGS_GET, ETHTOOL_MSG_RINGS_SET = 15, 16
RINGS_RX, RINGS_TCP_DATA_SPLIT, RINGS_HDS_THRESH, RINGS_HDS_THRESH_MAX = 6, 11, 17, 18


def rings_get(ifname):
    answer = ethtool(ETHTOOL_MSG_RINGS_GET, ifname)[0]
    return {kind: number(value) for kind, value in answer.items() if kind != HEADER}


def rings_set(ifname, split=None, thresh=None, rx=None):
    attributes = []
    if split is not None:
        attributes.append(attr(RINGS_TCP_DATA_SPLIT, bytes([split])))
    if thresh is not None:
        attributes.append(attr(RINGS_HDS_THRESH, thresh))
    if rx is not None:
        attributes.append(attr(RINGS_RX, rx))
    ethtool(ETHTOOL_MSG_RINGS_SET, ifname, *attributes)


ETHTOOL_MSG_CHANNELS_SET, CHANNELS_COMBINED_COUNT = 18, 9


def channels_set(ifname, combined):
    ethtool(ETHTOOL_MSG_CHANNELS_SET, ifname, attr(CHANNELS_COMBINED_COUNT, combined))


ETHTOOL_MSG_FEATURES_SET, FEATURES_WANTED = 12, 3
BITSET_BITS, BITSET_BIT, BITSET_BIT_NAME, BITSET_BIT_VALUE = 3, 1, 2, 3


def feature_set(ifname, name, on):
    bit = [attr(BITSET_BIT_NAME, name)] + ([attr(BITSET_BIT_VALUE, b"")] if on else [])
    wanted = attr(FEATURES_WANTED, [attr(BITSET_BITS, [attr(BITSET_BIT, bit)])])
    ethtool(ETHTOOL_MSG_FEATURES_SET, ifname, wanted)


ETHTOOL_MSG_RSS_SET, ETHTOOL_MSG_RSS_CREATE_ACT, ETHTOOL_MSG_RSS_DELETE_ACT = 48, 49, 50
RSS_CONTEXT, RSS_INDIR = 2, 4


def rss_set(ifname, *queues):
    """The default table; the kernel repeats what is shorter, and resets it if there is nothing."""
    ethtool(ETHTOOL_MSG_RSS_SET, ifname, attr(RSS_INDIR, struct.pack(f"={len(queues)}I", *queues)))


def rss_create(ifname):
    """A context with the defaults; returns its id."""
    return number(ethtool(ETHTOOL_MSG_RSS_CREATE_ACT, ifname)[0][RSS_CONTEXT])


def rss_delete(ifname, context):
    ethtool(ETHTOOL_MSG_RSS_DELETE_ACT, ifname, attr(RSS_CONTEXT, context))


RTM_NEWLINK = 16
IFLA_IFNAME, IFLA_LINKINFO, IFLA_NUM_RX_QUEUES = 3, 18, 32
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_NETKIT_PAIRING, NETKIT_DEVICE_SINGLE = 1, 2, 10, 1


def netkit_single(name, queues):
    """A netkit device without peer, which iproute2 cannot make: a place to lease queues to."""
    data = [attr(IFLA_NETKIT_PAIRING, NETKIT_DEVICE_SINGLE)]
    info = [attr(IFLA_INFO_KIND, "netkit"), attr(IFLA_INFO_DATA, data)]
    payload = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + b"".join(
        [attr(IFLA_IFNAME, name), attr(IFLA_NUM_RX_QUEUES, 1 + queues), attr(IFLA_LINKINFO, info)])
    Netlink(socket.NETLINK_ROUTE).request(RTM_NEWLINK, payload, NLM_F_ACK | NLM_F_CREATE_EXCL)
