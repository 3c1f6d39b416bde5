# SPDX-License-Identifier: LGPL-2.1-or-later
"""podman and crun, for root and for alice, with one image: the project's programs and a shell. Nothing is fetched."""

import contextlib
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import machine
from machine import Program, run

PROFILE = "/etc/containers/zcrx-seccomp.json"
PROGRAMS = "/usr/bin/zcrxperf", "/usr/bin/zcrxctl", "/usr/lib/zcrxd/zcrxd-check"
# As docs/CONTAINERS.md has it.
DEVICE = "--device=zcrx.io/manager=default", "--network=host"
SECCOMP = "--security-opt=seccomp=" + PROFILE
# Nothing of this costs an engine its meaning, and an emulated processor takes long for the defaults.
CONF = '[containers]\nlog_driver = "none"\n[engine]\nruntime = "crun"\nevents_logger = "none"\n'
STORAGE = '[storage]\ndriver = "vfs"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n'
TAR = "/tmp/zcrx-image.tar"


def make_tar():
    """The programs with the libraries that ldd names, and busybox as a shell."""
    with tempfile.TemporaryDirectory() as top:
        files = [*PROGRAMS, "/bin/busybox"]
        for program in PROGRAMS:
            files += [word for word in run("ldd", program).split() if word.startswith("/")]
        for file in sorted(set(files)):
            target = pathlib.Path(top + file)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        for name in "sh", "sleep":
            os.symlink("busybox", f"{top}/bin/{name}")
        os.mkdir(top + "/tmp")
        os.chmod(top, 0o755)
        run("tar", "-C", top, "-cf", TAR, ".")
    os.chmod(TAR, 0o644)


def set_up():
    """What an administrator does, and the image for both users. The systemd of this machine runs without D-Bus, which
    podman makes its scopes by."""
    for unit in "dbus.service", "dbus.socket":
        os.unlink("/etc/systemd/system/" + unit)
    run("systemctl", "daemon-reload")
    machine.systemctl("start", "dbus.socket")
    etc = pathlib.Path("/etc/containers")
    (etc / "containers.conf").write_text(CONF)
    (etc / "storage.conf").write_text(STORAGE)
    (etc / "zcrx-seccomp.json").write_text(run("/src/contrib/containers/make-seccomp-profile",
                                               "/usr/share/containers/seccomp.json"))
    alice = pwd.getpwnam("alice")
    runtime = pathlib.Path(f"/run/user/{alice.pw_uid}")
    runtime.mkdir(parents=True, mode=0o700)
    os.chown(runtime, alice.pw_uid, alice.pw_gid)
    make_tar()
    for user in None, "alice":
        podman("import", "--quiet", TAR, "zcrx", user=user)


def command(*arguments, user=None):
    """podman, with all that a login would give its user: newuidmap needs to gain privileges."""
    if not user:
        return ["podman", *arguments]
    entry = pwd.getpwnam(user)
    return ["setpriv", "--reuid", user, "--regid", user, "--init-groups", "--", "env", "--chdir=/",
            f"HOME={entry.pw_dir}", f"USER={user}", f"XDG_RUNTIME_DIR=/run/user/{entry.pw_uid}",
            "podman", "--log-level=error", "--cgroup-manager=cgroupfs", *arguments]


def podman(*arguments, user=None, status=0):
    """To its end; what it printed."""
    done = subprocess.run(command(*arguments, user=user), capture_output=True, text=True, timeout=machine.PATIENCE,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def options(user, profile):
    """A rootless podman without a session of systemd can make no control groups."""
    return (*DEVICE, "--rm", "--pull=never", *([SECCOMP] if profile else []),
            *(["--cgroups=disabled"] if user else ["--ulimit=memlock=-1"]))


def once(*argv, more=(), user=None, profile=True, status=0):
    """A container that runs to its end; what it printed."""
    return podman("run", *options(user, profile), *more, "zcrx", *argv, user=user, status=status)


@contextlib.contextmanager
def container(*argv, more=(), user=None):
    """A container called test, as a Program."""
    try:
        with Program(*command("run", "--name=test", *options(user, True), *more, "zcrx", *argv, user=user)) as program:
            yield program
    finally:
        podman("rm", "--force", "--ignore", "--time=0", "test", user=user)


@contextlib.contextmanager
def receiver(port, *arguments, more=(), user=None):
    """zcrxperf in one, steered and listening."""
    with container("zcrxperf", "receive", "--json", "--verify", f"--port={port}", *arguments, more=more,
                   user=user) as program:
        program.wait_for("^listening on port")
        yield program
