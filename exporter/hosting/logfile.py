"""One log file to rows: blocks of lines, read by several threads at once, or a table; its first bytes decide."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from threading import local

import numpy as np

from exporter.hosting.blocks import Events, Parsed, columns_of, parse_lines
from exporter.hosting.layouts import Layouts
from exporter.hosting.order import FileOrder
from exporter.hosting.parse import COLUMNS, MAX_LINE_BYTES, REASONS, Event, Times, parse_line, parse_row
from exporter.hosting.rows import MAX_KEPT_TEXT, SetAside, Take
from exporter.sources.files import open_plain, pieces
from exporter.tables import Bad, Column, Layout, Limits, Row, open_table, table_of
from foundation.errors import BadRecord

BLOCK_BYTES = MAX_LINE_BYTES
BOM = b"\xef\xbb\xbf"
TABLE_ROWS = 10_000  # that are read before they become columns
_NAMES = {"time": ("timestamp", "ts"), "serverId": ("server_id", "server"), "accountId": ("account_id", "account")}
_LAYOUT = Layout(
    "events of a web host",
    tuple(
        Column(name, _NAMES.get(name, (re.sub("([A-Z])", r"_\1", name).lower(),)), required=name in {"event", "time"})
        for name in COLUMNS
    ),
)


class Parser:
    """Blocks of lines to columns, in this thread or in several: each has separate layouts and times."""

    def __init__(self, times: Times, pool: Executor | None = None, ahead: int = 0) -> None:
        """`ahead`: number of blocks of a file that wait for `pool` at once."""
        self.zone = times.zone
        self._pool, self._ahead = pool, ahead
        self._mine = local()

    def parse(self, blocks: Iterable[bytes]) -> Iterator[Parsed]:
        """The blocks' content, in their order."""
        if self._pool is None:
            yield from map(self._one, blocks)
            return
        waiting = deque[Future[Parsed]]()
        try:
            for block in blocks:
                waiting.append(self._pool.submit(self._one, block))
                if len(waiting) > self._ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _one(self, block: bytes) -> Parsed:
        if not hasattr(self._mine, "times"):
            self._mine.layouts, self._mine.times = Layouts(), Times(self.zone)
        return parse_lines(block, self._mine.layouts, self._mine.times)


