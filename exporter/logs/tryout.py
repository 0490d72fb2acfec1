"""Tries a source of `logs:` on the existing files, for `exporter check`.

Nothing is followed or kept, and what is read is bounded: the first lines of some files.
"""

import time
from collections.abc import Iterator
from functools import partial

from exporter.accesslog.bad import BadLines
from exporter.accesslog.own_labels import OTHER, Label, too_many
from exporter.accesslog.tryout import Finding, on_files, too_slow
from exporter.logs.counts import Counts
from exporter.logs.reader import Reader
from exporter.logs.source import Rule, Source, fields_of
from exporter.sources.lines import each_line
from foundation.terminal import printable

SAMPLE_LINES = 10_000
_STEP_LINES = 1000


def try_source(source: Source) -> Iterator[Finding]:
    """Findings about the place, the lines, and the number of values of labels."""
    return on_files(source, SAMPLE_LINES, partial(_try_lines, source))


def _try_lines(source: Source, data: bytes, path: str, until_s: float) -> Iterator[Finding]:
    reader, lines, bad = Reader(source), each_line(data), BadLines()
    reader.look(data, path)
    counts, tried = Counts.of(len(source.rules)), 0
    while tried < len(lines) and (not tried or time.process_time() < until_s):
        found = reader.read(b"".join(lines[tried : tried + _STEP_LINES]), path)
        bad.add(found, path, lines_before=tried)
        counts.merge(found, reader.gauges)
        tried = min(len(lines), tried + _STEP_LINES)
    if bad.counts:
        fit = bad.fit(counts.lines - bad.counts.total())
        yield Finding(f"{printable(path)}: {fit}: {bad.in_words()}", is_wrong=fit.is_wrong)
    if tried < len(lines):
        yield too_slow(path, tried, len(lines))
    for place, rule in enumerate(source.rules):
        yield from _judged(source, rule, place, counts, f"{printable(path)}: {rule.name}")


def _judged(source: Source, rule: Rule, place: int, counts: Counts, where: str) -> Iterator[Finding]:
    sums = counts.sums[place]
    if unusable := counts.unusable[place]:
        yield Finding(f"{where}: {unusable} values of {rule.value} are not numbers")
    if not sums and not unusable:
        yield Finding(f"{where}: none of the first {counts.lines} lines produces this metric")
    for at, name in enumerate(sorted(rule.labels)):
        spec = rule.labels[name]
        limit = spec.limit if isinstance(spec, Label) and spec.limit is not None else source.limits.values
        values = {labels[at] for labels in sums} - {OTHER}
        if sums and not values - {""} and source.known_fields() is None and (fields := _fields(spec)):
            yield Finding(
                f"{where}: label {name} has no value in the first {counts.lines} lines; expected a field that they "
                f"have, not {fields}"
            )
        if text := too_many(name, len(values), counts.lines, limit):
            yield Finding(f"{where}: {text}", is_wrong=True)


def _fields(spec: str | Label) -> str:
    """The fields of a label, in words; empty for a fixed text."""
    return ", ".join(fields_of(spec)) if isinstance(spec, str) else spec.field
