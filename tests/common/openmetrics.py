# SPDX-License-Identifier: LGPL-2.1-or-later
"""A strict reader of metrics as text: OpenMetrics 1.0, or format 0.0.4 of Prometheus (prometheus=True), as far as
zcrxctl writes them. What Prometheus would refuse, or take for something else, is an error here."""
import re
from collections import namedtuple

NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?")
SAMPLE = re.compile(rf"({NAME})(\{{.*\}})? (\S+)")
LABEL = re.compile(rf'({NAME})="((?:[^"\\\n]|\\[\\"n])*)"(,|$)')
ENDINGS = {"counter": ["_total"], "gauge": [""], "unknown": [""], "untyped": [""],
           "histogram": ["_bucket", "_count", "_sum"]}

Family = namedtuple("Family", "type help samples")  # samples: [(name, {label: value}, number)]


class Wrong(Exception):
    pass


def expect(condition, why):
    if not condition:
        raise Wrong(why)


def unescape(text):
    return re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), text)


def read_labels(text, line):
    labels, at = {}, 0
    while at < len(text):
        found = LABEL.match(text, at)
        expect(found, f"labels of: {line}")
        expect(found[1] not in labels, f"the label {found[1]} is there twice: {line}")
        labels[found[1]] = unescape(found[2])
        at = found.end()
    return labels


def check_histogram(name, samples):
    """Each is buckets that rise, its count, its sum, and only then another."""
    at = 0
    while at < len(samples):
        labels = {key: value for key, value in samples[at][1].items() if key != "le"}
        bounds, counts = [], []
        while at < len(samples) and samples[at][0] == name + "_bucket":
            expect(samples[at][1] == dict(labels, le=samples[at][1].get("le")), f"another histogram in {name}{labels}")
            bounds.append(float(samples[at][1]["le"]))
            counts.append(samples[at][2])
            at += 1
        expect(bounds and bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), f"bounds of {name}{labels}")
        expect(counts == sorted(counts), f"counts of {name}{labels}")
        expect([sample[:2] for sample in samples[at:at + 2]] == [(name + "_count", labels), (name + "_sum", labels)],
               f"count and sum of {name}{labels}")
        expect(samples[at][2] == counts[-1], f"the count of {name}{labels}")
        at += 2


def check_family(name, family, prometheus):
    if family.type == "histogram":
        check_histogram(name, family.samples)
    if family.type == "counter":
        expect(not prometheus or name.endswith("_total"), f"{name} is a counter")
        expect(prometheus or not name.endswith("_total"), f"{name}: the family of a counter")
        expect(all(sample[2] >= 0 for sample in family.samples), f"{name} is negative")
    keys = [(sample[0], tuple(sorted(sample[1].items()))) for sample in family.samples]
    expect(len(keys) == len(set(keys)), f"{name} has a sample twice")
    expect(keys, f"{name} has no sample")
    expect(family.help, f"{name} has no help")


def read(text, prometheus=False):
    """Families by name."""
    expect(text.endswith("\n"), "the last line has no end")
    lines = text[:-1].split("\n")
    if not prometheus:
        expect(lines.pop() == "# EOF", "the end is missing")
    families, name = {}, None
    for line in lines:
        if found := re.fullmatch(rf"# TYPE ({NAME}) ({'|'.join(ENDINGS)})", line):
            expect(found[1] not in families, f"again: {line}")
            name = found[1]
            families[name] = Family(found[2], [], [])
        elif found := re.fullmatch(rf"# HELP ({NAME}) (.*)", line):
            expect(found[1] == name and not families[name].help and not families[name].samples, f"out of place: {line}")
            expect(re.fullmatch(r'(?:[^\\"]|\\[\\"n])+' if not prometheus else r"(?:[^\\]|\\[\\n])+", found[2]), line)
            families[name].help.append(unescape(found[2]))
        else:
            found = SAMPLE.fullmatch(line)
            expect(found and name, f"not a sample: {line}")
            endings = [""] if prometheus and families[name].type == "counter" else ENDINGS[families[name].type]
            expect(found[1] in [name + ending for ending in endings], f"of another family than {name}: {line}")
            expect(NUMBER.fullmatch(found[3]), f"not a number: {line}")
            families[name].samples.append((found[1], read_labels((found[2] or "{}")[1:-1], line), float(found[3])))
    for name, family in families.items():
        check_family(name, family, prometheus)
    return families
