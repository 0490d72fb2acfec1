"""A running stream says of its alerts what a report of the same records does: bursts, clusters, common rises."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.catalogue import releases as catalogue
from exporter.releases.bulk.reading import Reading
from exporter.releases.caveats import unsteady
from exporter.releases.compare import remembered
from exporter.releases.compare.settings import Settings
from exporter.releases.judging import judge
from exporter.releases.live import Live
from exporter.releases.metrics import families
from exporter.releases.notes import words
from exporter.releases.pieces import Pieces, restore
from exporter.releases.report import analyse
from exporter.releases.source import Source
from exporter.releases.standing import explained
from exporter.releases.state import Limits
from exporter.releases.stream import Stream
from exporter.system import Context
from foundation.clock import SystemClock

OLD, NEW = "5.1", "5.2"
START = 1_800_000_000
BIN_S = 10
COMPARE = Settings()


class Told:
    failed, connections, requests, log_status, query_up = {}, (), {}, None, None


def world(factors, *, seed=1, bins=120, mean=3.0, bursts=(), cluster=1, since=0):
    """Errors by second, build and code. factors: of the candidate, a code each, from bin `since` on.

    bursts: (bin, build, code, errors, seconds). cluster: errors that come at once.
    """
    draw = np.random.default_rng(seed)
    records = {}
    for n in range(bins):
        for build in (OLD, NEW):
            for code, factor in enumerate(factors):
                rate = mean / cluster * (factor if build == NEW and n >= since else 1)
                count = int(draw.poisson(rate)) * cluster
                if count:
                    at = START + n * BIN_S + int(draw.integers(BIN_S))
                    records[at, build, str(code)] = count
        records[START + n * BIN_S + BIN_S - 1, OLD, "9"] = 1  # the stream goes on
    for at, build, code, errors, lasts in bursts:
        for second in range(lasts):
            key = (START + at * BIN_S + second, build, str(code))
            records[key] = records.get(key, 0) + errors // lasts
    return dict(sorted(records.items()))


def streamed(records, *, restarts=0, codes):
    """All of them, second by second; restarts: after every so many, out of what was put away."""
    limits = Limits(lateness_s=30, max_codes=codes)

    def made(state=None):
        return Stream(COMPARE, limits, baseline=OLD, state=state)

    stream, disk = made(), {}
    pieces = Pieces(stream)
    for number, (key, count) in enumerate(records.items(), 1):
        stream.take({key: count})
        if restarts and number % restarts == 0:
            puts, gone = pieces.changes()
            disk = {name: value for name, value in (disk | puts).items() if name not in gone}
            stream = restore(dict(sorted(disk.items())), made).stream
            pieces = Pieces(stream, disk)
    stream.flush()
    return stream


def reported(records):
    reading = Reading()
    reading.count(records)
    return analyse(reading.end().table, COMPARE, baseline=OLD, detectors=("evidence", "onset"))


def alerting(stream):
    return {code for detector in stream.detectors(NEW)[1:] for code in detector.active}


BURST = st.tuples(
    st.integers(0, 119),
    st.sampled_from([OLD, NEW]),
    st.integers(0, 3),
    st.sampled_from([60, 200, 900]),
    st.integers(1, 30),
)


@settings(max_examples=12)
@given(
    factors=st.lists(st.sampled_from([1.0, 1.0, 1.6, 4.0]), min_size=4, max_size=6)
    | st.sampled_from([1.6, 3.0]).map(lambda factor: [factor] * 5),
    seed=st.integers(0, 1000),
    bins=st.integers(8, 120),
    mean=st.sampled_from([0.3, 3.0, 12.0]),
    bursts=st.lists(BURST, max_size=3),
    cluster=st.sampled_from([1, 1, 6]),
    since=st.sampled_from([0, 40]),
    restarts=st.sampled_from([0, 23, 97]),
)
def test_a_stream_and_a_report_say_the_same_of_bursts_and_common_rises(restarts, bins, bursts, **given):
    bursts = [burst for burst in bursts if burst[0] + 3 < bins]
    records = world(bins=bins, bursts=bursts, **given)
    found = reported(records)
    codes = len({code for _, _, code in records})
    stream = streamed(records, restarts=restarts, codes=codes)
    active = alerting(stream)
    judged = judge(stream, NEW)
    ended = {alert.code for build, alert in stream.state.alerts if alert.stop_s is not None}
    assert active | ended == {one.alert.code for one in found.alerts}
    by_code = {one.code: one for one in found.unsteady}
    assert {one.code: one for one in judged.unsteady} == {code: by_code[code] for code in by_code.keys() & active}
    assert judged.alike == (found.alike.get(NEW) if active else None)
    why = {code: reason for code, reason in judged.explained.items() if reason != "undecided"}
    assert why == {code: reason for (_, code), reason in explained(found).items() if code in active}


def exposed(stream, metric):
    found = {family.metric: dict(family.series) for family in families("app", stream, Told())}
    return {labels[1:]: value for labels, value in found.get(metric, {}).items()}


def explanations(stream):
    return {labels[1:] for labels, value in exposed(stream, catalogue.ALERT_EXPLAINED).items() if value}


STORM = (60, NEW, 2, 900, 6)


def test_a_retry_storm_is_undecided_at_first_and_then_a_burst():
    """900 errors of one code in six seconds among 3 each ten: evidence at once, and no verdict before it has ended."""
    told = []
    for bins in (62, 66, 74, 80, 86):
        stream = streamed(world([1.0] * 5, bins=bins, bursts=[STORM]), codes=6)
        assert [alert.detector for _, alert in stream.state.alerts][:1] == ["evidence"]
        told.append(explanations(stream))
    assert told == [{("2", "undecided")}] * 2 + [{("2", "bursts")}] * 3
    judged = judge(stream, NEW)
    assert judged.explained == {"2": "bursts"}
    (one,) = judged.unsteady
    assert (one.in_burst // 10, one.burst_s, one.lasted_s, one.holds) == (90, START + 600, 6, False)
    assert words(judged, NEW, "2").startswith("code 2: the errors of 5.2 are overdispersed (")
    assert "from 2027-01-15T08:10:00Z on" in words(judged, NEW, "2")
    assert words(judged, NEW, "1") == ""


def test_a_burst_of_a_minute_is_one_also_in_a_young_stream():
    """Five bins of 32 are far more than one in twenty; a change that lasts is none, however young the stream is."""
    told = [
        explanations(streamed(world([1.0] * 5, bins=bins, bursts=[(12, NEW, 2, 900, 45)]), codes=6))
        for bins in (18, 24, 32, 60)
    ]
    assert told == [{("2", "undecided")}] * 2 + [{("2", "bursts")}] * 2
    assert explanations(streamed(world([1.0, 1.0, 40.0, 1.0], bins=32, since=12), codes=5)) == set()


def test_a_sudden_change_that_lasts_counts_within_two_minutes():
    """Forty times the errors of one code from bin 150 on: undecided for six bins, the longest burst, and no longer."""
    factors = [1.0, 1.0, 40.0, 1.0]
    states = [
        explanations(streamed(world(factors, seed=2, bins=bins, since=150), codes=5)) for bins in (151, 155, 162, 200)
    ]
    assert states[:2] == [{("2", "undecided")}] * 2
    assert states[2:] == [set()] * 2


def test_codes_that_rise_alike_are_no_verdict_and_the_one_that_rose_more_is():
    stream = streamed(world([3.0] * 6, bins=100), codes=7)
    assert alerting(stream) == {"0", "1", "2", "3", "4", "5"}
    assert explanations(stream) == {(code, "alike") for code in "012345"}
    assert 2.6 < exposed(stream, catalogue.COMMON_RISE)[NEW,] < 3.4
    assert words(judge(stream, NEW), NEW, "0").startswith("codes 0, 1, 2, 3, 4, 5 of 5.2 rose by the same factor, ")
    worse = streamed(world([2.0] * 5 + [9.0], bins=100), codes=7)
    assert explanations(worse) == {(code, "alike") for code in "01234"}
    assert "5" in alerting(worse)
    equal = streamed(world([1.0] * 6, bins=100), codes=7)
    assert exposed(equal, catalogue.COMMON_RISE) == {}
    assert set(exposed(equal, catalogue.ALERT_EXPLAINED).values()) == {0}


@pytest.mark.parametrize("users", [1.0, 1.5])
def test_nothing_is_a_common_rise_where_the_users_are_named(users):
    limits = Limits(lateness_s=30, max_codes=7)
    stream = Stream(Settings(exposure=users), limits, baseline=OLD)
    for key, count in world([5.0] * 6, bins=100).items():
        stream.take({key: count})
    stream.flush()
    assert alerting(stream)
    assert explanations(stream) == set()


def test_what_is_remembered_is_bounded_and_older_evidence_still_counts(monkeypatch):
    """A code that is 1.8 times worse for 130 bins, and a burst of it: the last 40 alone would not show that."""
    records = world([1.8, 1.0, 1.0], bins=130, mean=1.0, bursts=[(112, NEW, 0, 300, 3)])
    assert explanations(streamed(records, codes=4)) == set()
    monkeypatch.setattr(remembered, "KEPT_BINS", 40)
    stream = streamed(records, codes=4)
    assert list(stream.state.history) == list(range(START + 90 * BIN_S, START + 130 * BIN_S, BIN_S))
    assert explanations(stream) == set()
    (one,) = judge(stream, NEW).unsteady
    (alone,) = (one for one in unsteady(stream.remembered(NEW), stream.detectors(NEW)[1].threshold) if one.code == "0")
    assert (one.holds, alone.holds) == (True, False)
    assert sum(one.left) > 2.5 * sum(alone.left)


@pytest.mark.parametrize("restarts", [0, 50])
def test_bins_after_the_baseline_has_gone_are_not_remembered(restarts):
    records = world([1.0] * 3, bins=120)
    records = {key: count for key, count in records.items() if key[1] == NEW or key[0] < START + 600}
    stream = streamed(records, restarts=restarts, codes=4)
    assert len(stream.remembered(NEW).starts) == reported(records).compared[NEW]
    assert 60 <= len(stream.remembered(NEW).starts) < 65


def test_a_pause_of_all_is_remembered_as_bins_without_errors():
    """So is it in a report, up to 2,000 bins; of those the stream steps through 60."""
    before = world([1.0] * 3, bins=30)
    later = {(at + 3000, build, code): count for (at, build, code), count in before.items()}
    records = before | later
    stream = streamed(records, codes=4)
    assert len(stream.remembered(NEW).starts) == 330 == reported(records).compared[NEW]


def test_another_baseline_or_a_build_that_has_gone_for_long_is_remembered_anew():
    limits = Limits(lateness_s=30, retired_s=300, max_codes=4)
    stream, disk = Stream(COMPARE, limits), {}
    pieces = Pieces(stream)
    for (at, build, code), count in world([1.0] * 3, bins=200).items():
        if build == OLD or at < START + 600 or at >= START + 1500:
            stream.take({(at, build, code): count})
            puts, gone = pieces.changes()
            disk = {name: value for name, value in (disk | puts).items() if name not in gone}
    stream.flush()
    assert stream.remembered(NEW).starts.min() >= START + 1490
    kept = restore(disk, lambda state: Stream(COMPARE, limits, state=state)).stream
    assert kept.remembered(NEW).starts.min() >= START + 1490
    stream.take({(START + 2000, "5.0", "1"): 1})
    assert stream.state.baseline == "5.0"
    assert not stream.state.history


@pytest.mark.parametrize(
    ("codes", "candidates", "bins"),
    [(1, 1, 2160), (33, 1, 2160), (200, 19, 526), (200, 1, 2160), (100_000, 19, 72), (0, 0, 2160)],
)
def test_how_many_bins_are_remembered(codes, candidates, bins):
    """6 h of 10 s; 4,000,000 cells: 4,000,000 / (2 x 200 x 19) = 526.3; 72 at least."""
    assert remembered.most_bins(codes, candidates) == bins
    assert sys.getsizeof(b"\0" * 8 * codes) * candidates * bins < 40e6 or bins == 72


class Now:
    """At the end of all records."""

    def monotonic(self):
        return 0.0

    def wall(self):
        return float(START + 10_000)


def test_the_log_says_in_the_words_of_a_report_why_an_alert_does_not_count(tmp_path, caplog):
    context = Context(tmp_path, SystemClock())
    source = Source(source="app", http="127.0.0.1:0", baseline=OLD, limits=Limits(max_codes=7))
    live = Live(source, context.web, context.checkpoint, Now())
    for factors, seed in (([3.0] * 6, 1), ([1.0] * 5, 2)):
        caplog.clear()
        live._kept.stream = Stream(COMPARE, source.limits, baseline=OLD)
        for (at, build, code), count in world(factors, seed=seed, bins=100, bursts=[STORM] * (seed == 2)).items():
            live.take_lines([f"{at}\t{build}\t{code}".encode()] * count)
        told = [line for line in caplog.messages if "does not count" in line]
        want = "codes 0, 1, 2, 3, 4, 5 of 5.2 rose by the same factor" if seed == 1 else "its errors began"
        assert any(want in line for line in told), told
    context.checkpoint.close()
