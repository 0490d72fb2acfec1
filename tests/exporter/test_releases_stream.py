"""Laws of the running comparison: order within the watermark, cuts and restarts change nothing."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue.releases import BUILD_SILENT, DISPERSION
from exporter.releases.bulk.reading import Reading
from exporter.releases.compare.detectors import Bins, DetectorState
from exporter.releases.compare.evidence import Evidence
from exporter.releases.compare.mean_threshold import MeanThreshold
from exporter.releases.compare.onset import Onset
from exporter.releases.compare.pair import Pair
from exporter.releases.compare.settings import Settings
from exporter.releases.compare.statistics import log_evidence
from exporter.releases.metrics import families
from exporter.releases.report import analyse
from exporter.releases.state import OTHER_BUILD, OTHER_CODE, Limits, StreamState
from exporter.releases.stream import Stream, Taken

OLD, NEW = "5.1", "5.2"
LIMITS = Limits(lateness_s=30, max_codes=40)

events = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from([OLD, NEW]), st.sampled_from("0123"), st.integers(1, 20)),
    min_size=1,
    max_size=40,
)


def whole(stream):
    """All that outlives a restart, written and read."""
    state = msgspec.structs.replace(stream.state, detectors=stream.memory())
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=StreamState)


def run(pieces, *, restart=False):
    stream = Stream(Settings(), LIMITS)
    stream.expect([OLD, NEW], "0123")
    for piece in pieces:
        counts = {}
        for time_s, build, code, count in piece:
            counts[time_s, build, code] = counts.get((time_s, build, code), 0) + count
        stream.take(counts)
        if restart:
            stream = Stream(Settings(), LIMITS, state=whole(stream))
    stream.flush()
    return whole(stream)


@given(events=events, seed=st.randoms(use_true_random=False), cut=st.integers(1, 10), restart=st.booleans())
def test_order_within_the_watermark_cuts_and_restarts_change_nothing(events, seed, cut, restart):
    """Delays below the lateness reorder records as a network would."""
    ordered = sorted(events)
    shuffled = sorted(events, key=lambda e: e[0] + seed.random() * (LIMITS.lateness_s - 10))
    pieces = [shuffled[i : i + cut] for i in range(0, len(shuffled), cut)]
    got, want = run(pieces, restart=restart), run([ordered])
    assert got.late == 0
    for one in (got, want):
        one.totals = {build: dict(sorted(codes.items())) for build, codes in sorted(one.totals.items())}
    assert (got.totals, got.accepted, got.transitions) == (want.totals, want.accepted, want.transitions)
    assert (got.detectors, got.windows) == (want.detectors, want.windows)
    assert got.alerts == want.alerts


def test_a_record_for_a_closed_bin_is_late_and_changes_nothing_else():
    stream = Stream(Settings(), LIMITS)
    stream.take({(100, OLD, "1"): 5, (160, OLD, "1"): 1})
    before = dict(stream.state.totals[OLD])
    taken, _ = stream.take({(105, OLD, "1"): 3})
    assert (taken, stream.state.late, stream.state.totals[OLD]) == (Taken(0, 3), 3, before)


@given(
    times=st.lists(st.integers(0, 200), max_size=30),
    bin_s=st.integers(1, 15),
    lateness_s=st.integers(0, 40),
)
def test_a_record_is_late_once_the_newest_before_it_is_lateness_past_the_end_of_its_bin(times, bin_s, lateness_s):
    stream = Stream(Settings(bin_s=bin_s), Limits(lateness_s=lateness_s))
    newest_s = None
    for time_s in times:
        end_s = (time_s // bin_s + 1) * bin_s
        late = newest_s is not None and end_s + lateness_s <= newest_s
        assert stream.take({(time_s, OLD, "1"): 1})[0] == Taken(not late, late)
        newest_s = time_s if newest_s is None else max(newest_s, time_s)


def test_the_first_second_after_the_bins_that_are_due_is_not_late():
    stream = Stream(Settings(), LIMITS)
    stream.take({(10 + LIMITS.lateness_s, OLD, "1"): 1})
    assert stream.take({(9, OLD, "1"): 1})[0] == Taken(0, 1)
    assert stream.take({(10, OLD, "1"): 1})[0] == Taken(1, 0)


def test_a_bin_that_was_closed_by_a_flush_stays_closed():
    """Newer records make only older bins due; what was due before them stays due."""
    stream = Stream(Settings(), LIMITS)
    stream.take({(100, OLD, "1"): 1})
    stream.flush()
    stream.take({(111, OLD, "1"): 1})
    assert stream.take({(109, OLD, "1"): 1})[0] == Taken(0, 1)
    assert (stream.state.due_s, stream.state.closed_to_s) == (110, 110)


def test_there_is_no_watermark_before_the_first_bin_with_records_is_due():
    stream = Stream(Settings(), LIMITS)
    stream.take({(10, OLD, "1"): 1, (10 + LIMITS.lateness_s, OLD, "1"): 1})
    assert stream.state.closed_to_s is None
    stream.take({(20 + LIMITS.lateness_s, OLD, "1"): 1})
    assert stream.state.closed_to_s == 20


def test_builds_and_codes_past_the_caps_fold_into_other_and_are_counted():
    stream = Stream(Settings(), Limits(max_builds=2, max_codes=2))
    stream.take({(0, f"{n}", f"{n}"): 1 for n in range(5)})
    assert stream.state.accepted == 5
    assert sorted(stream.state.totals) == ["0", "1", OTHER_BUILD]
    assert stream.state.totals[OTHER_BUILD][OTHER_CODE] == 3
    assert stream.state.folded == {"build": 3, "code": 3}


@pytest.mark.parametrize(
    ("times", "want"),
    [([86_390, 5], 86_405), ([5, 86_390], 86_390), ([172_790, 3], 172_803)],
    ids=["over-midnight", "first-day", "second-midnight"],
)
def test_clock_times_go_on_over_midnight(times, want):
    stream = Stream(Settings(), Limits(lateness_s=100_000))
    for time_s in times:
        stream.take({(time_s, OLD, "0"): 1})
    assert stream.state.newest_s == want


def test_a_jump_of_years_closes_no_millions_of_bins():
    stream = Stream(Settings(), LIMITS)
    stream.take({(100_000, OLD, "0"): 1, (100_000, NEW, "0"): 1})
    stream.take({(10_000_000_000, OLD, "0"): 1})
    assert stream.state.closed_to_s == (10_000_000_000 - LIMITS.lateness_s) // 10 * 10


@pytest.mark.slow
@pytest.mark.timeout(300)  # under 20 s on a quiet machine
@given(events=events, gap=st.integers(0, 1500), most=st.integers(1, 4))
def test_gaps_that_are_skipped_and_bins_closed_a_few_at_a_time_change_nothing(events, gap, most):
    """A stream that steps through every bin at once is the twin."""
    later = [(time_s + 200 + gap, *rest) for time_s, *rest in events]
    states = []
    for skips in (True, False):
        stream = Stream(Settings(), LIMITS)
        if not skips:
            stream._enough_empty = 10**9
        stream.expect([OLD, NEW], "0123")
        for piece in (events, later):
            for time_s, build, code, count in sorted(piece):
                stream.take({(time_s, build, code): count}, most if skips else None)
        stream.flush(0 if skips else None)
        while stream.behind():
            stream.close(most)
        states.append(whole(stream))
    assert states[0] == states[1]


def test_a_gap_of_a_day_is_stepped_through_at_its_two_ends():
    stream = Stream(Settings(), LIMITS)
    stream.take({(0, OLD, "0"): 1, (0, NEW, "0"): 1})
    steps = 0
    stream.take({(86_400, OLD, "0"): 1}, 0)
    while stream.behind():
        stream.close(1)
        steps += 1
    assert steps < 70


def test_a_build_is_compared_from_its_first_whole_bin_on():
    """The baseline's sender came half a minute late: what the candidate sent until then proves nothing."""
    stream = Stream(Settings(), LIMITS, baseline=OLD)
    stream.take({(second, NEW, "0"): 100 for second in range(35)})
    stream.take({(second, build, "0"): 100 for second in range(35, 200) for build in (OLD, NEW)})
    stream.flush()
    assert [counts.sum() for counts in stream.recent(NEW)] == [16_000, 16_000]
    assert stream.state.alerts == []


