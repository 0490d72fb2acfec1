"""Whether a regex can match a line at all: RE2 decides, in time linear in the length of the line.

It is used only after `re` took long, and only its "no" counts, where it cannot differ from `re`:
lines of printable ASCII, patterns without the few signs that both know and read differently.
"""

import contextlib
import re

from foundation import re2

_PLAIN_LINE = re.compile(rb"[\t\x20-\x7e]*")
_DIFFERENT = ("[:", "{,")
"""`[[:alpha:]]` is a class of RE2's, and a set and a bracket of Python's; `a{,2}` is a repetition only there."""


class CannotMatch:
    """One regex. Not thread-safe."""

    def __init__(self, pattern: str) -> None:
        """`pattern`: one that `re` takes, for whole lines."""
        self._regex: re2.Regex | None = None  # where nothing is known
        if pattern.isascii() and not any(signs in pattern for signs in _DIFFERENT):
            with contextlib.suppress(ValueError):
                self._regex = re2.compiled(pattern)

    def __call__(self, line: bytes) -> bool:
        """Whether `re` would find no match; False where that is not known."""
        if self._regex is None or not _PLAIN_LINE.fullmatch(line):
            return False
        return self._regex.fullmatch(line.decode("ascii")) is None
