"""The file a collector appends to: TAB-separated rows, each written whole.

A row that a full disk cut short is completed as soon as there is room. What an earlier run left torn at the end is
moved to `FILE.torn`; nothing that stands in the file is ever overwritten.
"""

import contextlib
import fcntl
import os
from pathlib import Path

from exporter.stats.header import header_names
from foundation.append import AppendedPath
from foundation.errors import ConfigError, StoreError

MAX_WAITING_BYTES = 1 << 20  # rows that wait for room: some 40,000, four days at 10 s
_TAIL_BYTES = 1 << 16  # more than a row can have
_HEAD_BYTES = 1 << 16


class RecordFile:
    """Appends rows of `columns` to a file, which is locked against a second collector."""

    def __init__(self, path: Path, columns: tuple[str, ...], *, header: bool = False) -> None:
        """Open the file, set a torn last line aside, and write the header if one is wanted and the file is new.

        Raises ConfigError for a file with other columns, StoreError for one that can't be opened or is in use.
        """
        self.path = path
        self._place = AppendedPath(path)
        self.set_aside: bytes = b""  # what an earlier run left torn
        self._columns = columns
        self._header = header
        self._waiting = b""  # rows not written yet; may begin inside a row
        self._torn_bytes = 0  # of the row at the file's end that is not whole yet
        self._fd = self._open()

    def append(self, row: str) -> None:
        """Write what waits and then `row`. Raises StoreError when that fails; the row then waits, if there is room."""
        line = row.encode() + b"\n"
        if len(self._waiting) + len(line) <= MAX_WAITING_BYTES:
            self._waiting += line
        self.flush()

    def flush(self) -> None:
        """Write what waits. Raises StoreError."""
        if not self._torn_bytes and self._moved():
            fd = self._open()
            os.close(self._fd)
            self._fd = fd
        while self._waiting:
            try:
                written = os.write(self._fd, self._waiting)
            except OSError as exc:
                raise StoreError(f"{self.path}: {exc.strerror}") from exc
            end = self._waiting.rfind(b"\n", 0, written)
            self._torn_bytes = written - end - 1 if end >= 0 else self._torn_bytes + written
            self._waiting = self._waiting[written:]

    def close(self) -> int:
        """Try once more, and close. Returns the number of rows that could not be written; no torn row stays."""
        with contextlib.suppress(StoreError, ConfigError):
            self.flush()
        if self._torn_bytes:
            os.ftruncate(self._fd, os.fstat(self._fd).st_size - self._torn_bytes)
        os.close(self._fd)
        return self._waiting.count(b"\n")

    def _open(self) -> int:
        try:
            fd = self._place.open()
        except OSError as exc:
            raise StoreError(f"{self.path}: {exc.strerror}") from exc
        try:
            self._prepare(fd)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _prepare(self, fd: int) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise StoreError(f"{self.path}: another collector is writing to it; choose another --output") from exc
        try:
            self._set_torn_line_aside(fd)
            size = os.fstat(fd).st_size
            if size:
                self._check_columns(os.pread(fd, _HEAD_BYTES, 0))
            elif self._header:
                os.write(fd, "\t".join(self._columns).encode() + b"\n")
        except OSError as exc:
            raise StoreError(f"{self.path}: {exc.strerror}") from exc

    def _set_torn_line_aside(self, fd: int) -> None:
        """An unfinished last line may lack digits, so it is not a record; it is kept beside the file."""
        size = os.fstat(fd).st_size
        begin = max(0, size - _TAIL_BYTES)
        tail = os.pread(fd, _TAIL_BYTES, begin)
        torn = tail[tail.rfind(b"\n") + 1 :]
        if not torn:
            return
        if len(torn) == _TAIL_BYTES:
            raise ConfigError(
                f"{self.path}: its last line has more than {_TAIL_BYTES} bytes; is this a collector's file?"
            )
        beside = AppendedPath(Path(f"{self.path}.torn"), trusted=False)
        with os.fdopen(beside.open(), "ab") as aside:
            aside.write(torn + b"\n")
            aside.flush()
            os.fsync(aside.fileno())
        os.ftruncate(fd, size - len(torn))
        self.set_aside = torn

    def _check_columns(self, head: bytes) -> None:
        """Refuse to mix two kinds of rows in one file."""
        first = header_names(head.partition(b"\n")[0].decode("utf-8", "replace"))
        if not first:
            return
        has_header = "time" in first
        if (has_header and first != self._columns) or len(first) != len(self._columns):
            there = ",".join(first) if has_header else f"{len(first)} columns"
            raise ConfigError(
                f"{self.path}: has {there} and not {','.join(self._columns)}; "
                "give --columns as the file has them, or another --output"
            )

    def _moved(self) -> bool:
        """Whether the path now names another file (it was rotated), or none."""
        try:
            now = self.path.stat()
        except FileNotFoundError:
            return True
        mine = os.fstat(self._fd)
        return (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino)