def test_a_restart_with_another_baseline_begins_anew():
    stream = Stream(Settings(), LIMITS, baseline=OLD)
    stream.take({(second, build, "0"): 9 for second in range(100) for build in (OLD, NEW)})
    state = whole(stream)
    stream = Stream(Settings(), LIMITS, baseline=NEW, state=state)
    assert (stream.state.baseline, stream.candidates()) == (NEW, [OLD])
    assert [detector.scores.size for detector in stream.detectors(OLD)] == [0, 0, 0]


def test_a_baseline_that_changes_takes_no_memory_of_the_old_comparison_along():
    stream = Stream(Settings(), LIMITS)
    stream.take({(second, build, "0"): 9 for second in range(100) for build in ("5.2", "5.3")})
    whole(stream)
    stream.take({(100, "5.1", "0"): 1})
    assert stream.state.baseline == "5.1"
    assert all(detector.scores.size == 0 for build in ("5.2", "5.3") for detector in stream.detectors(build))


def test_a_lower_version_that_appears_becomes_the_baseline_and_comparisons_begin_anew():
    stream = Stream(Settings(), LIMITS)
    stream.take({(0, NEW, "0"): 5, (100, NEW, "0"): 1})
    assert stream.state.baseline == NEW
    stream.take({(100, OLD, "0"): 1})
    assert (stream.state.baseline, stream.candidates()) == (OLD, [NEW])


