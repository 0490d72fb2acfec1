"""Latency and answers over time, as drawn: values at their places, gaps as gaps, ticks on round clock values."""

import math

import msgspec
import pytest
from msgspec import structs

from trafficgen.meter.histogram import Histogram
from trafficgen.meter.meter import Meter
from trafficgen.report.chart import LEFT, RIGHT, WIDTH, log_axis, time_ticks
from trafficgen.report.over_time import (
    answers_over_time,
    highest_rate_per_s,
    latency_axis,
    latency_over_time,
    quantile_s,
)
from trafficgen.report.report import BinReport, OverTime, make_report

NOON = 1_795_780_800  # 2026-11-27T12:00:00Z
EMPTY = BinReport(
    planned=0, sent=0, answered=0, unexpected=0, server_errors=0, client_errors=0, no_answer=0, dropped=0,
    latency_from_plan_s=[],
)  # fmt: skip


def report_of(*bins, width_s=1, started_at=NOON):
    length = float(len(bins) * width_s)
    report = make_report(Meter(("/",)), url="/", seed=1, seconds=length, plan_s=length, started_at=started_at)
    return structs.replace(report, over_time=OverTime(width_s=width_s, bins=list(bins)))


def timed(*times):
    return structs.replace(EMPTY, latency_from_plan_s=list(times))


def test_a_second_in_which_nothing_ended_breaks_the_lines():
    slow, fast = timed((0.01, 94), (0.1, 5), (1.0, 1)), timed((0.01, 9))
    chart = latency_over_time(report_of(slow, fast, EMPTY, EMPTY, fast, EMPTY))
    sixth = (WIDTH - LEFT - RIGHT) / 6
    for curve in chart.curves:
        assert [[x for x, _ in piece] for piece in curve.pieces] == [
            pytest.approx([LEFT + sixth * 0.5, LEFT + sixth * 1.5], abs=0.1),
            pytest.approx([LEFT + sixth * 4.5], abs=0.1),
        ]
    label_at = {tick.at: tick.label for tick in chart.y_ticks}
    assert {curve.name: label_at[curve.pieces[0][0][1]] for curve in chart.curves} == {
        "p50": "10 ms", "p95": "100 ms", "p99": "1 s"
    }  # fmt: skip


def test_columns_have_what_became_of_requests_in_their_proportion():
    one = structs.replace(EMPTY, answered=70, server_errors=20, client_errors=10, no_answer=25, dropped=5)
    chart = answers_over_time(report_of(one, EMPTY, structs.replace(EMPTY, answered=10_000, client_errors=1)))
    assert [(bar.style, bar.says) for bar in chart.bars] == [
        ("dropped", "12:00:00: dropped 5"),
        ("none", "12:00:00: no answer 25"),
        ("c5", "12:00:00: 5xx 20"),
        ("c4", "12:00:00: 4xx 10"),
        ("c2", "12:00:00: 1xx to 3xx 40"),
        ("c4", "12:00:02: 4xx 1"),
        ("c2", "12:00:02: 1xx to 3xx 9,999"),
    ]
    assert chart.bars[-2].height == 2.0, "one of thousands is seen"
    alone = answers_over_time(report_of(one))
    zero, _, top = (tick.at for tick in alone.y_ticks)
    assert alone.y_ticks[-1].label == "100"
    assert [bar.height for bar in alone.bars] == pytest.approx([(zero - top) * n / 100 for n in (5, 25, 20, 10, 40)])
    below = [bar.y + bar.height for bar in alone.bars]
    assert below == pytest.approx([zero, *(bar.y for bar in alone.bars[:-1])]), "one upon the other"


def test_on_a_shared_axis_equal_latencies_are_at_equal_heights():
    fast, slow = report_of(timed((0.001, 9)), timed((0.01, 9))), report_of(timed((0.01, 9)), timed((5.0, 9)))
    axis = latency_axis(fast, slow)
    a, b = (latency_over_time(report, axis) for report in (fast, slow))
    assert a.y_ticks == b.y_ticks
    assert [tick.label for tick in a.y_ticks] == ["1 ms", "10 ms", "100 ms", "1 s", "10 s"]
    (a1, a10), (b10, b5000) = ([y for _, y in chart.curves[0].pieces[0]] for chart in (a, b))
    assert a1 > a10 == b10 > b5000
    assert latency_over_time(fast).y_ticks != a.y_ticks, "alone it has its own axis"
    assert (latency_axis(report_of(EMPTY)), latency_over_time(report_of(EMPTY), axis)) == (None, None)


