# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the simulated NIC share: commands, counters, frames, and the plain receiver.
They run as root in the test machine, where zc0 is here and its peer zc1 in the namespace "peer"."""

import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import time

import nl

BUILD = pathlib.Path("/build", "nic-" + os.uname().release)
PLAIN = str(BUILD / "zcrx-plain")
MODULE = os.environ.get("ZCNIC", str(BUILD / "zcnic.ko"))
DEBUGFS = pathlib.Path("/sys/kernel/debug/zcnic")
HOST4, PEER4, HOST6 = "10.9.0.1", "10.9.0.2", "fd09::1"
NTUPLE_LOCATIONS = 256
LOCATION_ANY = 0xFFFFFFFF
ARRIVED = re.compile(r"rx(\d+_(packets|alloc_fail|overruns)|_\w+_drops)$")
PATIENCE = 60  # seconds; a busy machine needs 30 for a restart


def run(*argv, **more):
    """A command that must work; what it printed."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, **more)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}{done.stdout}"
    return done.stdout


def refused(*argv):
    """A command that must fail; what it said."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode != 0, f"{' '.join(argv)} worked"
    return done.stderr + done.stdout


def until(condition, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


def ethtool_ioctl(ifname, data):
    """For what is slow by command, or has none. data, a bytearray, is also the answer."""
    siocethtool = 0x8946
    buffer = (ctypes.c_char * len(data)).from_buffer(data)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, siocethtool,
                    struct.pack("16sP", ifname.encode(), ctypes.addressof(buffer)))


def counters(ifname="zc0"):
    """What ethtool -S shows."""
    gsset_info, gstrings, gstats, ss_stats, name_len = 0x37, 0x1B, 0x1D, 1, 32
    info = bytearray(struct.pack("=IIQI", gsset_info, 0, 1 << ss_stats, 0))
    ethtool_ioctl(ifname, info)
    count = struct.unpack_from("=I", info, 16)[0]
    names = bytearray(struct.pack("=III", gstrings, ss_stats, count)) + bytes(count * name_len)
    ethtool_ioctl(ifname, names)
    values = bytearray(struct.pack("=II", gstats, count)) + bytes(count * 8)
    ethtool_ioctl(ifname, values)
    return {name.rstrip(b"\0").decode(): value for (name,), (value,) in zip(
        struct.iter_unpack(f"{name_len}s", names[12:]), struct.iter_unpack("=Q", values[8:]))}


@contextlib.contextmanager
def counted(ifname="zc0"):
    """A dict that holds, after the block, by how much each counter grew meanwhile."""
    before = counters(ifname)
    grown = {}
    yield grown
    for name, value in counters(ifname).items():
        if value != before.get(name, 0):
            grown[name] = value - before.get(name, 0)


def settings():
    """All of zc0 that can be set, as ethtool shows it."""
    return [run("ethtool", option, "zc0") for option in ("-l", "-g", "-x", "-k")]


def channels():
    return int(re.findall(r"Combined:\s+(\d+)", run("ethtool", "-l", "zc0"))[1])


def indirection(context=None):
    if not context:
        grxfhindir, size = 0x38, 128
        data = bytearray(struct.pack("=II", grxfhindir, size)) + bytes(4 * size)
        ethtool_ioctl("zc0", data)
        return list(struct.unpack_from(f"={struct.unpack_from('=I', data, 4)[0]}I", data, 8))
    table = []
    for row in re.findall(r"^\s+\d+:\s+(.*)$",
                          run("ethtool", "-x", "zc0", "context", str(context)), re.M):
        table += [int(queue) for queue in row.split()]
    return table


def rss_key():
    return bytes.fromhex(re.search(r"([0-9a-f]{2}:)+[0-9a-f]{2}", run("ethtool", "-x", "zc0"))[0]
                         .replace(":", ""))


def rule_add(*words):
    """Adds a rule; returns its location."""
    said = run("ethtool", "-N", "zc0", "flow-type", *words)
    return int(words[words.index("loc") + 1] if "loc" in words else re.search(r"ID (\d+)", said)[1])


@contextlib.contextmanager
def rule(*words):
    location = rule_add(*words)
    try:
        yield location
    finally:
        run("ethtool", "-N", "zc0", "delete", str(location))


@contextlib.contextmanager
def rxnfc():
    """insert(...) adds a tcp4 rule to queue 1 by ioctl and returns its location. All rules go
    afterwards."""
    srxclsrlins, tcp_v4_flow = 0x32, 1

    def insert(location=LOCATION_ANY, dst=0, sport=0, dport=0, dport_mask=0xFFFF, context=None):
        # src, dst, source port, destination port; what is not given does not matter
        value = struct.pack(">IIHH", 0, dst, sport, dport)
        mask = struct.pack(">IIHH", 0, 0xFFFFFFFF if dst else 0, 0xFFFF if sport else 0,
                           dport_mask if dport else 0)
        flow_rss = 0 if context is None else 0x20000000
        # cmd, flow_type, data; flow spec: type, values, masks, ring, location; context
        nfc = bytearray(struct.pack("=IIQ", srxclsrlins, flow_rss, 0) +
                        struct.pack("=I52s20s52s20s4xQI4x", tcp_v4_flow | flow_rss, value, b"",
                                    mask, b"", 0 if flow_rss else 1, location) +
                        struct.pack("=I4x", context or 0))
        ethtool_ioctl("zc0", nfc)
        return struct.unpack_from("=I", nfc, 16 + 160)[0]

    try:
        yield insert
    finally:
        rules_flush()


def rule_table():
    """The size of the rule table as the driver tells it, and whether it picks locations itself."""
    grxclsrlcnt, special = 0x2E, 0x80000000
    nfc = bytearray(struct.pack("=II", grxclsrlcnt, 0) + bytes(184))
    ethtool_ioctl("zc0", nfc)
    data = struct.unpack_from("=Q", nfc, 8)[0]
    return data & ~special, bool(data & special)


@contextlib.contextmanager
def quirks(*names):
    """What zc0's driver does differently, for some time."""
    path = DEBUGFS / "zcnic.0" / "quirks"
    path.write_text(",".join(names) + "\n")
    try:
        yield
    finally:
        path.write_text("\n")


