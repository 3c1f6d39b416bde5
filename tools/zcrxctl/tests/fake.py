# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fake zcrxd for the tests of the real zcrxctl, and objects for it to answer with."""
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

ZCRXCTL, FAKE = os.environ["ZCRXCTL"], os.environ["FAKE_ZCRXD"]
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC", "TERM": "xterm"}
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "ZCRXD_CHECK"):
    if name in os.environ:
        ENVIRONMENT[name] = os.environ[name]

OURS = "io.zcrx.Manager."


def environment(arguments, seen=set()):  # pylint: disable=dangerous-default-value
    """Looking for leaks takes a sanitizer as long as all else: it does so once for each command."""
    verb = next((word for word in arguments if word.isalpha()), None)
    leaks = verb not in seen
    seen.add(verb)
    options = ENVIRONMENT.get("ASAN_OPTIONS", "")
    return dict(ENVIRONMENT, ASAN_OPTIONS=f"{options}:detect_leaks={leaks:d}")


KERNEL = {"release": "7.2.12", "zeroCopyReceive": True, "control": True, "largeBuffers": True,
          "software": True, "queueLeasing": True, "events": True}
INTERFACE = {"name": "zc0", "index": 2, "driver": "zcnic", "state": "configured",
             "combinedChannels": 2, "zeroCopyFirst": 1, "zeroCopyCount": 1,
             "tcpDataSplit": "enabled", "hdsThreshold": 0, "rssQueues": 1, "foreignRules": 0,
             "queues": [{"queue": 0, "kind": "ordinary"},
                        {"queue": 1, "kind": "zeroCopy", "state": "steered",
                         "leaseId": "3f9a01c2"}]}
OTHER = dict(INTERFACE, name="zc9", index=3, queues=[])
DESCRIPTION = {"version": "0.1.0", "kernel": KERNEL, "interfaces": [INTERFACE, OTHER]}
LEASE = {"leaseId": "3f9a01c2", "name": "web", "ownerUid": 0, "ownerPid": 4711, "interface": "zc0",
         "hardwareQueues": [1, 2, 3, 7], "grant": "netkit", "state": "steered",
         "persistent": False, "selfRegistered": False,
         "flows": [{"flowId": "1", "protocol": "tcp4", "destinationPort": 9999}],
         "creationUSec": 1, "areaBytes": 67108864}
CHANGE = {"interface": "zc0", "step": "channels", "from": "8", "to": "32",
          "effect": "the link bounces"}


class Server:
    """zcrxctl with a fake zcrxd behind it."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = str(directory / "socket")
        self.process = None

    def answer(self, **methods):
        for method, replies in methods.items():
            replies = replies if isinstance(replies, list) else [replies]
            (self.directory / f"{method}.json").write_text(json.dumps(replies))
        self.process = subprocess.Popen([FAKE, self.socket, str(self.directory)],
                                        stdout=subprocess.PIPE, env=ENVIRONMENT)
        assert self.process.stdout.readline() == b"ready\n"

    def calls(self):
        lines = (self.directory / "calls").read_text().splitlines()
        return [(c["method"], c["parameters"]) for c in map(json.loads, lines)]

    def ctl(self, *arguments, **kwargs):
        return subprocess.run([ZCRXCTL, "--socket", self.socket, *arguments], env=environment(arguments),
                              capture_output=True, text=True, timeout=60, check=False, **kwargs)

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


def good(result, stdout=None):
    assert (result.returncode, result.stderr) == (0, "")
    if stdout is not None:
        assert result.stdout == stdout
    return result.stdout


def bad(result, status, stderr, stdout=""):
    assert (result.returncode, result.stderr, result.stdout) == (status, stderr, stdout)


def on_terminal(server, *arguments, columns=0, status=0, **environment):
    """Output on a terminal of this width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen([ZCRXCTL, "--socket", server.socket, *arguments], stdout=slave,
                               env=dict(ENVIRONMENT, **environment))
    os.close(slave)
    out = b""
    try:
        while chunk := os.read(master, 4096):
            out += chunk
    except OSError:  # the other end is closed
        pass
    os.close(master)
    assert process.wait() == status
    return out.decode()
