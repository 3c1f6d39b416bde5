# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxd-irq: sets what it is asked for and nothing else, for whoever owns its socket."""

import errno
import os
import socket
import struct
import subprocess

import pytest

OWNER, OTHER = 1234, 4321
ALL = "0-1\n"


@pytest.fixture
def irqs(tmp_path):
    """Interrupts 7 and 8, and something else that is not to be written."""
    for name in "irq/7", "irq/8", "else":
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "smp_affinity_list").write_text(ALL)
    os.chmod(tmp_path, 0o755)
    os.symlink(tmp_path / "else" / "smp_affinity_list", tmp_path / "link")
    (tmp_path / "irq" / "9").mkdir()
    os.symlink(tmp_path / "link", tmp_path / "irq" / "9" / "smp_affinity_list")
    return tmp_path / "irq"


@pytest.fixture
def path(irqs, tmp_path_factory):
    """Where it listens: as open as can be, so that only it decides."""
    directory = tmp_path_factory.mktemp("run")
    for parent in directory, directory.parent, directory.parent.parent:
        os.chmod(parent, 0o755)
    where = str(directory / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(where)
        listening.listen()
        os.chmod(where, 0o666)
        os.chown(where, OWNER, OWNER)
        process = subprocess.Popen([os.environ["ZCRXD_IRQ"], irqs], close_fds=False,
                                   env={**os.environ, "LISTEN_FDS": "1"},
                                   preexec_fn=lambda: os.dup2(listening.fileno(), 3))
    yield where
    process.terminate()
    process.wait()


def ask(path, message, uid=0):
    """The answer; None if there is none."""
    os.seteuid(uid)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(path)
            s.settimeout(60)
            try:
                s.send(message)
                answer = s.recv(64)
            except (BrokenPipeError, ConnectionResetError):
                return None
            return struct.unpack("i", answer)[0] if answer else None
    finally:
        os.seteuid(0)


def request(irq, cpus):
    return struct.pack("I256s", irq, cpus.encode())


def written(irqs, name="7"):
    return (irqs / name / "smp_affinity_list").read_text()


def test_one_interrupt(irqs, path):
    assert ask(path, request(7, "1")) == 0
    assert written(irqs).startswith("1")
    assert written(irqs, "8") == ALL
    assert ask(path, request(10, "1")) == errno.ENOENT


@pytest.mark.parametrize("message", [request(7, text) for text in
                                     ("", "all", "1 ", "1\n", "../8", "1;", "f" * 4, "0" * 256)])
def test_what_is_no_list(irqs, path, message):
    assert ask(path, message) == errno.EINVAL
    assert written(irqs) == ALL


@pytest.mark.parametrize("message", [b"", b"7", request(7, "1")[:-1], request(7, "1") + b"\0"])
def test_what_is_no_request(irqs, path, message):
    assert ask(path, message) is None
    assert written(irqs) == ALL


def test_who_may_ask(irqs, path):
    assert ask(path, request(7, "1"), OTHER) is None
    assert written(irqs) == ALL
    assert ask(path, request(7, "1"), OWNER) == 0
    assert written(irqs) != ALL


def test_no_way_out_of_its_directory(irqs, path):
    assert ask(path, request(9, "1")) == errno.ELOOP
    assert written(irqs.parent, "else") == ALL


def test_who_says_nothing_is_not_waited_for(irqs, path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent:
        silent.connect(path)
        assert ask(path, request(7, "1")) == 0


def test_without_a_socket():
    done = subprocess.run([os.environ["ZCRXD_IRQ"]], capture_output=True, text=True)
    assert done.returncode == 1 and "zcrxd-irq.socket" in done.stderr


def test_it_ends_when_nobody_comes(irqs):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind("")
        listening.listen()
        process = subprocess.Popen([os.environ["ZCRXD_IRQ"], irqs], close_fds=False,
                                   env={**os.environ, "LISTEN_FDS": "1"},
                                   preexec_fn=lambda: os.dup2(listening.fileno(), 3))
        assert process.wait(60) == 0
