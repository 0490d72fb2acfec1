"""Small files that are read without blocking, whatever is at the path."""

import os
import stat
from pathlib import Path

from foundation.errors import in_words

NOT_REGULAR = "expected a regular file: a pipe or a device may never end"


def read_start(path: Path, most_bytes: int, *, pipes: bool = False) -> bytes:
    """A maximum number of bytes of a file. Raises OSError.

    Args:
        path: the file. A pipe would hold up its reader until somebody writes, so it is refused, as devices are.
        most_bytes: a device without end is read no further.
        pipes: accept them, for example when a program starts and nothing waits yet.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if pipes else os.O_NONBLOCK))
    try:
        with open(fd, "rb", closefd=False) as stream:
            if not pipes and not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(NOT_REGULAR)
            return stream.read(most_bytes)
    finally:
        os.close(fd)


def read_whole(path: Path, most_bytes: int) -> bytes:
    """A regular file of at most so many bytes, whole MiB. Raises ValueError with its name and the reason."""
    try:
        content = read_start(path, most_bytes + 1)
    except OSError as exc:
        raise ValueError(f"{path}: {in_words(exc)}") from exc
    if len(content) > most_bytes:
        raise ValueError(f"{path}: larger than {most_bytes >> 20} MiB")
    return content
