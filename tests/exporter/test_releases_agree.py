"""A running stream and a report of the same records say the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.catalogue import releases as catalogue
from exporter.releases.bulk.reading import Reading
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.settings import Settings
from exporter.releases.compare.silence import KEPT_BINS, Listening, silences
from exporter.releases.metrics import families
from exporter.releases.report import analyse
from exporter.releases.state import Limits
from exporter.releases.stream import Stream

OLD, NEW = "5.1", "5.2"
BIN_S = 10


class Told:
    failed, connections, requests, log_status, query_up = {}, (), {}, None, None


def streamed(records, *, codes=1):
    stream = Stream(Settings(), Limits(lateness_s=30, max_codes=codes), baseline=OLD)
    for (time_s, build, code), count in records.items():
        stream.take({(time_s, build, code): count})
    stream.flush()
    return stream


def reported(records):
    reading = Reading()
    reading.count(records)
    return analyse(reading.end().table, Settings(), baseline=OLD)


def exposed(stream, metric):
    found = {family.metric: dict(family.series) for family in families("app", stream, Told())}
    return {labels[1:]: value for labels, value in found.get(metric, {}).items()}


def silent(stream):
    return {build for (build,), value in exposed(stream, catalogue.BUILD_SILENT).items() if value}


def world(by_bin):
    """Errors of code 3 by bin and build, all in its last second."""
    at = range(BIN_S - 1, BIN_S * len(by_bin), BIN_S)
    return {
        (second, build, "3"): count
        for second, counts in zip(at, by_bin, strict=True)
        for build, count in zip((OLD, NEW), counts, strict=True)
        if count
    }


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10_000),
    rates=st.tuples(st.sampled_from([0.3, 2.0, 8.0]), st.sampled_from([0.1, 0.5, 3.0])),
    bins=st.tuples(st.integers(1, 50), st.integers(0, 30), st.integers(0, 8)),
)
def test_a_build_is_silent_in_a_stream_where_a_report_up_to_then_has_a_silence_that_has_not_ended(seed, rates, bins):
    draw = np.random.default_rng(seed)
    by_bin = np.stack([draw.poisson(rate, sum(bins)) for rate in rates], axis=1)
    by_bin[:, 0] += draw.poisson(3, sum(bins)) * 3  # storms of the baseline
    by_bin[bins[0] : bins[0] + bins[1], 1] = 0
    by_bin[-1, 0] += 1  # the stream goes on
    by_bin[0] += 1
    records = world(by_bin.tolist())
    now_s = BIN_S * len(by_bin)
    want = {gap.build for gap in reported(records).silent if gap.code is None and gap.stop_s == now_s}
    assert silent(streamed(records)) - {OLD} == want


@pytest.mark.parametrize(
    ("every", "pause", "want"),
    [(1, 6, True), (1, 4, False), (6, 8, False), (6, 30, False), (6, 120, True)],
)
def test_a_pause_is_a_silence_only_where_it_is_improbable(every, pause, want):
    """An error in every so many bins, then none; of candidate or baseline, beside a build that goes on."""
    for one, other in ((OLD, NEW), (NEW, OLD)):
        records = {(n * BIN_S + 9, other, "3"): 4 for n in range(150 + pause)}
        records |= {(n * BIN_S + 9, one, "3"): 4 if every == 1 else 1 for n in range(0, 150, every)}
        assert silent(streamed(dict(sorted(records.items())))) == ({one} if want else set()), one


def test_a_build_that_has_retired_is_silent_no_longer():
    records = {(n * BIN_S + 9, build, "3"): 4 for n in range(500) for build in (OLD, NEW) if n < 100 or build == OLD}
    at_once = {key: count for key, count in records.items() if key[0] < 2000}
    assert silent(streamed(at_once)) == {NEW}
    assert silent(streamed(records)) == set()


def test_a_build_that_is_silent_all_of_its_kept_time_stays_so():
    """Longer than bins are kept, and a code that never came though others do."""
    one = Listening()
    for n in range(KEPT_BINS + 100):
        one.step(4, 4 * (n < 50), 1.0)
    assert one.is_silent(alpha=0.05, least_bins=5)
    counts = Pair(np.full(100, 4), np.zeros(100, np.int64))
    others = Pair(np.full(100, 8), np.full(100, 8))
    (gap,) = silences(counts, np.ones(100), alpha=0.05, least_bins=5, others=others)
    assert gap == (0, 100, 400.0)
