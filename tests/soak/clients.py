# SPDX-License-Identifier: LGPL-2.1-or-later
"""The clients of the soak: each a process, started without waiting for it, looked at now and then,
stopped or killed at any time. What one ended with is judged: `Failure` if it must not be."""

import contextlib
import ctypes
import json
import os
import pathlib
import pwd
import re
import signal
import socket
import subprocess
import tempfile
import traceback

import machine
import simnic
from client import Connection, Error, enable, new_area, new_ring

OUTPUT = pathlib.Path(tempfile.mkdtemp(prefix="soak-"))
PR_SET_PDEATHSIG = 1
DENIED, NONE_AVAILABLE, FAILED = 3, 4, 1
RAW_REFUSED = 4
MEMBER = re.compile(r"io\.zcrx\.Manager\.|org\.varlink\.service\.")
libc = ctypes.CDLL(None)

# What was done in this round, in order; and what a program may say for its end if that was done
# while it ran, or lasts. Anything else is a finding.
faults = []
LASTING = {"reload"}
EXCUSES = {
    "revoke": "There is no such lease|was revoked|is draining|administrator",
    "flap": "is down",
    "rename": "[Nn]o such interface|no interface|does not exist|it was renamed",
    "reload": "is degraded: leases hold queues outside the new carve-out",
    "restart": "[Cc]onnection|[Bb]roken pipe|[Dd]isconnected|zcrxd is being stopped",
}


class Failure(Exception):
    """Something that must not be."""


class Client:
    """A process. `outcome` once it ended, and the `reason` that it gave if that is no good one."""

    count = 0

    def __init__(self, user):
        Client.count += 1
        self.name = f"{type(self).__name__.lower()} {Client.count}"
        self.user = user
        self.output = OUTPUT / str(Client.count)
        self.killed = False
        self.born = len(faults)
        self.outcome = None
        self.reason = ""

    def spawn(self, *argv, user=None, peer=False):
        """With its output in a file: nobody has to read it while it runs."""
        entry = pwd.getpwnam(user or "root")
        with open(self.output, "ab") as f:
            return subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=f, stderr=f, user=entry.pw_uid,
                group=entry.pw_gid, extra_groups=os.getgrouplist(entry.pw_name, entry.pw_gid),
                preexec_fn=simnic.enter_peer if peer else None)

    def said(self):
        return self.output.read_text(errors="replace")

    def poll(self):
        """Looks after it; Failure if it ended as it must not."""
        if self.outcome is None and (status := self.ended()) is not None:
            self.outcome = "killed" if self.killed else self.judge(status)
            if self.outcome in ("refused", "gave up"):
                self.reason = self.said().strip()
            self.clean_up()

    def ended(self):
        return self.process.poll()

    def driver_is_busy(self, said):
        done = LASTING.intersection(faults).union(faults[self.born:])
        return any(re.search(EXCUSES[fault], said) for fault in done)

    def judge(self, status):
        if status == 0:
            return "done"
        if status in (DENIED, NONE_AVAILABLE):
            return "refused"
        if status == FAILED and self.driver_is_busy(self.said()):
            return "gave up"
        if status == -signal.SIGKILL and "revoke" in faults[self.born:]:  # by zcrxd, by force
            return "killed"
        raise Failure(f"{self.name} ended with status {status}: {self.said().strip()}")

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        self.signal(signal.SIGSTOP)

    def kill(self):
        if self.outcome is None:
            self.killed = True
            self.signal(signal.SIGKILL)

    def clean_up(self):
        self.output.unlink(missing_ok=True)


class Transfer(Client):
    """zcrxperf receive, every byte looked at, and what sends to it."""

    port = 20000
    sizes = [1, 4, 16, 48]  # MiB

    def __init__(self, rng, user):
        super().__init__(user)
        self.port = Transfer.port = 20000 + (Transfer.port + 1) % 10000
        self.size = rng.choice(self.sizes) << 20
        self.host = rng.choice([machine.HOST4, machine.HOST6])
        self.bytes = 0
        self.sender = None
        # Less than the NIC's ring could take it all, with none left to go on by copying.
        area = rng.choice(["8M", "16M"])
        self.process = self.spawn("zcrxperf", "receive", "--json", "--verify", "--port",
                                  str(self.port), "--bytes", str(self.size), "--area", area,
                                  user=user)

    def poll(self):
        if not self.sender and "listening on port" in self.said():
            self.sender = self.spawn("zcrxperf", "send", self.host, "--port", str(self.port),
                                     "--bytes", str(self.size), peer=True)
        super().poll()

    def judge(self, status):
        outcome = super().judge(status)
        if outcome != "done":
            return outcome
        result = json.loads(next(line for line in self.said().splitlines() if line[0] == "{"))
        self.bytes = result["bytes"]
        if result["wrongBytes"] or result["bytes"] != self.size:
            raise Failure(f"{self.name} of {self.size} bytes ended wrong: {result}")
        return outcome

    def clean_up(self):
        if self.sender:
            self.sender.kill()
            self.sender.wait()
        super().clean_up()


