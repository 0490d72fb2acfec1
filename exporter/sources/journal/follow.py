"""Follows systemd's journal with a journalctl process: each record once, even after a kill.

The position is the cursor of the last record, kept with the counts. One journalctl reads to the end of the journal, and
a second one follows it: with `--follow` it shows the current boot only, and what was written before a reboot would be
missing. Each begins *with* the record at the cursor. If it comes again, nothing is missing after it; if not, the
journal was cut meanwhile. (`--after-cursor` cannot show that, and skips a record if the one at the cursor does not
match the conditions.)
"""

import asyncio
import contextlib
import logging
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping

import msgspec

from exporter.sources.input import SinglePosition
from exporter.sources.journal.records import Records, Taken
from exporter.sources.journal.settings import Journal
from exporter.sources.losses import Losses
from exporter.sources.packing import pack, unpack
from exporter.sources.tail import TAIL, Batch, TailStatus
from foundation.clock import Clock
from foundation.errors import SourceError, StoreError, in_words
from foundation.jsonread import why_not_json
from foundation.processes import kill
from foundation.terminal import printable

log = logging.getLogger(__name__)

NAME = "journal"
INTERVAL_S = 0.1
"""Time between two batches, unless enough is waiting for the next one."""
BUSY_BYTES = 32 << 10
READ_BYTES = 1 << 20
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""From an end of journalctl to its next start; doubled each time that it read nothing."""
_FIELDS = "MESSAGE,PRIORITY,_SYSTEMD_UNIT,_STREAM_ID,_LINE_BREAK,CONTAINER_ID,CONTAINER_PARTIAL_MESSAGE"
_OUTPUT = ("--output=json", "--all", "--no-pager", f"--output-fields={_FIELDS}")
_WORDS_BYTES = 1 << 14
_ASK_S = 60.0
_ENDING_S = 5.0
_NO_ROTATIONS: Mapping[str, int] = {}


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A position, and totals. shown_by: the arguments with which journalctl shows the record at the cursor."""

    cursor: str | None
    shown_by: tuple[str, ...] | None = None
    read_bytes: int = 0
    too_long_lines: int = 0
    too_long_bytes: int = 0
    last_line_s: float = 0.0
    gaps: int = 0
    restarts: int = 0


