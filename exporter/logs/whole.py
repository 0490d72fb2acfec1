"""Whole log files to counts, on every core: lines are split and opened here, and counted in other processes."""

import atexit
import gc
import os
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import Self

import msgspec

from exporter.accesslog.bad import BadLines
from exporter.accesslog.parse.opening import Inside
from exporter.logs.counts import Closed, Counts
from exporter.logs.reader import Reader
from exporter.logs.source import Source
from exporter.logs.state import State
from exporter.sources.linefile import LineFile

CHUNK_BYTES = 4 << 20
_WORTH_BYTES = 16 << 20
"""Total size of files from which other processes are worth their start, some 0.3 s."""
_AHEAD = 2  # chunks per process that are read ahead: this bounds the memory


class WholeFiles:
    """Counts files of one source, in their order. A context: leaving it ends the processes.

    state: the counts so far; bad: the lines that could not be read.
    """

    def __init__(self, source: Source, files: list[LineFile], *, processes: int | None = None) -> None:
        """`processes`: one per core if the files are large, else none."""
        self.state, self.bad = State(source, time.time()), BadLines()
        self._reader = Reader(source)
        self._source = source
        self._files = files
        size = sum(Path(file.path).stat().st_size for file in files if Path(file.path).is_file())
        self._processes = processes if processes is not None else (os.cpu_count() or 1) if size >= _WORTH_BYTES else 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def read(self) -> None:
        """Count all files. Raises SourceError for one that cannot be read; all before it is counted."""
        if self._processes < 2:
            for file, inside, before in self._opened():
                self._add(self._reader.count(inside, file.path), file, before)
            return
        packed_source = msgspec.msgpack.encode(self._source)
        pool = self._stack.enter_context(
            ProcessPoolExecutor(self._processes, get_context("spawn"), initializer=_begin, initargs=(packed_source,))
        )
        waiting: deque[tuple[Future[Counts], LineFile, int]] = deque()
        for file, inside, before in self._opened():
            waiting.append((pool.submit(_count, inside, file.path, self.state.closed), file, before))
            if len(waiting) > _AHEAD * self._processes:
                self._take(*waiting.popleft())
        while waiting:
            self._take(*waiting.popleft())

    def _opened(self) -> Iterator[tuple[LineFile, Inside, int]]:
        """The content of the envelopes, chunk by chunk, and the number of lines before it (-1: not known)."""
        for file in self._files:
            for data in file:
                inside = self._reader.open(data, file.path)
                is_plain = inside.lines is data
                yield file, inside, file.lines_before if is_plain else -1
            yield file, self._reader.unfinished(file.path), -1
            self.state.totals.lines += file.too_long_lines
            self.bad.add_too_long(file)

    def _take(self, future: "Future[Counts]", file: LineFile, before: int) -> None:
        self._add(future.result(), file, before)

    def _add(self, found: Counts, file: LineFile, before: int) -> None:
        self.bad.add(found, file.path, lines_before=before if before >= 0 else None)
        self.state.add(found, time.time())
        self._reader.closed = self.state.closed


def spare_garbage() -> None:
    """Collect garbage more rarely: lines create many objects and hardly a cycle."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # as in `daemon`
    gc.set_threshold(20_000, 20, 20)


_reader: Reader | None = None


def _begin(source: bytes) -> None:
    global _reader  # noqa: PLW0603, the process's own
    spare_garbage()
    _reader = Reader(msgspec.msgpack.decode(source, type=Source))


def _count(inside: Inside, path: str, closed: Closed) -> Counts:
    assert _reader is not None
    _reader.closed = closed
    return _reader.count(inside, path)
