"""Records of a running stream to counts per second for each build and code. Whole inputs have `bulk.reading`.

Streams repeat themselves: many records of one second are identical. So equal lines are counted first, at the
speed of a dictionary, and each distinct line is parsed once. Counts merge by addition, in any order.
"""

import math
from collections import Counter
from collections.abc import Iterable

import msgspec

from exporter.releases.parse import CLOCK_LIMIT_S, Years, check_time, mixed, parse_line
from foundation.errors import BadRecord

SET_ASIDE_KEPT = 20
_CACHE = 200_000


class SetAside(msgspec.Struct, frozen=True):
    """A line that could not be read."""

    line: str
    reason: str
    text: str


class Tally:
    """Counts a second for each build and code.

    counts: (second, build, code) -> number of records.
    failed: reason -> number of lines; `set_aside` holds the first few of them.
    """

    def __init__(self, years: Years | None = None) -> None:
        """`years`: of times that name none; None: they are refused."""
        self._years = years
        self.counts: Counter[tuple[int, str, str]] = Counter()
        self.failed: Counter[str] = Counter()
        self.set_aside: list[SetAside] = []
        self._times: dict[bytes, int] = {}
        self._pairs: dict[bytes, tuple[str, str]] = {}

    def add_lines(self, lines: Iterable[bytes], horizon_s: float = math.inf, *, dated: bool | None = None) -> None:
        """Count lines without their ends; a bad one, or one past `horizon_s`, is counted by reason and set aside.

        dated: whether there were dates before, beside which times of day are refused; None: both are taken.
        """
        found: list[tuple[bytes, tuple[int, str, str], int]] = []
        for line, times in Counter(lines).items():
            try:
                key = self._read(line)
                check_time(key[0], horizon_s)
            except BadRecord as exc:
                self._refuse_line(line, exc, times)
                continue
            found.append((line, key, times))
        if dated is not None:
            dated = dated or any(key[0] >= CLOCK_LIMIT_S for _, key, _ in found)
        for line, key, times in found:
            if dated and key[0] < CLOCK_LIMIT_S:
                self._refuse_line(line, mixed(key[0]), times)
            else:
                self.counts[key] += times

    def _refuse_line(self, line: bytes, why: BadRecord, times: int) -> None:
        self.refuse(SetAside(line[:200].decode("utf-8", "replace"), why.reason, str(why)), times)

    def refuse(self, row: SetAside, times: int = 1) -> None:
        """Count bad rows."""
        self.failed[row.reason] += times
        if len(self.set_aside) < SET_ASIDE_KEPT:
            self.set_aside.append(row)

    def _read(self, line: bytes) -> tuple[int, str, str]:
        """A line by its two halves, each parsed once; what does not split so goes to the full parser."""
        first, tab, rest = line.partition(b"\t")
        if not tab:
            first, tab, rest = line.partition(b",")
        try:
            return (self._times[first], *self._pairs[rest])
        except KeyError:
            record = parse_line(line, self._years)
        if len(self._times) > _CACHE or len(self._pairs) > _CACHE:
            self._times.clear()
            self._pairs.clear()
        self._times[first] = record.time_s
        self._pairs[rest] = (record.build, record.code)
        return record.time_s, record.build, record.code
