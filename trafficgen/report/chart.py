"""Charts of the report's page in the coordinates of their picture: lines, stacked bars, ticks. Pure."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 800, 260, 70, 30, 40, 30
LEAST_PX = 2.0  # of a bar: one failure of thousands is seen
_SHORT = 2  # powers of ten
MOST_TICKS = 8  # of a time axis: labels do not touch
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)

Points: TypeAlias = list[tuple[float, float]]


class Curve(NamedTuple):
    """A line, its name, and the class that gives it its colour. It is broken between its pieces."""

    name: str
    style: str
    pieces: list[Points]


class Tick(NamedTuple):
    """A label, and its place on the axis."""

    at: float
    label: str


class Part(NamedTuple):
    """What a column has of one kind, and what is said of it."""

    style: str
    value: float
    says: str


class Column(NamedTuple):
    """Parts one upon the other, the lowest first, from `left` to `right` of the axis: shares of its length."""

    left: float
    right: float
    parts: list[Part]


class Bar(NamedTuple):
    """A part of a column in the picture."""

    style: str
    x: float
    y: float
    width: float
    height: float
    says: str


class Key(NamedTuple):
    """An entry of the legend."""

    name: str
    style: str


class LogAxis(NamedTuple):
    """From 10^`low` to 10^`high`, and the values that are marked on it."""

    low: int
    high: int
    marks: list[float]

    def share(self, value: float) -> float:
        """The place of the value, as a share of the axis."""
        return (math.log10(value) - self.low) / (self.high - self.low)


class Chart(NamedTuple):
    """What is drawn, in the coordinates of the picture."""

    keys: list[Key]
    curves: list[Curve]
    bars: list[Bar]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


def line_chart(curves: Sequence[Curve], x_ticks: Sequence[Tick], y_ticks: Sequence[Tick]) -> Chart:
    """The chart of curves and ticks in the unit square."""
    return Chart(
        keys=[Key(curve.name, curve.style) for curve in curves],
        curves=[
            curve._replace(pieces=[[(_x(a), _y(b)) for a, b in piece] for piece in curve.pieces]) for curve in curves
        ],
        bars=[],
        x_ticks=[tick._replace(at=_x(tick.at)) for tick in x_ticks],
        y_ticks=[tick._replace(at=_y(tick.at)) for tick in y_ticks],
    )


def column_chart(
    columns: Sequence[Column], keys: Sequence[Key], x_ticks: Sequence[Tick], top: float | None = None
) -> Chart:
    """The chart of columns over one axis from 0 to `top`, or to what they need.

    Parts above 0 are drawn at least `LEAST_PX` high.
    """
    top = top or nice(max((sum(part.value for part in column.parts) for column in columns), default=1.0))
    bars = []
    for column in columns:
        base = _y(0)
        for part in column.parts:
            if part.value > 0:
                height = round(max((_y(0) - _y(1)) * part.value / top, LEAST_PX), 1)
                base = round(base - height, 1)
                x = _x(column.left)
                width = round(_x(column.right) - x, 1)
                bars.append(Bar(style=part.style, x=x, y=base, width=width, height=height, says=part.says))
    y_ticks = [Tick(_y(share), f"{share * top:,.4g}") for share in (0, 0.5, 1)]
    return Chart(list(keys), [], bars, [tick._replace(at=_x(tick.at)) for tick in x_ticks], y_ticks=y_ticks)


def log_axis(values: Sequence[float]) -> LogAxis:
    """An axis in whole powers of ten that has all `values` (above 0); marks also at 2 and 5 where it is short."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)
    steps = (1, 2, 5) if high - low <= _SHORT else (1,)
    marks = [step * 10.0**power for power in range(low, high) for step in steps]
    return LogAxis(low, high, [*marks, 10.0**high])


def time_ticks(start_s: float, end_s: float) -> list[Tick]:
    """Ticks on round values of the clock (UTC) in [start_s, end_s], as shares of it; at midnight the date."""
    step_s = next((step for step in _STEPS_S if (end_s - start_s) / step <= MOST_TICKS), _STEPS_S[-1])
    while (end_s - start_s) / step_s > MOST_TICKS:
        step_s *= 2
    form = "%H:%M:%S" if step_s < 60 else "%H:%M"
    moments = [number * step_s for number in range(math.ceil(start_s / step_s), math.floor(end_s / step_s) + 1)]
    return [
        Tick(
            (at_s - start_s) / (end_s - start_s),
            datetime.fromtimestamp(at_s, UTC).strftime(form if at_s % 86_400 else "%-d %b"),
        )
        for at_s in moments
    ]


def nice(value: float) -> float:
    """The next round number."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value)


def _x(share: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * share, 1)


def _y(share: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - share), 1)
