"""DuckDB within the memory that this process may have.

Its threads each take 72 MiB of addresses and more, and if one has no room for its stack, the process ends with a
segmentation fault. So under a limit of addresses it gets no additional thread, and if little of any limit is left it is
not started or queried.
"""

import errno
import os
from typing import Any

import duckdb

from exporter import memory
from foundation.errors import StoreError

ADDRESS_BYTES = 384 << 20
"""Of addresses, for it to begin: 200,000 groups of a log's chunk took 254 MiB with a memory limit of 128 MiB."""
RESIDENT_BYTES = 96 << 20
"""Of pages, for it to begin: it takes 25 MiB before its first table."""
_ASK_SHARE = 2  # of both, once it has begun and holds some of it

_ALONE = ({"threads": 1, "async_threads": 0}, {"threads": 1})  # DuckDB 1 has no async_threads


def connect(path: str = ":memory:", *, memory_bytes: int, **config: Any) -> duckdb.DuckDBPyConnection:
    """Open a database. Raises StoreError where too little memory is left, and duckdb.Error.

    Args:
        path: Its file.
        memory_bytes: DuckDB's memory limit, where as much is left.
        config: More settings of DuckDB.
    """
    left = memory.left()
    _check(left, 1)
    rooms = [memory_bytes, *(room // 2 for room in left if room is not None)]
    config["memory_limit"] = f"{min(rooms) >> 20}MiB"
    if left.address_bytes is None:
        return duckdb.connect(path, config=config)
    try:
        return duckdb.connect(path, config=config | _ALONE[0])
    except duckdb.InvalidInputException:
        return duckdb.connect(path, config=config | _ALONE[1])


def check_room() -> None:
    """Raises StoreError if too little memory is left for a query to an open database."""
    _check(memory.left(), _ASK_SHARE)


def _check(left: memory.Left, share: int) -> None:
    """`share`: the sufficient part of what is needed to start."""
    for room, need, what in (
        (left.address_bytes, ADDRESS_BYTES // share, "the address space (ulimit -v)"),
        (left.resident_bytes, RESIDENT_BYTES // share, "the memory of its control group"),
    ):
        if room is not None and room < need:
            raise StoreError(
                f"{os.strerror(errno.ENOMEM)}: DuckDB needs {need >> 20} MiB of {what}, and {max(0, room) >> 20} MiB "
                "of the limit are left; raise it"
            )
