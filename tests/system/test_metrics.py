# SPDX-License-Identifier: LGPL-2.1-or-later
"""Metrics of the real daemon: what its counters of a NIC say, and the file for node_exporter."""
import os
import shutil
import sys
from pathlib import Path

import machine
import pytest
from client import new_area, new_ring
from machine import until

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))
import openmetrics  # noqa: E402 pylint: disable=wrong-import-position

FOLDER = Path("/var/lib/prometheus/node-exporter")


def samples(text, prometheus=False):
    return {(name, *sorted(labels.values())): number for family in openmetrics.read(text, prometheus).values()
            for name, labels, number in family.samples}


@pytest.fixture
def folder():
    FOLDER.mkdir(parents=True)
    os.chown(FOLDER, 65534, 65534)  # Prometheus' own, that is
    yield FOLDER
    shutil.rmtree(FOLDER)


def test_what_a_bound_queue_counts(root):
    with root.acquire() as lease, new_ring() as ring, new_area() as area:
        lease.register(ring, area)
        until(lambda: ("zcrx_queue_received_bytes_total", str(lease.queues[0]), "zc0") in samples(machine.ctl("metrics").stdout))
        found = samples(machine.ctl("metrics").stdout)
        assert found["zcrx_leases", "0", "bound"] == 1
        assert found["zcrx_queues", "bound", "zc0"] == 1
        assert found["zcrx_call_seconds_count", "Register"] >= 1
    until(machine.is_clean)


def test_node_exporter_gets_a_whole_file(root, folder):
    with root.acquire():
        machine.systemctl("start", "zcrxd-metrics.service")
    found = samples((folder / "zcrx.prom").read_text(), prometheus=True)
    assert found["zcrx_leases", "0", "reserved"] == 1
    assert os.listdir(folder) == ["zcrx.prom"]
    assert (folder / "zcrx.prom").stat().st_mode & 0o777 == 0o644
