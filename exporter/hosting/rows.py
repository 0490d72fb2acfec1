"""The results of lines: rows of four tables, or lines that are set aside with their reason."""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

MAX_KEPT_TEXT = 1000  # bytes of a bad line that are worth keeping

Columns: TypeAlias = dict[str, npt.NDArray[Any]]
"""A table: equally long arrays by column name."""

Take: TypeAlias = Callable[[str, Columns], None]
"""Called with rows, keyed and typed as TABLES: the name of a table, and its columns."""

TABLES: dict[str, dict[str, type]] = {
    "heartbeats": {"server_id": np.int64, "time_s": np.int64, "workload": np.float64},
    "routes": {"account_id": np.int64, "server_id": np.int64, "time_s": np.int64, "doubt": np.int64},
    "creates": {"account_id": np.int64, "account_name": np.object_, "time_s": np.int64},
    "deletes": {"account_id": np.int64, "time_s": np.int64},
}


class SetAside(msgspec.Struct, frozen=True):
    """A line that is not an event: its number (`line` from 1, None if not known), the reason, and its first bytes."""

    file: str
    line: int | None
    reason: str
    detail: str
    text: str
