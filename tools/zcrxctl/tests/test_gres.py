# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxctl gres: lines that Slurm reads as they are."""
import json
import pathlib

from fake import DESCRIPTION, INTERFACE, bad, good

GOLDEN = pathlib.Path(__file__).parent / "golden"
SOFTWARE = dict(INTERFACE, name="software", index=0, zeroCopyCount=8)


def answer(server, *interfaces):
    server.answer(Describe={"parameters": dict(DESCRIPTION, interfaces=list(interfaces))})


def test_one_interface_has_no_type(server):
    answer(server, INTERFACE)
    assert good(server.ctl("gres")) == (GOLDEN / "gres.txt").read_text()
    assert good(server.ctl("gres", "--no-legend")) == "Name=zcrx Count=1 Flags=CountOnly\n"
    assert json.loads(good(server.ctl("gres", "--json=short"))) == [
        {"name": "zcrx", "count": 1, "flags": "CountOnly", "interface": "zc0"}]


def test_several_interfaces_are_types(server):
    """And what cannot be leased, or is no zero copy, is not counted."""
    answer(server, dict(INTERFACE, zeroCopyCount=16), dict(INTERFACE, name="zc1", zeroCopyCount=8),
           dict(INTERFACE, name="zc2", state="degraded", zeroCopyCount=2),
           dict(INTERFACE, name="zc3", zeroCopyCount=0), dict(INTERFACE, name="a\x1b Count=9", zeroCopyCount=1),
           SOFTWARE)
    assert good(server.ctl("gres")) == (GOLDEN / "gres-several.txt").read_text()
    assert [line.get("type") for line in json.loads(good(server.ctl("gres", "--json=short")))] == ["zc0", "zc1"]


def test_only_the_one_that_is_named(server):
    answer(server, SOFTWARE)
    assert good(server.ctl("gres", "--no-legend", "software")) == "Name=zcrx Count=8 Flags=CountOnly\n"
    assert server.calls() == [("Describe", {"interface": "software"})]


def test_nothing_to_lease(server):
    answer(server, dict(INTERFACE, state="missing"))
    bad(server.ctl("gres", "--no-legend"), 4, "zcrxctl: No queue can be leased here; zcrxctl status says why.\n")
    assert json.loads(good(server.ctl("gres", "--json=short"))) == []
