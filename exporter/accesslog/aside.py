"""The text of bad lines, written to a separate file: `--set-aside`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from exporter.accesslog.parse.opening import Inside
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import Tally
from exporter.sources.lines import each_line
from foundation.errors import ConfigError, StoreError, in_words

Aside: TypeAlias = Callable[[bytes], None]
"""Receives bad lines, with their newlines."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PRIVATE = 0o600  # what clients send may be secret, and the mode of the log file is not known here


@contextmanager
def set_aside(path: Path) -> Iterator[Aside]:
    """A new file for bad lines; its size is not limited.

    Raises ConfigError if it cannot be created, and StoreError if it cannot be written.
    """
    try:
        fd = os.open(path, _NEW, _PRIVATE)
    except FileExistsError as exc:
        raise ConfigError(f"--set-aside: {path}: already exists; expected a new file") from exc
    except OSError as exc:
        raise ConfigError(f"--set-aside: {path}: {in_words(exc)}") from exc
    file = open(fd, "wb")  # noqa: PTH123, SIM115, a descriptor, closed below

    def write(lines: bytes) -> None:
        """Append lines to the file. Raises StoreError."""
        try:
            file.write(lines)
        except OSError as exc:
            raise StoreError(f"--set-aside: {path}: {in_words(exc)}") from exc

    try:
        yield write
    except ConfigError:  # nothing was read
        path.unlink(missing_ok=True)
        raise
    finally:
        try:
            file.close()
        except OSError as exc:
            raise StoreError(f"--set-aside: {path}: {in_words(exc)}") from exc


def read_each(reader: Reader, data: bytes, path: str, aside: Aside) -> Tally:
    """Like `reader.read`, but one line at a time; bad lines are set aside.

    The text is the line that the format read; in an envelope, the line inside.
    """
    total = Tally()
    reader.look(data, path)
    for number, outer in enumerate(each_line(data), 1):
        inside = reader.open(outer, path)
        for line in each_line(inside.lines):
            found = reader.count(Inside(line, b"", 0), path)
            if found.failed:
                aside(line)
                found.bad = {reason: bad._replace(number=number - total.lines) for reason, bad in found.bad.items()}
            total.merge(found)
        if inside.errors or inside.too_long:
            total.merge(reader.count(Inside(b"", inside.errors, inside.too_long), path))
    return total
