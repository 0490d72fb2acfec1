"""Log files to columns: every event of a run in four tables of NumPy arrays, and what had to be set aside.

Events are a set: nothing here or later asks in which order lines came, so files may be given in any order.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from exporter.hosting.folds import Doubtful, FileOrder, settle
from exporter.hosting.parse import (
    COLUMNS,
    DOWN_ABOVE,
    MAX_LINE_BYTES,
    MINUTE_S,
    REASONS,
    Created,
    Deleted,
    Event,
    Heartbeat,
    Route,
    Times,
    parse_block,
    parse_line,
    parse_row,
)
from exporter.sources.files import open_plain, pieces
from exporter.tables import Bad, Column, Layout, Limits, Row, open_table
from foundation.errors import BadRecord

BLOCK_BYTES = MAX_LINE_BYTES  # so that only a block's first line can be longer than a line may be
MAX_KEPT_TEXT = 1000  # bytes of a bad line that are worth keeping
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

Columns: TypeAlias = dict[str, npt.NDArray[np.int64] | npt.NDArray[np.float64] | npt.NDArray[np.object_]]
"""A table: equally long arrays by column name."""

TABLES: dict[str, dict[str, type]] = {
    "heartbeats": {"server_id": np.int64, "time_s": np.int64, "workload": np.float64},
    "routes": {"account_id": np.int64, "server_id": np.int64, "time_s": np.int64, "doubt": np.int64},
    "creates": {"account_id": np.int64, "account_name": np.object_, "time_s": np.int64},
    "deletes": {"account_id": np.int64, "time_s": np.int64},
}
_KINDS: dict[str, type[Event]] = {"heartbeats": Heartbeat, "routes": Route, "creates": Created, "deletes": Deleted}


class SetAside(msgspec.Struct, frozen=True):
    """A line that is no event: where it stands (`line` from 1, None if not known), why, and its first bytes."""

    file: str
    line: int | None
    reason: str
    detail: str
    text: str


class Log(NamedTuple):
    """All that the files held.

    tables: keyed and typed as TABLES. set_aside: counts of lines by reason. copies: files that were given before.
    """

    tables: dict[str, Columns]
    lines: int
    set_aside: Counter[str]
    copies: tuple[str, ...] = ()

    @property
    def events(self) -> int:
        """How many lines were events."""
        return self.lines - self.set_aside.total()


class _Reader:
    """Collects the columns of one run."""

    def __init__(self, times: Times, keep: Callable[[SetAside], None]) -> None:
        self.times = times
        self.is_local = str(times.zone) != "UTC"
        self.order = FileOrder()
        self.doubtful: list[Doubtful] = []
        self.keep = keep
        self.lines = 0
        self.set_aside: Counter[str] = Counter()
        self.parts: dict[str, list[Columns]] = {name: [] for name in TABLES}
        self.copies: list[str] = []
        self._seen: set[bytes] = set()  # the contents of files

    def take_block(self, file: str, first_line: int, block: bytes) -> int:
        """Read whole lines, of which only the first can be too long; returns the number of the line after them."""
        if block.find(b"\n") > MAX_LINE_BYTES:
            long, block = block.split(b"\n", 1)
            self._put_aside(file, first_line, long, BadRecord("too_long", REASONS["too_long"]))
            self.lines += 1
            first_line += 1
        return first_line + self._take_lines(file, first_line, block) if block else first_line

    def take_table(self, file: str, rows: Iterable[Row | Bad]) -> None:
        """Read the rows of a table."""
        found = iter(rows)
        while some := list(islice(found, TABLE_ROWS)):
            events, times_s = list[Event](), list[int]()
            for row in some:
                try:
                    if isinstance(row, Bad):
                        reason = row.reason if row.reason in REASONS else "bad_row"
                        raise BadRecord(reason, row.text)  # noqa: TRY301, put aside as all others
                    event, time_s = parse_row(row.cells, self.times)
                except BadRecord as exc:
                    text = row.content if isinstance(row, Bad) else ",".join(row.cells)
                    self._put_aside(file, row.number, text.encode(), exc)
                else:
                    events.append(event)
                    times_s.append(time_s)
            self.lines += len(some)
            self._take(events, times_s)

    def _take_lines(self, file: str, first_line: int, block: bytes) -> int:
        parsed = parse_block(block, self.times)
        count = block.count(b"\n")
        if parsed is None:
            parsed = [], []
            for number, line in enumerate(block[:-1].split(b"\n"), first_line):
                try:
                    event, time_s = parse_line(line, self.times)
                except BadRecord as exc:
                    self._put_aside(file, number, line, exc)
                else:
                    parsed[0].append(event)
                    parsed[1].append(time_s)
        self.lines += count
        self._take(*parsed)
        return count

    def _take(self, events: list[Event], times_s: list[int]) -> None:
        if (self.is_local or self.times.twins) and (places := self.order.add(events, times_s, self.times.twins)):
            certain = sorted(set(range(len(events))).difference(places))
            events, times_s = [events[place] for place in certain], [times_s[place] for place in certain]
        self._append(events, times_s)

    def end_file(self, file: str, digest: bytes) -> None:
        """All of a file was read. A copy of one before says nothing about an hour that clocks repeat.

        Files of that hour alone may be alike and yet be one of each of the two.
        """
        if self.order.reaches_out and digest in self._seen:
            self.copies.append(file)
        else:
            self.doubtful += self.order.doubtful()
        self._seen.add(digest)
        self.order = FileOrder()

    def _put_aside(self, file: str, number: int, line: bytes, why: BadRecord) -> None:
        self.set_aside[why.reason] += 1
        text = line[:MAX_KEPT_TEXT].decode("utf-8", "backslashreplace")
        self.keep(SetAside(file, number, why.reason, str(why), text))

    def _append(self, events: list[Event], times_s: list[int]) -> None:
        found: dict[type[Event], tuple[list[Event], list[int]]] = {kind: ([], []) for kind in _KINDS.values()}
        for event, time_s in zip(events, times_s, strict=True):
            of_kind = found[type(event)]
            of_kind[0].append(event)
            of_kind[1].append(time_s)
        for name, kind in _KINDS.items():
            mine, mine_s = found[kind]
            if mine:
                self.parts[name].append(
                    {
                        column: np.fromiter(
                            mine_s if column == "time_s" else map(attrgetter(column), mine), dtype, len(mine)
                        )
                        for column, dtype in TABLES[name].items()
                    }
                )

    def log(self, heartbeat_s: int, overload: float) -> Log:
        """All that was read, as arrays; the parts are used up."""
        for name, rows in settle(self.doubtful, heartbeat_s, overload)._asdict().items():
            if rows:
                self.parts[name].append(_columns(name, rows))
        tables: dict[str, Columns] = {}
        for name, columns in TABLES.items():
            parts = self.parts.pop(name)
            tables[name] = {
                column: np.concatenate([part.pop(column) for part in parts] or [np.empty(0, dtype)])
                for column, dtype in columns.items()
            }
        return Log(tables, self.lines, self.set_aside, tuple(self.copies))


def read_logs(
    paths: Iterable[str],
    times: Times,
    *,
    heartbeat_s: int = MINUTE_S,
    overload: float = DOWN_ABOVE,
    keep: Callable[[SetAside], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Log:
    """Read log files whole, compressed or not; `-` is standard input.

    Args:
        paths: the files, in any order.
        times: how their times are to be read.
        heartbeat_s: how often servers log, and
        overload: when they are down, for what is in doubt in an hour that clocks repeat.
        keep: told of every line that is set aside.
        progress: told how many lines have been read, after each block.

    Raises:
        SourceError: a file can't be read.
    """
    reader = _Reader(times, keep)
    for path in paths:
        line = 1
        with open_plain(path) as (plain, _):
            digest = blake2b(digest_size=16)
            found = pieces(plain, BLOCK_BYTES, path)
            if reader.is_local:
                found = _hashed(found, digest.update)
            start = next(found, b"")
            if _is_table(start):
                with _as_table(path, chain([start], found)) as rows:
                    reader.take_table(path, rows)
                if reader.is_local:
                    deque(found, maxlen=0)  # all of it, for its digest
            else:
                for block in _blocks(chain([start], found)):
                    line = reader.take_block(path, line, block)
                    progress(reader.lines)
        reader.end_file(path, digest.digest())
    return reader.log(heartbeat_s, overload)


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


@contextmanager
def _as_table(path: str, found: Iterable[bytes]) -> Iterator[Iterable[Row | Bad]]:
    """The rows of a file; what is no regular file is put into one first."""
    with ExitStack() as stack:
        place = path
        if not Path(path).is_file():
            file = stack.enter_context(NamedTemporaryFile(prefix="tidewatch-"))
            for piece in found:
                file.write(piece)
            file.flush()
            place = file.name
        yield stack.enter_context(open_table(place, [_LAYOUT], Limits(row_bytes=MAX_LINE_BYTES)))


def _columns(name: str, rows: Sequence[tuple[Any, ...]]) -> Columns:
    """Rows in the order of a table's columns, as Settled has them."""
    order = ("account_id", "server_id", "account_name", "time_s", "workload", "doubt")
    names = [column for column in order if column in TABLES[name]]
    return {
        column: np.array(values, TABLES[name][column])
        for column, values in zip(names, zip(*rows, strict=True), strict=True)
    }


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
