"""The errors that a user can meet, each with the exit code of the command that ends by it.

Foreign exceptions become one of these at the edge (`raise ... from exc`). Anything else that escapes is a bug and
ends the process with a traceback. Texts say what, where (`file:line` or `$.path`) and what would be right.
"""

import contextlib
import errno
import os
from collections.abc import Iterator

_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE})
_PASSING_WORDS = tuple(os.strerror(number) for number in sorted(_PASSING))

OUT_OF_MEMORY = "out of memory: give it more than its limit (ulimit -v, a control group) or the machine leaves it"
_NO_MEMORY_WORDS = ("can't start new thread", "failed to map segment")  # Python's and the loader's, who have no types


class TidewatchError(Exception):
    """Something the user can act on; its text is all they see: one line, or one line for each argument."""

    exit_code = 1

    def __str__(self) -> str:
        return "\n".join(map(str, self.args))


class ConfigError(TidewatchError):
    """A flag or a configuration file says something that cannot be."""

    exit_code = 2


class SourceError(TidewatchError):
    """A file, page or peer that records come from cannot be read now; callers count it and try again."""

    exit_code = 3


class BadRecord(TidewatchError):  # noqa: N818, the house's word for it
    """One record cannot be read. `reason` is a short word for the label of a metric, the text is for people."""

    exit_code = 4

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


class NothingJudgedError(TidewatchError):
    """A report was asked for, and nothing that was read can be judged: a verdict would come out of nothing."""

    exit_code = 4


class StoreError(TidewatchError):
    """State on disk (checkpoint, database) cannot be read or written."""

    exit_code = 5


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
    """Whether it, or each error of a group, says that memory ran out: for data, a thread's stack or a library."""
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
