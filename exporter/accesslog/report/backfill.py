"""A log's past as OpenMetrics with the log's own times, for `promtool tsdb create-blocks-from openmetrics`."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from exporter.accesslog.aside import Aside
from exporter.accesslog.bad import BadLines
from exporter.accesslog.labels import Labeller
from exporter.accesslog.parse.opening import Inside
from exporter.accesslog.source import Source
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, NS, Buckets, Tally
from exporter.catalogue import Metric
from exporter.catalogue import accesslog as metrics
from exporter.sources.lines import each_line
from exporter.web.exposition import ESCAPES, number


class Line(NamedTuple):
    """A line of a file: its number, from 1 on, and its text with its newline."""

    number: int
    text: bytes


Steps = dict[int, list[int]]
"""The counts of each step of time that has any."""

_QUIET_S = 240
"""Between two samples of a series that does not change: Prometheus takes no sample older than five minutes."""
GAP_S = 7 * 86_400
"""A log without requests for longer than this has a gap, or a line with a wrong time: nothing is known of it."""


class Gap(NamedTuple):
    """From the end of the last request before it to the first one after it, in steps."""

    start: int
    end: int


class Backfill:
    """Counts lines by the step of time that they fall into; lines may come in any order."""

    def __init__(self, source: Source, step_s: int, labels: Mapping[str, str], *, aside: Aside | None = None) -> None:
        """`step_s`: seconds between two samples of a series. `labels`: more labels for each series, as `job`.

        `aside` takes every bad line.
        """
        self._aside = aside
        self.bad = BadLines()
        self._source, self._step_s, self._more = source, step_s, {**source.static_labels, **labels}
        self._format = source.parsed_format()
        self._buckets = Buckets(source.buckets)
        self._reader = source.reader()
        self._outer = Line(0, b"")
        self._labeller = Labeller(source)
        self._requests: dict[tuple[str, ...], Steps] = {}
        self._durations: dict[tuple[str, ...], Steps] = {}
        self._last = 0
        self._known_gaps: list[Gap] = []

    def add(self, data: bytes, path: str, *, lines_before: int = 0) -> None:
        """Count the lines of `data`, which are whole and follow `lines_before` others of one file."""
        steps: dict[int, list[Line]] = {}
        self._reader.look(data, path)
        for at, outer in enumerate(each_line(data), lines_before + 1):
            self._outer = Line(at, outer)
            inside = self._reader.open(outer, path)
            if inside.too_long:
                self.bad.counts["too_long"] += inside.too_long
            self._add_inside(inside, steps, path)
        self._count(steps, path)

    def finish(self, path: str) -> None:
        """Count lines without an end, when the file is complete."""
        steps: dict[int, list[Line]] = {}
        self._add_inside(self._reader.unfinished(path), steps, path)
        self._count(steps, path)

    def _add_inside(self, inside: Inside, steps: dict[int, list[Line]], path: str) -> None:
        for line in (*each_line(inside.lines), *self._requests_in(inside.errors)):
            self._add(line, steps, path)

    def _requests_in(self, errors: bytes) -> Iterator[bytes]:
        """What is in the standard error and is a request; the rest is not bad."""
        return (line for line in each_line(errors) if self._reader.count(Inside(line, b"", 0)).hits)

    def _add(self, line: bytes, steps: dict[int, list[Line]], path: str) -> None:
        try:
            step = int(self._instant_s(line, self._outer.text, path) // self._step_s)
        except (ValueError, OverflowError):
            self._count(steps, path)  # the line may be a directive that changes how the next ones are read
            self._without_time(line, path)
        else:
            steps.setdefault(step, []).append(Line(self._outer.number, line))

    def _instant_s(self, line: bytes, outer: bytes, path: str) -> float:
        """The time of the line, else that of its envelope. Raises ValueError where there is none."""
        try:
            return self._reader.read_instant_s(line.rstrip(b"\r\n"), path)
        except ValueError:
            return self._reader.envelope_instant_s(outer.rstrip(b"\r\n"), path)

    def _without_time(self, line: bytes, path: str) -> None:
        """A directive, a line that is bad for another reason too, or one without a time."""
        tally = self._reader.count(Inside(line, b"", 0), path)
        if tally.hits:
            tally.fail("stamp", line.rstrip(b"\r\n"))
        if tally.failed and self._aside:
            self._aside(line)
        at = self._outer.number
        tally.bad = {reason: bad._replace(number=at) for reason, bad in tally.bad.items()}
        self.bad.add(tally, path, lines_before=0)

    def _count(self, lines_by_step: dict[int, list[Line]], path: str) -> None:
        tallies = {}
        for step, lines in lines_by_step.items():
            tally = tallies[step] = self._counted([line.text for line in lines], path)
            self._labeller.earn(tally.hits)
            tally.bad = {reason: bad._replace(number=lines[bad.number - 1].number) for reason, bad in tally.bad.items()}
            self.bad.add(tally, path, lines_before=0)
        for step, tally in tallies.items():
            for key, numbers in tally.hits.items():
                labels = self._labeller.labelled(key).labels
                _add(self._requests, labels.of(self._source.source), step, [numbers[COUNT], numbers[BYTES]])
                if sum(numbers[BUCKETS:]):  # else none of them had a time whose unit is known
                    _add(self._durations, labels.timed(self._source.source), step, numbers[DURATION_NS:])
        lines_by_step.clear()

    def _counted(self, lines: list[bytes], path: str) -> Tally:
        if self._aside is None:
            return self._reader.count(Inside(b"".join(lines), b"", 0), path)
        total = Tally()
        for line in lines:
            tally = self._reader.count(Inside(line, b"", 0), path)
            if tally.failed:
                self._aside(line)
            total.merge(tally)
        return total

    @property
    def counted(self) -> int:
        """The number of requests to write."""
        return sum(count for steps in self._requests.values() for count, _ in steps.values())

    def gaps(self) -> list[Gap]:
        """Where the log has no requests for so long that no sample is written, in Unix seconds."""
        return [Gap(start * self._step_s, end * self._step_s) for start, end in self._gaps()]

    def _gaps(self) -> list[Gap]:
        every = sorted({step for steps in self._requests.values() for step in steps})
        longest = max(1, GAP_S // self._step_s)
        return [Gap(one + 1, other) for one, other in pairwise(every) if other - one - 1 > longest]

    def lines(self) -> Iterator[str]:
        """The OpenMetrics text, line by line."""
        self._last = max((max(one) for one in self._requests.values()), default=0)
        self._known_gaps = self._gaps()
        for metric, place in ((metrics.REQUESTS, 0), (metrics.RESPONSE_BYTES, 1)):
            yield from _head(metric)
            for labels, steps in self._requests.items():
                text = self._label_text(metric, labels)
                for at_s, sums in self._sums(steps):
                    yield f"{metric.name}{{{text}}} {sums[place]} {at_s}\n"
        if self._durations:
            yield from _head(metrics.DURATION)
            for labels, steps in self._durations.items():
                yield from self._histogram(labels, steps)
        yield "# EOF\n"

    def _histogram(self, labels: tuple[str, ...], steps: Steps) -> Iterator[str]:
        name, text = metrics.DURATION.name, self._label_text(metrics.DURATION, labels)
        edges = [*(number(bound) for bound in self._buckets.bounds_s), "+Inf"]
        for at_s, (duration_ns, *counts) in self._sums(steps):
            for edge, count in zip(edges, accumulate(counts), strict=True):
                yield f'{name}_bucket{{{text},le="{edge}"}} {count} {at_s}\n'
            yield f"{name}_count{{{text}}} {sum(counts)} {at_s}\n"
            yield f"{name}_sum{{{text}}} {number(duration_ns / NS)} {at_s}\n"

    def _sums(self, steps: Steps) -> Iterator[tuple[int, list[int]]]:
        """The running totals of a series: 0 before its first step, then at the ends of steps up to the log's last.

        Where nothing changes, a sample comes every `_QUIET_S`, but in a gap of the log; and one is right before each
        change, so that a rate begins to rise where the log does.
        """
        last, gaps = self._last, self._known_gaps
        quiet = max(1, _QUIET_S // self._step_s)
        at = min(steps)
        sums = [0] * len(steps[at])
        yield at * self._step_s, sums
        for step in sorted(steps):
            yield from ((one * self._step_s, sums) for one in _between(at, step, quiet, gaps))
            sums = [a + b for a, b in zip(sums, steps[step], strict=True)]
            at = step + 1
            yield at * self._step_s, sums
        yield from ((one * self._step_s, sums) for one in _between(at, last + 1, quiet, gaps))

    def _label_text(self, metric: Metric, labels: tuple[str, ...]) -> str:
        names = (*metric.labels, *self._source.own_labels())
        pairs = {**self._more, **dict(zip(names, labels, strict=True))}
        return ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in pairs.items())


def _between(at: int, until: int, quiet: int, gaps: Sequence[Gap]) -> Iterator[int]:
    """Steps after `at`, `quiet` of them from each to the next, but none in a gap, and `until` itself."""
    for gap in gaps:
        if at <= gap.start and gap.end <= until:
            yield from _between(at, gap.start, quiet, ())
            at = gap.end
            yield at
    yield from range(at + quiet, until, quiet)
    if until > at:
        yield until


def _add(series: dict[tuple[str, ...], Steps], labels: tuple[str, ...], step: int, numbers: list[int]) -> None:
    steps = series.setdefault(labels, {})
    before = steps.get(step)
    steps[step] = numbers[:] if before is None else [a + b for a, b in zip(before, numbers, strict=True)]


def _head(metric: Metric) -> Iterator[str]:
    name = metric.name.removesuffix("_total")
    yield f"# HELP {name} {metric.help.translate(ESCAPES)}\n# TYPE {name} {metric.type}\n"
