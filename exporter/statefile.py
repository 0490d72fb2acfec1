"""The state file: a private directory, a lock of one process, a file that only its owner can read."""

import contextlib
import errno
import fcntl
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from foundation.errors import StoreError, in_words, may_pass

log = logging.getLogger(__name__)

_FULL = {errno.ENOSPC, errno.EDQUOT}

FileId = tuple[int, int]
"""Device and inode."""


def keep_files_private() -> None:
    """Make new files of this process private, such as the write-ahead log of a DuckDB database."""
    os.umask(0o077)


class Unavailable(StoreError):  # noqa: N818, a state of the disk, which may pass
    """The state cannot be read or written now, which may be temporary. `reason` is the label of a metric."""

    def __init__(self, reason: str, text: str) -> None:
        """`text`: for people."""
        super().__init__(text)
        self.reason = reason


class StateFile:
    """The path of a state file, and this process's claim to it. Not for two threads at a time."""

    def __init__(self, path: Path) -> None:
        """Touches nothing yet."""
        self.path = path
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._lock_fd: int | None = None
        self._file: FileId | None = None
        self._made: FileId | None = None

    def take(self) -> None:
        """Create directory and file if they are missing, lock the file, and make it unreadable for other users.

        Raises StoreError where another process has it or the path cannot be used, Unavailable where that may pass.
        """
        with _explained(self.path):
            self._make_directory()
            if self._lock_fd is None or _id(self._lock_path) != _id_of(self._lock_fd):
                self._lock()
            self._make_private()
            there = self.path.exists()
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._file = _id_of(fd)
            finally:
                os.close(fd)
            if not there:
                self._made = self._file

    def is_ours(self) -> bool:
        """Whether file and lock that were taken are still at their paths. Raises Unavailable, StoreError."""
        if self._lock_fd is None:
            return False
        with _explained(self.path):
            return _id(self.path) == self._file and _id(self._lock_path) == _id_of(self._lock_fd)

    def was_emptied(self) -> bool:
        """Whether there is nothing in a file that was there before us."""
        return self._file != self._made and not self.path.stat().st_size

    def give_up(self) -> None:
        """Release the lock."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def set_aside(self, stamp: int) -> Path:
        """Rename the file, and what SQLite keeps beside it, so that it can be looked at. Raises Unavailable."""
        with _explained(self.path):
            aside = next(path for path in self._asides(stamp) if not path.exists())
            for tail in ("", "-wal", "-shm", "-journal"):
                with contextlib.suppress(FileNotFoundError):
                    self.path.with_name(self.path.name + tail).rename(aside.with_name(aside.name + tail))
        return aside

    def _asides(self, stamp: int) -> Iterator[Path]:
        yield self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        for number in range(1, 1 << 20):  # the clock was set back, or twice in a second
            yield self.path.with_name(f"{self.path.name}.damaged-{stamp}-{number}")

    def _make_directory(self) -> None:
        directory = self.path.parent
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(directory.stat().st_mode)
        if mode & 0o077 and self._lock_fd is None:  # once a process
            log.warning("%s: other users may enter it (mode %o); `chmod 700` keeps them out", directory, mode)

    def _make_private(self) -> None:
        for file in self.path.parent.iterdir():
            if not file.name.startswith(self.path.name) or file.is_symlink() or not file.is_file():
                continue
            mode = stat.S_IMODE(file.stat().st_mode)
            if not mode & 0o077:
                continue
            try:
                file.chmod(0o600)
            except PermissionError:
                log.warning("%s: other users may read it (mode %o), and this user cannot change it", file, mode)
            else:
                log.warning("%s: other users could read it (mode %o); its mode is now 600", file, mode)

    def _lock(self) -> None:
        """Claim the file for this process; the kernel lets go of the lock however the process ends.

        The lock is on a file of its own: SQLite's would not survive the replacement of a damaged file.
        """
        self.give_up()
        fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
            os.close(fd)
            raise StoreError(
                f"{self.path.parent}: in use by process {holder or 'unknown'}; give each exporter its own state_dir"
            ) from exc
        with contextlib.suppress(OSError):  # the number is for people; on a full disk the lock is still good
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        self._lock_fd = fd


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """The system's errors as ours."""
    try:
        yield
    except OSError as exc:
        _explain(path, exc)


def _explain(path: Path, exc: OSError) -> NoReturn:
    if may_pass(exc):
        raise Unavailable("full" if exc.errno in _FULL else "write", f"{path}: {in_words(exc)}") from exc
    raise StoreError(f"{path}: {in_words(exc)}; set state_dir to a directory this user can write") from exc


def _id(path: Path) -> FileId | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def _id_of(fd: int) -> FileId:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino
