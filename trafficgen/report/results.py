"""`--results FILE`: one row for each request of a run, in the order of their due times.

Workers note records in files without a name in the folder of the result, so that nothing is left where a run is killed.
After the run DuckDB sorts them, beside that file where memory does not do, and writes CSV or Parquet.
"""

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from foundation.errors import ConfigError, StoreError, in_words
from trafficgen.meter.recorder import REASONS, RECORD

if TYPE_CHECKING:
    import duckdb

FORMS = {
    ".csv": "FORMAT csv, HEADER, NULLSTR ''",
    ".csv.gz": "FORMAT csv, HEADER, NULLSTR '', COMPRESSION gzip",
    ".parquet": "FORMAT parquet, COMPRESSION zstd",
}
COLUMNS = ("due", "sent", "answered", "given_up", "code", "bytes", "target", "reason")
MEMORY = "256MiB"  # of DuckDB; above it the rows are sorted on the disk
_BLOCK = 1 << 18  # records read at once: 11 MiB


class Clock(NamedTuple):
    """How times of the monotonic clock become instants: one pair of readings, at the start of the run."""

    monotonic_ns: int
    unix_s: float


def form_of(path: Path) -> str:
    """The suffix that says how a file is written. Raises ConfigError."""
    for suffix in FORMS:
        if path.name.lower().endswith(suffix):
            return suffix
    raise ConfigError(f"--results: {path}: the name must end in .csv, .csv.gz or .parquet")


@contextmanager
def record_files(path: Path | None, workers: int) -> Iterator[Sequence[IO[bytes]]]:
    """A file without a name for each worker, in the folder of `path`; none without a path. Raises ConfigError."""
    with ExitStack() as stack:
        folder, number = path and path.parent, workers if path else 0
        try:
            files = [stack.enter_context(tempfile.TemporaryFile(dir=folder, buffering=0)) for _ in range(number)]
        except OSError as exc:
            raise ConfigError(f"--results: {path}: {in_words(exc)}") from exc
        yield files


def save_results(
    path: Path,
    files: Sequence[IO[bytes]],
    planned: int,
    *,
    targets: Sequence[str],
    target_numbers: Sequence[int],
    clock: Clock,
) -> None:
    """Write the records of all workers to `path`, which must not be there.

    Args:
        path: CSV or Parquet by its suffix.
        files: What the recorders wrote.
        planned: How many rows there must be.
        targets: What they are called.
        target_numbers: Of each kind of request, its target.
        clock: For the instants.

    Raises:
        StoreError: It cannot be written, or is there, or would not be whole.
    """
    import duckdb  # noqa: PLC0415, slow to import, and few runs need it

    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".tidewatch-results-") as folder:
            place = Path(folder) / "rows"
            config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": MEMORY, "temp_directory": folder}
            with duckdb.connect(f"{folder}/sort.db", config=config) as base:
                rows = _load(base, files, np.array(target_numbers, dtype=np.int64), clock)
                if rows != planned:
                    raise StoreError(f"--results: {path}: {rows:,} of {planned:,} requests are recorded")
                base.execute(
                    f"COPY ({_rows(form_of(path))}) TO '{_quoted(place)}' ({FORMS[form_of(path)]})",
                    {"targets": list(targets), "reasons": [reason or None for reason in REASONS]},
                )
            path.hardlink_to(place)
    except OSError as exc:
        raise StoreError(f"--results: {path}: {in_words(exc)}") from exc
    except duckdb.Error as exc:
        full = os.strerror(errno.ENOSPC)
        why = full if full in str(exc) else str(exc).splitlines()[0]  # not with names of our own files
        raise StoreError(f"--results: {path}: {why}") from exc


def _load(
    base: "duckdb.DuckDBPyConnection", files: Sequence[IO[bytes]], target_numbers: npt.NDArray[np.int64], clock: Clock
) -> int:
    """Put all records into a table. Returns how many there are."""
    base.execute(
        "CREATE TABLE records (due BIGINT, sent BIGINT, ended BIGINT, bytes BIGINT, number BIGINT, target INT,"
        " code SMALLINT, reason UTINYINT)"
    )
    rows = 0
    for file in files:
        file.seek(0)
        while content := file.read(_BLOCK * RECORD.itemsize):
            block = np.frombuffer(content, dtype=RECORD)
            times = {name: _instants_us(block[f"{name}_ns"], clock) for name in ("due", "sent", "ended")}
            target = target_numbers[block["number"] % len(target_numbers)].astype(np.int32)
            others = {name: np.ascontiguousarray(block[name]) for name in ("bytes", "number", "code", "reason")}
            base.register("block", times | others | {"target": target})
            base.execute("INSERT INTO records BY NAME SELECT * FROM block")
            base.unregister("block")
            rows += len(block)
    return rows


def _instants_us(times_ns: npt.NDArray[np.int64], clock: Clock) -> npt.NDArray[np.int64]:
    """Unix time in microseconds; 0 stays 0."""
    since_us = (times_ns - clock.monotonic_ns) // 1000
    return np.where(times_ns > 0, since_us + round(clock.unix_s * 1e6), 0)


def _rows(form: str) -> str:
    """The question for the rows; instants as ISO 8601 in CSV."""

    def instant(value: str, name: str) -> str:
        """SQL for a time: a timestamp in Parquet, text elsewhere."""
        made = f"make_timestamp({value})"
        iso = f"strftime({made}, '%Y-%m-%dT%H:%M:%S.%fZ')"
        return f"{f'make_timestamptz({value})' if form == '.parquet' else iso} AS {name}"

    instants = (
        instant("nullif(due, 0)", "due"),
        instant("nullif(sent, 0)", "sent"),
        instant("if(reason = 0, ended, NULL)", "answered"),
        instant("if(reason = 0, NULL, ended)", "given_up"),
    )
    more = (
        "nullif(code, 0) AS code, if(sent = 0, NULL, bytes) AS bytes, $targets[target + 1] AS target, "
        "$reasons[reason + 1] AS reason"
    )
    order = "if(records.due = 0, ended, records.due), number"
    return f"SELECT {', '.join(instants)}, {more} FROM records ORDER BY {order}"  # noqa: S608, all of it is ours


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def place_for_results(path: Path) -> Path:
    """A file that can be made and is not there: an earlier run's rows can't be had again.

    Raises ConfigError, and StoreError for a folder that is missing or closed.
    """
    form_of(path)
    if not path.parent.is_dir():
        raise StoreError(f"--results: {path}: there is no folder {path.parent}")
    if os.path.lexists(path):
        raise ConfigError(f"--results: {path}: the file already exists; remove it, or give another name")
    if not os.access(path.parent, os.W_OK):
        raise StoreError(f"--results: {path}: not writable")
    return path
