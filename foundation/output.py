"""Result files: whole or not at all, and never in the place of a device.

A result is written beside its path and then renamed over it, so that a full disk or a kill leaves the old file. A path
that names something other than a regular file (a pipe, /dev/stdout) is written to as it is: renaming over it would
replace the device.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from foundation.errors import StoreError


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose content takes the place of `path` once it is whole; standard output for `-`. Raises StoreError."""
    try:
        if str(path) == "-":
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                yield stream
            return
        target = path.resolve()  # a link stays a link
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as stream:
                yield stream
            temporary.replace(target)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    except BrokenPipeError:  # whoever read standard output has enough
        raise
    except OSError as exc:
        raise StoreError(f"{path}: {exc.strerror}") from exc
