# SPDX-License-Identifier: LGPL-2.1-or-later
"""The whole daemon on the simulated NIC, clients of several users that speak raw Varlink, and what
the kernel shows of the daemon: its memory, its descriptors, its processor time."""

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE = 40  # seconds; sanitizers and busy machines take their time
SERVED = 10  # seconds in which somebody else's call has to be answered, whatever goes on
MIB = 1 << 20
HELD = 32 * MIB  # what the attacks of one user may cost
QUIET = 20  # lines in the journal that an attack may cause
OF_A_SESSION = 2  # descriptors that the daemon has for each session
OF_A_REGISTRATION = 2  # descriptors for a process that waits for one: its socket and itself
OF_A_CONNECTION = 4  # descriptors: two in the daemon, two in the session

ADMINISTRATOR, BYSTANDER, HOSTILE, QUOTA = 2001, 2002, 3000, 2003
CONFIG = f"""\
interfaces:
  - name: sim0
    channels: 16
    zero-copy-queues: 12
policy:
  - user: root
    flows: any
    administer: true
  - user: "{ADMINISTRATOR}"
    administer: true
  - user: "{QUOTA}"
    max-queues: 4
    max-area: 192K
  - user: "{BYSTANDER}"
    max-queues: 12
  - user: "{HOSTILE}"
    max-queues: 8
"""


def until(condition, seconds=PATIENCE):
    """Waits for something that is about to happen; what the condition said."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain"
        time.sleep(0.02)
    return value


@contextlib.contextmanager
def impersonate(uid):
    """Connections made meanwhile are this user's."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def message(method, **parameters):
    flags = {key[1:]: parameters.pop(key) for key in list(parameters) if key.startswith("_")}
    if "." not in method:
        method = "io.zcrx.Manager." + method
    return json.dumps({"method": method, "parameters": parameters, **flags}).encode() + b"\0"


class Refused(Exception):
    """An error reply: its name without the interface."""


