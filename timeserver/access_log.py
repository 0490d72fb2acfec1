"""The access log between the event loop and the disk: a bounded queue and one writer thread.

`write` never waits. While the log cannot be written the lines wait in the queue; once it is full they are dropped and
counted by the reason of the trouble, so written + dropped + waiting is always the number of lines given.

Trouble is counted each time and said once a minute.
"""

import errno
import threading
import time
from collections import deque
from collections.abc import Callable

import msgspec

from timeserver.log_file import LogFile

MAX_WAITING_BYTES = 8 << 20  # about 200,000 lines of the tab format: 40 s at 5,000 requests/s
GATHER_S = 0.01  # lines of this long share a write; a reader sees them that much later
RETRY_S = 0.5  # between attempts while the log cannot be written or rotated
SAY_EVERY_S = 60.0  # the same trouble, while it lasts or comes again
CLOSE_TIMEOUT_S = 5.0  # a disk that hangs does not keep the process for ever

BACKLOG = "backlog"
_REASONS = {
    errno.ENOSPC: "no_space",
    errno.EDQUOT: "no_space",
    errno.EFBIG: "no_space",
    errno.EACCES: "not_writable",
    errno.EPERM: "not_writable",
    errno.EROFS: "not_writable",
    errno.ENOENT: "not_writable",
    errno.ENOTDIR: "not_writable",
    errno.EISDIR: "not_writable",
    errno.ELOOP: "not_writable",  # a link,
    errno.ENXIO: "not_writable",  # or a device, was put in its place
    errno.EAGAIN: "not_writable",  # nobody reads the pipe
}
OTHER_ERROR = "io_error"
DROP_REASONS = (BACKLOG, "no_space", "not_writable", OTHER_ERROR)


class LogCounts(msgspec.Struct):
    """What became of the lines so far."""

    lines: int = 0  # written, whole
    dropped: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(DROP_REASONS, 0))
    rotations: int = 0
    write_errors: dict[str, int] = msgspec.field(default_factory=lambda: dict.fromkeys(DROP_REASONS[1:], 0))


