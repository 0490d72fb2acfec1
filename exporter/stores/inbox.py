"""A folder where files land, to be taken into the database.

What was read is put away in `done/`, what could not be in `failed/`, beside a file that says why.
Write a file under a name that begins with a dot, or elsewhere on the same disk, and rename it when it is whole. A file
that is still written to when it is read is read again, which is harmless, until it rests.

Others may write to the folder. So a file is opened once and read through that descriptor, whatever its name holds and
whoever replaces it meanwhile; links are set aside, not followed; and nothing is written through a name that exists.
"""

import contextlib
import errno
import heapq
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from exporter.stores.load import Input, Loaded, load
from exporter.stores.state import Database
from foundation.errors import SourceError, StoreError
from foundation.terminal import printable

log = logging.getLogger(__name__)

REST_S = 1.0
"""A file that has not changed for this long counts as whole."""
RETRY_S = 5.0
"""Until a file that could be neither read nor put away is tried again, then twice as long each time, up to an hour."""
LONGEST_RETRY_S = 3600.0
MOST_AT_ONCE = 1000
"""Files that one look finds, by name; the next look finds the others."""
_ENDINGS = tuple(
    form + packed
    for form in (".csv", ".tsv", ".ndjson", ".jsonl", ".parquet")  # .json may be anything, as the feed's truth is
    for packed in ("", ".gz", ".bz2", ".xz", ".zst")
)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # O_NONBLOCK: a FIFO would hold us forever
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_STEM = 50  # characters kept of a name that gets a number: at most 200 bytes of the 255 that a name may have


class Stamp(NamedTuple):
    """A directory entry, by which a change is seen."""

    device: int
    inode: int
    size: int
    changed_ns: int
    regular: bool


class Resting(NamedTuple):
    """A file to load."""

    name: str
    stamp: Stamp


class Seen(NamedTuple):
    """One look into the inbox.

    resting: files to take in now, by name.
    again_s: seconds until another look is due, if nothing else happens; None where all is done.
    """

    resting: list[Resting]
    again_s: float | None


class Taken(NamedTuple):
    """The result of a file, and of its rows if it was read.

    result: done, failed, or still there: changed meanwhile, or to be tried later.
    """

    result: Literal["done", "failed", "changed", "later"]
    loaded: Loaded | None = None


class _Later(NamedTuple):
    stamp: Stamp
    due_s: float
    delay_s: float