def there(stream, build, first, last):
    for second in range(first, last, 10):
        stream.take({(second + n, build, code): 2 for n in range(10) for code in "12"})


@pytest.mark.slow
def test_releases_follow_each_other_and_each_is_compared_with_the_one_before():
    """5.1 goes when 5.2 has taken over; an hour later 5.2 is the baseline, by which 5.3 is judged."""
    stream = Stream(Settings(), Limits(max_builds=2))
    stream.take({(second, build, "1"): 5 for second in range(600) for build in ("5.1", "5.2")})
    there(stream, "5.2", 600, 3000)
    assert (stream.state.baseline, stream.candidates()) == ("5.1", ["5.2"])
    there(stream, "5.2", 3000, 4400)
    assert (stream.state.baseline, stream.candidates(), stream.state.retired) == ("5.2", [], ["5.1"])
    stream.take({(second, "5.2", "1"): 5 for second in range(4400, 5000)})
    stream.take({(second, "5.3", "1"): 20 for second in range(4400, 5000)} | {(5000, "5.2", "1"): 1})
    assert sorted(stream.state.totals) == ["5.2", "5.3"]  # the oldest made room
    stream.flush()
    assert {(build, alert.detector) for build, alert in stream.state.alerts} == {("5.3", "evidence"), ("5.3", "onset")}


@pytest.mark.slow
def test_a_build_that_is_back_is_compared_again():
    stream = Stream(Settings(), LIMITS)
    there(stream, NEW, 0, 100)
    there(stream, OLD, 0, 100)
    there(stream, NEW, 100, 4000)
    assert stream.state.baseline == NEW
    stream.take({(4000 + second, build, "1"): 5 for second in range(100) for build in (OLD, NEW)})
    assert (stream.state.baseline, stream.candidates(), stream.state.retired) == (OLD, [NEW], [])


@pytest.mark.slow
def test_a_baseline_that_is_named_stays_though_it_has_gone():
    stream = Stream(Settings(), LIMITS, baseline=OLD)
    stream.take({(second, build, "1"): 5 for second in range(100) for build in (OLD, NEW)})
    there(stream, NEW, 100, 5000)
    assert (stream.state.baseline, stream.candidates(), stream.state.alerts) == (OLD, [NEW], [])


NOW = 1_800_000_000


def test_a_stream_that_keeps_the_clocks_time_closes_its_last_bin_when_it_goes_quiet():
    stream = Stream(Settings(), LIMITS)
    stream.take({(NOW + 3, OLD, "1"): 5, (NOW + 4, NEW, "1"): 1})
    stream.tick(NOW + 10 + LIMITS.lateness_s - 1)
    assert stream.state.open
    stream.tick(NOW + 10 + LIMITS.lateness_s)
    assert (stream.state.open, stream.state.closed_to_s) == ({}, NOW + 10)
    stream.tick(NOW + 3000)
    assert stream.state.closed_to_s == NOW + 10  # a stream that stalled proves nothing by empty bins


