"""Counts merge by addition: several exporters behind one load balancer, summed, are one."""

from collections import Counter
from pathlib import Path

import numpy as np
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import releases as catalogue
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.settings import Settings
from exporter.releases.compare.statistics import p_values
from exporter.releases.metrics import families
from exporter.releases.parse import LineSplitter
from exporter.releases.state import Limits
from exporter.releases.stream import Stream
from exporter.releases.tally import Tally

OLD, NEW = "5.1", "5.2"
RULES = Path(__file__).resolve().parents[2] / "alerts" / "rules" / "releases.yml"


class Feed:
    def __init__(self):
        self.failed, self.connections = Counter(), ()
        self.requests, self.log_status, self.query_up = Counter(), None, None


def told(streams):
    """The sum over exporters of tidewatch_release_errors_total, as Prometheus would make it."""
    sums = Counter()
    for stream in streams:
        for family in families("app", stream, Feed()):
            if family.metric is catalogue.ERRORS:
                sums.update({labels[1:]: value for labels, value in family.series if value})
    return sums


def fed(records):
    stream = Stream(Settings(), Limits(), baseline=OLD)
    for time_s, build, code in records:
        stream.take({(time_s, build, code): 1})
    stream.flush()
    return stream


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.tuples(st.integers(0, 25), st.sampled_from([OLD, NEW]), st.integers(-1, 2))),
        max_size=60,
    )
)
def test_three_exporters_summed_count_what_one_counts(sent):
    """Each record goes to one of three; the order is that of one load balancer."""
    shares = [[record for share, record in sent if share == n] for n in range(3)]
    assert told(map(fed, shares)) == told([fed(record for _, record in sent)])


def test_the_fallback_rule_decides_as_the_exact_test_does():
    """Over every x and y to 400: what z > 4.5 takes for an increase is none by chance, and no sure one is missed."""
    rules = [r for g in yaml.safe_load(RULES.read_text())["groups"] for r in g["rules"]]
    (rule,) = [r["expr"] for r in rules if r.get("alert") == "ReleaseCodeIncreasedOverall"]
    assert rule.partition("unless")[0].rstrip().endswith("zscore5m > 4.5")
    x, y = np.meshgrid(np.arange(401), np.arange(401))
    enough = x + y >= 20
    z = (x - y) / np.sqrt(np.maximum(x + y, 1))
    p = p_values(Pair(baseline=y, candidate=x))
    assert p[enough & (z > 4.5)].max() < 1e-5
    assert p[enough & (z <= 4.5)].min() > 5e-8


@given(st.binary(max_size=3000), st.integers(1, 400))
def test_garbage_never_raises_and_every_line_is_counted_once(data, piece):
    splitter, tally = LineSplitter(), Tally()
    lines = [line for i in range(0, len(data), piece) for line in splitter.feed(data[i : i + piece])] + splitter.end()
    tally.add_lines(lines)
    assert tally.counts.total() + tally.failed.total() == len(lines)
