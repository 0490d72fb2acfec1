"""The errors that a user can meet, each with the exit code of the command that ends by it.

Foreign exceptions become one of these at the edge (`raise ... from exc`). Anything else that escapes is a bug and
ends the process with a traceback. Texts say what, where (`file:line` or `$.path`) and what would be right.
"""

import contextlib
import errno
import os
from collections.abc import Iterator

from foundation.exits import Exit

_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE})
_PASSING_WORDS = tuple(os.strerror(number) for number in sorted(_PASSING))

OUT_OF_MEMORY = "out of memory: raise its limit (ulimit -v, control group), or free memory of the machine"
_NO_MEMORY_WORDS = ("can't start new thread", "failed to map segment")  # Python's and the loader's, who have no types


class TidewatchError(Exception):
    """An error that the user can correct; its text is all they see: one line, or one line per argument."""

    exit_code: int = Exit.NEGATIVE

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class ConfigError(TidewatchError):
    """A flag or a configuration file is invalid."""

    exit_code = Exit.USAGE


class InputError(ConfigError):
    """A file, peer or port in a flag or a configuration cannot be read or reached."""

    exit_code = Exit.NOT_READ


class SourceError(TidewatchError):
    """A file, page or peer that records come from cannot be read now; callers count it and try again."""

    exit_code = Exit.NOT_READ


class BadRecord(TidewatchError):  # noqa: N818, the house's word for it
    """One record cannot be read. `reason` is a short word for the label of a metric, the text is for messages."""

    exit_code = Exit.NOTHING_JUDGED

    def __init__(self, reason: str, text: str = "") -> None:
        """`text`: what is wrong; without one, the reason is the text."""
        super().__init__(text or reason)
        self.reason = reason


class NothingJudgedError(TidewatchError):
    """A report was requested, but nothing that was read can be judged."""

    exit_code = Exit.NOTHING_JUDGED


class StoreError(TidewatchError):
    """State on disk (checkpoint, database) cannot be read or written."""

    exit_code = Exit.NOT_WRITTEN


def in_words(exc: OSError) -> str:
    """The system's words for a failed call; for a host name that is none, whose number is negative, the resolver's."""
    return os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc.strerror or str(exc)


def may_pass(exc: Exception) -> bool:
    """Whether the process, the machine or the disk has run out of something, so that the same may work later.

    An OSError is known by its number, an error of another library (DuckDB's have none) by the system's words in it.
    """
    if isinstance(exc, OSError):
        return exc.errno in _PASSING
    return any(words in str(exc) for words in _PASSING_WORDS)


def is_out_of_memory(exc: BaseException) -> bool:
    """Whether it, or each error of a group, is a lack of memory: for data, a thread's stack or a library."""
    if isinstance(exc, BaseExceptionGroup):
        return all(is_out_of_memory(one) for one in exc.exceptions)
    if isinstance(exc, RuntimeError | ImportError):
        return any(words in str(exc) for words in _NO_MEMORY_WORDS)
    return isinstance(exc, MemoryError)


@contextlib.contextmanager
def ungrouped() -> Iterator[None]:
    """A TaskGroup inside raises its first TidewatchError alone; a group that also holds a bug is raised whole."""
    try:
        yield
    except BaseExceptionGroup as group:
        known, others = group.split(TidewatchError)
        if known is None or others is not None:
            raise
        first: BaseException = known
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