class Client:
    """A connection, and calls on it one after the other."""

    def __init__(self, path, uid, timeout=PATIENCE):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.buffer = b""
        self.fds = []
        # Waits in the queue if it is full, as only a blocking socket does.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO,
                               struct.pack("ll", int(timeout), 0))
        with impersonate(uid):
            self.socket.connect(path)
        self.socket.settimeout(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.socket.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def send(self, data, fds=()):
        if fds:
            n = socket.send_fds(self.socket, [data], list(fds))
            data = data[n:]
        if data:
            self.socket.sendall(data)

    def receive(self):
        """The next reply."""
        while b"\0" not in self.buffer:
            data, fds, _, _ = socket.recv_fds(self.socket, 1 << 18, 16)
            self.fds += fds
            if not data:
                raise ConnectionResetError
            self.buffer += data
        reply, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(reply)

    def call(self, method, fds=(), **parameters):
        self.send(message(method, **parameters), fds)
        reply = self.receive()
        if "error" in reply:
            raise Refused(reply["error"].rpartition(".")[2], reply.get("parameters"))
        return reply["parameters"]

    def leases(self):
        self.send(message("ListLeases", _more=True))
        leases, more = [], True
        while more:
            reply = self.receive()
            more = reply.get("continues", False)
            leases += [reply["parameters"]["lease"]] if "lease" in reply["parameters"] else []
        return leases

    def acquire(self, **parameters):
        lease = self.call("Acquire", **parameters)["lease"]["leaseId"]
        return lease, self.fds.pop()

    def release(self, lease, handle):
        self.call("Release", [handle], leaseId=lease, handleFileDescriptor=0)
        os.close(handle)

    def is_closed(self):
        """By the daemon; nothing is read to find out."""
        poll = select.poll()
        poll.register(self.socket, 0)
        return bool(poll.poll(0))


class Daemon:
    def __init__(self, *options):
        self.ended = False
        # Not pytest's: that one is closed to other users.
        self.directory = tempfile.TemporaryDirectory(prefix="zcrxd-flood-")
        directory = Path(self.directory.name)
        directory.chmod(0o755)
        self.path = str(directory / "socket")
        self.log = directory / "log"
        (directory / "zcrxd.yaml").write_text(CONFIG)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [os.environ["ZCRXD_SIM"], f"--config={directory}/zcrxd.yaml",
                 f"--socket={self.path}", *options], stderr=log)
        until(lambda: "Ready." in self.log.read_text())

    def __enter__(self):
        self.empty = {"memory": 0, "descriptors": 0}
        descriptors = self.descriptors()
        self.serves()
        # What a session costs that nobody is connected to; it ends when it has had none for a while.
        session, = until(lambda: len(self.sessions()) == 1 and self.sessions())
        time.sleep(0.5)
        self.empty = {"memory": self.memory_of(session),
                      "descriptors": self.descriptors_of(session) + OF_A_SESSION}
        until(lambda: self.descriptors() <= descriptors)
        self.before = {"memory": self.memory(), "descriptors": descriptors}
        return self

    def __exit__(self, *unused):
        if not self.ended:
            self.stop()
        self.directory.cleanup()

    def stop(self, number=signal.SIGTERM):
        """It ends by that, and soon."""
        assert self.process.poll() is None, self.log.read_text()
        self.ended = True
        self.process.send_signal(number)
        assert self.process.wait(PATIENCE) in (0, -number), self.log.read_text()

    def connect(self, uid=HOSTILE, **options):
        return Client(self.path, uid, **options)

    # ------------------------------------------------------------------ what it costs

    def children(self, *names):
        pid = self.process.pid
        found = []
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().strip() in names:
                    found.append(int(child))
        return found

    def sessions(self):
        """The processes that have the clients' sockets."""
        return self.children("zcrxd-session")

    def signal(self, number):
        for pid in (self.process.pid, *self.sessions()):
            os.kill(pid, number)

    @staticmethod
    def memory_of(pid):
        with open(f"/proc/{pid}/status") as f:
            return int(next((line for line in f if line.startswith("VmRSS:")), "x 0").split()[1]) * 1024

    @staticmethod
    def descriptors_of(pid):
        return len(os.listdir(f"/proc/{pid}/fd"))

    def sum_up(self, what, of):
        """Of the daemon, and of its sessions beyond what they cost without connections."""
        total = of(self.process.pid)
        for pid in self.sessions():
            with contextlib.suppress(OSError):  # it has just ended
                total += of(pid) - self.empty[what]
        return total

    def memory(self):
        return self.sum_up("memory", self.memory_of)

    def descriptors(self):
        """Without those for registrations to come, which are kept as long as there are leases, and a while."""
        waiting = self.children("zcrxd-first", "zcrxd-registrar")
        return self.sum_up("descriptors", self.descriptors_of) - OF_A_REGISTRATION * len(waiting)

    def processor_time(self):
        with open(f"/proc/{self.process.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def lines(self):
        """What it said, but for what any lease and any busy machine makes it say."""
        return [line for line in self.log.read_text().splitlines()
                if "Lease " not in line and "The event loop was busy" not in line]

    def holds(self):
        """Bytes, beyond what it held before the attacks."""
        return self.memory() - self.before["memory"]

    # --------------------------------------------------------------- whether it serves

    def serves(self, uid=BYSTANDER, times=3):
        """Somebody else gets everything that there is to get, in time."""
        for _ in range(times):
            with self.connect(uid, timeout=SERVED) as client:
                assert client.call("Describe")["interfaces"][0]["state"] == "configured"
                if uid == BYSTANDER:
                    lease = client.acquire()
                    assert lease[0] in [lease["leaseId"] for lease in client.leases()]
                    client.release(*lease)

    def recovers(self):
        until(lambda: self.descriptors() <= self.before["descriptors"])
        until(lambda: self.holds() < HELD)
        with self.connect(0) as root:
            until(lambda: not root.leases())


@contextlib.contextmanager
def attack(function, *arguments, processes=1):
    """Runs it in processes of its own, again and again, until the block ends."""
    pids = []
    for number in range(processes):
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                while True:
                    with contextlib.suppress(OSError):
                        function(*arguments, number)
            os._exit(0)
        pids.append(pid)
    try:
        yield pids
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)
