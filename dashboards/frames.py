"""Prometheus' answers to what a panel draws: lines on one time axis, rows of a table, cells of a heatmap. Pure."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from dashboards.model import Panel, Target, Transformation
from dashboards.prometheus import Labels, Series
from dashboards.promql import Span

MAX_LINES = 200  # more cannot be distinguished, and would make the page slow
_LEGEND = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
VALUE = "Value"  # the heading of a query's values; "Value #A" where a panel has several queries
Cell = str | float | None


class Line(msgspec.Struct, frozen=True):
    """One series on the panel's time axis. values: one a step (or one in all, of an instant query); None is a gap."""

    name: str
    ref: str
    values: list[float | None]
    labels: Labels = {}
    odd: dict[int, str] = {}  # place to "NaN", "+Inf" or "-Inf", where values has None because JSON has no such number


class Frame(msgspec.Struct, frozen=True):
    """What one panel shows now. Tables have columns and rows, everything else has lines."""

    start_s: int
    step_s: int
    points: int
    lines: list[Line] = []
    columns: list[str] = []
    rows: list[list[Cell]] = []
    numeric: list[bool] = []  # whether a column holds numbers; "NaN", "+Inf" and "-Inf" in it are numbers too
    left_out: int = 0  # lines beyond MAX_LINES

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see."""
        return not self.rows and all(value is None for line in self.lines for value in line.values)


def number(text: str) -> float | None:
    """A sample's value as JSON can carry it; NaN and the infinities, which no axis has a place for, as None."""
    value = float(text)
    return value if math.isfinite(value) else None


def odd_number(text: str) -> str:
    """NaN and the infinities as Prometheus writes them; empty for a number that JSON can carry."""
    return "" if math.isfinite(float(text)) else text


def legend(pattern: str, labels: Labels) -> str:
    """The series' name by the pattern ("{{code}} of {{route}}"); by its labels where there is none."""
    if pattern and pattern != "__auto":
        return _LEGEND.sub(lambda use: labels.get(use[1], ""), pattern).strip() or "(none)"
    rest = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()) if key != "__name__")
    return " ".join(filter(None, [labels.get("__name__", ""), rest])) or "value"


def frame(panel: Panel, asked: Span, answers: Sequence[tuple[Target, list[Series]]]) -> Frame:
    """What `panel` shows of the answers to its targets."""
    if panel.type == "table":
        columns, rows, numeric = table(panel.transformations, answers)
        return Frame(asked.start_s, asked.step_s, asked.points, columns=columns, rows=rows, numeric=numeric)
    found = [
        _line(target, one, asked)
        for target, series in answers
        for one in (sorted(series, key=_bound) if target.format == "heatmap" else series)
    ]
    if any(target.format == "heatmap" and _has_bounds(series) for target, series in answers):
        found = apart(found)
    return Frame(
        asked.start_s, asked.step_s, asked.points, lines=found[:MAX_LINES], left_out=max(0, len(found) - MAX_LINES)
    )


def _line(target: Target, one: Series, asked: Span) -> Line:
    pairs = [(0, one.pair[1])] if one.pair else [(_place(time_s, asked), text) for time_s, text in one.pairs]
    odd = {place: text for place, text in pairs if odd_number(text)}
    return Line(legend(target.legend_format, one.labels), target.ref_id, on_axis(one, asked), one.labels, odd)


def _place(time_s: float, asked: Span) -> int:
    return round((time_s - asked.start_s) / asked.step_s)


def on_axis(series: Series, asked: Span) -> list[float | None]:
    """The series' values, one for each step of the span."""
    if series.pair is not None:
        return [number(series.pair[1])]
    values: list[float | None] = [None] * asked.points
    for time_s, text in series.pairs:
        place = _place(time_s, asked)
        if 0 <= place < asked.points:
            values[place] = number(text)
    return values


def apart(cumulative: Sequence[Line]) -> list[Line]:
    """A histogram's buckets, given in ascending order and cumulative, each less the one below it."""
    found, below = [], [0.0] * (len(cumulative[0].values) if cumulative else 0)
    for line in cumulative:
        values = [None if v is None else max(0.0, v - b) for v, b in zip(line.values, below, strict=True)]
        found.append(Line(line.name, line.ref, values, line.labels))
        below = [b if v is None else v for v, b in zip(line.values, below, strict=True)]
    return found


def _bound(series: Series) -> float:
    """A bucket's upper bound, to sort by; 0 keeps series that are not buckets in Prometheus' order."""
    try:
        return float(series.labels.get("le", "0"))
    except ValueError:
        return 0.0


def _has_bounds(series: Iterable[Series]) -> bool:
    return any("le" in one.labels for one in series)


def table(
    steps: Sequence[Transformation], answers: Sequence[tuple[Target, list[Series]]]
) -> tuple[list[str], list[list[Cell]], list[bool]]:
    """Headings, rows, and which columns are numbers, by the transformations that `style.table` writes.

    These are merge, filterFieldsByName, organize and sortBy. Without sortBy the rows have the answer's order.
    """
    records = _records(answers)
    names = list(dict.fromkeys(name for record in records for name in record))
    numbers = {name for name in names if name == VALUE or name.startswith(f"{VALUE} #")}
    renamed: dict[str, str] = {}
    for step in steps:
        if step.id == "filterFieldsByName":
            wanted = step.options.get("include", {}).get("names", names)
            names = [name for name in names if renamed.get(name, name) in wanted]
        elif step.id == "organize":
            hidden, order = step.options.get("excludeByName", {}), step.options.get("indexByName", {})
            names = sorted((name for name in names if not hidden.get(name)), key=lambda n: order.get(n, len(order)))
            renamed |= step.options.get("renameByName", {})
        elif step.id == "sortBy":
            records = _sorted(records, step.options.get("sort", []), {renamed.get(name, name): name for name in names})
    rows = [[record.get(name) for name in names] for record in records]
    return [renamed.get(name) or name for name in names], rows, [name in numbers for name in names]


def _sorted(
    records: list[dict[str, Cell]], by: Iterable[Mapping[str, Any]], names: Mapping[str, str]
) -> list[dict[str, Cell]]:
    """The records by the first of the fields that they have; empty cells last."""
    for one in by:
        if name := names.get(one.get("field", "")):
            full = [record for record in records if record.get(name) is not None]
            empty = [record for record in records if record.get(name) is None]
            full.sort(key=lambda record: _sort_key(record[name]), reverse=bool(one.get("desc")))
            return full + empty
    return records


def _sort_key(cell: Cell) -> tuple[bool, float, str]:
    return (isinstance(cell, str), 0.0, cell) if isinstance(cell, str) else (False, cell or 0.0, "")


def _records(answers: Sequence[tuple[Target, list[Series]]]) -> list[dict[str, Cell]]:
    """One record per label set; the values of several targets are side by side, as "Value #A" and so on."""
    merged: dict[tuple[tuple[str, str], ...], dict[str, Cell]] = {}
    for target, series in answers:
        heading = VALUE if len(answers) == 1 else f"{VALUE} #{target.ref_id}"
        for one in series:
            labels: dict[str, Cell] = {key: value for key, value in one.labels.items() if key != "__name__"}
            record = merged.setdefault(tuple(sorted(one.labels.items())), labels)
            last = one.pair or (one.pairs[-1] if one.pairs else None)
            record[heading] = (odd_number(last[1]) or number(last[1])) if last else None
    return list(merged.values())
