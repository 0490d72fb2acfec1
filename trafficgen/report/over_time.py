"""The run over time, in the bins of the report, as charts: latency and answers by class. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

from trafficgen.report.chart import (
    Chart,
    Column,
    Curve,
    Key,
    LogAxis,
    Part,
    Tick,
    column_chart,
    line_chart,
    log_axis,
    nice,
    time_ticks,
)
from trafficgen.report.render_text import format_seconds
from trafficgen.report.report import QUANTILES, BinReport, Report

DRAWN = ("p50", "p95", "p99")
CLASSES = (  # from below
    Key("dropped", "dropped"),
    Key("no answer", "none"),
    Key("5xx", "c5"),
    Key("4xx", "c4"),
    Key("1xx to 3xx", "c2"),
)


def over_time(report: Report) -> list[tuple[str, Chart]]:
    """The charts, by their names; those of which something was measured."""
    each = f"{report.over_time.width_s:,} s"
    charts = {
        f"Latency from the plan, of what ended in each {each}": latency_over_time(report),
        f"Answers and failures in each {each}": answers_over_time(report),
    }
    return [(name, chart) for name, chart in charts.items() if chart]


def latency_axis(*reports: Report) -> LogAxis | None:
    """A logarithmic axis that has all latencies from the plan of all reports; None if nothing has ended in any."""
    values = [value for report in reports for one in report.over_time.bins for value, _ in one.latency_from_plan_s]
    return log_axis(values) if values else None


def latency_over_time(report: Report, axis: LogAxis | None = None) -> Chart | None:
    """Quantiles of the latency from the plan by bin; None if nothing has ended.

    A bin in which nothing ended breaks the lines. `axis`: one that has the values of this report, to share it with
    another; otherwise its own.
    """
    own = latency_axis(report)
    if own is None:
        return None
    bins, axis = report.over_time.bins, axis or own
    curves = [
        Curve(
            name,
            name,
            [
                [
                    ((at + 0.5) / len(bins), axis.share(quantile_s(one.latency_from_plan_s, QUANTILES[name])))
                    for at, one in run
                ]
                for any_ended, run in groupby(enumerate(bins), key=lambda pair: bool(pair[1].latency_from_plan_s))
                if any_ended
            ],
        )
        for name in DRAWN
    ]
    return line_chart(curves, _ticks(report), [Tick(axis.share(mark), format_seconds(mark)) for mark in axis.marks])


def highest_rate_per_s(*reports: Report) -> float:
    """A round rate that no bin of the reports exceeds, in requests that ended per second."""
    return nice(
        max(
            (sum(by_class(one)) / report.over_time.width_s for report in reports for one in report.over_time.bins),
            default=0.0,
        )
    )


def answers_over_time(report: Report, top_per_s: float | None = None) -> Chart | None:
    """Requests that ended in each bin by what became of them; None without bins.

    `top_per_s`: the rate at the top of the axis. With the same one, equal heights are equal rates in bins of any width.
    """
    bins, width_s = report.over_time.bins, report.over_time.width_s
    if not bins:
        return None
    columns = []
    for number, one in enumerate(bins):
        begin = f"{datetime.fromtimestamp(report.started_at + number * width_s, UTC):%H:%M:%S}"
        parts = [
            Part(key.style, count, f"{begin}: {key.name} {count:,}")
            for key, count in zip(CLASSES, by_class(one), strict=True)
        ]
        columns.append(Column((number + 0.08) / len(bins), (number + 0.92) / len(bins), parts))
    top = None if top_per_s is None else top_per_s * width_s
    return column_chart(columns, CLASSES, _ticks(report), top)


def by_class(one: BinReport) -> tuple[int, ...]:
    """Counts of a bin in the order of `CLASSES`."""
    rest = one.answered - one.server_errors - one.client_errors
    return one.dropped, one.no_answer, one.server_errors, one.client_errors, rest


def quantile_s(times: Sequence[tuple[float, int]], q: float) -> float:
    """The value that a share 1 - `q` of all reaches, as `Histogram.quantile_s`; `times` in order, not empty."""
    count = sum(number for _, number in times)
    rank, below = min(int(q * count + 1e-9) + 1, count), 0
    for value, number in times:
        below += number
        if below >= rank:
            return value
    raise AssertionError("times are empty")


def _ticks(report: Report) -> list[Tick]:
    length_s = len(report.over_time.bins) * report.over_time.width_s
    return time_ticks(report.started_at, report.started_at + length_s)
