# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian packages on a machine on which there was nothing of the project: as an administrator who follows
the README, up to the purge. In the test machine, with the packages at /mnt/share; tests build on each other."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

# But for what needs Cockpit, which is not on this machine: tests/cockpit.
PACKAGES = sorted(str(path) for path in pathlib.Path("/mnt/share").glob("*.deb") if not path.name.startswith("cockpit-"))
CONFIG = """\
interfaces:
  - name: zc0
    channels: 8
    zero-copy-queues: 4
policy:
  - user: root
    flows: any
    administer: true
  - group: zcrx
    max-queues: 4
    flows: prove
"""
# Of dpkg itself and of what its triggers rewrite, of systemd's own, and what tests leave.
CHANGING = ("/var/lib/dpkg", "/var/lib/apt", "/var/cache", "/var/log", "/var/lib/systemd", "/etc/group", "/etc/gshadow",
            "/etc/passwd", "/etc/shadow", "/etc/subuid", "/etc/subgid", "/etc/ld.so.cache", "/etc/.pwd.lock",
            "/var/tmp", "/root", "/var/backups", "/etc/mtab",
            "/etc/systemd/system/zcrxd.service.d")  # of the bench, and empty
MODULE = f"/build/nic-{os.uname().release}/zcnic.ko"
HANDFUL = ["test_software.py", "test_receive.py", "test_revoke.py", "test_sysctl.py"]
KEPT_BY_SCRIPTS = ("/etc", "/var", "/usr/local", "/home", "/opt", "/srv")  # where what a package does not own may be


def run(*command, status=0, timeout=300, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **kwargs)
    assert done.returncode == status, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout


def files():
    return {path for root in KEPT_BY_SCRIPTS for top, directories, names in os.walk(root)
            for name in names + directories if not (path := os.path.join(top, name)).startswith(CHANGING)}


