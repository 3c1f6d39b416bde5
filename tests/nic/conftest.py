# SPDX-License-Identifier: GPL-2.0-only
import os
import re

import pytest
import simnic

COMPLAINT = re.compile(r"WARNING:|BUG:|Oops|leaked|stalled pool|waiting for .* to become free")


@pytest.fixture(scope="module")
def wire(configured):
    return simnic.Wire()


@pytest.fixture(scope="session", autouse=True)
def as_before():
    """Other sessions come after this one in the same machine, and find no rule of it."""
    yield
    simnic.reload()


@pytest.fixture(scope="module", autouse=True)
def configured():
    """Each file starts from the same state."""
    simnic.addresses()
    simnic.configure()


@pytest.fixture(scope="module")
def huge_pages():
    with open("/proc/sys/vm/nr_hugepages", "w") as file:
        file.write("8")
    yield
    with open("/proc/sys/vm/nr_hugepages", "w") as file:
        file.write("0")


@pytest.fixture(autouse=True)
def quiet_kernel():
    """No test may make the kernel complain."""
    log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    os.lseek(log, 0, os.SEEK_END)
    yield
    said = []
    try:
        while record := os.read(log, 8192):
            said.append(record.decode(errors="replace").partition(";")[2])
    except BlockingIOError:
        pass
    os.close(log)
    assert not [line for line in said if COMPLAINT.search(line)], "".join(said)
