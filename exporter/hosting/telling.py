"""What a long reading says on stderr: how far it is, and which lines were set aside."""

import time
from collections import Counter
from math import inf
from typing import IO, TYPE_CHECKING

from foundation.jsontext import json_text
from foundation.terminal import echo, printable

if TYPE_CHECKING:
    from exporter.hosting.bulk import SetAside

_PROGRESS_EVERY_S = 0.5


class Rejects:
    """Keeps the lines that were set aside in a file, where one was asked for, and reports them in one line."""

    def __init__(self, file: IO[str] | None) -> None:
        self.file = file
        self.reasons: Counter[str] = Counter()
        self.first: SetAside | None = None

    def __call__(self, line: "SetAside") -> None:
        """Take one more."""
        self.reasons[line.reason] += 1
        self.first = self.first or line
        if self.file is not None:
            self.file.write(json_text(line) + "\n")

    def tell(self) -> None:
        """Say on stderr how many lines were set aside, and show the first; nothing if none were."""
        if self.first is not None:
            counts = ", ".join(f"{reason} {n:,}" for reason, n in self.reasons.most_common())
            place = self.first.file if self.first.line is None else f"{self.first.file}:{self.first.line}"
            where = f"{place}: {printable(self.first.detail)}"
            echo(f"set aside {self.reasons.total():,} lines ({counts}); the first: {where}", err=True)


class Progress:
    """One line that renews itself, on a terminal and once reading takes longer than a moment."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._due_s = time.monotonic() + _PROGRESS_EVERY_S if out.isatty() else inf
        self._shown = ""

    def __call__(self, lines: int) -> None:
        """So many lines have been read."""
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + _PROGRESS_EVERY_S
            self._shown = f"read {lines:,} lines"
            self._out.write(f"\r{self._shown}")
            self._out.flush()

    def clear(self) -> None:
        """Leave the line as if nothing had stood there."""
        if self._shown:
            self._out.write(f"\r{' ' * len(self._shown)}\r")
            self._out.flush()
