# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cockpit itself, with the page in it, on zcrxd-sim, in a browser. Everything runs in the root of tests/vm/test-cockpit,
which is forgotten afterwards."""
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from webdriver import Browser, Driver, eventually

SCRATCH = Path("/run/zcrx-page")
BUILD = Path("/build/release")
ALICE = 4711  # who has no rights
CONFIG = """
interfaces:
  - name: sim0
    channels: {channels}
    zero-copy-queues: {queues}
policy:
  - user: root
    flows: any
    administer: true
  - group: users
    flows: any
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def ctl(*arguments, user=0, check=True):
    done = subprocess.run([BUILD / "tools/zcrxctl/zcrxctl", f"--socket={SCRATCH}/socket", *arguments], check=False, user=user,
                          capture_output=True, text=True, timeout=60)
    assert not check or done.returncode == 0, done
    return done


class Daemon:
    process = None

    def start(self, channels=16, queues=8):
        self.configure(channels, queues)
        for left in SCRATCH.glob("found-*"): # how an earlier machine was
            left.unlink()
        self.process = subprocess.Popen([BUILD / "tests/sim/zcrxd-sim", f"--config={SCRATCH}/zcrxd.yaml", f"--socket={SCRATCH}/socket"],
                                        stderr=open(SCRATCH / "daemon.log", "a", encoding="utf-8"))
        eventually(lambda: ctl("status", check=False).returncode == 0)
        os.chmod(SCRATCH / "socket", 0o666)

    @staticmethod
    def configure(channels, queues):
        (SCRATCH / "zcrxd.yaml").write_text(CONFIG.format(channels=channels, queues=queues))

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Page(Browser):
    """The page of zcrx, as a user has it."""

    address = ""

    def visit(self, width=1024, theme=None):
        self.resize(width)
        self.open(self.address)
        if theme:
            self.run("localStorage.setItem('shell:style', arguments[0])", theme)
            self.open(self.address)
        eventually(lambda: self.state() == "live")
        eventually(lambda: "checked" in self.text("#check-text"))
        eventually(lambda: "Not asked" not in self.text("#plan-text"))

    def state(self):
        return self.run("return document.getElementById('connection').dataset.state")


def start_cockpit(user):
    port = free_port()
    process = subprocess.Popen(["/usr/lib/cockpit/cockpit-ws", "--no-tls", "--address=127.0.0.1", f"--port={port}",
                                "--local-session=/usr/bin/cockpit-bridge"], user=user, group=user, cwd="/",
                               env={"PATH": os.environ["PATH"], "HOME": "/root" if user == 0 else "/home/alice", "LANG": "C.UTF-8",
                                    "USER": "root" if user == 0 else "alice"},
                               stderr=open(f"{SCRATCH}/cockpit-{user}.log", "w", encoding="utf-8"))

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0
    eventually(listens)
    return process, f"http://127.0.0.1:{port}/cockpit/@localhost/zcrx/index.html"


@pytest.fixture(scope="session")
def root_of_tests():
    SCRATCH.mkdir(mode=0o777)
    SCRATCH.chmod(0o777)
    (SCRATCH / "commands").touch()
    (SCRATCH / "commands").chmod(0o666)
    with open("/etc/passwd", "a", encoding="utf-8") as passwd:
        passwd.write(f"alice:x:{ALICE}:{ALICE}::/home/alice:/bin/bash\n")
    with open("/etc/group", "a", encoding="utf-8") as group:
        group.write(f"alice:x:{ALICE}:\n")
    Path("/home/alice").mkdir()
    os.chown("/home/alice", ALICE, ALICE)
    shutil.copy("/src/tests/cockpit/zcrxctl-stand-in", "/usr/bin/zcrxctl")
    Path("/usr/share/cockpit/zcrx").symlink_to("/src/cockpit")
    for other in ("metrics", "systemd", "users"): # they need more of a machine than there is
        shutil.rmtree(f"/usr/share/cockpit/{other}")
    Path("/usr/lib/zcrxd").mkdir(parents=True)
    Path("/usr/lib/zcrxd/zcrxd-check").symlink_to(BUILD / "zcrxd/check/zcrxd-check")


@pytest.fixture(scope="session")
def driver(root_of_tests):
    driver = Driver(open(SCRATCH / "chromedriver.log", "w", encoding="utf-8"))
    yield driver
    driver.stop()


@pytest.fixture(scope="session")
def cockpits(root_of_tests):
    running = {user: start_cockpit(user) for user in (0, ALICE)}
    yield {user: address for user, (_, address) in running.items()}
    for process, _ in running.values():
        process.terminate()


@pytest.fixture
def daemon(root_of_tests):
    daemon = Daemon()
    daemon.start()
    yield daemon
    if daemon.process.poll() is None:
        daemon.stop()
    for name in ("status.json", "traffic", "watch-lines", "check.json"):
        (SCRATCH / name).unlink(missing_ok=True)


def browser_of(user, driver, cockpits):
    page = Page(driver)
    page.address = cockpits[user]
    return page


@pytest.fixture
def shell(driver, root_of_tests, daemon):
    """Cockpit as a whole, of a session of its own: it ends with what it shows."""
    process, address = start_cockpit(0)
    page = Page(driver)
    page.address = address.split("/cockpit/")[0]
    yield page
    page.quit()
    process.terminate()


@pytest.fixture
def page(driver, cockpits, daemon):
    """root's."""
    page = browser_of(0, driver, cockpits)
    yield page
    complaints = page.complaints()
    page.quit()
    assert complaints == []


@pytest.fixture
def alices(driver, cockpits, daemon):
    page = browser_of(ALICE, driver, cockpits)
    yield page
    complaints = page.complaints()
    page.quit()
    assert complaints == []


def commands():
    """What the page has run, each with who ran it."""
    return [json.loads(line) for line in (SCRATCH / "commands").read_text().splitlines()]
