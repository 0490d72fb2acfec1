"""The report as values for its page, `templates/report.html`: one HTML file that needs nothing else. Pure."""

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from foundation.page import render
from trafficgen.meter.histogram import Histogram
from trafficgen.meter.meter import Meter
from trafficgen.report.render_text import TARGET_COLUMNS, describe_invalid, format_seconds, summary, target_row
from trafficgen.report.report import Report
from trafficgen.report.verdict import describe

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 960, 260, 70, 25, 40, 30
_MAX_POINTS = 600  # a curve with more has no more detail on a screen

Points: TypeAlias = list[tuple[float, float]]


class Curve(NamedTuple):
    """A line, its name, and the class that gives it its colour."""

    name: str
    style: str
    points: Points


class Tick(NamedTuple):
    """A label, and where it stands on its axis."""

    at: float
    label: str


class Chart(NamedTuple):
    """Curves and ticks in the coordinates of the picture."""

    curves: list[Curve]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = _WIDTH - _RIGHT


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
        summary=list(summary(report)),
        rates=_rates(meter),
        latency=_percentiles(meter),
        target_columns=TARGET_COLUMNS,
        targets=[target_row(target) for target in report.by_target],
    )


def _rates(meter: Meter) -> Chart:
    """Requests per second over the run; points are averaged where there are more than a screen shows."""
    rows, width_s = meter.series.all_rows(), meter.series.width_s
    bunch = max(1, math.ceil(len(rows) / _MAX_POINTS))
    drawn = {
        name: [
            sum(row[at] for row in rows[i : i + bunch]) / len(rows[i : i + bunch]) / width_s
            for i in range(0, len(rows), bunch)
        ]
        for at, name in enumerate(("planned", "sent", "answered"))
    }
    top = _nice(max((value for curve in drawn.values() for value in curve), default=1.0))
    curves = [
        Curve(name, name, [(i / max(len(values) - 1, 1), value / top) for i, value in enumerate(values)])
        for name, values in drawn.items()
    ]
    x_ticks = [Tick(share, f"{share * len(rows) * width_s:.4g} s") for share in (0, 0.25, 0.5, 0.75, 1)]
    return _placed(curves, x_ticks, [Tick(share, f"{share * top:,.4g}") for share in (0, 0.5, 1)])


def _percentiles(meter: Meter) -> Chart:
    """Latency (log) over the share of requests, the tail stretched: 0, 90, 99, 99.9, 99.99 % at equal distances."""
    shares = {"plan": _shares(meter.from_plan), "send": _shares(meter.from_send)}
    values = [value for points in shares.values() for _, value in points] or [0.001]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
    span = max(high - low, 1)
    curves = [
        Curve(f"from the {name}", name, [(x, (math.log10(value) - low) / span) for x, value in points])
        for name, points in shares.items()
    ]
    x_ticks = [Tick(i / 4, f"{100 * (1 - 10.0**-i):.6g} %") for i in range(5)]
    y_ticks = [Tick((power - low) / span, format_seconds(10.0**power)) for power in range(low, high + 1)]
    return _placed(curves, x_ticks, y_ticks)


def _shares(histogram: Histogram) -> Points:
    """(place on the axis, seconds) of each bucket: the share of requests before it, stretched."""
    middles, counts = histogram.points()
    below = (counts.cumsum() - counts) / max(histogram.count, 1)
    return [(min(-math.log10(1 - share), 4) / 4, value) for share, value in zip(below, middles, strict=True)]


def _placed(curves: Sequence[Curve], x_ticks: Sequence[Tick], y_ticks: Sequence[Tick]) -> Chart:
    """The chart of curves and ticks in the unit square."""
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(share: float) -> float:
        return round(_LEFT + wide * share, 1)

    def y(share: float) -> float:
        return round(_TOP + high * (1 - share), 1)

    return Chart(
        [curve._replace(points=[(x(a), y(b)) for a, b in curve.points]) for curve in curves],
        [tick._replace(at=x(tick.at)) for tick in x_ticks],
        [tick._replace(at=y(tick.at)) for tick in y_ticks],
    )


def _nice(value: float) -> float:
    """The next round number."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value)
