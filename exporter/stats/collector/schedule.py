"""The schedule of collections, and their results: a row, or a line on stderr once per streak of failures."""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from exporter.stats.parse import Stats, counts_by_code, is_code
from foundation.errors import BadRecord, ConfigError, SourceError, StoreError
from foundation.signals import Stop


class Rows(Protocol):
    """The receiver of rows."""

    def append(self, row: str) -> None:
        """Take one row. Raises StoreError or ConfigError when it can't be written now; it then waits."""


class Outcome(NamedTuple):
    """A run in numbers. A missed collection was due while an earlier one was still under way."""

    rows: int
    failed: int
    missed: int


class Collecting:
    """Collects at start + n x interval until stopped or `duration_s` has passed."""

    def __init__(
        self,
        read: Callable[[], Stats],
        rows: Rows,
        columns: tuple[str, ...],
        *,
        interval_s: float,
        duration_s: float = float("inf"),
        say: Callable[[str], None],
        progress: Callable[[str], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Collect nothing yet.

        Args:
            read: fetches the page. Raises SourceError or BadRecord.
            rows: takes the rows.
            columns: `time`, status codes, or names on the page, in the order of the row.
            interval_s: seconds between two collections.
            duration_s: how long to go on; the first collection is at 0, and one may be at the very end.
            say: shows a person one line.
            progress: shows a line that replaces the one before.
            wall: Unix time in seconds.
            monotonic: seconds that never go back.
        """
        self._read = read
        self._rows = rows
        self._columns = columns
        self._interval_s = interval_s
        self._duration_s = duration_s
        self._say = say
        self._progress = progress
        self._wall = wall
        self._monotonic = monotonic
        self._whole_seconds = interval_s == int(interval_s)
        self._failing = 0
        self._unwritable = False
        self._outcome = Outcome(0, 0, 0)

    def run(self, stop: Stop) -> Outcome:
        """Collect until the end; returns the outcome."""
        # Begin on a whole second, so that whole seconds in the file are true and their differences exact.
        start_s = self._monotonic() + (-self._wall() % 1.0 if self._whole_seconds else 0.0)
        number = 0
        last = self._duration_s / self._interval_s + 1e-9  # 0.3 s at 0.1 s are 3 intervals, whatever binary digits say
        while number <= last:
            if stop.wait(max(0.0, start_s + number * self._interval_s - self._monotonic())):
                break
            self._collect()
            following = max(number + 1, next_number(self._monotonic() - start_s, self._interval_s))
            self._count(missed=int(min(following - 1, last)) - number)
            number = following
        return self._outcome

    def _collect(self) -> None:
        try:
            time_s = self._wall()
            stats = self._read()
            row = make_row(stats, self._columns, self._time_text(time_s))
        except (SourceError, BadRecord) as exc:
            self._count(failed=1)
            if not self._failing:
                self._say(f"no row: {exc}; trying again every {self._interval_s:g} s")
            self._failing += 1
            return
        if self._failing:
            self._say(f"collecting again after {self._failing} failed")
            self._failing = 0
        self._count(rows=1)
        self._append(row)
        self._progress(f"{self._outcome.rows} rows  {_pairs(self._columns, row)}")

    def _append(self, row: str) -> None:
        try:
            self._rows.append(row)
        except (StoreError, ConfigError) as exc:
            if not self._unwritable:
                self._say(f"{exc}; rows are kept until it can be written")
            self._unwritable = True
        else:
            if self._unwritable:
                self._say("the kept rows are written")
            self._unwritable = False

    def _time_text(self, time_s: float) -> str:
        return str(round(time_s)) if self._whole_seconds else f"{time_s:.3f}"

    def _count(self, *, rows: int = 0, failed: int = 0, missed: int = 0) -> None:
        before = self._outcome
        self._outcome = Outcome(before.rows + rows, before.failed + failed, before.missed + missed)


def next_number(elapsed_s: float, interval_s: float) -> int:
    """The number of the first collection that is not due yet, or due just now."""
    number = int(elapsed_s // interval_s)
    return number if number * interval_s >= elapsed_s else number + 1


def make_row(stats: Stats, columns: tuple[str, ...], time_text: str) -> str:
    """One TAB-separated row. Raises BadRecord (`no_code`, `not_a_count`, `twice`, `missing`).

    A status code that a page of codes does not have has not occurred yet: 0.
    """
    codes = counts_by_code(stats) if any(is_code(name) for name in columns) else {}
    return "\t".join(time_text if name == "time" else _value(name, codes, stats) for name in columns)


def _value(name: str, codes: dict[str, int], stats: Stats) -> str:
    if is_code(name):
        return str(codes.get(name, 0))
    if name not in stats:
        raise BadRecord("missing", f"{name} is not on the page; expected one of {', '.join(list(stats)[:12])}")
    return repr(stats[name])


def _pairs(columns: tuple[str, ...], row: str) -> str:
    return "  ".join(f"{name} {value}" for name, value in zip(columns, row.split("\t"), strict=True))
