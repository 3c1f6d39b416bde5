# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the cases share: a queue of the simulated NIC that is bound by root itself, a rule to it, and
both ends of a connection whose payload lands there, out of the kernel's reach. No zcrxd takes part:
what is seen is the kernel's own behaviour. As root, in a machine that may die of it."""

import contextlib
import ctypes
import errno
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time

sys.path.append(str(pathlib.Path(__file__).parent.parent / "nic"))

import simnic  # noqa: E402 (needs the path)
from simnic import HOST4, PEER4, run  # noqa: E402,F401 (for the cases)

QUEUE, PORT = 7, 9000
SIZE = 3000  # bytes: more than one segment, less than the bound memory
SHORT = 4  # seconds: what has not come by then does not come
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
REPAIR_RECEIVED, REPAIR_SENT = 1, 2
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
libc = ctypes.CDLL(None, use_errno=True)


class Bound:
    """The queue, held by a ring that never receives, and how much has landed in its memory."""

    def __init__(self):
        simnic.addresses()
        simnic.configure()
        self.holder = simnic.Receiver("-q", QUEUE, hold=True)
        assert not self.holder.refused, self.holder.refused
        self.location = None

    def steer(self, *words):
        self.location = simnic.rule_add("tcp4", *(words or ("dst-port", str(PORT))), "action",
                                        str(QUEUE))

    @staticmethod
    def landed():
        return simnic.counters()[f"rx{QUEUE}_zc_bytes"]

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.location is not None:
            run("ethtool", "-N", "zc0", "delete", str(self.location))
        self.holder.stop()


def listening(protocol=0, port=PORT, prepare=None):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((HOST4, port))
    if prepare:
        prepare(s, PEER4)
    s.listen()
    s.settimeout(SHORT)
    return s


class Pair:
    """A connection from the peer's namespace to a listener of ours."""

    def __init__(self, protocol=0, prepare=None, port=PORT):
        self.listener = listening(protocol, port, prepare)
        self.far = simnic.peer_socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
        if prepare:
            prepare(self.far, HOST4)
        self.far.settimeout(SHORT)
        self.far.connect((HOST4, port))
        self.near, _ = self.listener.accept()
        self.near.settimeout(SHORT)

    def send(self, data=b"x" * SIZE, flags=0):
        self.far.send(data, flags)

    def close(self):
        for s in self.near, self.far, self.listener:
            s.close()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()


def said(call, *arguments):
    """What a call came to: its errno's name, or how many bytes."""
    try:
        found = call(*arguments)
    except socket.timeout:
        return "nothing arrives"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return f"{len(found)} bytes" if isinstance(found, (bytes, bytearray)) else str(found)


def received(pair, flags=0):
    return said(pair.near.recv, 1 << 16, flags)


def wait_landed(before, size=SIZE):
    simnic.until(lambda: Bound.landed() >= before + size, SHORT * 2)


def sequence(sock):
    """The next byte that the socket sends, and the next that it expects."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    found = []
    for queue in REPAIR_SENT, REPAIR_RECEIVED:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        found.append(sock.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xFFFFFFFF)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 0)
    return found


def segment(source, destination, seq, ack, flags, payload=b"", urgent=0, ttl=64, fragments=False):
    """A TCP segment in a frame from the peer to zc0, with checksums; (address, port) each."""
    l4 = struct.pack(">HHIIBBHHH", source[1], destination[1], seq, ack, 5 << 4, flags, 512, 0,
                     urgent) + payload
    ends = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    pseudo = ends + struct.pack(">HH", socket.IPPROTO_TCP, len(l4))
    l4 = l4[:16] + struct.pack(">H", simnic.checksum(pseudo + l4)) + l4[18:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(l4), 1, 0 if fragments else 0x4000, ttl,
                     socket.IPPROTO_TCP, 0) + ends
    ip = ip[:10] + struct.pack(">H", simnic.checksum(ip)) + ip[12:]
    return mac_of("zc0") + mac_of("zc1", "peer") + b"\x08\x00" + ip + l4


def mac_of(ifname, netns=None):
    words = run("ip", *(("-n", netns) if netns else ()), "-o", "link", "show", ifname).split()
    return bytes.fromhex(words[words.index("link/ether") + 1].replace(":", ""))


@contextlib.contextmanager
def beyond(mtu=1500, kind="dummy", address="10.8.0.1/24"):
    """A device that the host forwards to: 10.8.0.2 is behind it."""
    run("ip", "link", "add", "out0", "type", kind)
    run("ip", "link", "set", "out0", "mtu", str(mtu), "up")
    run("ip", "addr", "add", address, "dev", "out0")
    run("ip", "neigh", "add", "10.8.0.2", "lladdr", "02:00:00:00:00:02", "dev", "out0")
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    try:
        yield
    finally:
        run("ip", "link", "del", "out0")
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("0")


def link_stats(ifname):
    """(packets sent, packets dropped while sending)."""
    base = pathlib.Path("/sys/class/net", ifname, "statistics")
    return [int((base / name).read_text()) for name in ("tx_packets", "tx_dropped")]


@contextlib.contextmanager
def ingress(*words, ifname="zc0"):
    """A tc filter on what arrives."""
    run("tc", "qdisc", "add", "dev", ifname, "clsact")
    try:
        run("tc", "filter", "add", "dev", ifname, "ingress", *words)
        yield
    finally:
        run("tc", "qdisc", "del", "dev", ifname, "clsact")


def settle(seconds=1.0):
    """For what shows only by what does not happen."""
    time.sleep(seconds)


def modprobe(*names):
    for name in names:
        subprocess.run(["modprobe", "-q", name], check=False)


def kernel_log():
    """Reads what the kernel says from here on: warnings are a result, too."""
    log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    os.lseek(log, 0, os.SEEK_END)
    return log


def complaints(log):
    lines = []
    with contextlib.suppress(BlockingIOError):
        while record := os.read(log, 8192):
            line = record.decode(errors="replace").partition(";")[2].split("\n")[0]
            if "WARNING:" in line or "BUG:" in line:
                lines.append(line.partition("WARNING:")[2].strip() or line)
    return lines
