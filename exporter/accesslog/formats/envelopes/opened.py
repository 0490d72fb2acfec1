"""What an envelope holds, and how one is opened. Pure."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple, TypeAlias

from exporter.accesslog.formats import instants

ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})"
COLOUR = r"\x1b\[[0-9;]*m"
_NANOSECONDS = re.compile(rb"([.,][0-9]{6})[0-9]+")  # Python knows six places
_EPOCH = re.compile(rb"[0-9]+(?:\.[0-9]+)?")


class Opened(NamedTuple):
    """What an envelope holds.

    text: the line inside, or a part of it, without its line feed; a carriage return before that stays.
    more: the line goes on in a later one of the same `stream`.
    stream: its stream, where a file has several.
    is_error: the program wrote it to its standard error.
    instant: the time at which the runtime received it, as in the envelope; empty where there is none.
    """

    text: bytes
    more: bool = False
    stream: str = ""
    is_error: bool = False
    instant: bytes = b""

    def instant_s(self) -> float:
        """The instant in Unix seconds. Raises ValueError where year or zone are missing."""
        if _EPOCH.fullmatch(self.instant):
            return instants.epoch(self.instant)
        moment = datetime.fromisoformat(_NANOSECONDS.sub(rb"\1", self.instant).decode("ascii", "replace"))
        if moment.tzinfo is None:
            raise ValueError("the envelope's time has no zone")
        return moment.timestamp()


Opener: TypeAlias = Callable[[bytes], Opened | None]
"""Takes one line without its line feed; None for a line that is not in its envelope."""
