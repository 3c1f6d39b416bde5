# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests see of the machine: systemd, users, the NIC as the kernel shows it, and the
project's programs run by somebody. As root, in the test machine under systemd."""

import array
import contextlib
import errno
import fcntl
import json
import os
import pathlib
import pwd
import re
import select
import signal
import socket
import struct
import subprocess
import time

import nl
import simnic
import units
from simnic import HOST4, HOST6, PEER4, run  # noqa: F401 (for the tests)

CONFIG = "/etc/zcrxd.yaml"
DAEMON = "/usr/lib/zcrxd/zcrxd"
SOCKET = "/run/zcrxd/io.zcrx.Manager"
DROP_IN = pathlib.Path("/run/systemd/system/zcrxd.service.d/test.conf")
ZERO_COPY = range(4, 8)  # zc0's queues that the configuration carves out
SIOCETHTOOL, ETHTOOL_GRXCLSRLCNT, RULE_COUNT_OFFSET = 0x8946, 0x2E, 184
PATIENCE = 60  # seconds; an emulated machine takes its time

POLICY = """\
policy:
  - user: root
    flows: any
    administer: true
  - group: zcrx
    interfaces: [zc0]
    max-queues: 3
    max-area: 64M
    max-lease-time: 1h
    flows: prove
"""


def config(grants="auto", interfaces="", policy=POLICY, zc0=""):
    """A configuration: what most tests need, and what is given on top of it."""
    return (f"grants: {grants}\n"
            "interfaces:\n"
            f"  - name: zc0\n    channels: 8\n    zero-copy-queues: 4\n{zc0}{interfaces}{policy}")


def until(condition, seconds=PATIENCE):
    """Waits for something that is about to happen; what the condition said."""
    deadline, pause = time.monotonic() + seconds, 0.02
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain; at last it was {value!r}"
        time.sleep(pause)
        pause = min(pause * 1.2, 0.1)  # what takes long needs the processor itself
    return value


# ---------------------------------------------------------------------------------- users


def as_user(user, *argv):
    """The command, run by that user without any capability, and with no way to gain one."""
    return ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--inh-caps=-all",
            "--ambient-caps=-all", "--bounding-set=-all", "--no-new-privs", "--", *argv]


@contextlib.contextmanager
def impersonate(user):
    """Who connects to a socket in here is that user to the other side."""
    entry = pwd.getpwnam(user)
    groups = os.getgroups()
    os.setgroups(os.getgrouplist(user, entry.pw_gid))
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@contextlib.contextmanager
def sysctl(name, value):
    """A setting of the kernel, for some time."""
    with open("/proc/sys/" + name, "r+", encoding="ascii") as f:
        before = f.read()
        f.seek(0)  # nothing else is taken
        f.write(value)
    try:
        yield
    finally:
        with open("/proc/sys/" + name, "w", encoding="ascii") as f:
            f.write(before)


def status_of(pid):
    """/proc/PID/status as a dict."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


# -------------------------------------------------------------------------------- systemd


def show(unit, *properties):
    """Properties of a unit; the value itself if it is one."""
    if len(properties) == 1 and (value := units.show(unit, properties[0])) is not None:
        return value
    said = run("systemctl", "show", unit, *(f"--property={name}" for name in properties))
    values = dict(line.split("=", 1) for line in said.splitlines())
    return values if len(properties) > 1 else values[properties[0]]


def systemctl(verb, *names, works=True, seconds=PATIENCE):
    """start, stop, restart or reload, to its end."""
    done = units.control(verb, *names, seconds=seconds)
    assert done == works, f"systemctl {verb} {' '.join(names)}"


@contextlib.contextmanager
def drop_in(text):
    """zcrxd.service with other settings, from its next start on."""
    DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    DROP_IN.write_text(text, encoding="utf-8")
    units.daemon_reload()
    try:
        yield
    finally:
        DROP_IN.unlink()
        units.daemon_reload()


def main_pid():
    """The daemon's, or 0: read where it costs no process."""
    try:
        with open("/sys/fs/cgroup/system.slice/zcrxd.service/cgroup.procs", encoding="ascii") as f:
            for pid in f.read().split():
                status = status_of(pid)
                # A session that closes what never lets it go outlives its daemon, as does a process
                # that a client keeps from ending.
                if status["PPid"] == "1" and status["Name"] == "zcrxd":
                    return int(pid)
    except OSError as error:  # it ends: its group, the group while it is read, its process
        if error.errno not in (errno.ENOENT, errno.ENODEV, errno.ESRCH):
            raise
    return 0