def test_on_a_shared_axis_equal_rates_are_at_equal_heights_in_bins_of_other_widths():
    second, minute = structs.replace(EMPTY, answered=20), structs.replace(EMPTY, answered=600, dropped=60)
    a, b = report_of(second), report_of(minute, width_s=60)
    top = highest_rate_per_s(a, b)
    assert top == 20.0
    (ten,) = answers_over_time(report_of(structs.replace(EMPTY, answered=10)), top).bars
    dropped, answered = answers_over_time(b, top).bars
    assert (answered.height, dropped.height) == (ten.height, ten.height / 10)
    assert [tick.label for tick in answers_over_time(b, top).y_ticks] == ["0", "600", "1,200"]


def test_a_run_without_a_measurement_has_no_chart():
    assert (latency_over_time(report_of(EMPTY)), answers_over_time(report_of())) == (None, None)


@pytest.mark.parametrize(
    ("start_s", "length_s", "want"),
    [
        pytest.param(NOON + 0.8, 12, ["12:00:02", "12:00:04", "12:00:06", "12:00:08", "12:00:10", "12:00:12"], id="s"),
        pytest.param(NOON - 5, 300, ["12:00", "12:01", "12:02", "12:03", "12:04"], id="minutes"),
        pytest.param(NOON + 11 * 3600, 7200, ["23:00", "23:15", "23:30", "23:45", "28 Nov", "00:15"], id="midnight"),
        pytest.param(NOON, 3 * 86_400, ["12:00", "28 Nov", "12:00", "29 Nov", "12:00", "30 Nov", "12:00"], id="days"),
    ],
)
def test_ticks_are_on_round_clock_values(start_s, length_s, want):
    ticks = time_ticks(start_s, start_s + length_s)
    assert [tick.label for tick in ticks][: len(want)] == want
    assert all(0 <= tick.at <= 1 for tick in ticks)


@pytest.mark.parametrize("length_s", [1, 59, 64, 1000, 86_400, 10**6, 10**8, 10**10])
def test_ticks_are_few_on_any_length(length_s):
    assert 1 <= len(time_ticks(NOON + 0.3, NOON + 0.3 + length_s)) <= 9


@pytest.mark.parametrize(
    ("values", "want"),
    [
        ([0.003], [0.001, 0.002, 0.005, 0.01]),
        ([0.01, 1.0], [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]),
        ([0.0005, 5.0], [0.0001, 0.001, 0.01, 0.1, 1.0, 10.0]),
    ],
)
def test_a_logarithmic_axis_has_round_marks_about_all_values(values, want):
    axis = log_axis(values)
    assert axis.marks == pytest.approx(want)
    assert all(0 <= axis.share(value) <= 1 for value in values)
    assert axis.share(math.sqrt(want[0] * want[-1])) == pytest.approx(0.5)


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("count", [1, 2, 19, 20, 100])
def test_quantiles_are_those_of_the_whole_run(q, count):
    histogram = Histogram()
    histogram.record([n * 1_000_000 for n in range(1, count + 1)])
    middles, counts = histogram.points()
    got = quantile_s(list(zip(middles.tolist(), counts.tolist(), strict=True)), q)
    assert min(got, histogram.most_s()) == histogram.quantile_s(q)


def test_a_histogram_is_one_line_of_the_json_and_no_text_is_changed():
    text = "[\n  [\n    1.0,\n    2\n  ]\n]"
    report = structs.replace(report_of(timed((1e-05, 3), (0.01, 94)), EMPTY), replayed=text)
    written = report.to_json()
    assert '"latency_from_plan_s": [[1e-05,3],[0.01,94]]\n' in written
    assert msgspec.json.decode(written, type=type(report)) == report
