"""Progress of long reading on stderr, and the lines set aside."""

import time
from collections import Counter
from math import inf
from typing import IO, TYPE_CHECKING

from foundation.jsontext import json_text
from foundation.terminal import echo, printable

if TYPE_CHECKING:
    from exporter.hosting.rows import SetAside

_PROGRESS_EVERY_S = 0.5


class Rejects:
    """Writes the lines that were set aside to a file, if requested, and reports them in one line."""

    def __init__(self, file: IO[str] | None) -> None:
        """`file`: where lines are kept; None to count them only."""
        self.file = file
        self.reasons: Counter[str] = Counter()
        self.first: SetAside | None = None

    def __call__(self, line: "SetAside") -> None:
        """Add one more."""
        self.reasons[line.reason] += 1
        self.first = self.first or line
        if self.file is not None:
            self.file.write(json_text(line) + "\n")

    def tell(self) -> None:
        """Report on stderr how many lines were set aside, with the first; nothing without any."""
        if self.first is not None:
            counts = ", ".join(f"{reason} {n:,}" for reason, n in self.reasons.most_common())
            place = self.first.file if self.first.line is None else f"{self.first.file}:{self.first.line}"
            where = f"{place}: {printable(self.first.detail)}"
            echo(f"set aside {self.reasons.total():,} lines ({counts}); the first: {where}", err=True)


class Progress:
    """One line that is updated, only on a terminal, and only if reading takes longer than a moment."""

    def __init__(self, out: IO[str]) -> None:
        """`out`: where to show it; nothing is shown unless it is a terminal."""
        self._out = out
        self._due_s = time.monotonic() + _PROGRESS_EVERY_S if out.isatty() else inf
        self._shown = ""

    def __call__(self, lines: int) -> None:
        """Show the number of lines read."""
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + _PROGRESS_EVERY_S
            self._shown = f"read {lines:,} lines"
            self._out.write(f"\r{self._shown}")
            self._out.flush()

    def clear(self) -> None:
        """Clear the line."""
        if self._shown:
            self._out.write(f"\r{' ' * len(self._shown)}\r")
            self._out.flush()
