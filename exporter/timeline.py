"""Interval algebra: sets of half-open `[start, end)` on integer time.

The unit of time is the caller's (seconds here and there, microseconds elsewhere), never a float, so that durations
add up exactly. A set of time is a list of disjoint, sorted, non-empty intervals that don't touch ("normal form");
all functions take intervals in any order and return the normal form. Everything is one sort and one pass.
"""

from collections.abc import Iterable
from typing import TypeAlias

Interval: TypeAlias = tuple[int, int]
"""`(start, end)`, end exclusive. One that ends where it starts, or before, holds no time."""


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
    left, cuts = union(a), union(b)
    if not left:
        return []
    edges = [left[0][0], *(edge for cut in cuts for edge in cut), left[-1][1]]
    return intersect(left, zip(edges[::2], edges[1::2], strict=True))
