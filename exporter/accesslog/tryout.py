"""A source tried on the logs that are there, for `exporter check`: a format that is accepted has to work.

Nothing is followed or kept. What is read is bounded: the first lines of each file, and for an own regex in processor
time, as each line may take 50 ms.
"""

import time
from collections.abc import Iterator
from typing import NamedTuple

from exporter.accesslog.bad import BadLines
from exporter.accesslog.infer import SAMPLE_LINES
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.proposal import unitless
from exporter.accesslog.source import Source
from exporter.accesslog.tally import Buckets, Tally
from exporter.sources.linefile import LineFile
from exporter.sources.lines import each_line
from exporter.sources.tail.paths import files_of, path_troubles
from foundation.errors import SourceError
from foundation.terminal import printable

FILES = 100
"""Of a source that are tried."""
OWN_REGEX_S = 2.0
"""Processor time that a source's own regex gets for all files."""


class Finding(NamedTuple):
    """Something about a source's logs; what is wrong fails the check, everything else is a warning."""

    text: str
    is_wrong: bool = False


class _Trial(NamedTuple):
    """The first lines of a file: what they amount to, the bad ones, and how many were tried of all."""

    tally: Tally
    bad: BadLines
    tried: int
    lines: int


def try_source(source: Source) -> Iterator[Finding]:
    """What there is to say about the paths of the source, and how its format reads the files there."""
    for trouble in path_troubles(source.paths):
        yield Finding(f"paths: {printable(trouble)}")
    files = list(files_of(source.paths))
    if len(files) > FILES:
        yield Finding(f"paths: {len(files)} files; the format was tried on {FILES} of them")
    budget_s = time.process_time() + OWN_REGEX_S
    for path in files[:FILES]:
        try:
            yield from _try_file(source, path, budget_s)
        except SourceError as exc:
            yield Finding(printable(exc))


def _try_file(source: Source, path: str, until_s: float) -> Iterator[Finding]:
    file = LineFile(path)
    try:
        data = file.peek(SAMPLE_LINES)
    finally:
        file.close()
    if not data:
        yield Finding(f"{printable(path)}: empty, so the format was not tried")
        return
    reader = Reader(source.parsed_format(), Buckets(source.buckets), envelope=source.envelope)
    reader.look(data, path)
    trial = _read(reader, data, path, until_s)
    yield from _fit(trial, path)
    if trial.tried < trial.lines:
        yield Finding(f"{printable(path)}: the regex took too long; {trial.tried} of {trial.lines} lines were tried")
    elif number := unitless(data, reader, path):
        shown = printable(number.text.decode("utf-8", "replace"))
        yield Finding(
            f"{printable(path)}: {printable(number.where)} ({shown}) is not used as a duration, because its unit is "
            "not known; add time_unit: us (or s, ms, ns)"
        )


def _read(reader: Reader, data: bytes, path: str, until_s: float) -> _Trial:
    lines = each_line(data)
    tally, bad, tried = Tally(), BadLines(), 0
    for piece in lines if reader.own_regex else (data,):
        if reader.own_regex and time.process_time() > until_s:
            break
        found = reader.read(piece, path)
        bad.add(found, path, lines_before=tried)
        tally.merge(found)
        tried += piece.count(b"\n")
    found = reader.finish(path)
    bad.add(found, path)
    tally.merge(found)
    return _Trial(tally, bad, tried, len(lines))


def _fit(trial: _Trial, path: str) -> Iterator[Finding]:
    fit = trial.bad.fit(trial.tally.requests)
    if not fit.lines:
        yield Finding(f"{printable(path)}: {fit.in_words(trial.tally.lines)} in this format")
    if not trial.bad.counts:
        return
    first = min(trial.bad.first.values(), key=lambda bad: bad.number, default=None)
    shown = f"; the first that does not: {first.in_file()}" if first else ""
    yield Finding(f"{printable(path)}: {fit}{shown}", is_wrong=fit.is_wrong)