class Command(Client):
    """A command that is meant to end soon by itself; or, as a watcher, when it is killed."""

    def __init__(self, user, *argv):
        super().__init__(user)
        self.name += f" ({' '.join(argv)})"
        self.argv = argv
        self.process = self.spawn(*argv, user=user)

    def judge(self, status):
        # A lease of it may have ended, a plan may fail on a link that is down.
        return "gave up" if status == FAILED else super().judge(status)


class Raw(Client):
    """A python process that speaks Varlink: right calls and wrong ones in any order, and then its
    end, in one of the ways that there are."""

    def __init__(self, rng, user):
        super().__init__(user)
        self.pid = os.fork()
        if self.pid == 0:
            self.run(rng)

    def run(self, rng):
        """In the process of its own; does not return."""
        status = 1
        try:
            os.setpgid(0, 0)  # with the children that it leaves behind
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            status = Life(rng, self.user).live()
        except BaseException:
            self.output.write_text(traceback.format_exc())
        finally:
            os._exit(status)

    def ended(self):
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def signal(self, number):
        os.kill(self.pid, number)

    def said(self):
        return super().said() if self.output.exists() else ""

    def clean_up(self):
        super().clean_up()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


class Life:
    """What a Raw client does."""

    def __init__(self, rng, user):
        self.rng = rng
        self.user = user
        self.lease = None
        self.rings, self.areas, self.sockets, self.flows = [], [], [], []
        self.keep = contextlib.ExitStack()

    def attempt(self, act, *arguments):
        """A call: its answer; None if it was refused, as may be, or the daemon died over it."""
        try:
            return act(*arguments)
        except Error as e:
            if not MEMBER.match(e.args[0]):  # a failure of the daemon's, by errno
                raise
        except OSError:
            connection = Connection(self.user)
            if self.lease:
                self.lease.connection = connection
        return None

    def acquire(self):
        more = self.rng.choice([{}, {"queues": 2}, {"timeToLiveUSec": 3000000}])
        return Connection(self.user).acquire(interface="zc0", name="soak", **more)

    def register(self):
        ring, area = self.keep.enter_context(new_ring()), self.keep.enter_context(new_area())
        self.rings.append(ring)
        self.lease.register(ring, area, queue=self.rng.choice([0, 0, 1, 7]))

    def register_nonsense(self):
        self.lease.register(self.rng.choice([0, 1000, self.lease.handle]), self.lease.handle)

    def enable(self):
        if self.rings:
            with contextlib.suppress(AssertionError):  # it is on already
                enable(self.rings.pop())

    def add_socket(self):
        family, address = self.rng.choice([(socket.AF_INET, machine.HOST4),
                                           (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")])
        s = machine.listener(family, address)
        self.sockets.append(s)
        self.flows += self.lease.add_socket(s)["flowIds"]

    def add_nonsense(self):
        with socket.socket(*self.rng.choice([(socket.AF_INET, socket.SOCK_DGRAM),
                                             (socket.AF_INET, socket.SOCK_STREAM),
                                             (socket.AF_UNIX, socket.SOCK_STREAM)])) as s:
            self.lease.add_socket(s)

    def add_by_value(self):
        self.lease.add_flow(protocol="tcp4", destination=machine.HOST4,
                            destinationPort=self.rng.randrange(30000, 31000))

    def remove_flow(self):
        self.lease.call("RemoveFlow", flowId=self.flows.pop() if self.flows else "1")

    def close_socket(self):
        if self.sockets:
            self.sockets.pop().close()

    def renew(self):
        self.lease.call("Renew", timeToLiveUSec=self.rng.choice([1000000, 60000000, 1 << 60]))

    def look(self):
        self.lease.connection.leases()
        self.lease.connection.call("Describe")

    def fork(self):
        """A child that keeps the rings, which does not keep the lease."""
        if os.fork() == 0:
            libc.prctl(PR_SET_PDEATHSIG, 0)
            self.lease.close()
            signal.pause()

    def live(self):
        """The exit status."""
        self.lease = self.attempt(self.acquire)
        if not self.lease:
            return RAW_REFUSED
        acts = [self.register, self.register, self.register_nonsense, self.enable, self.add_socket,
                self.add_socket, self.add_nonsense, self.add_by_value, self.remove_flow,
                self.close_socket, self.renew, self.look, self.fork]
        self.attempt(self.register)
        for act in self.rng.choices(acts, k=self.rng.randrange(10)):
            self.attempt(act)
        end = self.rng.choice(["release", "close", "exit", "wait", "wait", "wait"])
        if end == "release":
            self.attempt(self.lease.call, "Release")
        elif end == "close":
            self.lease.close()
        while end == "wait":
            signal.pause()
        return 0