class JournalInput:
    """The input of one source."""

    replayable = True

    def __init__(
        self, settings: Journal, *, from_start: bool, clock: Clock, saved: Mapping[str, bytes] | None, batch_bytes: int
    ) -> None:
        """Starts nothing. Raises StoreError if `saved` is not from `changes`."""
        self._settings = settings
        self._from_start = from_start
        self._clock = clock
        self._read_bytes = min(batch_bytes, READ_BYTES)
        self._process: asyncio.subprocess.Process | None = None
        self._words_fd: int | None = None
        self._words = ""
        self._is_new = saved is None
        self._state = _State(None) if saved is None else _restored(saved)
        self._place = SinglePosition(saved, lambda: pack(self._state))
        self.applied, self.changes, self.saved = self._place.applied, self._place.changes, self._place.saved

    async def begin(self) -> None:
        """Find where to begin, on the first run. Raises SourceError without journalctl."""
        if shutil.which(self._settings.program) is None:
            raise SourceError(
                f"{self._settings.program}: not found; the journal needs journalctl: install systemd, or name the "
                "program with journal.program"
            )
        if self._is_new and not self._from_start:
            self._state = _State(await asyncio.to_thread(self._last_cursor))
        self._is_new = False

    def _last_cursor(self) -> str | None:
        """The newest record's; None of an empty journal. Raises SourceError."""
        asked = [self._settings.program, "--lines=1", *_OUTPUT, *self._settings.place()]
        try:
            answer = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ASK_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as exc:
            why = in_words(exc) if isinstance(exc, OSError) else f"no answer in {_ASK_S:g} s"
            raise SourceError(f"{self._settings.program}: {why}") from exc
        cursor = Records((), None).feed(answer.stdout).cursor
        if answer.returncode and cursor is None and (words := _last_line(answer.stderr)):
            raise SourceError(f"{self._settings.program}: {words}")
        return cursor

    async def batches(self) -> AsyncIterator[Batch]:
        """Batches of JSON as journalctl writes it; when it ends, another one is started. Can be called again."""
        wait_s = FIRST_WAIT_S
        while True:
            before = self._state.cursor
            for follow in (False, True):
                async for batch in self._run(follow=follow):
                    yield batch
                    if len(batch.data) < BUSY_BYTES:
                        await self._clock.sleep_until(self._clock.monotonic() + INTERVAL_S)
                if self._words:
                    break
            if self._state.cursor != before:
                wait_s = FIRST_WAIT_S
            self._add(restarts=self._state.restarts + 1)
            log.warning(
                "journal: %s ended (%s); it is started again in %g s",
                *(self._settings.program, self._words or "without an error message", wait_s),
            )
            yield Batch(b"", NAME)
            await self._clock.sleep_until(self._clock.monotonic() + wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def _run(self, *, follow: bool) -> AsyncIterator[Batch]:
        """The output of one journalctl; `_words` has its last message, or the reason of an unexpected end."""
        await self._end()
        try:
            output = await self._start(follow=follow)
        except OSError as exc:
            self._words = in_words(exc)
            return
        assert self._process is not None
        process = self._process
        is_shown = not follow and self._state.shown_by == self._arguments()
        records = Records(self._settings.patterns, self._state.cursor, is_shown=is_shown)
        while data := await output.read(self._read_bytes):
            taken = records.feed(data)
            if taken.cursor is not None or taken.lines or taken.too_long:
                self._take(taken)
                yield Batch(taken.lines, NAME, home=NAME)
        with contextlib.suppress(TimeoutError):  # killed, it would have no meaningful exit code
            await asyncio.wait_for(process.wait(), _ENDING_S)
        code = await self._end()
        if not code:
            self._words = ""
        elif not self._words:
            self._words = f"exit code {code}"

    async def _start(self, *, follow: bool) -> asyncio.StreamReader:
        """Raises OSError."""
        cursor = self._state.cursor
        where = [] if cursor is None else [f"--cursor={cursor}"]
        self._words = ""
        self._words_fd, theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)  # without a reader messages are lost: no harm
        try:
            self._process = await asyncio.create_subprocess_exec(
                self._settings.program,
                *(["--follow", "--no-tail"] if follow else []),
                *(*_OUTPUT, *where, *self._arguments()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=theirs,
                limit=self._read_bytes,
                start_new_session=True,  # only the exporter handles Ctrl-C
            )
        finally:
            os.close(theirs)
        asyncio.get_running_loop().add_reader(self._words_fd, self._hear)
        assert self._process.stdout is not None
        return self._process.stdout

    def _take(self, taken: Taken) -> None:
        state = self._state
        if taken.has_gap:
            log.warning("journal: the last record that was read no longer exists; records after it may be missing too")
        self._add(
            cursor=taken.cursor or state.cursor,
            shown_by=state.shown_by if taken.cursor is None else self._arguments(),
            read_bytes=state.read_bytes + taken.read_bytes,
            too_long_lines=state.too_long_lines + taken.too_long,
            too_long_bytes=state.too_long_bytes + taken.too_long_bytes,
            last_line_s=self._clock.wall() if taken.lines else state.last_line_s,
            gaps=state.gaps + taken.has_gap,
        )

    def _arguments(self) -> tuple[str, ...]:
        return (*self._settings.place(), *self._settings.arguments())

    def _add(self, **changes: object) -> None:
        self._state = msgspec.structs.replace(self._state, **changes)

    def _hear(self) -> None:
        """Log the messages of journalctl."""
        assert self._words_fd is not None
        try:
            said = os.read(self._words_fd, _WORDS_BYTES)
        except BlockingIOError:
            return
        if not said:
            asyncio.get_running_loop().remove_reader(self._words_fd)
        elif words := _last_line(said):
            if words != self._words:
                log.warning("journal: %s: %s", self._settings.program, words)
            self._words = words

    async def _end(self) -> int:
        """End journalctl, if it is still running. Returns its exit code."""
        if self._words_fd is not None:
            self._hear()
            asyncio.get_running_loop().remove_reader(self._words_fd)
            os.close(self._words_fd)
            self._words_fd = None
        process, self._process = self._process, None
        if process is None:
            return 0
        kill(process)  # it has nothing to save
        return await process.wait()

    async def rest(self) -> list[Batch]:
        """None: uncounted lines can be read again."""
        return []

    @property
    def status(self) -> TailStatus:
        """The status. The number of waiting records is not known."""
        state, process = self._state, self._process
        return TailStatus(
            read_bytes=state.read_bytes,
            lost_bytes=0,
            lag_bytes=0,
            rotations=_NO_ROTATIONS,
            readable=process is not None and process.returncode is None,
            too_long_lines=state.too_long_lines,
            too_long_bytes=state.too_long_bytes,
            open_files=2 if process is not None else 0,
            last_line_s=state.last_line_s,
        )

    @property
    def losses(self) -> Losses:
        """Gaps, and how often journalctl ended."""
        return Losses(gaps=self._state.gaps, restarts=self._state.restarts)

    async def close(self) -> None:
        """End journalctl."""
        await self._end()


def _restored(saved: Mapping[str, bytes]) -> _State:
    try:
        return unpack(saved[TAIL], _State)
    except (KeyError, msgspec.MsgspecError, UnicodeError) as exc:
        raise StoreError(f"the position in the journal cannot be read: {why_not_json(exc)}") from exc


def _last_line(said: bytes) -> str:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return printable(lines[-1].strip())[:500] if lines else ""
