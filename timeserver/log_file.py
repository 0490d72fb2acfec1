"""The access log on disk: appended to, rotated by rename, old ones removed. Synchronous; the writer thread calls it.

A write may stop in the middle of a line (the disk is full). The rest of that line is then owed: it is what must be
written next, so a reader sees the line late but whole. Only `close` gives up on it, and cuts the torn part off.
"""

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path


class LogFile:
    """An append-only file that is opened at need. Not safe for two threads at once."""

    def __init__(self, path: Path, *, keep: int | None = None, write: Callable[[int, bytes], int] = os.write) -> None:
        """Open nothing yet.

        Args:
            path: where the log is; `PATH.<Unix time>` are its rotated files.
            keep: how many rotated files to leave; None leaves all.
            write: `os.write`, or what a test puts in its place.
        """
        self.path = path
        self._keep = keep
        self._write = write
        self._fd: int | None = None
        self._identity: tuple[int, int] | None = None
        self._torn_bytes = 0  # of the line at the file's end that is not whole yet

    @property
    def torn(self) -> bool:
        """Whether the file ends inside a line, the rest of which is owed."""
        return self._torn_bytes > 0

    def open(self) -> None:
        """Open the file, or make it, if it is not open or was moved away. Raises OSError."""
        self._reopen_if_moved()
        if self._fd is None:
            self._open()

    def append(self, data: bytes) -> int:
        """Write `data`, or as much of it as goes in one call; returns the number of bytes written.

        Raises OSError when nothing could be written.
        """
        self.open()
        assert self._fd is not None
        written = self._write(self._fd, data)
        last_end = data.rfind(b"\n", 0, written)
        self._torn_bytes = written - last_end - 1 if last_end >= 0 else self._torn_bytes + written
        return written

    def rotate(self, unix_s: int) -> bool:
        """Rename the log to `PATH.<unix_s>`, and remove the oldest beyond `keep`; `open` makes a new file.

        Returns whether there was something to rotate: an empty or missing log stays, and so does anything that is not
        a regular file (a pipe, a device). Raises OSError.
        """
        assert not self.torn, "a torn line would be parted from its rest"
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return False
        if not stat.S_ISREG(status.st_mode) or status.st_size == 0:
            return False
        target, number = Path(f"{self.path}.{unix_s}"), 0
        while target.exists():  # two rotations in one second
            number += 1
            target = Path(f"{self.path}.{unix_s}.{number}")
        self.path.rename(target)
        self._close_fd()
        self._prune()
        return True

    def close(self) -> None:
        """Close the file; a torn line at its end is cut off. Raises OSError."""
        if self._fd is None:
            return
        try:
            if self.torn:
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - self._torn_bytes)
        finally:
            self._torn_bytes = 0
            self._close_fd()

    def _open(self) -> None:
        fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        status = os.fstat(fd)
        self._fd, self._identity = fd, (status.st_dev, status.st_ino)
        # A process that was killed may have left half a line; it must not swallow our first one.
        if stat.S_ISREG(status.st_mode) and status.st_size and os.pread(fd, 1, status.st_size - 1) != b"\n":
            self._write(fd, b"\n")

    def _reopen_if_moved(self) -> None:
        """Follow somebody else's rotation: when the path no longer names our file, open what it names."""
        if self._fd is None or self.torn:
            return
        try:
            status = self.path.stat()
        except FileNotFoundError:
            self._close_fd()
        else:
            if (status.st_dev, status.st_ino) != self._identity:
                self._close_fd()

    def _close_fd(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            os.close(fd)

    def _prune(self) -> None:
        if self._keep is None:
            return
        ours = re.compile(re.escape(self.path.name) + r"\.(\d+)(?:\.(\d+))?")
        rotated = [
            (int(match[1]), int(match[2] or 0), entry)
            for entry in self.path.parent.iterdir()
            if (match := ours.fullmatch(entry.name))
        ]
        rotated.sort()
        for _, _, entry in rotated[: max(0, len(rotated) - self._keep)]:
            entry.unlink(missing_ok=True)
