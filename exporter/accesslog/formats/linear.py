"""Whether a regex can match a line at all: RE2 says so, in a time that grows with the line and no faster.

It is asked only where `re` has taken long, and believed only where it says no and cannot mean another thing than `re`:
lines of printable ASCII, patterns without the few signs that both know and read differently. DuckDB has it.
"""

import re

import duckdb

from exporter import duck
from foundation.errors import StoreError

_MEMORY_BYTES = 64 << 20
_PLAIN_LINE = re.compile(rb"[\t\x20-\x7e]*")
_DIFFERENT = ("[:", "{,")
"""`[[:alpha:]]` is a class of RE2's, and a set and a bracket of Python's; `a{,2}` is a repetition only there."""


class CannotMatch:
    """One regex. Not for two threads at once."""

    def __init__(self, pattern: str) -> None:
        """`pattern`: one that `re` takes, for whole lines."""
        quoted = pattern.replace("'", "''")
        self._sql = f"SELECT regexp_full_match(?, '{quoted}')"
        self._is_known = pattern.isascii() and not any(signs in pattern for signs in _DIFFERENT)
        self._db: duckdb.DuckDBPyConnection | None = None

    def __call__(self, line: bytes) -> bool:
        """Whether `re` would find no match; False where that is not known."""
        if not self._is_known or not _PLAIN_LINE.fullmatch(line):
            return False
        try:
            self._db = self._db or duck.connect(memory_bytes=_MEMORY_BYTES, threads=1)
            found = self._db.execute(self._sql, [line.decode("ascii")]).fetchone()
        except (duckdb.InvalidInputException, duckdb.BinderException):
            self._is_known = False
            return False
        except (StoreError, duckdb.Error, MemoryError):
            return False
        return found == (False,)
