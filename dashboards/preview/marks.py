"""Samples of a board's annotation queries to marks on its panels, by Grafana's rules for Prometheus. Pure.

A series marks the times at which its value is above 0. Times that follow each other within a step are one region.
"""

from collections.abc import Iterator, Sequence

import msgspec

from dashboards.frames import legend
from dashboards.model import Annotation
from dashboards.prometheus import Series

POINTS = 100  # the resolution at which Grafana asks for annotations
MAX_MARKS = 500  # of one query; more is a red wall, and the page says so


class Mark(msgspec.Struct, frozen=True):
    """One time, or a region where the end is later, both in Unix seconds."""

    start_s: float
    end_s: float
    title: str
    text: str
    tags: list[str]


class Marks(msgspec.Struct, frozen=True):
    """What one annotation query marks now."""

    name: str
    colour: str
    panels: list[int]
    exclude: bool
    marks: list[Mark]
    left_out: int = 0


def marks(query: Annotation, series: Sequence[Series], step_s: int) -> Marks:
    """What `query` marks, given its answer in steps of `step_s`."""
    found = [mark for one in series for mark in _of_series(query, one, step_s)]
    return Marks(
        query.name,
        query.icon_color,
        panels=query.filter.get("ids") or [],
        exclude=bool(query.filter.get("exclude")),
        marks=found[:MAX_MARKS],
        left_out=max(0, len(found) - MAX_MARKS),
    )


def _of_series(query: Annotation, one: Series, step_s: int) -> Iterator[Mark]:
    title, text = _named(query.title_format, one), _named(query.text_format, one)
    tags = [one.labels[key] for key in query.tag_keys.split(",") if key in one.labels]
    for start_s, end_s in _regions(_times(query, one), step_s):
        yield Mark(start_s, end_s, title, text, tags)


def _named(pattern: str, one: Series) -> str:
    return legend(pattern, one.labels) if pattern else ""


def _times(query: Annotation, one: Series) -> list[float]:
    """Unix seconds; a query may give the time as its value, in milliseconds."""
    pairs = [(time_s, float(value)) for time_s, value in one.pairs]
    if query.use_value_for_time:
        return [value / 1e3 for _, value in pairs if value == value]  # noqa: PLR0124 - NaN is not a time
    return [time_s for time_s, value in pairs if value > 0]


def _regions(times: Sequence[float], step_s: int) -> Iterator[tuple[float, float]]:
    start = end = None
    for time_s in times:
        if start is not None and end is not None and time_s <= end + step_s:
            end = time_s
            continue
        if start is not None and end is not None:
            yield start, end
        start = end = time_s
    if start is not None and end is not None:
        yield start, end
