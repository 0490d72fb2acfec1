"""Bad lines in words: the number of each reason, and the text of the first."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from exporter.accesslog.tally import BadLine
from exporter.sources.linefile import LineFile
from foundation.errors import ConfigError
from foundation.terminal import printable

log = logging.getLogger(__name__)

PERIOD_S = 60.0
"""Between two lines of the log about the same source."""
SHOWN_CHARS = 200
"""Of a line, after which it is cut."""
LEAST_SHARE = 0.5
"""Of the lines that must fit their format."""


class Fit(NamedTuple):
    """The number of lines that are requests in the log's format, out of those that should be."""

    requests: int
    lines: int

    def __str__(self) -> str:
        return f"{self.requests} of {self.lines} lines fit"

    def in_words(self, lines: int) -> str:
        """The same where a log has so many lines, of which some may be neither requests nor bad."""
        return str(self) if self.lines or not lines else f"none of the {lines} lines is a request"

    @property
    def is_wrong(self) -> bool:
        """Whether the format cannot be the format of the log."""
        return self.requests < LEAST_SHARE * self.lines

    def check(self) -> None:
        """Raises ConfigError if the format cannot be the format of the log."""
        if self.is_wrong:
            raise ConfigError(f"{self} the format; expected at least half of them; `exporter infer LOG` proposes one")


class FirstBad(NamedTuple):
    """The first bad line of a reason: its file, its number there (0 if that is not known) and its text."""

    path: str
    number: int
    text: bytes

    def __str__(self) -> str:
        place = f"{printable(self.path)} line {self.number}" if self.number else printable(self.path)
        return f"{place}: {excerpt(self.text)}"

    def in_file(self) -> str:
        """The same without the file's name."""
        return f"line {self.number}: {excerpt(self.text)}" if self.number else excerpt(self.text)


class Timer(Protocol):
    """What an event loop's `call_later` gives."""

    def cancel(self) -> None:
        """Do not call."""


class Found(Protocol):
    """What was read of a piece of a log: its bad lines by reason, and the first of each."""

    failed: dict[str, int]
    bad: dict[str, BadLine]


class BadLines:
    """The bad lines of one or more files."""

    def __init__(self) -> None:
        """None yet."""
        self.counts: Counter[str] = Counter()
        self.first: dict[str, FirstBad] = {}

    def add(self, tally: Found, path: str, *, lines_before: int | None = None) -> None:
        """Count those of a piece of `path`; `lines_before` it in that file, if that is known."""
        for reason, bad in tally.bad.items():
            number = 0 if lines_before is None else bad.after(lines_before).number
            first = self.first.setdefault(reason, FirstBad(path, number, bad.text))
            if first.path == path and 0 < number < first.number:  # pieces may come in the order of their times
                self.first[reason] = FirstBad(path, number, bad.text)
        self.counts.update(tally.failed)

    def add_too_long(self, file: LineFile) -> None:
        """Count the lines that were dropped while the file was read."""
        if file.first_too_long is not None:
            self.counts["too_long"] += file.too_long_lines
            self.first.setdefault("too_long", FirstBad(file.path, *file.first_too_long))

    def fit(self, requests: int) -> Fit:
        """How the format fits, given the number of lines that are requests."""
        return Fit(requests, requests + self.counts.total())

    def in_words(self) -> str:
        """All on one line; empty without any."""
        if not self.counts:
            return ""
        shown = "".join(f"; first of {reason}: {bad}" for reason, bad in sorted(self.first.items()))
        return f"{count_in_words(self.counts)}{shown}"


class BadLog:
    """Reports the bad lines of one source while they come: the first at once, then at most one line a minute."""

    def __init__(self, source: str, call_later: Callable[[float, Callable[[], None]], Timer]) -> None:
        """`call_later`: an event loop's."""
        self._source = source
        self._call_later = call_later
        self._timer: Timer | None = None
        self._bad = BadLines()
        self._too_long: int | None = None

    def add(self, tally: Found, path: str) -> None:
        """Record the bad lines of a piece of `path`."""
        if tally.failed:
            self._bad.add(tally, path)
            self._begin()

    def add_too_long(self, total: int) -> None:
        """Record how many lines were dropped so far; lines before the first call belong to an earlier run."""
        if self._too_long is not None and total > self._too_long:
            self._bad.counts["too_long"] += total - self._too_long
            self._begin()
        self._too_long = total

    def close(self) -> None:
        """Report what was not reported yet."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._report()

    def _begin(self) -> None:
        if self._timer is None:
            self._report()
            self._timer = self._call_later(PERIOD_S, self._period_over)

    def _period_over(self) -> None:
        self._timer = None
        if self._bad.counts:
            self._begin()

    def _report(self) -> None:
        if text := self._bad.in_words():
            log.warning("%s: %s", self._source, text)
            self._bad = BadLines()


def count_in_words(failed: Mapping[str, int]) -> str:
    """`3 bad lines (blank 1, format 2)`."""
    count = sum(failed.values())
    reasons = ", ".join(f"{reason} {number}" for reason, number in sorted(failed.items()))
    return f"{count} bad {'line' if count == 1 else 'lines'} ({reasons})"


def excerpt(line: bytes) -> str:
    """A line's beginning, printable."""
    shown = printable(line[: 4 * SHOWN_CHARS].decode("utf-8", "backslashreplace"))
    return shown if len(shown) <= SHOWN_CHARS else f"{shown[:SHOWN_CHARS]}..."