class Inbox:
    """One folder. Blocking; one thread at a time."""

    def __init__(self, folder: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Touches no file yet."""
        self.folder = folder
        self._monotonic = monotonic
        self._later: dict[str, _Later] = {}

    def look(self) -> Seen:
        """Find the files to take in; makes the folders where they are not there. Raises SourceError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in ("done", "failed"):
                _make_like(self.folder, name)
            with os.scandir(self.folder) as entries, _open_folder(self.folder) as within:
                self._later = {name: later for name, later in self._later.items() if _stamp(within, name)}
                names = (entry.name for entry in entries if _is_ours(entry) and not self._waits(within, entry.name))
                stamps = [(name, _stamp(within, name)) for name in heapq.nsmallest(MOST_AT_ONCE, names)]
        except OSError as exc:
            raise SourceError(f"{printable(exc.filename or self.folder)}: {exc.strerror}") from exc
        now_s = time.time()
        resting = [Resting(name, s) for name, s in stamps if s is not None and now_s - s.changed_ns / 1e9 >= REST_S]
        return Seen(resting, self._again_s(all_found=len(resting) == len(stamps) < MOST_AT_ONCE))

    def take(self, file: Resting, database: Database, now_us: int) -> Taken:
        """Load a file and move it. A fault affects only this file, and is logged once."""
        try:
            taken = _take(self.folder, file, database, now_us)
        except Exception as exc:  # the next file may be a good one
            before = self._later.get(file.name)
            if before is None or before.stamp != file.stamp:
                unexpected = not isinstance(exc, SourceError | StoreError)
                log.error("%s stays in the inbox: %s", printable(file.name), exc, exc_info=unexpected)  # noqa: TRY400
                before = None
            delay_s = min(LONGEST_RETRY_S, before.delay_s * 2) if before else RETRY_S
            self._later[file.name] = _Later(file.stamp, self._monotonic() + delay_s, delay_s)
            return Taken("later")
        self._later.pop(file.name, None)
        return taken

    def _waits(self, within: int, name: str) -> bool:
        """Whether a file that failed is not to be tried again yet."""
        later = self._later.get(name)
        return later is not None and later.due_s > self._monotonic() and _stamp(within, name) == later.stamp

    def _again_s(self, *, all_found: bool) -> float | None:
        now_s = self._monotonic()
        due = [later.due_s - now_s for later in self._later.values() if later.due_s > now_s]
        return 0.0 if not all_found else min(due, default=None)


def _take(folder: Path, file: Resting, database: Database, now_us: int) -> Taken:
    """Raises StoreError and SourceError, with the file left where it is."""
    loaded, reason = None, None
    try:
        with _open_folder(folder) as within:
            try:
                loaded = _load(within, file, database, now_us)
            except SourceError as exc:
                reason = str(exc)
            except (StoreError, OSError):
                raise
            except Exception as exc:  # an unexpected fault affects only this file
                log.exception("%s: unexpected error", printable(file.name))
                reason = f"{printable(file.name)}: unexpected error: {type(exc).__name__}: {exc}"
            if _stamp(within, file.name) != file.stamp:
                return Taken("changed", loaded)
            _put_away(within, file.name, reason)
            if reason is not None:
                log.warning("%s; the file is in failed/", reason)
    except OSError as exc:
        raise SourceError(f"{printable(exc.filename or folder)}: {exc.strerror}") from exc
    return Taken("failed" if reason else "done", loaded)


def _make_like(folder: Path, name: str) -> None:
    """Make a folder in `folder` that is open to whom that is open to, whatever the umask."""
    with contextlib.suppress(FileExistsError):
        (folder / name).mkdir()
        (folder / name).chmod(stat.S_IMODE(folder.stat().st_mode))


def _is_ours(entry: os.DirEntry[str]) -> bool:
    named = not entry.name.startswith(".") and entry.name.lower().endswith(_ENDINGS)
    return named and not entry.is_dir(follow_symlinks=False)


@contextlib.contextmanager
def _open_folder(path: Path | str, within: int | None = None) -> Iterator[int]:
    """A folder's descriptor: what is done through it is done in this folder, wherever its path leads meanwhile."""
    fd = os.open(path, _FOLDER if within is None else _FOLDER | os.O_NOFOLLOW, dir_fd=within)
    try:
        yield fd
    finally:
        os.close(fd)


def _stamp(folder: int, name: str) -> Stamp | None:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.ENAMETOOLONG):
            return None
        raise
    return Stamp(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, stat.S_ISREG(found.st_mode))


def _load(folder: int, file: Resting, database: Database, now_us: int) -> Loaded:
    """Raises SourceError for a file that is bad, StoreError and OSError for one that may be good another time."""
    name = printable(file.name)
    if not file.stamp.regular:
        raise SourceError(f"{name}: a link, a pipe or a device; only regular files are loaded")
    try:
        fd = os.open(file.name, _READ, dir_fd=folder)
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.ELOOP):  # gone or replaced since the look, as its stamp will show
            raise SourceError(f"{name}: {exc.strerror}") from exc
        raise
    try:
        (loaded,) = load(database, [Input(Path(f"/dev/fd/{fd}"), name)], now_us)
    finally:
        os.close(fd)
    return loaded


def _put_away(folder: int, name: str, reason: str | None) -> None:
    """Move the file where it belongs, under a name that is new there. Raises OSError."""
    with _open_folder("failed" if reason else "done", folder) as target:
        new = _free_name(target, name)
        os.rename(name, new, src_dir_fd=folder, dst_dir_fd=target)
        if reason is not None:
            with contextlib.suppress(OSError):  # the log says it too
                fd = os.open(f"{new}.reason.txt", _NEW, 0o644, dir_fd=target)
                with open(fd, "w", encoding="utf-8", errors="backslashreplace") as out:  # noqa: PTH123, a descriptor
                    out.write(reason + "\n")


def _free_name(target: int, name: str) -> str:
    """The name, or one with a number, under which there is neither a file nor a reason. Raises OSError."""
    ending = next(ending for ending in _ENDINGS if name.lower().endswith(ending))
    new, number = name, 1
    while _stamp(target, new) or _stamp(target, f"{new}.reason.txt"):
        number += 1
        new = f"{name[: -len(ending)][:_LONGEST_STEM]}-{number}{name[-len(ending) :]}"
    return new