class LogFile:
    """One file. `read` it once; then the rest is known.

    Attributes:
        lines: read so far.
        order: how the order of its lines decides doubtful events.
        digest: of its content, where clocks may go back; else None.
    """

    def __init__(self, path: str, parser: Parser, take: Take, put_aside: Callable[[SetAside], None]) -> None:
        """`parser`: of the form that its lines have.

        `take`: called with the rows. `put_aside`: called with each line that cannot be read.
        """
        self.path = path
        self.lines = 0
        self.order = FileOrder()
        self.digest: bytes | None = None
        self._parser, self._take_rows, self._put_aside = parser, take, put_aside
        self._times = Times(parser.zone)
        self._in_doubt = not self._times.is_utc  # a text may also name a zone

    def read(self, progress: Callable[[int], None] = lambda _: None) -> None:
        """Read all of it. `progress` is called with the lines of each block. Raises SourceError."""
        with open_plain(self.path) as (plain, _):
            found = pieces(plain, BLOCK_BYTES, self.path)
            digest = None if self._times.is_utc else blake2b(digest_size=16)
            if digest is not None:
                found = _hashed(found, digest.update)
            start = next(found, b"")
            if _is_table(start):
                with _as_table(self.path, chain([start], found)) as rows:
                    self._take_table(rows)
                if digest is not None:
                    deque(found, maxlen=0)  # all of it, for its digest
            else:
                for parsed in self._parser.parse(_blocks(chain([start], found))):
                    self._take_block(parsed)
                    progress(parsed.lines)
            self.digest = None if digest is None else digest.digest()

    def _take_block(self, parsed: Parsed) -> None:
        for bad in parsed.bad:
            self._set_aside(self.lines + 1 + bad.place, bad.text, bad.why)
        self.lines += parsed.lines
        self._take(parsed.tables, lambda place: parse_line(parsed.block.line(place), self._times)[0])

    def _take_table(self, rows: Iterable[Row | Bad]) -> None:
        """Read the rows of a table."""
        found = iter(rows)
        while some := list(islice(found, TABLE_ROWS)):
            events, times_s = list[Event](), list[int]()
            self._times.make_room(len(some))
            for row in some:
                try:
                    if isinstance(row, Bad):
                        reason = row.reason if row.reason in REASONS else "bad_row"
                        raise BadRecord(reason, row.text)  # noqa: TRY301, put aside as all others
                    event, time_s = parse_row(row.cells, self._times)
                except BadRecord as exc:
                    text = row.content if isinstance(row, Bad) else ",".join(row.cells)
                    self._set_aside(row.number, text.encode(), exc)
                else:
                    events.append(event)
                    times_s.append(time_s)
            self.lines += len(some)
            tables = {name: [one] for name, one in columns_of(range(len(events)), events, times_s, self._times).items()}
            self._take(tables, events.__getitem__)

    def _take(self, tables: Mapping[str, Sequence[Events]], event_at: Callable[[int], Event]) -> None:
        """Keep events without doubt; the order of all events decides the others."""
        self._in_doubt = self._in_doubt or any(one.gap_s.any() for some in tables.values() for one in some)
        if self._in_doubt:
            self._order(tables, event_at)
        for name, some in tables.items():
            for one in some:
                certain = one.some(one.gap_s == 0) if self._in_doubt else one
                columns = {**certain.columns, "time_s": certain.time_s}
                if name == "routes":
                    columns["doubt"] = np.zeros(len(certain.time_s), np.int64)
                self._take_rows(name, columns)

    def _order(self, tables: Mapping[str, Sequence[Events]], event_at: Callable[[int], Event]) -> None:
        every = [(name, one) for name, some in tables.items() for one in some]
        if not every:
            return
        lines, times_s, gaps_s, writers, is_manager = (
            np.concatenate(columns)
            for columns in zip(
                *(
                    (
                        one.lines,
                        one.time_s,
                        one.gap_s,
                        one.columns["server_id"] if name == "heartbeats" else np.zeros(len(one.lines), np.int64),
                        np.full(len(one.lines), name != "heartbeats"),
                    )
                    for name, one in every
                ),
                strict=True,
            )
        )
        order = np.argsort(lines)
        lines, times_s, gaps_s, writers, is_manager = (
            column[order] for column in (lines, times_s, gaps_s, writers, is_manager)
        )
        self.order.add_columns(writers, times_s, gaps_s, is_manager, lambda place: event_at(int(lines[place])))

    def _set_aside(self, number: int, line: bytes, why: BadRecord) -> None:
        text = line[:MAX_KEPT_TEXT].decode("utf-8", "backslashreplace")
        self._put_aside(SetAside(self.path, number, why.reason, str(why), text))


def _hashed(found: Iterable[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in found:
        update(piece)
        yield piece


def _is_table(start: bytes) -> bool:
    """Whether a file has no JSON lines: it is Parquet, an array of objects, text in UTF-16, or text with a header."""
    if start.startswith((b"PAR1", b"\xff\xfe", b"\xfe\xff")):
        return True
    text = start.removeprefix(BOM).lstrip()
    if text.startswith(b"["):
        return text[1:].lstrip()[:1] in {b"{", b"]", b""}
    header = text.split(b"\n", 2)[:2]  # the first may be Excel's line
    return not text.startswith(b"{") and any(b"event" in line.lower() and b"time" in line.lower() for line in header)


def _as_table(path: str, found: Iterator[bytes]) -> AbstractContextManager[Iterable[Row | Bad]]:
    """The rows of a file; files that can be read only once are read on from `found`."""
    layouts, limits = [_LAYOUT], Limits(row_bytes=MAX_LINE_BYTES)
    return open_table(path, layouts, limits) if Path(path).is_file() else table_of(found, path, layouts, limits)


def _blocks(found: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines, each ended by a newline, in blocks of about BLOCK_BYTES; of a longer line only a part is kept."""
    rest, first = b"", True
    for piece in found:
        rest += piece.removeprefix(BOM) if first else piece
        first = False
        end = rest.rfind(b"\n") + 1
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > 2 * MAX_LINE_BYTES:
            rest = rest[: MAX_LINE_BYTES + 1]
    if rest:
        yield rest + b"\n"
