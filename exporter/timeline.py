"""Interval algebra: half-open `[start, end)` on integer time, and timelines of states that partition a window.

The unit of time is the caller's (seconds here and there, microseconds elsewhere), never a float, so that durations
add up exactly. A set of time is a list of disjoint, sorted, non-empty intervals that don't touch ("normal form");
every function here takes intervals in any order and returns the normal form. A timeline is a list of `Span`s without
gap or overlap. Everything is one sort and one pass.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Generic, NamedTuple, TypeAlias, TypeVar

S = TypeVar("S", bound=Hashable)
Interval: TypeAlias = tuple[int, int]
"""`(start, end)`, end exclusive. One that ends where it starts, or before, holds no time."""


class Span(NamedTuple, Generic[S]):
    """A stretch of time in one state: `[start, end)`."""

    start: int
    end: int
    state: S


def union(*sets: Iterable[Interval]) -> list[Interval]:
    """The time that is in any of the sets. Given one set, its normal form."""
    out: list[Interval] = []
    for start, end in sorted(interval for one in sets for interval in one if interval[0] < interval[1]):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def intersect(a: Iterable[Interval], b: Iterable[Interval]) -> list[Interval]:
    """The time that is in both sets."""
    left, right = union(a), union(b)
    out: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if start < end:
            out.append((start, end))
        if left[i][1] <= right[j][1]:
            i += 1
        else:
            j += 1
    return out


def subtract(a: Iterable[Interval], b: Iterable[Interval]) -> list[Interval]:
    """The time that is in `a` and not in `b`."""
    left = union(a)
    if not left:
        return []
    return intersect(left, complement(b, (left[0][0], left[-1][1])))


def complement(a: Iterable[Interval], window: Interval) -> list[Interval]:
    """The time of the window that is not in `a`."""
    inside = intersect(a, [window])
    edges = [window[0], *(edge for interval in inside for edge in interval), window[1]]
    return union(zip(edges[::2], edges[1::2], strict=True))


def duration(a: Iterable[Interval]) -> int:
    """How much time the set holds; what its intervals share is counted once."""
    return sum(end - start for start, end in union(a))


def contains(a: Sequence[Interval], time: int) -> bool:
    """Whether `time` is in `a`, which must be in normal form."""
    at = bisect_right(a, time, key=lambda interval: interval[0]) - 1
    return at >= 0 and time < a[at][1]


def paint(window: Interval, base: S, *layers: tuple[S, Iterable[Interval]]) -> list[Span[S]]:
    """The window as a timeline: `base` everywhere, each layer `(state, intervals)` painted over those before it."""
    spans = [Span(*window, base)] if window[0] < window[1] else []
    for state, intervals in layers:
        over = intersect(intervals, [window])
        kept = (Span(start, end, s) for s, rest in _by_state(spans) for start, end in subtract(rest, over))
        spans = sorted([*kept, *(Span(start, end, state) for start, end in over)], key=lambda span: span.start)
    return merge(spans)


def follow(changes: Iterable[tuple[int, S]], window: Interval, before: S) -> list[Span[S]]:
    """The window as a timeline that takes each change's state from its time on, and `before` until the first.

    Of several changes at one time the last given wins; changes are sorted by time, and stably so.
    """
    points = [(window[0], before)]
    for time, state in sorted(changes, key=lambda change: change[0]):
        points.append((max(time, window[0]), state))
    points.append((window[1], before))
    return merge(Span(start, min(end, window[1]), state) for (start, state), (end, _) in pairwise(points))


def merge(spans: Iterable[Span[S]]) -> list[Span[S]]:
    """The same timeline with neighbours of one state joined and empty spans left out. Takes spans in order of time."""
    out: list[Span[S]] = []
    for span in spans:
        if span.start >= span.end:
            continue
        if out and out[-1].state == span.state and out[-1].end == span.start:
            out[-1] = out[-1]._replace(end=span.end)
        else:
            out.append(span)
    return out


def cut(spans: Iterable[Span[S]], window: Interval) -> list[Span[S]]:
    """What of the timeline lies in the window."""
    return merge(Span(max(s.start, window[0]), min(s.end, window[1]), s.state) for s in spans)


def durations(spans: Iterable[Span[S]]) -> Counter[S]:
    """How much time each state holds."""
    out: Counter[S] = Counter()
    for span in spans:
        out[span.state] += span.end - span.start
    return out


def where(spans: Iterable[Span[S]], state: S) -> list[Interval]:
    """The time spent in `state`."""
    return union((span.start, span.end) for span in spans if span.state == state)


def _by_state(spans: Sequence[Span[S]]) -> Iterator[tuple[S, list[Interval]]]:
    states = dict.fromkeys(span.state for span in spans)
    return ((state, where(spans, state)) for state in states)
