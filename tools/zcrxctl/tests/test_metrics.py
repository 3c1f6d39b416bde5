# SPDX-License-Identifier: LGPL-2.1-or-later
"""zcrxctl metrics: text that Prometheus can read, whatever the daemon says."""
import json
import pathlib
import sys

import pytest

from fake import DESCRIPTION, bad, good

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tests/common"))
import openmetrics  # noqa: E402 pylint: disable=wrong-import-position

HOSTILE = 'a"} 1\nzcrx_evil 2\n# EOF\n\\'
BOUNDS = "0.1", "1.0", "+Inf"


def family(name, kind="gauge", description="What it counts", prefix="io.zcrx."):
    return {"parameters": {"name": prefix + name, "type": kind, "description": description}}


def value(name, number, of=None, prefix="io.zcrx.", **fields):
    reply = {"name": prefix + name, "value": number}
    if of is not None:
        reply["object"] = of
    if fields:
        reply["fields"] = fields
    return {"parameters": reply}


def histogram(name, counts, total, **fields):
    return [value(name + "_bucket", n, **fields, le=le) for n, le in zip(counts, BOUNDS)] + [
        value(name + "_count", counts[-1], **fields), value(name + "_sum", total, **fields)]


FAMILIES = [family("queues"), family("drops_total", "counter"), family("call_seconds_bucket", "counter"),
            family("call_seconds_count", "counter"), family("call_seconds_sum", "counter"), family("age_seconds")]
VALUES = [value("queues", 4, "eth0", state="free"), value("queues", 0, "eth0", state="bound"),
          value("age_seconds", 0.1234567890123), value("drops_total", 18446744073709551615, "eth0", queue="4"),
          *histogram("call_seconds", [1, 1, 3], 2.5, method="Acquire"),
          *histogram("call_seconds", [0, 0, 0], 0.0, method="Release")]


def answer(server, values, families=None):
    server.answer(Describe={"parameters": DESCRIPTION}, MetricsDescribe=families or FAMILIES, MetricsList=values)


def test_openmetrics(server):
    answer(server, VALUES)
    text = good(server.ctl("metrics"))
    found = openmetrics.read(text)
    assert " 18446744073709551615\n" in text  # as it was told
    assert list(found) == ["zcrx_queues", "zcrx_drops", "zcrx_call_seconds", "zcrx_age_seconds"]
    assert found["zcrx_queues"] == ("gauge", ["What it counts"], [
        ("zcrx_queues", {"interface": "eth0", "state": "free"}, 4),
        ("zcrx_queues", {"interface": "eth0", "state": "bound"}, 0)])
    assert found["zcrx_drops"].samples == [
        ("zcrx_drops_total", {"interface": "eth0", "queue": "4"}, float(2**64 - 1))]
    assert found["zcrx_call_seconds"].type == "histogram" and len(found["zcrx_call_seconds"].samples) == 10
    assert found["zcrx_age_seconds"].samples == [("zcrx_age_seconds", {}, 0.1234567890123)]


def test_prometheus(server):
    """The same, but that a counter is called so everywhere, and no end."""
    answer(server, VALUES)
    text = good(server.ctl("metrics", "--prometheus"))
    found = openmetrics.read(text, prometheus=True)
    assert "# TYPE zcrx_drops_total counter\n" in text and "EOF" not in text
    assert found.keys() == {"zcrx_queues", "zcrx_drops_total", "zcrx_call_seconds", "zcrx_age_seconds"}


def test_json(server):
    answer(server, VALUES)
    assert json.loads(good(server.ctl("metrics", "--json=short"))) == [one["parameters"] for one in VALUES]


@pytest.mark.parametrize("arguments", [[], ["--prometheus"]])
def test_nothing_leaves_its_place(server, arguments):
    answer(server, [value("queues", 1, HOSTILE, state=HOSTILE), value("queues", 2, "\x1b[2J\u202e")],
           [family("queues", description=HOSTILE + '"\x1b')])
    text = good(server.ctl("metrics", *arguments))
    found = openmetrics.read(text, prometheus=bool(arguments))
    assert list(found) == ["zcrx_queues"]
    first, second = found["zcrx_queues"].samples
    assert first[1] == {"interface": HOSTILE.replace("\n", "\\n"), "state": HOSTILE.replace("\n", "\\n")}
    assert second[1] == {"interface": "\\x1b[2J\\u202e"}
    assert not any(ord(c) < 32 and c != "\n" for c in text)


def test_what_does_not_fit_is_left_out(server):
    answer(server, [value("queues", 1, "eth0"), value("queues", 2, "eth0"),  # twice
                    value("queues", 3, "eth0", **{"a-b": "c"}), value("queues", 4, "eth0", interface="eth1"),
                    value("unknown", 1), value("a.b", 1), value("queues", 5, prefix="io.systemd."),
                    value("name", 1), value("odd", 7)],
           [family("queues"), family("a.b"), family("queues", prefix="io.systemd."), family("name", "string"),
            family("odd", "counter"), family("nothing")])
    found = openmetrics.read(good(server.ctl("metrics")))
    assert found.keys() == {"zcrx_queues", "zcrx_odd"}
    assert found["zcrx_queues"].samples == [("zcrx_queues", {"interface": "eth0"}, 1)]
    assert found["zcrx_odd"].type == "unknown"  # a counter, by a name that none has


def test_nothing_is_printed_unless_all_came(server):
    answer(server, [VALUES[0], {"error": "org.varlink.service.MethodNotFound"}])
    result = server.ctl("metrics")
    assert (result.returncode, result.stdout) == (1, "")


def test_an_older_zcrxd(server):
    server.answer(Describe={"parameters": DESCRIPTION})
    bad(server.ctl("metrics"), 1, "zcrxctl: This zcrxd (0.1.0) cannot do that: it has no method "
                                  "io.systemd.Metrics.Describe. A newer one may.\n")


def test_the_reader_is_strict():
    """What it must not accept."""
    for text in ["", "# EOF", "zcrx_a 1\n# EOF\n", "# TYPE zcrx_a gauge\n# HELP zcrx_a b\nzcrx_a 1\n",
                 "# TYPE zcrx_a gauge\n# HELP zcrx_a b\nzcrx_a 1\nzcrx_a 1\n# EOF\n",
                 "# TYPE zcrx_a counter\n# HELP zcrx_a b\nzcrx_a 1\n# EOF\n",
                 '# TYPE zcrx_a gauge\n# HELP zcrx_a b\nzcrx_a{b="c"d"} 1\n# EOF\n',
                 '# TYPE zcrx_a histogram\n# HELP zcrx_a b\nzcrx_a_bucket{le="1.0"} 1\n# EOF\n']:
        with pytest.raises(openmetrics.Wrong):
            openmetrics.read(text)
