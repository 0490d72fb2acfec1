"""The errors a user of the generator can meet, each with the exit code of the command that ends by it.

Texts say what, where and what would be right, in one line. Anything else that escapes is a bug and keeps its traceback.
"""

import contextlib
from collections.abc import Iterator


class TrafficgenError(Exception):
    """Something the user can act on; its text is all they see."""

    exit_code = 1


class UsageError(TrafficgenError):
    """A flag, a scenario or a target says something that cannot be; nothing was sent."""

    exit_code = 2


@contextlib.contextmanager
def ungrouped() -> Iterator[None]:
    """A TaskGroup inside raises its first TrafficgenError alone, without the group around it."""
    try:
        yield
    except BaseExceptionGroup as group:
        ours, others = group.split(TrafficgenError)
        if ours is None or others is not None:
            raise
        first: BaseException = ours
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None