def journal_cursor():
    return re.search(r"^-- cursor: (.*)$", run("journalctl", "-n0", "--show-cursor", "-q"), re.M)[1]


def journal(cursor, *matches):
    """The daemon's entries since then, as dicts."""
    run("journalctl", "--sync")
    said = run("journalctl", "-q", "-u", "zcrxd", "-o", "json", f"--after-cursor={cursor}",
               *matches)
    return [json.loads(line) for line in said.splitlines()]


def messages(cursor):
    return [entry["MESSAGE"] for entry in journal(cursor)]


def write_config(text):
    with open(CONFIG, "w", encoding="utf-8") as f:
        f.write(text)


def configure(text):
    """Has the daemon run on this configuration; nothing is done if it does already."""
    running = show("zcrxd", "ActiveState") == "active"
    if running and configure.current == text:
        return
    write_config(text)
    configure.current = None
    if running:  # what systemctl asks for in the end
        assert "error" not in call("Reload")[0]
    else:
        systemctl("start", "zcrxd")
    configure.current = text


configure.current = None


# --------------------------------------------------------------- what the kernel shows


def rules(ifname="zc0"):
    """Each ntuple rule as a dict of what ethtool prints of it."""
    try:
        said = run("ethtool", "-n", ifname)
    except AssertionError as error:
        if "Message too long" not in str(error):
            raise
        return rules(ifname)  # there were more of them when it listed them than when it counted
    return [{key.strip(): value.strip() for key, value in
             (line.split(":", 1) for line in block.splitlines()[1:] if ":" in line)}
            for block in re.split(r"^(?=Filter: )", said, flags=re.M)[1:]]


def rule_count(ifname="zc0"):
    """As many as ethtool would list, without running it."""
    request = array.array("B", struct.pack("=II184x", ETHTOOL_GRXCLSRLCNT, 0))
    ifreq = struct.pack("16sP16x", ifname.encode(), request.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCETHTOOL, ifreq)
    return struct.unpack_from("=I", request, RULE_COUNT_OFFSET)[0]


def rules_to(queue):
    return [rule for rule in rules() if rule.get("Action", "").endswith(f"queue {queue}")]


def netkits():
    return [name for _, name in socket.if_nameindex() if name.startswith("zcrx-")]


def held(queue, ifname="zc0"):
    """Who has the queue, as the kernel sees it: nobody, or some of io_uring and lease."""
    found = nl.queue_get(ifname, queue)
    return {name for name, kind in (("io_uring", nl.QUEUE_IO_URING), ("lease", nl.QUEUE_LEASE))
            if kind in found}


class Leftovers(list):
    """Of leases; true if there are none, so that an assertion shows them."""

    def __bool__(self):
        return len(self) == 0


def is_clean():
    """Nothing of any lease is left in the kernel."""
    rules = rule_count()
    return Leftovers([f"{rules} rules"] * (rules > 0) + netkits() +
                     [f"queue {queue}: {held(queue)}" for queue in ZERO_COPY if held(queue)])


# -------------------------------------------------------------------------------- programs