class AccessLog:
    """Takes lines on the event loop and writes them from its own thread, between `start` and `close`."""

    def __init__(
        self,
        file: LogFile,
        say: Callable[[str], None],
        *,
        rotation_interval_s: float | None = None,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open nothing and start nothing yet.

        Args:
            file: where the lines go.
            say: reports one line of text to a person; called once a minute while there is trouble, and at its end.
            rotation_interval_s: rotate at start + n x this; None never rotates.
            max_waiting_bytes: how much may wait before lines are dropped.
            wall: Unix time in seconds, for the names of rotated files.
            monotonic: seconds that never go back, for what is due.
        """
        self.counts = LogCounts()
        self._file = file
        self._say = say
        self._interval_s = rotation_interval_s
        self._max_waiting_bytes = max_waiting_bytes
        self._wall = wall
        self._monotonic = monotonic
        self._rotation_due_s = monotonic() + rotation_interval_s if rotation_interval_s else float("inf")
        self._queue: deque[bytes] = deque()
        self._rest = b""  # taken from the queue and not written yet; may begin inside a line
        self._given_bytes = 0  # changed by the event loop only,
        self._done_bytes = 0  # and this by the writer only: their difference waits
        self._trouble: str | None = None
        self._trouble_was_said = False
        self._said_s: dict[str, float] = {}  # kind of trouble -> when it was said last
        self._rotate_again_s = float("-inf")  # not before, after a rotation that failed
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)

    @property
    def writable(self) -> bool:
        """Whether the last attempt to write went well; true before the first."""
        return self._trouble is None

    @property
    def waiting_bytes(self) -> int:
        """Bytes of lines that are neither written nor dropped yet."""
        return self._given_bytes - self._done_bytes

    def write(self, line: bytes) -> None:
        """Take one line, with its line end. Never waits; drops and counts the line when the queue is full."""
        if self._given_bytes - self._done_bytes + len(line) > self._max_waiting_bytes:
            self.counts.dropped[self._trouble or BACKLOG] += 1
            return
        self._given_bytes += len(line)
        self._queue.append(line)
        if not self._wake.is_set():
            self._wake.set()

    @property
    def started(self) -> bool:
        """Whether the writer thread was started."""
        return self._thread.ident is not None

    def start(self) -> None:
        """Start the writer thread."""
        self._thread.start()

    def close(self) -> None:
        """Write what waits, and stop. Lines that cannot be written now are dropped and counted."""
        self._closing.set()
        self._wake.set()
        self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            self._say(f"access log {self._file.path}: the disk does not answer; the last lines may be missing")

    def turn(self) -> None:
        """Write what waits, then rotate if that is due. One round of the writer thread."""
        try:
            try:
                self._write_waiting()
            finally:  # also on a full disk, where removing old logs makes room
                if self._until_rotation_s() == 0 and not self._file.torn:
                    self._rotate()
            self._file.open()  # also while nobody comes: for its readers a log that is not there is a fault
        except OSError as exc:
            self._in_trouble(exc)
        else:
            self._out_of_trouble()

    def finish(self) -> None:
        """The last round: what cannot be written now is dropped and counted."""
        self.turn()
        left = self._rest.count(b"\n") + len(self._queue)
        if left:
            self.counts.dropped[self._trouble or BACKLOG] += left
            self._rest, self._done_bytes = b"", self._given_bytes
            self._queue.clear()
            self._say(f"access log {self._file.path}: {left} lines dropped at the end")
        try:
            self._file.close()
        except OSError as exc:
            self._say(f"access log {self._file.path}: {exc.strerror}")

    def _run(self) -> None:
        self.turn()
        while not self._closing.is_set():
            if self.writable:
                self._wake.wait(self._until_rotation_s())
                self._closing.wait(GATHER_S)
                self._wake.clear()
            else:
                self._closing.wait(RETRY_S)
            self.turn()
        self.finish()

    def _until_rotation_s(self) -> float | None:
        if self._interval_s is None:
            return None
        return max(0.0, max(self._rotation_due_s, self._rotate_again_s) - self._monotonic())

    def _write_waiting(self) -> None:
        while self._rest or self._queue:
            if not self._rest:
                self._rest = b"".join(self._queue.popleft() for _ in range(len(self._queue)))
            written = self._file.append(self._rest)
            self.counts.lines += self._rest.count(b"\n", 0, written)
            self._rest = self._rest[written:]
            self._done_bytes += written

    def _rotate(self) -> None:
        """Rotate and remove old logs; a folder that refuses keeps no line from being written."""
        assert self._interval_s is not None
        try:
            if self._file.rotate(int(self._wall())):
                self.counts.rotations += 1
        except OSError as exc:
            self._rotate_again_s = self._monotonic() + RETRY_S
            self._count("not rotated", exc, "the lines go on in the same file")
            return
        missed = (self._monotonic() - self._rotation_due_s) // self._interval_s
        self._rotation_due_s += (missed + 1) * self._interval_s
        try:
            self._file.prune()
        except OSError as exc:
            self._count("old logs not removed", exc, "the next rotation tries again")

    def _in_trouble(self, exc: OSError) -> None:
        said = self._count(
            "not writable",
            exc,
            f"requests are still served, and lines wait (at most {self._max_waiting_bytes >> 10} KiB, then they "
            f"are dropped and counted; dropped so far: {sum(self.counts.dropped.values())})",
        )
        self._trouble = _reason(exc)
        self._trouble_was_said = self._trouble_was_said or said

    def _out_of_trouble(self) -> None:
        self._trouble = None
        if self._trouble_was_said:
            self._trouble_was_said = False
            dropped = sum(self.counts.dropped.values())
            self._say(f"access log {self._file.path}: writable again; lines dropped so far: {dropped}")

    def _count(self, what: str, exc: OSError, consequence: str) -> bool:
        """Count one failed call; returns whether it was said, which happens once a minute."""
        self.counts.write_errors[_reason(exc)] += 1
        now_s = self._monotonic()
        if now_s - self._said_s.get(what, float("-inf")) < SAY_EVERY_S:
            return False
        self._said_s[what] = now_s
        self._say(f"access log {self._file.path}: {what}: {exc.strerror or exc}; {consequence}")
        return True


def _reason(exc: OSError) -> str:
    return _REASONS.get(exc.errno or 0, OTHER_ERROR)