@pytest.mark.parametrize("newest", [NOW - 86_400, NOW - 3600, 3600], ids=["a-replay", "an-hour", "clock-times"])
def test_a_pause_in_older_times_closes_nothing(newest):
    stream = Stream(Settings(), LIMITS)
    stream.take({(newest, OLD, "1"): 5})
    stream.tick(NOW)
    assert stream.state.open
    stream.take({(newest - 5, OLD, "1"): 1})
    assert stream.state.late == 0


def fed(detector, bins):
    """Feed pairs of counts of one code beside another that comes always; (bin, kind) of the changes."""
    changes = []
    for number, bin_ in enumerate(bins):
        closed = Bins.one(number * 10, 10, Pair(*(np.array([[count, 9]]) for count in bin_)))
        changes += [(number, kind) for kind, alert in detector.step(closed, ["7", "8"]) if alert.code == "7"]
    return changes


def test_an_evidence_alert_ends_when_the_rates_are_equal_again_and_a_second_one_may_come():
    worse, equal = [Pair(8, 40)] * 3, [Pair(8, 8)] * 25
    changes = fed(Evidence(watched=33), [*worse, *equal, *worse])
    assert [kind for _, kind in changes] == ["active", "inactive", "active"]
    assert changes[0][0] == 0
    assert 3 <= changes[1][0] <= 27


def test_an_evidence_alert_stays_while_the_candidate_is_still_worse():
    assert [kind for _, kind in fed(Evidence(watched=33), [Pair(8, 40)] * 3 + [Pair(8, 16)] * 200)] == ["active"]


@pytest.mark.parametrize(
    "kind", [MeanThreshold, lambda: Evidence(watched=33), lambda: Onset(watched=33)], ids=["mean", "evidence", "onset"]
)
@given(bins=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=60), cut=st.integers(0, 60))
def test_a_detector_restored_goes_on_as_if_nothing_had_been(kind, bins, cut):
    whole, first, second = kind(), kind(), kind()
    want = fed(whole, bins)
    got = fed(first, bins[:cut])
    second.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(first.saved()), type=DetectorState))
    got += [(number + min(cut, len(bins)), kind) for number, kind in fed(second, bins[cut:])]
    assert got == want


def test_what_is_on_disk_has_the_candidate_first():
    """A state written by an earlier release must not be read the wrong way round."""
    arrays = {"totals": [[40], [8]], "cleared": [[4], [1]], "peaks": [[0]], "recovery": [[0]], "quiet": [[0]]}
    detector = Evidence(watched=33)
    detector.restore(DetectorState({}, [], arrays))
    assert Pair(*detector.totals.tolist()) == Pair(baseline=[8], candidate=[40])
    assert detector.scores == log_evidence(Pair(baseline=[7], candidate=[36]))
    assert detector.saved().arrays == arrays
    state = StreamState(totals={OLD: {"7": 8}, NEW: {"7": 40}}, codes=["7"], baseline=OLD, windows={NEW: [[40], [8]]})
    recent = Stream(Settings(), LIMITS, state=state).recent(NEW)
    assert Pair(*map(np.ndarray.tolist, recent)) == Pair(baseline=[[8]], candidate=[[40]])


def blocks_of(bins, sizes):
    """Bins of pairs of counts of two codes by second, put together in blocks."""
    number = 0
    while number < len(bins):
        part = bins[number : number + sizes[number % len(sizes)]]
        counts = np.array([c for seconds in part for c in seconds], np.int64).reshape(-1, 2, 2)
        place = np.repeat(np.arange(len(part)), [len(seconds) for seconds in part])
        yield Bins(number * 10, 10, len(part), place, Pair(counts[:, 0], counts[:, 1]))
        number += len(part)


storm = st.lists(st.tuples(*[st.tuples(*[st.integers(0, 9)] * 2)] * 2), max_size=3)
calm = st.just([((1, 1), (9, 1))])


