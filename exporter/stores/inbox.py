"""A folder where CSV files land, to be taken into the database.

What was read is put away in `done/`, what could not be in `failed/`, beside a file that says why.
Write a file under a name that begins with a dot, or elsewhere on the same disk, and rename it when it is whole. A file
that is still written to when it is read is read again, which is harmless, until it rests.
"""

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from exporter.errors import SourceError
from exporter.stores.database import Database
from exporter.stores.load import Input, Loaded, load

REST_S = 1.0
"""A file that has not changed for so long is taken for whole."""
_ENDINGS = (".csv", ".csv.gz")


class Scanned(NamedTuple):
    """What one look into the inbox did; `waiting` files are not at rest yet."""

    loaded: list[Loaded]
    results: Counter[str]
    waiting: int


def prepare(folder: Path) -> None:
    """Make the inbox and its folders. Raises SourceError."""
    try:
        for name in (".", "done", "failed"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise SourceError(f"{exc.filename}: {exc.strerror}") from exc


def scan(folder: Path, database: Database, now_us: int) -> Scanned:
    """Take in every file that rests. Raises StoreError, with the files left where they are, and SourceError."""
    scanned = Scanned([], Counter(), 0)
    waiting = 0
    try:
        for path in sorted(_files(folder)):
            before = _stamp(path)
            if before is None:
                continue
            if time.time() - before[1] / 1e9 < REST_S:
                waiting += 1
                continue
            result = _take(path, database, now_us, scanned.loaded)
            if _stamp(path) != before:
                waiting += 1
                continue
            _put_away(path, folder / ("failed" if result else "done"), result)
            scanned.results["failed" if result else "done"] += 1
    except OSError as exc:
        raise SourceError(f"{exc.filename}: {exc.strerror}") from exc
    return scanned._replace(waiting=waiting)


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


def _take(path: Path, database: Database, now_us: int, loaded: list[Loaded]) -> str | None:
    """Load one file; why it failed, if it did."""
    try:
        loaded += load(database, [Input(path, path.name)], now_us)
    except SourceError as exc:
        return str(exc)
    return None


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
