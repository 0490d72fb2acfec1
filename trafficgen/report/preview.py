"""`trafficgen plan`: what a run would send, second by second, without sending it."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from foundation.extras import need
from foundation.output import replacing
from trafficgen.plan.curve import Segment
from trafficgen.plan.plan import Plan

PICTURES = {".png", ".svg", ".pdf"}
_NS = 1_000_000_000


class Row(NamedTuple):
    """One second of a plan."""

    second: int
    expected: float  # the integral of the rate
    due: int  # whole requests: what is sent


def rows(plan: Plan) -> Iterator[Row]:
    """The plan second by second, from 0 to its end."""
    second = 0
    expected: dict[int, float] = {}
    due: dict[int, int] = {}
    for chunk in plan.chunks():
        while second + 1 <= chunk.segment.start_s:
            yield Row(second, expected.pop(second, 0.0), due.pop(second, 0))
            second += 1
        for number, area in _seconds(chunk.segment):
            expected[number] = expected.get(number, 0.0) + area
        for due_ns in chunk.due_ns:
            due[due_ns // _NS] = due.get(due_ns // _NS, 0) + 1
    for number in sorted(expected | due):
        yield Row(number, expected.get(number, 0.0), due.get(number, 0))


def _seconds(segment: Segment) -> Iterator[tuple[int, float]]:
    """(second, area of the part of the segment that lies in it)."""
    start = segment.start_s
    while start < segment.end_s:
        end = min(segment.end_s, math.floor(start) + 1.0)
        yield math.floor(start), segment.cut(start, end).area()
        start = end


def csv_lines(table: Iterable[Row]) -> Iterator[str]:
    """CSV: second, expected (a real number), due (requests)."""
    yield "second,expected,due\n"
    for row in table:
        yield f"{row.second},{row.expected:.6g},{row.due}\n"


def save(table: Iterable[Row], path: Path, title: str) -> None:
    """Write CSV, or draw where the name ends in .png, .svg or .pdf. Raises StoreError when it can't be written."""
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        need("a picture")
    with replacing(path) as out:
        if suffix in PICTURES:
            draw(list(table), out, title, form=suffix.removeprefix("."))
        else:
            out.writelines(line.encode() for line in csv_lines(table))


def draw(table: list[Row], out: IO[bytes], title: str, *, form: str) -> None:
    """Draw expected requests per second over time. `form`: png, svg or pdf."""
    from matplotlib.figure import Figure  # noqa: PLC0415, slow to import, and only drawing needs it

    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.add_subplot()
    seconds = [row.second for row in table]
    axes.bar(seconds, [row.due for row in table], width=1.0, align="edge", color="#9ecae1", label="requests due")
    axes.step(seconds, [row.expected for row in table], where="post", color="#08519c", linewidth=1, label="expected")
    axes.set(
        xlabel="seconds since the start", ylabel="requests in the second", title=title, xlim=(0, len(table)), ylim=0
    )
    axes.legend(loc="lower right")
    axes.grid(visible=True, alpha=0.3)
    figure.savefig(out, dpi=120, format=form)
