"""A folder where CSV files land, to be taken into the database.

What was read is put away in `done/`, what could not be in `failed/`, beside a file that says why.
Write a file under a name that begins with a dot, or elsewhere on the same disk, and rename it when it is whole. A file
that is still written to when it is read is read again, which is harmless, until it rests.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from exporter.stores.load import Input, Loaded, load
from exporter.stores.state import Database
from foundation.errors import SourceError

REST_S = 1.0
"""A file that has not changed for so long is taken for whole."""
_ENDINGS = (".csv", ".csv.gz")


class Seen(NamedTuple):
    """One look into the inbox: the files at rest, by name, and how many are not yet."""

    resting: list[Path]
    waiting: int


class Taken(NamedTuple):
    """What became of a file: done, failed, or changed meanwhile, and so still there; and its rows where it was read."""

    result: Literal["done", "failed", "changed"]
    loaded: Loaded | None


def prepare(folder: Path) -> None:
    """Make the inbox and its folders. Raises SourceError."""
    try:
        for name in (".", "done", "failed"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise SourceError(f"{exc.filename}: {exc.strerror}") from exc


def look(folder: Path) -> Seen:
    """Find the files to take in. Raises SourceError."""
    try:
        stamps = [(path, stamp) for path in sorted(_files(folder)) if (stamp := _stamp(path)) is not None]
    except OSError as exc:
        raise SourceError(f"{exc.filename}: {exc.strerror}") from exc
    now_s = time.time()
    resting = [path for path, (_, changed_ns) in stamps if now_s - changed_ns / 1e9 >= REST_S]
    return Seen(resting, len(stamps) - len(resting))


def take(folder: Path, path: Path, database: Database, now_us: int) -> Taken:
    """Take a file in and put it away. Raises StoreError, with the file left where it is, and SourceError."""
    try:
        before = _stamp(path)
        loaded, reason = None, None
        try:
            (loaded,) = load(database, [Input(path, path.name)], now_us)
        except SourceError as exc:
            reason = str(exc)
        if before is None or _stamp(path) != before:
            return Taken("changed", loaded)
        _put_away(path, folder / ("failed" if reason else "done"), reason)
    except OSError as exc:
        raise SourceError(f"{exc.filename}: {exc.strerror}") from exc
    return Taken("failed" if reason else "done", loaded)


def _files(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file() and not entry.name.startswith(".") and entry.name.lower().endswith(_ENDINGS):
                yield Path(entry.path)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns


def _put_away(path: Path, folder: Path, reason: str | None) -> None:
    target = folder / path.name
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}-{number}{path.suffix}"
    path.rename(target)
    if reason is not None:
        with contextlib.suppress(OSError):  # the log says it too
            target.with_name(target.name + ".reason.txt").write_text(reason + "\n", "utf-8")