@pytest.mark.parametrize(
    "kind", [MeanThreshold, lambda: Evidence(watched=2), lambda: Onset(watched=2)], ids=["mean", "evidence", "onset"]
)
@given(bins=st.lists(st.one_of(storm, calm), max_size=80), sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_how_bins_are_cut_into_blocks_changes_nothing(kind, bins, sizes):
    whole, cut = kind(), kind()
    want = [change for block in blocks_of(bins, [1]) for change in whole.step(block, ["7", "8"])]
    got = [change for block in blocks_of(bins, sizes) for change in cut.step(block, ["7", "8"])]
    assert got == want
    assert cut.saved() == whole.saved()


@pytest.mark.slow
def test_a_stream_alarms_as_its_file_does():
    """The old build ends half-way, a code of the new one is worse for a while, and a third build comes later."""
    draw = np.random.default_rng(3)
    lines, stream = [], Stream(Settings(), Limits(lateness_s=30, max_codes=3 * 2))
    for second in range(3600):
        rates = {OLD: [0.5, 0.5, 0.5] if second < 2000 else [0, 0, 0]}
        rates[NEW] = [0.5, 2.5 if 600 <= second < 1200 else 0.5, 0.5]
        rates["5.3"] = [1.5, 0.5, 0.5] if second >= 1003 else [0, 0, 0]
        drawn = {
            (second, b, str(c)): n for b, of in rates.items() for c, n in enumerate(draw.poisson(of).tolist()) if n
        }
        stream.take(drawn)
        lines += [f"{second}\t{build}\t{code}\n" * count for (_, build, code), count in drawn.items()]
    stream.flush()
    reading = Reading()
    reading.add("".join(lines).encode())
    found = analyse(reading.end().table, Settings())
    want = [(one.build, one.alert) for one in found.alerts if one.alert.detector != "mean-threshold"]
    ended = [one for one in stream.state.alerts if one[1].stop_s is not None]
    active = [
        (build, alert)
        for build in stream.candidates()
        for detector in stream.detectors(build)
        if detector.name != "mean-threshold"
        for alert in detector.active.values()
    ]
    assert len(want) >= 2
    assert sorted([*ended, *active], key=repr) == sorted(want, key=repr)


def test_storms_of_retries_are_told_by_the_dispersion():
    """Code 0 comes evenly, code 1 all in one bin of thirty, code 2 never."""
    stream = Stream(Settings(), LIMITS)
    stream.expect([OLD, NEW], "012")
    stream.take({(second, build, "0"): 5 for second in range(300) for build in (OLD, NEW)} | {(95, NEW, "1"): 1500})
    stream.flush()
    (told,) = [family for family in families("app", stream, Told()) if family.metric is DISPERSION]
    assert dict(told.series) == {("app", NEW, "0"): 0.0, ("app", NEW, "1"): pytest.approx(1500)}


def test_a_build_that_stops_is_silent_and_a_baseline_that_has_gone_proves_nothing():
    stream = Stream(Settings(), LIMITS)
    stream.take(
        {(second, build, "0"): 5 for second in range(1200) for build in (OLD, NEW) if second < 600 or build == NEW}
    )
    stream.flush()
    (silent,) = [family for family in families("app", stream, Told()) if family.metric is BUILD_SILENT]
    assert dict(silent.series) == {("app", OLD): 1, ("app", NEW): 0}
    assert stream.state.alerts == []


class Told:
    failed, connections, requests, log_status, query_up = {}, (), {}, None, None


def test_a_night_in_which_nobody_sends_is_no_end_of_any_build():
    stream = Stream(Settings(), LIMITS)
    day = {(second, build, "0"): 5 for second in range(1200) for build in (OLD, NEW)}
    stream.take(day)
    stream.take({(30_000, NEW, "0"): 5})
    stream.take({(30_010 + second, build, code): count for (second, build, code), count in day.items()})
    stream.flush()
    assert (stream.state.baseline, stream.state.retired, stream.state.transitions) == (OLD, [], {})
    detector: Any = stream.detectors(NEW)[1]
    assert detector.totals.tolist() == [[12_000], [12_000]]
