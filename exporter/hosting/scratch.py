"""Rows on disk: columns by group, read back group by group, so that memory holds a few at a time.

The file has no name, so it disappears however the process ends.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from foundation.errors import StoreError
from foundation.output import writing_temporary

GROUPS = 256
WAITING_ROWS = 1 << 20  # in memory
_LARGE_FILES = Path("/var/tmp")  # noqa: S108, where /tmp may be memory; the file has no name there

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]


def scratch_folder() -> Path:
    """Where large temporary files go: TMPDIR, or else where the system keeps them."""
    named = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    if not named and os.access(_LARGE_FILES, os.W_OK):
        return _LARGE_FILES
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # nothing can be written anywhere: an error only when something must be written
        return _LARGE_FILES


class _Piece(NamedTuple):
    """Rows sorted by group, and each group's first row; (GROUPS + 1,).

    begins: where each column begins on disk.
    kept: the columns of rows that are not on disk.
    """

    begins: dict[str, int]
    first: npt.NDArray[np.int64]
    kept: Arrays


class Scratch:
    """Rows of columns, each in one of GROUPS groups. A few stay in memory. `close` releases the disk."""

    def __init__(self, columns: Mapping[str, type]) -> None:
        """`columns`: the NumPy type of each column, by its name."""
        self._dtypes = {name: np.dtype(dtype) for name, dtype in columns.items()}
        self._file: IO[bytes] | None = None
        self._pieces: list[_Piece] = []
        self._waiting: list[tuple[npt.NDArray[np.uint8], Arrays]] = []
        self._waiting_rows = self._size = 0

    def add(self, group: npt.NDArray[np.uint8], columns: Arrays) -> None:
        """Add rows. Raises StoreError if the disk is full."""
        self._waiting.append((group, columns))
        self._waiting_rows += len(group)
        if self._waiting_rows >= WAITING_ROWS:
            self._end_piece(on_disk=True)

    def groups(self) -> list[int]:
        """Those that have rows."""
        self._end_piece(on_disk=False)
        rows = sum((np.diff(piece.first) for piece in self._pieces), np.zeros(GROUPS, np.int64))
        found: list[int] = np.flatnonzero(rows).tolist()
        return found

    def read(self, group: int) -> dict[str, npt.NDArray[Any]]:
        """All rows of a group, in the order in which they came; after `groups`. Several threads may read."""
        parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in self._dtypes}
        for piece in self._pieces:
            first, last = piece.first[group : group + 2].tolist()
            for name, dtype in self._dtypes.items() if first < last else ():
                if name in piece.kept:
                    parts[name].append(piece.kept[name][first:last])
                    continue
                at, size = piece.begins[name] + first * dtype.itemsize, (last - first) * dtype.itemsize
                parts[name].append(np.frombuffer(self._get(at, size), dtype))
        return {name: np.concatenate(found) for name, found in parts.items()}

    def close(self) -> None:
        """Release the disk."""
        if self._file is not None:
            self._file.close()

    def _end_piece(self, *, on_disk: bool) -> None:
        if not self._waiting:
            return
        group = np.concatenate([one for one, _ in self._waiting])
        order = np.argsort(group, kind="stable")
        begins, kept = dict[str, int](), dict[str, npt.NDArray[Any]]()
        for name, dtype in self._dtypes.items():
            begins[name] = self._size
            column = np.concatenate([columns[name] for _, columns in self._waiting])[order].astype(dtype, copy=False)
            if on_disk:
                self._put(column)
            else:
                kept[name] = column
        self._pieces.append(_Piece(begins, np.searchsorted(group[order], np.arange(GROUPS + 1)), kept))
        self._waiting, self._waiting_rows = [], 0

    def _put(self, column: npt.NDArray[Any]) -> None:
        folder = scratch_folder()
        with writing_temporary(folder):
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115, until `close`
            left = column.data.cast("B")
            while left:
                taken = os.pwrite(self._file.fileno(), left, self._size)
                self._size += taken
                left = left[taken:]

    def _get(self, at: int, size: int) -> bytes:
        assert self._file is not None
        found = os.pread(self._file.fileno(), size, at)
        if len(found) != size:
            raise StoreError(f"{scratch_folder()}: a temporary file is cut off")
        return found