class Program:
    """A program in the background, and what it prints, line by line."""

    def __init__(self, *argv, user=None, peer=False, **more):
        argv = as_user(user, *argv) if user else list(argv)
        self.process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=simnic.enter_peer if peer else None, **more)
        self.pid = self.process.pid
        self.said = {"stdout": "", "stderr": ""}

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.kill()
        self.process.stdout.close()
        self.process.stderr.close()

    def _read(self, deadline):
        """Takes in what came; False at the end of both."""
        streams = [s for s in (self.process.stdout, self.process.stderr) if not s.closed]
        left = deadline - time.monotonic()
        assert left > 0, f"{self.process.args} hangs; it said {self.said}"
        for stream in select.select(streams, [], [], left)[0]:
            data = os.read(stream.fileno(), 65536).decode(errors="replace")
            name = "stdout" if stream is self.process.stdout else "stderr"
            self.said[name] += data
            if not data:
                stream.close()
        return not (self.process.stdout.closed and self.process.stderr.closed)

    def wait_for(self, pattern, seconds=PATIENCE):
        """Reads until the pattern is there; the match."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, "".join(self.said.values()), re.M)):
            assert self._read(deadline), f"{self.process.args} ended; it said {self.said}"
        return found

    def finish(self, seconds=PATIENCE):
        """Reads to the end; the exit status."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        return self.process.wait(seconds)

    def result(self, status=0):
        """The JSON object that it printed at its end."""
        assert self.finish() == status, self.said
        return json.loads(self.said["stdout"].splitlines()[-1])

    def kill(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(PATIENCE)


def with_sanitizers(name):
    """The same program from the sanitizers' build, which nobody installs; where nothing is built, it is the same."""
    return next((path for flavour in ("test", "clang", "release")
                 if os.path.exists(path := f"/build/{flavour}/tools/{name}/{name}")), name)


def receiver(port, *options, user="alice", ready=True, program="zcrxperf"):
    """zcrxperf receive, steered and listening."""
    program = Program(program, "receive", "--json", "--port", str(port), *options, user=user)
    if ready:
        program.wait_for("^listening on port")
    return program


def stopped_receiver(port, stage, *options, user="alice"):
    """zcrxperf receive that went this far, and waits there to be killed."""
    program = receiver(port, "--stop-after", stage, *options, user=user, ready=False)
    program.wait_for("^stopped after")
    return program


def sender(host, port, size, *options):
    return Program("zcrxperf", "send", host, "--port", str(port), "--bytes", str(size), *options,
                   peer=True)


def transfer(port, size, host=HOST4, user="alice"):
    """A whole run of both; what the receiver found."""
    with receiver(port, "--verify", user=user) as receiving, sender(host, port, size) as sending:
        assert sending.finish() == 0, sending.said
        return receiving.result()


def assert_zero_copy(result, size):
    """All of it came, right, and by zero copy: by the kernel's own statistics on the ring."""
    assert result["bytes"] == size
    assert result["wrongBytes"] == 0
    assert (result["copiedBytes"], result["copiedPieces"]) == (0, 0)
    assert result["zeroCopyBytes"] == size


def assert_all_copied(result, size):
    """By the kernel's count, which leaves out the linear part of a socket buffer: what TCP has moved
    together for want of memory came in none of the pages that are counted."""
    assert result["copiedBytes"] + result["zeroCopyBytes"] == size
    assert result["zeroCopyBytes"] < size // 100, result


def assert_counted(grown, queue, size):
    """The NIC's own word: all of it went to that queue, into the client's memory. It counts twice
    what TCP sent twice."""
    assert size <= grown[f"rx{queue}_zc_bytes"] < size * 1.02
    assert f"rx{queue}_page_bytes" not in grown


def ctl(*arguments, user=None, status=0):
    """zcrxctl, run to its end."""
    argv = ["zcrxctl", *arguments]
    done = subprocess.run(as_user(user, *argv) if user else argv, capture_output=True, text=True,
                          timeout=PATIENCE, stdin=subprocess.DEVNULL)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done


def ctl_json(*arguments, **more):
    return json.loads(ctl("--json=short", *arguments, **more).stdout)


def call(method, **parameters):
    """All replies to a call: plain JSON on the socket, which costs no process."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(PATIENCE)
        s.connect(SOCKET)
        s.sendall(json.dumps({"method": "io.zcrx.Manager." + method, "more": True,
                              "parameters": parameters}).encode() + b"\0")
        data = b""
        while not data.endswith(b"\0") or json.loads(data[:-1].split(b"\0")[-1]).get("continues"):
            data += s.recv(65536)
    return [json.loads(reply) for reply in data[:-1].split(b"\0")]


def leases():
    replies = call("ListLeases")
    return [reply["parameters"]["lease"] for reply in replies if reply["parameters"].get("lease")]


def snapshot():
    """What there is of leases, in the daemon and in the kernel."""
    return ([lease["leaseId"] for lease in leases()], rule_count(), netkits(),
            [held(queue) for queue in ZERO_COPY])


def lease_of(pid):
    """The lease that the process acquired."""
    found = [lease for lease in leases() if lease["ownerPid"] == pid]
    assert len(found) == 1, found
    return found[0]


def listener(family=socket.AF_INET, address=HOST4, port=0, **options):
    """A listening TCP socket of ours."""
    s = socket.socket(family, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for name, value in options.items():
        level = socket.IPPROTO_IPV6 if name.startswith("IPV6_") else (
            socket.IPPROTO_IP if name.startswith("IP_") else socket.SOL_SOCKET)
        s.setsockopt(level, getattr(socket, name), value)
    s.bind((address, port))
    s.listen()
    return s
