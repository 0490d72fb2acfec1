"""What whole log files amount to: `exporter summary`."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from exporter.accesslog.aside import Aside, read_each
from exporter.accesslog.bad import BadLines, excerpt
from exporter.accesslog.report.pair import Pair
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import BYTES, COUNT, Tally, pieces
from exporter.sources.linefile import LineFile
from foundation.terminal import printable

CHUNK_BYTES = 16 << 20
"""Of a file at a time. More is hardly quicker; with what the columnar engine needs, some 200 MiB are resident."""

_PIECE_BYTES = 1 << 20  # where a signal must be able to end a regex, and so the progress can be shown as often


class Requests(msgspec.Struct, frozen=True):
    """The requests of one method, route and code."""

    method: str
    route: str
    code: str
    count: int
    bytes: int


class Bad(msgspec.Struct, frozen=True):
    """The first bad line of a reason: where it stands (no line where its number is not known), and how it begins."""

    file: str
    line: int | None
    text: str


class Summary(msgspec.Struct, frozen=True):
    """Totals of one or more files: lines, the bad ones by reason, the requests by method, route and code.

    other: lines that are neither, as directives and a program's other messages.
    """

    lines: int
    other: int
    failed: dict[str, int]
    first_bad: dict[str, Bad]
    requests: list[Requests]


def tally_file(
    file: LineFile,
    pair: Pair,
    tally: Tally,
    bad: BadLines,
    progress: Callable[[], None],
    *,
    aside: Aside | None = None,
) -> None:
    """Add a file to the tally and to the bad lines, with a call at each chunk. Raises SourceError.

    `aside` takes every bad line; that costs speed, as lines are then read one at a time.
    """
    reader = pair.reader
    try:
        for data in file:
            if not aside:
                pair.start(file.raw_total)
            before = file.lines_before
            for piece in pieces(data, _PIECE_BYTES) if reader.format.own_regex else (data,):
                found = read_each(reader, piece, file.path, aside) if aside else pair.read(piece, file.path)
                bad.add(found, file.path, lines_before=before)
                tally.merge(found)
                if piece is not data:  # of several
                    before += piece.count(b"\n")
            progress()
        rest = reader.unfinished(file.path)
        found = reader.count(rest, file.path)
        if aside and found.failed:
            aside(rest.lines)
        bad.add(found, file.path)
        tally.merge(found)
    finally:
        tally.lines += file.too_long_lines
        bad.add_too_long(file)


def summarize(tally: Tally, bad: BadLines, templates: Sequence[str]) -> Summary:
    """The summary of what was read. Routes are as written where there are no templates, but without queries."""
    router = Router(templates) if templates else None
    sums: dict[tuple[str, str, str], list[int]] = {}
    for (method, target, code), numbers in tally.hits.items():
        route = router.route(target) if router else target.decode("utf-8", "replace")
        total = sums.setdefault((method.decode("utf-8", "replace"), route, code.decode()), [0, 0])
        total[0] += numbers[COUNT]
        total[1] += numbers[BYTES]
    requests = [Requests(*key, *total) for key, total in sorted(sums.items(), key=lambda item: _order(item[0]))]
    first = {reason: Bad(one.path, one.number or None, excerpt(one.text)) for reason, one in sorted(bad.first.items())}
    other = tally.lines - tally.requests - bad.counts.total()
    return Summary(tally.lines, other, dict(sorted(bad.counts.items())), first, requests)


def _order(key: tuple[str, str, str]) -> tuple[str, str, str]:
    method, route, code = key
    return route, method, code


def as_table(summary: Summary) -> Iterable[str]:
    """Lines for people."""
    rows = [(str(r.count), str(r.bytes), r.code, r.method or "-", r.route or "-") for r in summary.requests]
    head = ("requests", "bytes", "code", "method", "route")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(4)]
    for row in (head, *rows):
        count, size, code, method, route = (printable(text) for text in row)
        yield f"{count:>{widths[0]}}  {size:>{widths[1]}}  {code:<{widths[2]}}  {method:<{widths[3]}}  {route}"
    bad = sum(summary.failed.values())
    reasons = f" ({', '.join(f'{reason} {count}' for reason, count in summary.failed.items())})" if bad else ""
    other = f", {summary.other} neither requests nor bad" if summary.other else ""
    yield f"{summary.lines} lines, {bad} bad{reasons}{other}"
    for reason, first in summary.first_bad.items():
        place = printable(first.file) if first.line is None else f"{printable(first.file)} line {first.line}"
        yield f"first of {reason}: {place}: {first.text}"
