"""Lines that come through the standard input, or through a FIFO at a path.

The standard input ends once. A FIFO has one writer after the other: the next one continues in the same pipe, which is
never closed in between.
"""

import asyncio
import contextlib
import logging
import os
import stat
import threading
from pathlib import Path
from typing import NamedTuple

from exporter.sources.intake import Intake
from exporter.sources.lines import cut_lines
from exporter.sources.pump import Pump, waiting_bytes
from exporter.sources.received import Dropped
from foundation.errors import SourceError, in_words

log = logging.getLogger(__name__)

LINE_BYTES = 1 << 20
"""A longer line is dropped and counted, as in followed files."""
READ_BYTES = 256 << 10
INCOMPLETE = "incomplete"
"""Why a line was dropped: its writer left a FIFO before it ended."""
STDIN = 0

_left: dict[int, "_Begun"] = {}
"""By descriptor: the unfinished line of a standard input, for the source that continues it."""


class _Begun(NamedTuple):
    """A line that has not ended yet; skipping: it is too long already."""

    carry: bytes = b""
    skipping: bool = False


class _Lines:
    """Pieces of a pipe to whole lines."""

    def __init__(self, intake: Intake, dropped: Dropped) -> None:
        self._intake, self._dropped = intake, dropped
        self.begun = _Begun()

    @property
    def begun(self) -> _Begun:
        """The unfinished line, for another reader to continue."""
        return _Begun(self._carry, self._skipping)

    @begun.setter
    def begun(self, begun: _Begun) -> None:
        self._carry, self._skipping = begun

    def feed(self, data: bytes) -> None:
        """Queue the lines that `data` completes."""
        buffer = self._carry + data
        cut = cut_lines(buffer, LINE_BYTES, skipping=self._skipping)
        self._carry, self._skipping = buffer[cut.consumed :], cut.skipping
        self._dropped.too_long_lines += cut.too_long
        self._dropped.too_long_bytes += cut.dropped
        self._intake.put(cut.data)

    def end(self, *, is_whole: bool) -> None:
        """End the unfinished line; `is_whole`: count it as a line."""
        if self._carry and is_whole:
            self._intake.put(self._carry + b"\n")
        elif self._carry:
            self._dropped.messages[INCOMPLETE] += 1
        self.begun = _Begun()


class StandardInput:
    """The receiver of the process's standard input. One at a time; never closed, because it cannot be opened again."""

    name = "stdin"

    def __init__(self, fd: int = STDIN) -> None:
        """Reads nothing."""
        self._fd = fd
        self.dropped = Dropped()
        self.ended = threading.Event()
        self._lines: _Lines | None = None
        self._pump: Pump | None = None

    @property
    def is_open(self) -> bool:
        """Whether more may come: not after its end."""
        return self._pump is not None and not self._pump.has_failed and not self.ended.is_set()

    @property
    def files(self) -> int:
        """Descriptors held."""
        return 3 if self._pump is not None else 0

    async def open(self, intake: Intake) -> None:
        """Begin to read. Raises SourceError."""
        try:
            os.fstat(self._fd)
        except OSError as exc:
            raise SourceError(f"stdin: cannot be read: {in_words(exc)}") from exc
        self._lines = _Lines(intake, self.dropped)
        if left := _left.pop(self._fd, None):
            self._lines.begun = left
        self._pump = Pump(self._fd, intake, self._read)

    def _read(self) -> bool:
        assert self._lines is not None
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:  # set by a process that shares it
            return True
        if data:
            self._lines.feed(data)
            return True
        self._lines.end(is_whole=True)
        self.ended.set()
        log.info("stdin has ended; its lines are counted, and the exporter keeps serving")
        return False

    def look(self) -> None:
        """All is up to date."""

    async def drain(self) -> None:
        """Read the data in the pipe."""
        if self._pump is None:
            return
        await asyncio.to_thread(self._pump.stop)
        if self._lines is not None and not self.ended.is_set() and not stat.S_ISREG(os.fstat(self._fd).st_mode):
            _read_waiting(self._fd, self._lines)

    async def close(self) -> None:
        """Stop reading; the next reader continues at this place, also inside a line."""
        if self._pump is not None:
            await asyncio.to_thread(self._pump.stop)
            self._pump = None
        if self._lines is not None:
            _left[self._fd] = self._lines.begun


class Fifo:
    """The receiver of a named pipe."""

    def __init__(self, path: str) -> None:
        """Opens nothing."""
        self.name = path
        self.dropped = Dropped(INCOMPLETE)
        self._path = Path(path)
        self._fd: int | None = None
        self._hold: int | None = None  # a writing end of our own while there is no other
        self._lines: _Lines | None = None
        self._pump: Pump | None = None

    @property
    def is_open(self) -> bool:
        """Whether the path still refers to it."""
        if self._fd is None or self._pump is None or self._pump.has_failed:
            return False
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._fd))
        except OSError:
            return False

    @property
    def files(self) -> int:
        """Descriptors held."""
        return 4 if self._pump is not None else 0

    async def open(self, intake: Intake) -> None:
        """Begin to read. Raises SourceError."""
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            is_fifo = stat.S_ISFIFO(os.fstat(self._fd).st_mode)
        except OSError as exc:
            hint = f"; make it with `mkfifo -m 660 {self._path}`" if isinstance(exc, FileNotFoundError) else ""
            raise SourceError(f"{self._path}: {in_words(exc)}{hint}") from exc
        if not is_fifo:
            os.close(self._fd)
            self._fd = None
            raise SourceError(f"{self._path}: is not a FIFO; a regular file goes in paths")
        self._lines = _Lines(intake, self.dropped)
        self._pump = Pump(self._fd, intake, self._read)

    def _read(self) -> bool:
        assert self._fd is not None
        assert self._lines is not None
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return True
        if data:
            self._lines.feed(data)
            self._let_go()
        else:  # no writer is left; without our own, poll would return at once for ever
            self._lines.end(is_whole=False)
            self._hold = os.open(f"/proc/self/fd/{self._fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        return True

    def _let_go(self) -> None:
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None

    def look(self) -> None:
        """All is up to date."""

    async def drain(self) -> None:
        """Read the data in the pipe."""
        if self._pump is None or self._fd is None or self._lines is None:
            return
        await asyncio.to_thread(self._pump.stop)
        _read_waiting(self._fd, self._lines)
        self._lines.end(is_whole=False)

    async def close(self) -> None:
        """Stop reading."""
        if self._pump is not None:
            await asyncio.to_thread(self._pump.stop)
            self._pump = None
        self._let_go()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _read_waiting(fd: int, lines: _Lines) -> None:
    """Read the data in a pipe now, not later data."""
    left = waiting_bytes(fd)
    with contextlib.suppress(BlockingIOError):
        while left > 0 and (data := os.read(fd, min(left, READ_BYTES))):
            left -= len(data)
            lines.feed(data)