def rules_flush():
    nl.feature_set("zc0", "rx-ntuple-filter", False)
    nl.feature_set("zc0", "rx-ntuple-filter", True)


def rules():
    """Locations of all rules."""
    return [int(found) for found in
            re.findall(r"^Filter: (\d+)$", run("ethtool", "-n", "zc0"), re.M)]


def lift_faults():
    for device in DEBUGFS.iterdir():
        for row in (device / "fail").read_text().splitlines()[1:]:
            if row.split()[1] != "0":
                fail(row.split()[0], 0, device=device.name)


def fail(operation, *numbers, device="zcnic.0"):
    """The next calls of an operation: COUNT [SKIP [ERRNO [DELAY_MS]]]."""
    (DEBUGFS / device / "fail").write_text(" ".join(map(str, (operation, *numbers))) + "\n")


def fault(operation, device="zcnic.0"):
    rows = (DEBUGFS / device / "fail").read_text().splitlines()
    names = rows[0].split()
    found = next(row.split() for row in rows[1:] if row.split()[0] == operation)
    return {name: int(value) for name, value in zip(names[1:], found[1:])}


def addresses():
    """Gives both ends their addresses again: IPv6 ones go when a link goes down."""
    for netns, ifname, end in ((), "zc0", 1), (("-n", "peer"), "zc1", 2):
        run("ip", *netns, "-batch", "-", input=f"""\
            link set {ifname} up
            addr replace 10.9.0.{end}/24 dev {ifname}
            addr replace fd09::{end}/64 dev {ifname} nodad
            """)


def load(*parameters):
    """The NIC, and its peer in the namespace."""
    run("insmod", MODULE, *parameters)
    run("ip", "link", "set", "zc1", "netns", "peer")
    addresses()


def reload(*parameters):
    """The NIC as it is when the machine has started, or with some parameters."""
    run("rmmod", "zcnic")
    load(*parameters)


def configure():
    """The state most tests start from: queues 4.. free of ordinary traffic."""
    rules_flush()
    nl.rss_set("zc0")
    nl.channels_set("zc0", 8)
    nl.rings_set("zc0", split=2, thresh=0, rx=1024)
    nl.rss_set("zc0", 0, 1, 2, 3)


def enter_peer():
    """For preexec_fn: the namespace of the peer."""
    fd = os.open("/run/netns/peer", os.O_RDONLY)
    os.setns(fd, os.CLONE_NEWNET)
    os.close(fd)


