"""Result files: whole or not at all, and never in place of a device.

A result is written beside its path and then renamed over it, so that a full disk or a kill leaves the old file. The
name beside it is random and must be new: another user who may write to the folder cannot plant a link there. A path
that names something other than a regular file (a pipe, /dev/stdout) is written to as it is: renaming over it would
replace the device.
"""

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from foundation.errors import StoreError, in_words

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ANY_MODE = 0o666  # less the umask, as for every new file


@contextmanager
def replacing(path: Path, *, own_name: bool = False, may_exist: bool = True) -> Iterator[IO[bytes]]:
    """A stream whose content takes the place of `path` once it is whole; standard output for `-`.

    Args:
        path: where the result is to be.
        own_name: the program chose the name, so that a link or a pipe there was planted and is itself replaced.
        may_exist: whether a file that is there is replaced.

    Raises:
        StoreError: it cannot be written, or is there and must not be.
    """
    try:
        if own_name:
            with _replacing(path, may_exist=may_exist) as stream:
                yield stream
            return
        if str(path) == "-":
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        if path.exists() and not path.is_file():
            with path.open("wb") as stream:
                yield stream
            return
        with _replacing(path.resolve(), may_exist=may_exist) as stream:  # a link stays a link
            yield stream
    except BrokenPipeError:  # the reader of standard output has enough
        raise
    except OSError as exc:
        raise StoreError(f"{path}: {exc.strerror}") from exc


@contextmanager
def writing_temporary(folder: Path) -> Iterator[None]:
    """Within the block, failures are writes to temporary files in `folder`. Raises StoreError with its name."""
    try:
        yield
    except OSError as exc:
        raise StoreError(f"{folder}: {in_words(exc)}; set TMPDIR to a folder with more room") from exc


@contextmanager
def _replacing(target: Path, *, may_exist: bool) -> Iterator[IO[bytes]]:
    temporary = target.with_name(f".tidewatch-{secrets.token_hex(8)}.tmp")
    fd = os.open(temporary, _NEW, _ANY_MODE)
    try:
        with open(fd, "wb") as stream:  # noqa: PTH123, a descriptor
            with suppress(FileNotFoundError):
                old = target.lstat()
                if stat.S_ISREG(old.st_mode):
                    os.fchmod(fd, old.st_mode & 0o777)  # the new file is as private as the old one
            yield stream
        if may_exist:
            temporary.replace(target)
        else:
            target.hardlink_to(temporary)
            temporary.unlink()
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
