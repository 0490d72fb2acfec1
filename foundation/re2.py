"""Regexes of RE2, which match in time linear in the length of the text, whatever the regex and the text."""

from collections.abc import Mapping
from typing import Protocol

MEMORY_BYTES = 8 << 20
"""That RE2 may take for one regex."""


class Match(Protocol):
    """The match of a regex."""

    def __getitem__(self, group: int, /) -> str | None:
        """The text of a group; None where it has no part in the match."""


class Regex(Protocol):
    """A regex for texts that UTF-8 can have: one with a surrogate is a UnicodeEncodeError."""

    @property
    def groups(self) -> int:
        """How many groups it has."""

    @property
    def groupindex(self) -> Mapping[str, int]:
        """The numbers of the groups that have names."""

    def search(self, text: str, /) -> Match | None:
        """The first match anywhere in the text."""

    def fullmatch(self, text: str, /) -> Match | None:
        """The match of the whole text."""


def compiled(text: str, *, memory_bytes: int = MEMORY_BYTES) -> Regex:
    """The regex. Raises ValueError with RE2's reason, where RE2 does not take it."""
    import re2  # noqa: PLC0415, 8 ms and 4 MiB, which few configurations need

    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory_bytes
    try:
        regex: Regex = re2.compile(text, options=options)
    except UnicodeEncodeError as exc:
        raise ValueError("it is not valid Unicode") from exc
    except re2.error as exc:
        raise ValueError(exc.args[0].decode("utf-8", "replace")) from exc
    return regex