def peer_socket(*kind):
    """A socket of the peer's namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter_peer()
        return socket.socket(*kind)
    finally:
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)


def checksum(data):
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(flow, src=None, dst=None, sport=1, dport=2, tos=0, payload=b"payload", proto=None, vlans=()):
    """An Ethernet frame from the peer, checksums right. flow: tcp4, tcp6, udp4, udp6; proto makes
    it something else; vlans are tags, the outer one first. Addresses nobody has keep the receiving stack silent."""
    four = flow.endswith("4")
    family = socket.AF_INET if four else socket.AF_INET6
    src = socket.inet_pton(family, src or ("192.0.2.1" if four else "2001:db8::1"))
    dst = socket.inet_pton(family, dst or ("192.0.2.2" if four else "2001:db8::2"))
    number = socket.IPPROTO_TCP if flow.startswith("tcp") else socket.IPPROTO_UDP

    if flow.startswith("tcp"):
        l4 = struct.pack(">HHIIBBHHH", sport, dport, 1, 1, 5 << 4, 0x10, 512, 0, 0)
        position = 16
    else:
        l4 = struct.pack(">HHHH", sport, dport, 8 + len(payload), 0)
        position = 6
    l4 += payload
    pseudo = src + dst + struct.pack(">II", len(l4), number)
    l4 = l4[:position] + struct.pack(">H", checksum(pseudo + l4)) + l4[position + 2:]

    number = proto or number
    if four:
        ip = struct.pack(">BBHHHBBH", 0x45, tos, 20 + len(l4), 0, 0, 64, number, 0) + src + dst
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    else:
        ip = struct.pack(">IHBB", 6 << 28 | tos << 20, len(l4), number, 64) + src + dst
    ether = b"\x02zcn\0\0" + b"\x02zcn\0\1"
    tags = b"".join(struct.pack(">HH", 0x8100, tag) for tag in vlans)
    return ether + tags + (b"\x08\x00" if four else b"\x86\xdd") + ip + l4


class Wire:
    """Puts frames on the peer's end of the wire."""

    def __init__(self):
        self.socket = peer_socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind(("zc1", 0))

    def send(self, *frames):
        for data in frames:
            self.socket.send(data)

    def lands(self, *frames):
        """{queue: frames} for the queues that ordinary traffic does not reach. The NIC works on
        after the sender is back: waits until it has counted every frame, be it as dropped."""
        def arrived():
            return sum(value for name, value in counters().items() if ARRIVED.match(name))

        def packets():
            rows = nl.qstats("zc0", per_queue=True)
            return {queue: rows[queue][nl.QSTATS_RX_PACKETS] for queue in range(4, 8)}

        expected, before = arrived() + len(frames), packets()
        self.send(*frames)
        until(lambda: arrived() >= expected)
        return {queue: value - before[queue] for queue, value in packets().items()
                if value != before[queue]}


class Receiver:
    """zcrx-plain recv. refused is the errno's name if the kernel did not register it."""

    def __init__(self, *options, hold=False):
        argv = [PLAIN, "recv", *map(str, options)] + (["-n"] if hold else [])
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline().split()
        self.refused = said[1] if said[0] == "refused" else None
        if self.refused:
            self.stop()

    def __enter__(self):
        assert not self.refused, self.refused
        return self

    def __exit__(self, *unused):
        self.stop()

    def result(self):
        said, _ = self.process.communicate(timeout=PATIENCE)
        assert said, "the receiver died"
        return json.loads(said)

    def stop(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


def sender(address, port, size):
    """Starts zcrx-plain send in the peer's namespace."""
    return subprocess.Popen([PLAIN, "send", address, str(port), str(size)], preexec_fn=enter_peer,
                            stderr=subprocess.PIPE, text=True)


def transfer(receiver, size, address=HOST4, port=9000):
    """Sends to a receiver; what the receiver saw."""
    sending = sender(address, port, size)
    result = receiver.result()
    assert sending.wait(PATIENCE) == 0, sending.stderr.read()
    sending.stderr.close()
    return result


def assert_zero_copy(result, size):
    assert (result["bytes"], result["bad"], result["copied"], result["end"]) == (size, 0, 0, "EOF")
