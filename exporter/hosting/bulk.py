"""Log files to rows, several at once: every event of a run, and the lines set aside.

Events are a set: nothing depends on the order of lines, so files may be given in any order.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import Any, NamedTuple

import numpy as np

from exporter.hosting.folds import settle
from exporter.hosting.logfile import LogFile, Parser
from exporter.hosting.order import Doubtful
from exporter.hosting.parse import DOWN_ABOVE, MINUTE_S, Times
from exporter.hosting.rows import TABLES, Columns, SetAside, Take

AHEAD = 2  # blocks that wait for each thread
_WAITING_LINES = 1000  # lines set aside in a file that is not yet due to be reported
_LOOK_S = 0.2  # between two checks for other events


class Log(NamedTuple):
    """The content of the files beside their events.

    set_aside: counts of lines by reason. copies: files that were given before.
    """

    lines: int
    set_aside: Counter[str]
    copies: tuple[str, ...] = ()

    @property
    def events(self) -> int:
        """How many lines were events."""
        return self.lines - self.set_aside.total()


def read_logs(
    paths: Sequence[str],
    times: Times,
    take: Take,
    *,
    heartbeat_s: int = MINUTE_S,
    overload: float = DOWN_ABOVE,
    workers: int = 1,
    keep: Callable[[SetAside], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Log:
    """Read log files whole, compressed or not; `-` is standard input.

    Args:
        paths: the files, in any order.
        times: how to read their times.
        take: called with their events, from one thread at a time.
        heartbeat_s: how often servers log, and
        overload: when they are down, for what is in doubt in an hour that clocks repeat.
        workers: number of parsing threads; the same number of files is read at once.
        keep: called with every line that is set aside, file by file.
        progress: called now and then with the number of
        lines read.

    Raises:
        SourceError: a file can't be read.
    """
    run = _Run(keep)
    with _parser(times, workers) as parser:
        if workers == 1 or len(paths) == 1:
            _read_each(paths, parser, take, run, progress)
        else:
            _read_together(paths, parser, take, run, progress, workers=workers)
    for name, rows in settle(run.doubtful, heartbeat_s, overload)._asdict().items():
        if rows:
            take(name, _columns(name, rows))
    return Log(run.lines, run.set_aside, tuple(run.copies))


class _Run:
    """The results of all files, in their order."""

    def __init__(self, keep: Callable[[SetAside], None]) -> None:
        self.lines = 0
        self.set_aside: Counter[str] = Counter()
        self.copies: list[str] = []
        self.doubtful: list[Doubtful] = []
        self._keep = keep
        self._seen: set[bytes] = set()  # the contents of files

    def put_aside(self, line: SetAside) -> None:
        """The next line that is not an event."""
        self.set_aside[line.reason] += 1
        self._keep(line)

    def end_file(self, file: LogFile) -> None:
        """A file was read completely. A copy of an earlier file does not decide an hour that clocks repeat.

        Files of that hour alone may be alike and yet be one of each of the two.
        """
        self.lines += file.lines
        if file.order.reaches_out and file.digest in self._seen:
            self.copies.append(file.path)
        else:
            self.doubtful += file.order.told()
        if file.digest is not None:
            self._seen.add(file.digest)


@contextmanager
def _parser(times: Times, workers: int) -> Iterator[Parser]:
    if workers == 1:
        yield Parser(times)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="parse")
    try:
        yield Parser(times, pool, ahead=AHEAD * workers)
    finally:
        pool.shutdown(cancel_futures=True)


def _read_each(paths: Sequence[str], parser: Parser, take: Take, run: _Run, progress: Callable[[int], None]) -> None:
    for path in paths:
        file = LogFile(path, parser, take, run.put_aside)
        file.read(lambda _, file=file: progress(run.lines + file.lines))  # type: ignore[misc]
        run.end_file(file)


class _Feed:
    """A file that is read in a separate thread, and its reports, made in its turn."""

    def __init__(self, path: str, parser: Parser, take: Take, stop: Event) -> None:
        self.fault: Exception | None = None
        self.waiting: Queue[SetAside | None] = Queue(_WAITING_LINES)
        self.file = LogFile(path, parser, take, self._put)
        self._stop = stop

    def run(self) -> None:
        """Read it; errors are raised in the waiting thread."""
        try:
            self.file.read()
        except Exception as exc:  # noqa: BLE001, raised in the order of the files
            self.fault = exc
        finally:
            self._put(None)

    def _put(self, line: SetAside | None) -> None:
        while not self._stop.is_set():
            with suppress(Full):
                self.waiting.put(line, timeout=_LOOK_S)
                return


class _Stopped(Exception):  # noqa: N818, no error
    """The rest is not needed."""


def _read_together(
    paths: Sequence[str],
    parser: Parser,
    take: Take,
    run: _Run,
    progress: Callable[[int], None],
    *,
    workers: int,
) -> None:
    """Several files at once, each with its own decompressor; reports are in the order of the files."""
    stop, alone = Event(), Lock()

    def take_alone(name: str, columns: Columns) -> None:
        """Pass on the columns, one thread at a time. Raises _Stopped."""
        with alone:
            if stop.is_set():
                raise _Stopped
            take(name, columns)

    feeds = [_Feed(path, parser, take_alone, stop) for path in paths]
    to_read = iter(feeds)

    def read_next() -> None:
        """Read one feed after the other, until none is left or the work stops."""
        while not stop.is_set():
            with alone:
                feed = next(to_read, None)
            if feed is None:
                return
            feed.run()

    for _ in range(workers):
        Thread(target=read_next, daemon=True).start()  # a thread that waits for a pipe must not delay the end
    try:
        for feed in feeds:
            while True:
                try:
                    line = feed.waiting.get(timeout=_LOOK_S)
                except Empty:
                    progress(sum(one.file.lines for one in feeds))
                    continue
                if line is None:
                    break
                run.put_aside(line)
            if feed.fault is not None:
                raise feed.fault
            run.end_file(feed.file)
    finally:
        with alone:
            stop.set()


def _columns(name: str, rows: Sequence[tuple[Any, ...]]) -> Columns:
    """Rows in the order of a table's columns, as Settled has them."""
    order = ("account_id", "server_id", "account_name", "time_s", "workload", "doubt")
    names = [column for column in order if column in TABLES[name]]
    return {
        column: np.array(values, TABLES[name][column])
        for column, values in zip(names, zip(*rows, strict=True), strict=True)
    }
