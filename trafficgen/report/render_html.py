"""The report as values for its page, `templates/report.html`: one HTML file that needs nothing else. Pure."""

import math
from datetime import UTC, datetime

from foundation.page import render
from trafficgen.meter.histogram import Histogram
from trafficgen.meter.meter import Meter
from trafficgen.report.chart import Chart, Curve, Points, Tick, line_chart, log_axis, nice, time_ticks
from trafficgen.report.over_time import over_time
from trafficgen.report.render_text import TARGET_COLUMNS, describe_invalid, format_seconds, summary, target_row, times
from trafficgen.report.report import STATISTICS, Report
from trafficgen.report.verdict import describe

_MAX_POINTS = 600  # a curve with more has no more detail on a screen


def render_html(report: Report, meter: Meter) -> str:
    """The page."""
    return render(
        "trafficgen.report",
        "report.html",
        report=report,
        invalid=describe_invalid(report),
        verdicts=[
            *((verdict.held, describe(verdict)) for verdict in report.expectations),
            *((False, failure) for failure in report.failed),
        ],
        summary=[*clock(report), *(row for row in summary(report) if row[0] not in times(report))],
        statistics=STATISTICS,
        times=[(name, [format_seconds(values[key]) for key in STATISTICS]) for name, values in times(report).items()],
        rates=_rates(report, meter),
        over_time=over_time(report),
        latency=_percentiles(meter),
        target_columns=TARGET_COLUMNS,
        targets=[target_row(target) for target in report.by_target],
    )


def clock(report: Report) -> list[tuple[str, str]]:
    """Begin and end by the clock of the generator."""
    last = "stopped" if report.stopped_early else "last request due"
    begin, end = (
        f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
        for at_s in (report.started_at, report.started_at + report.seconds)
    )
    return [("begin", begin), ("end", f"{end} ({last})")]


def _rates(report: Report, meter: Meter) -> Chart:
    """Requests per second over the run; points are averaged where there are more than a screen shows."""
    rows, width_s = meter.series.all_rows(), meter.series.width_s
    bunch = max(1, math.ceil(len(rows) / _MAX_POINTS))
    parts = [rows[i : i + bunch] for i in range(0, len(rows), bunch)]
    drawn = {
        name: [sum(row[at] for row in part) / len(part) / width_s for part in parts]
        for at, name in enumerate(("planned", "sent", "answered"))
    }
    top = nice(max((value for curve in drawn.values() for value in curve), default=1.0))
    middles = [(i * bunch + len(part) / 2) / len(rows) for i, part in enumerate(parts)]
    curves = [
        Curve(name, name, [[(x, value / top) for x, value in zip(middles, values, strict=True)]])
        for name, values in drawn.items()
    ]
    x_ticks = time_ticks(report.started_at, report.started_at + len(rows) * width_s) if rows else []
    return line_chart(curves, x_ticks, [Tick(share, f"{share * top:,.4g}") for share in (0, 0.5, 1)])


def _percentiles(meter: Meter) -> Chart:
    """Latency (log) over the share of requests, the tail stretched: 0, 90, 99, 99.9, 99.99 % at equal distances."""
    shares = {"plan": _shares(meter.from_plan), "send": _shares(meter.from_send)}
    axis = log_axis([value for points in shares.values() for _, value in points] or [0.001])
    curves = [
        Curve(f"from the {name}", name, [[(x, axis.share(value)) for x, value in points]])
        for name, points in shares.items()
    ]
    x_ticks = [Tick(i / 4, f"{100 * (1 - 10.0**-i):.6g} %") for i in range(5)]
    return line_chart(curves, x_ticks, [Tick(axis.share(mark), format_seconds(mark)) for mark in axis.marks])


def _shares(histogram: Histogram) -> Points:
    """(place on the axis, seconds) of each bucket: the share of requests before it, stretched."""
    middles, counts = histogram.points()
    below = (counts.cumsum() - counts) / max(histogram.count, 1)
    return [(min(-math.log10(1 - share), 4) / 4, value) for share, value in zip(below, middles, strict=True)]
