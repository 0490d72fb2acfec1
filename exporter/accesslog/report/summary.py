"""Totals of whole log files: `exporter summary`."""

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
"""Size of a chunk. Larger ones are hardly faster; with the columnar engine, some 200 MiB are resident."""

_PIECE_BYTES = 1 << 20  # where a signal must be able to end a regex, and so the progress can be shown as often


class Requests(msgspec.Struct, frozen=True):
    """The requests of one method, route and code."""

    method: str
    route: str
    code: str
    count: int
    bytes: int


Row = dict[str, str | int]
"""The requests with some values, by name; `count` and `bytes` are as in `Requests`."""


class Bad(msgspec.Struct, frozen=True):
    """The first bad line of a reason: where it is (no line where its number is not known), and how it begins."""

    file: str
    line: int | None
    text: str


class Summary(msgspec.Struct, frozen=True):
    """Totals of one or more files: lines, the bad ones by reason, the requests by method, route and code, or by others.

    other: lines that are neither, such as directives and a program's other messages.
    ignored: requests that matched a rule of the source, by its name; they are not among the others.
    """

    lines: int
    other: int
    failed: dict[str, int]
    first_bad: dict[str, Bad]
    requests: list[Requests] | list[Row]
    ignored: dict[str, int]


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
                elif reader.reads_alike(file.path):
                    file.has_lines(data, found.lines)
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


FIXED = ("method", "route", "code")
"""What requests are counted by in every tally, in the order of its keys."""


def summarize(
    tally: Tally, bad: BadLines, router: Router | None, by: Sequence[str] = (), others: Sequence[str] = ()
) -> Summary:
    """The summary of what was read; without a router, routes are paths as written.

    `by`: what to count by instead of method, route and code: of these, and `others`, which the tally's keys have
    in this order.
    """
    sums: dict[tuple[str, ...], list[int]] = {}
    places = [FIXED.index(name) if name in FIXED else len(FIXED) + others.index(name) for name in by or FIXED]
    targets = [key[1] for key in tally.hits]
    routes = router.routes(targets) if router else [target.decode("utf-8", "replace") for target in targets]
    for route, (key, numbers) in zip(routes, tally.hits.items(), strict=True):
        values = [value.decode("utf-8", "replace") for value in key]
        values[1] = route
        total = sums.setdefault(tuple([values[place] for place in places]), [0, 0])
        total[0] += numbers[COUNT]
        total[1] += numbers[BYTES]
    rows = sorted(sums.items(), key=lambda item: item[0] if by else _order(item[0]))
    requests: list[Requests] | list[Row]
    if by:
        requests = [Row(zip((*by, "count", "bytes"), (*key, *one), strict=True)) for key, one in rows]
    else:
        requests = [Requests(key[0], key[1], key[2], one[0], one[1]) for key, one in rows]
    first = {reason: Bad(one.path, one.number or None, excerpt(one.text)) for reason, one in sorted(bad.first.items())}
    other = tally.lines - tally.fitting - bad.counts.total()
    return Summary(
        lines=tally.lines,
        other=other,
        failed=dict(sorted(bad.counts.items())),
        first_bad=first,
        requests=requests,
        ignored=tally.ignored,
    )


def _order(key: tuple[str, ...]) -> tuple[str, str, str]:
    method, route, code = key
    return route, method, code


def _row(one: Requests | Row) -> dict[str, str]:
    """The cells of a row, by the names of their columns."""
    if isinstance(one, Requests):
        one = {"count": one.count, "bytes": one.bytes, "code": one.code, "method": one.method, "route": one.route}
    others = (name for name in one if name not in ("count", "bytes"))
    return {name: str(one[name]) or "-" for name in ("count", "bytes", *others)}


def as_table(summary: Summary) -> Iterable[str]:
    """Text for a terminal."""
    rows = [_row(one) for one in summary.requests]
    names = list(rows[0])[2:] if rows else ["code", "method", "route"]
    head = dict(zip(("count", "bytes", *names), ("requests", "bytes", *names), strict=True))
    texts = [[printable(text) for text in row.values()] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for count, size, *values, last in texts:
        middle = "".join(f"{value:<{width}}  " for value, width in zip(values, widths[2:], strict=False))
        yield f"{count:>{widths[0]}}  {size:>{widths[1]}}  {middle}{last}"
    bad = sum(summary.failed.values())
    reasons = f" ({', '.join(f'{reason} {count}' for reason, count in summary.failed.items())})" if bad else ""
    other = f", {summary.other} neither requests nor bad" if summary.other else ""
    rules = f" ({', '.join(f'{printable(rule)} {count}' for rule, count in summary.ignored.items())})"
    ignored = f", {sum(summary.ignored.values())} ignored{rules}" if summary.ignored else ""
    yield f"{summary.lines} lines, {bad} bad{reasons}{other}{ignored}"
    for reason, first in summary.first_bad.items():
        place = printable(first.file) if first.line is None else f"{printable(first.file)} line {first.line}"
        yield f"first of {reason}: {place}: {first.text}"
