"""Counts of several workers are those that one would have counted."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from trafficgen.meter import meter as meter_module
from trafficgen.meter.meter import Meter, Series

COUNTS = st.tuples(*[st.integers(0, 9)] * 3)


def series_of(rows):
    series = Series()
    for row in rows:
        series.add(*row)
    return series


@given(st.lists(COUNTS, max_size=60), st.lists(COUNTS, max_size=60))
def test_series_of_two_workers_add_up_second_by_second_however_long_the_run(first, second):
    with patch.object(meter_module, "MAX_ROWS", 8):  # two hours are a long test
        total = Meter(("/",))
        for rows in (first, second):
            worker = Meter(("/",))
            worker.series = series_of(rows)
            total.merge(worker)
        merged = total.series
        length = max(len(first), len(second))
        padded = [rows + [(0, 0, 0)] * (length - len(rows)) for rows in (first, second)]
        want = series_of([tuple(map(sum, zip(*pair, strict=True))) for pair in zip(*padded, strict=True)])
    assert (merged.width_s, merged.all_rows()) == (want.width_s, want.all_rows())


@given(st.lists(COUNTS, max_size=60))
def test_a_series_keeps_the_sum_in_bounded_rows(rows):
    with patch.object(meter_module, "MAX_ROWS", 8):
        series = series_of(rows)
    assert [sum(row[at] for row in series.all_rows()) for at in range(3)] == [
        sum(row[at] for row in rows) for at in range(3)
    ]
    assert len(series.all_rows()) <= 8
    assert len(series.all_rows()) == -(-len(rows) // series.width_s)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["planned", "own_fault", "connects", "dropped", "no_answer", "answered", "saturated"]),
        st.integers(0, 10**9),
    ),
    max_size=40,
)


def meter_of(events):
    meter = Meter(("/", "/a"))
    for kind, number in events:
        if kind in ("planned", "connects"):
            setattr(meter, kind, getattr(meter, kind) + number)
        elif kind == "saturated":
            meter.saturated = True
        elif kind == "own_fault":
            for counts in (meter.own_fault, meter.late_by):
                counts[sorted(counts)[number % len(counts)]] += 1
        elif kind == "dropped":
            meter.drop(sorted(meter.dropped)[number % len(meter.dropped)], number, number % 2)
        elif kind == "no_answer":
            meter.give_up(sorted(meter.no_answer)[number % len(meter.no_answer)], number % 2)
            meter.ended.append(number % 2)
            for noted in (meter.late_ns, meter.plan_ns, meter.send_ns):
                noted.append(number)
        else:
            meter.ended.append(number % 2)
            codes, code = meter.codes[number % 2], (200, 302, 500)[number % 3]
            codes[code] = codes.get(code, 0) + 1
            for noted, times in ((meter.late_ns, 1), (meter.plan_ns, 3), (meter.send_ns, 2)):
                noted.append(times * number)
    return meter


def figures(meter):
    meter.flush()
    histograms = [
        (h.count, h.sum_ns, h.max_ns, h.counts.tolist(), h.classic.tolist())
        for h in (meter.lateness, meter.from_plan, meter.from_send)
    ]
    times = [meter.by_target.histogram(number) for number in range(2)]
    targets = [(h.count, h.sum_ns, h.max_ns, h.counts.tolist()) for h in times], meter.by_target.failed
    faults = (meter.own_fault, meter.late_by, meter.saturated, meter.dropped, meter.no_answer)
    counts = (meter.planned, meter.connects, *faults)
    return counts, [dict(codes) for codes in meter.codes], histograms, targets


@given(EVENTS, EVENTS)
def test_two_workers_count_what_one_would(first, second):
    merged = Meter(("/", "/a"))
    for events in (first, second):
        worker = meter_of(events)
        worker.flush()
        merged.merge(worker)
    assert figures(merged) == figures(meter_of(first + second))
    assert (
        sum(h.count for h in (merged.by_target.histogram(0), merged.by_target.histogram(1))) == merged.from_plan.count
    )
    assert merged.in_flight() == meter_of(first + second).in_flight() == 0
    assert merged.answered == merged.answers(100, 999)


def test_codes_of_all_targets_are_added_up():
    meter = Meter(("/", "/a"))
    meter.codes = [{200: 3, 404: 1}, {200: 2, 500: 5}]
    assert meter.by_code() == {200: 5, 404: 1, 500: 5}