def install(*command):
    return run(*command, *PACKAGES, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def state(unit):
    return subprocess.run(["systemctl", "is-enabled", unit], capture_output=True, text=True, check=False).stdout.strip(), \
        subprocess.run(["systemctl", "is-active", unit], capture_output=True, text=True, check=False).stdout.strip()


def daemon():
    return run("systemctl", "show", "--property=MainPID", "--value", "zcrxd").strip()


def profiles():
    """Those of ours that the kernel has, and how it takes them."""
    lines = pathlib.Path("/sys/kernel/security/apparmor/profiles").read_text(encoding="ascii").splitlines()
    return {line for line in lines if "zcrx" in line}


def peer(*command):
    return ["ip", "netns", "exec", "peer", *command]


@pytest.fixture(name="before", scope="module")
def fixture_before():
    assert not os.path.exists("/usr/lib/zcrxd") and not os.path.exists("/usr/bin/zcrxctl")
    run("cp", "-r", "/mnt/share/apparmor/etc", "/mnt/share/apparmor/usr", "/")
    found = files()
    install("apt-get", "install", "--yes")
    return found


def test_installing_starts_and_enables_nothing(before):  # pylint: disable=unused-argument
    assert len(PACKAGES) == 6
    for unit, enabled in (("zcrxd.service", "disabled"), ("zcrxd.socket", "disabled"), ("zcrxd-irq.socket", "static"),
                          ("zcrxd-metrics.timer", "disabled")):
        assert state(unit) == (enabled, "inactive")
    assert profiles() == {"zcrxd (enforce)", "zcrxd-session (enforce)", "zcrxd-irq (enforce)"}
    assert run("getent", "passwd", "zcrxd") and run("getent", "group", "zcrx")
    assert "Is it running?" in subprocess.run(["zcrxctl"], capture_output=True, text=True, check=False).stderr
    assert run("/usr/lib/zcrxd/zcrxd", "--check-config").startswith("/etc/zcrxd.yaml is good")


def test_readme(before):  # pylint: disable=unused-argument
    """Edit one file, enable, look, receive as an ordinary user."""
    pathlib.Path("/etc/zcrxd.yaml").write_text(CONFIG, encoding="ascii")
    run("useradd", "-M", "-U", "-G", "zcrx", "alice")
    run("systemctl", "enable", "--now", "zcrxd.socket", "zcrxd")
    assert "zc0  zcnic, configured" in run("zcrxctl")
    assert pathlib.Path(f"/proc/{daemon()}/attr/apparmor/current").read_text(encoding="ascii") == "zcrxd (enforce)\n"
    assert "Nothing to change" in run("zcrxctl", "plan")
    receive(lambda: time.sleep(1))


def receive(meanwhile):
    """As alice, verified; what zcrxperf tells of it. The sender is the ordinary one, and ends when `meanwhile` has."""
    receiving = subprocess.Popen(["runuser", "-u", "alice", "--", "zcrxperf", "receive", "--port", "9999", "--verify",
                                  "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert "listening" in receiving.stderr.readline()
    with subprocess.Popen(peer("zcrxperf", "send", "10.9.0.1", "--port", "9999"), stdout=subprocess.DEVNULL) as sending:
        meanwhile()
        sending.send_signal(signal.SIGTERM)
        out, said = receiving.communicate(timeout=300)
    assert receiving.returncode == 0, said
    received = json.loads(out)
    assert received["zeroCopyBytes"] > 0.9 * received["bytes"] > 0
    return received


def leases():
    return [lease["leaseId"] for lease in json.loads(run("zcrxctl", "leases", "--json=short"))]


def test_upgrade_under_traffic(before):  # pylint: disable=unused-argument
    """The daemon is another one; the lease is the same, and no byte is lost or wrong."""
    seen = {}

    def upgrade():
        time.sleep(0.5)
        seen["lease"], old = leases(), daemon()
        run("dpkg", "--install", next(path for path in PACKAGES if "/zcrxd_" in path))
        assert daemon() not in ("0", old)
        seen["still"] = leases()
        time.sleep(0.5)

    receive(upgrade)
    assert seen["still"] == seen["lease"] and len(seen["lease"]) == 1


def test_autopkgtests(before):  # pylint: disable=unused-argument
    config = pathlib.Path("/etc/zcrxd.yaml").read_text(encoding="ascii")
    run("systemctl", "stop", "zcrxd", "zcrxd.socket")
    for name in "software", "build":
        run(f"/src/debian/tests/{name}", cwd="/tmp")
    pathlib.Path("/etc/zcrxd.yaml").write_text(config, encoding="ascii")


@pytest.fixture(name="bare", scope="module")
def fixture_bare(before):  # pylint: disable=unused-argument
    """The machine without the simulated NIC and the users of the tests before this, from here on."""
    run("systemctl", "stop", "zcrxd", "zcrxd.socket")
    run("userdel", "alice")
    run("rmmod", "zcnic")
    run("ip", "netns", "delete", "peer")


def test_installed_tests_refuse_a_machine_in_use(before):  # pylint: disable=unused-argument
    done = subprocess.run(["zcrxd-tests", "--yes"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "loaded already" in done.stderr


def test_installed_tests(bare):  # pylint: disable=unused-argument
    """On the simulated NIC, built here from what is installed. Everything is as it was afterwards."""
    def seen():
        return (pathlib.Path("/etc/zcrxd.yaml").read_bytes(), pathlib.Path("/etc/passwd").read_bytes(), state("zcrxd"),
                daemon() != "0", sorted(os.listdir("/var/lib/zcrxd")), os.path.exists("/sys/module/zcnic"),
                os.listdir("/run/netns"), list(pathlib.Path("/var/tmp").glob("zcrxd-tests*")))

    asked = subprocess.run(["zcrxd-tests"], capture_output=True, text=True, check=False)
    assert asked.returncode == 2 and "With --yes, it begins." in asked.stderr
    for environment, tests in ({}, HANDFUL), ({"ZCNIC": MODULE}, HANDFUL[:1]):
        run("systemctl", "start", "zcrxd")
        before = seen()
        said = run("/src/debian/tests/simulated-nic", *tests, timeout=900, env={**os.environ, **environment})
        passed = re.fullmatch(r"=+ (\d+) passed in .*=+", said.splitlines()[-1])
        assert int(passed[1]) >= len(tests), said
        assert seen() == before


def test_installed_tests_say_what_to_install(bare):  # pylint: disable=unused-argument
    """A machine without headers: skipped, as autopkgtest has it."""
    headers = pathlib.Path("/lib/modules", os.uname().release, "build")
    headers.rename(headers.with_name("away"))
    try:
        done = subprocess.run(["zcrxd-tests", "--yes"], capture_output=True, text=True, check=False)
    finally:
        headers.with_name("away").rename(headers)
    assert done.returncode == 77 and f"install linux-headers-{os.uname().release}" in done.stderr


def test_removing_leaves_the_configuration_and_purging_nothing(before):
    names = [path.rsplit("/", 1)[-1].split("_")[0] for path in PACKAGES]
    owned = [path for path in run("dpkg", "--listfiles", *names).split() if "zcrx" in path]
    run("systemctl", "start", "zcrxd")
    run("apt-get", "remove", "--yes", *names)
    assert state("zcrxd")[1] in ("inactive", "unknown", "failed")
    # And, as Debian has it, what was enabled.
    assert {path for path in files() - before if "zcrx" in path and "/etc/systemd/" not in path} == {
        "/etc/apparmor.d/zcrxd", "/etc/apparmor.d/zcrxd-irq", "/etc/apparmor.d/local/zcrxd",
        "/etc/apparmor.d/local/zcrxd-irq", "/etc/cdi/zcrxd.yaml", "/etc/zcrxd.yaml", "/var/lib/zcrxd", *map(str, pathlib.Path("/var/lib/zcrxd").iterdir())}
    run("apt-get", "purge", "--yes", "zcrxd")
    left = files()
    assert sorted(left - before) == [] and sorted(before - left) == []
    assert not profiles()
    assert not [path for path in owned if os.path.lexists(path)]
