"""The access log on disk: appended to, rotated by rename, old ones removed. Synchronous; the writer thread calls it.

A write may stop in the middle of a line (the disk is full). The rest of that line is then owed: it is what must be
written next, so a reader sees the line late but whole. Only `close` gives up on it, and cuts the torn part off.

Others may write to the folder: what they put in the log's place is never followed and never waited for, and only
regular files are rotated and removed.
"""

import os
import re
import select
import stat
from collections.abc import Callable
from pathlib import Path

from foundation.append import AppendedPath

PIPE_WAIT_S = 0.5  # for the reader of a pipe to make room


class LogFile:
    """An append-only file that is opened at need. Not safe for two threads at once."""

    def __init__(self, path: Path, *, keep: int | None = None, write: Callable[[int, bytes], int] = os.write) -> None:
        """Open nothing yet.

        Args:
            path: where the log is; `PATH.<Unix time>` are its rotated files.
            keep: how many rotated files to leave; None leaves all.
            write: `os.write`, or what a test puts in its place.
        """
        self._place = AppendedPath(path)
        self._keep = keep
        self._write = write
        self._fd: int | None = None
        self._identity: tuple[int, int] | None = None
        self._torn_bytes = 0  # of the line at the file's end that is not whole yet
        self._last = (-1, 0)  # second and number of the latest rotation

    @property
    def path(self) -> Path:
        """Where the log is; without the link that led to it at the start."""
        return self._place.path

    @property
    def torn(self) -> bool:
        """Whether the file ends inside a line, the rest of which is owed."""
        return self._torn_bytes > 0

    def open(self) -> None:
        """Open the file, or make it, if it is not open or was moved away. Raises OSError."""
        self._close_if_moved()
        if self._fd is None:
            self._open()

    def append(self, data: bytes) -> int:
        """Write `data`, or as much of it as goes in one call; returns the number of bytes written.

        Raises OSError when nothing could be written.
        """
        self.open()
        assert self._fd is not None
        try:
            written = self._write(self._fd, data)
        except BlockingIOError:
            _wait_for_room(self._fd)
            written = self._write(self._fd, data)
        last_end = data.rfind(b"\n", 0, written)
        self._torn_bytes = written - last_end - 1 if last_end >= 0 else self._torn_bytes + written
        return written

    def rotate(self, unix_s: int) -> bool:
        """Rename the log to `PATH.<unix_s>`; `open` makes a new file.

        Returns whether there was something to rotate: an empty or missing log stays, and so does anything that is not
        a regular file (a link, a pipe, a device). Raises OSError.
        """
        assert not self.torn, "a torn line would be parted from its rest"
        try:
            status = self.path.lstat()
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
            return False
        # Of two rotations in one second the later has the higher number, also when the first was removed already.
        number = self._last[1] + 1 if self._last[0] == unix_s else 0
        while os.path.lexists(target := f"{self.path}.{unix_s}.{number}" if number else f"{self.path}.{unix_s}"):
            number += 1
        self.path.rename(target)
        self._last = (unix_s, number)
        self._close_fd()
        return True

    def prune(self) -> None:
        """Remove the oldest rotated files beyond `keep`. Raises the first OSError, after trying all."""
        if self._keep is None:
            return
        ours = re.compile(re.escape(self.path.name) + r"\.(\d+)(?:\.(\d+))?")
        with os.scandir(self.path.parent) as entries:
            rotated = [
                (int(match[1]), int(match[2] or 0), entry.path)
                for entry in entries
                if (match := ours.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False)
            ]
        rotated.sort()
        trouble: OSError | None = None
        for _, _, path in rotated[: max(0, len(rotated) - self._keep)]:
            try:
                Path(path).unlink(missing_ok=True)
            except OSError as exc:
                trouble = trouble or exc
        if trouble is not None:
            raise trouble

    def close(self) -> None:
        """Close the file; a torn line at its end is cut off. Raises OSError."""
        if self._fd is None:
            return
        try:
            status = os.fstat(self._fd)
            if self.torn and stat.S_ISREG(status.st_mode):
                os.ftruncate(self._fd, status.st_size - self._torn_bytes)
        finally:
            self._torn_bytes = 0
            self._close_fd()

    def _open(self) -> None:
        fd = self._place.open()
        try:
            status = os.fstat(fd)
            # A process that was killed may have left half a line; it must not swallow our first one.
            if stat.S_ISREG(status.st_mode) and status.st_size and os.pread(fd, 1, status.st_size - 1) != b"\n":
                self._write(fd, b"\n")
        except OSError:
            os.close(fd)
            raise
        self._fd, self._identity = fd, (status.st_dev, status.st_ino)

    def _close_if_moved(self) -> None:
        """Follow somebody else's rotation: when the path no longer names our file, `open` takes what it names."""
        if self._fd is None or self.torn:
            return
        try:
            status = self.path.stat()
        except OSError:  # gone, or behind something that cannot be followed: `open` says which
            self._close_fd()
        else:
            if (status.st_dev, status.st_ino) != self._identity:
                self._close_fd()

    def _close_fd(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)


def _wait_for_room(fd: int) -> None:
    waiting = select.poll()
    waiting.register(fd, select.POLLOUT)
    waiting.poll(PIPE_WAIT_S * 1000)
