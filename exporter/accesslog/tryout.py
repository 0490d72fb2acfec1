"""Tries a source on the existing logs, for `exporter check`: an accepted format must also work.

Nothing is followed or saved. Reading is bounded: the first lines of each file, and for a user-defined regex processor
time, because each line may take 50 ms.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from exporter.accesslog.bad import BadLines
from exporter.accesslog.columns import Column
from exporter.accesslog.infer import SAMPLE_LINES
from exporter.accesslog.own_labels import OTHER, too_many
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.proposal import unitless
from exporter.accesslog.source import LABELS, Source
from exporter.accesslog.tally import Buckets, Tally
from exporter.sources.linefile import LineFile
from exporter.sources.lines import each_line
from exporter.sources.place import Place
from exporter.sources.tail.paths import files_of
from foundation.errors import SourceError
from foundation.terminal import printable

FILES = 100
"""Number of files of a source that are tried."""
LABEL_LINES = 10_000
"""Number of lines of a file that are tried where a label may have too many values."""
OWN_REGEX_S = 2.0
"""Processor time for a source's user-defined regex, for all files."""


class Finding(NamedTuple):
    """A finding about a source's logs; faults fail the check, all others are warnings."""

    text: str
    is_wrong: bool = False


class _Trial(NamedTuple):
    """The first lines of a file: their tally, the bad ones, and how many of all were tried."""

    tally: Tally
    bad: BadLines
    tried: int
    lines: int


def try_source(source: Source) -> Iterator[Finding]:
    """The findings about the place of the source, and about its format on the files there."""
    return on_files(source, LABEL_LINES if source.labels else SAMPLE_LINES, partial(_try_lines, source))


def on_files(
    place: Place, lines: int, try_lines: Callable[[bytes, str, float], Iterator[Finding]]
) -> Iterator[Finding]:
    """The faults of a place, and the findings of a trial of the first lines of each file there.

    `try_lines`: receives the lines, the path, and the processor time at which regexes must end.
    """
    for trouble in place.troubles():
        yield Finding(printable(trouble))
    files = list(files_of(place.globs))
    if len(files) > FILES:
        yield Finding(f"paths: {len(files)} files; the format was tried on {FILES} of them")
    until_s = time.process_time() + OWN_REGEX_S
    for path in files[:FILES]:
        try:
            if data := first_lines(path, lines):
                yield from try_lines(data, path, until_s)
            else:
                yield Finding(f"{printable(path)}: empty, so the format was not tried")
        except SourceError as exc:
            yield Finding(printable(exc))


def first_lines(path: str, lines: int) -> bytes:
    """The first lines of a file. Raises SourceError."""
    file = LineFile(path)
    try:
        return file.peek(lines)
    finally:
        file.close()


def too_slow(path: str, tried: int, lines: int) -> Finding:
    """The time for regexes ended before the lines."""
    return Finding(f"{printable(path)}: the regex took too long; {tried} of {lines} lines were tried")


def _try_lines(source: Source, data: bytes, path: str, until_s: float) -> Iterator[Finding]:
    reader = source.reader()
    reader.look(data, path)
    trial = _read(reader, data, path, until_s)
    yield from _fit(trial, path)
    yield from _labels(source, trial, path)
    yield from _absent(source, data, path)
    if trial.tried < trial.lines:
        yield too_slow(path, trial.tried, trial.lines)
    elif number := unitless(data, reader, path):
        shown = printable(number.text.decode("utf-8", "replace"))
        yield Finding(
            f"{printable(path)}: {printable(number.where)} ({shown}) is not used as a duration, because its unit is "
            "not known; add time_unit: us (or s, ms, ns)"
        )


def _labels(source: Source, trial: _Trial, path: str) -> Iterator[Finding]:
    for at, (name, label) in enumerate(source.own_labels().items(), len(LABELS)):
        values = len({key[at] for key in trial.tally.hits} - {OTHER.encode()})
        if text := too_many(name, values, trial.tally.lines, label.limit or source.limits.values):
            yield Finding(f"{printable(path)}: {text}", is_wrong=True)


def _absent(source: Source, data: bytes, path: str) -> Iterator[Finding]:
    """Fields of labels and rules that no line has, where each line names its fields."""
    format_, fields = source.parsed_format(), source.fields_of_lines()
    if format_.names is not None or not fields:
        return
    reader = Reader(
        format_, Buckets(source.buckets), envelope=source.envelope, columns=[Column(one, _is_there) for one in fields]
    )
    tally = reader.read(data, path)
    for at, field in enumerate(fields, len(LABELS)):
        if tally.hits and not any(key[at] for key in tally.hits):
            yield Finding(f"{printable(path)}: none of the first {tally.lines} lines has the field {field}")


def _is_there(texts: Sequence[str]) -> list[str]:
    return ["yes" if text else "" for text in texts]


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
    fit = trial.bad.fit(trial.tally.fitting)
    if not fit.lines:
        yield Finding(f"{printable(path)}: {fit.in_words(trial.tally.lines)} in this format")
    if not trial.bad.counts:
        return
    first = min(trial.bad.first.values(), key=lambda bad: bad.number, default=None)
    shown = f"; the first that does not: {first.in_file()}" if first else ""
    yield Finding(f"{printable(path)}: {fit}{shown}", is_wrong=fit.is_wrong)
