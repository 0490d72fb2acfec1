"""Captures in paths: `/var/log/{app}/{host}-*.log` is a glob that also names parts of the files' names. Pure.

A capture matches one or more characters, but no slash. If a name can be split in several ways, each capture and
wildcard, from left to right, takes as much as it can.
"""

import fnmatch
import os.path
import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from exporter.sources.tail.names import unrotated
from foundation.recent import Recent

MOST = 16
"""Captures of one path."""
_KEPT = 1 << 13  # paths remembered

_TOKEN = re.compile(r"\*+|\?|\[!?\]?[^\]]*\]|\{[^{}]*\}|.", re.DOTALL)
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_ONE = "?*"


class Captures:
    """Finds the values of the captures of some patterns in a path, with a cache. `names`: in their order."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises ValueError for an invalid capture, and unless all patterns have the same."""
        self.names: tuple[str, ...] = ()
        self._patterns: list[tuple[str, list[list[_Token]]]] = []
        for number, pattern in enumerate(patterns):
            tokens = [_tokens(part, pattern) for part in _parts(pattern)]
            names = [token.name for part in tokens for token in part if token.name]
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise ValueError(f"{pattern}: duplicate capture {{{twice}}}; give each capture a different name")
            if len(names) > MOST:
                raise ValueError(f"{pattern}: {len(names)} captures; expected at most {MOST}")
            if number and set(names) != set(self.names):
                raise ValueError(
                    f"{pattern}: has {_shown(names)}, and {patterns[0]} has {_shown(self.names)}; give all paths the "
                    "same captures, or make a source of each"
                )
            self.names = self.names or tuple(names)
            self._patterns.append((pattern, tokens))
        self._known = Recent[str, tuple[str, ...]](_KEPT)

    def of(self, path: str) -> tuple[str, ...]:
        """The values of the captures in the path of a file, or of a rotated one; all empty if no pattern matches."""
        if not self.names:
            return ()
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = self._find(path)
        return found

    def _find(self, path: str) -> tuple[str, ...]:
        for like in dict.fromkeys((path, unrotated(path))):
            for pattern, parts in self._patterns:
                is_given_shorter = pattern.startswith("/") and not like.startswith("/")
                whole = os.path.abspath(like) if is_given_shorter else like  # noqa: PTH100, resolve() follows symlinks
                names = _parts(whole)
                if (found := _captured(parts, names)) is not None:
                    return tuple(_text(found[name]) for name in self.names)
        return ("",) * len(self.names)


def glob_of(pattern: str) -> str:
    """The pattern as a glob without captures. Raises ValueError for an invalid capture."""
    if "{" not in pattern and "}" not in pattern:
        return pattern
    return "".join(token.glob for token in _tokens(pattern, pattern))


class _Token(NamedTuple):
    """A piece of a pattern; `name`: of a capture."""

    glob: str
    name: str | None = None

    @property
    def is_wild(self) -> bool:
        """Whether it may match texts of several lengths."""
        return self.glob.endswith("*") and not self.glob.startswith("[")


def _tokens(text: str, pattern: str) -> list[_Token]:
    tokens = []
    for token in _TOKEN.findall(text):
        if token not in ("{", "}") and not (token[0] == "{" and token[-1] == "}"):
            tokens.append(_Token(token))
            continue
        name = token[1:-1]
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{pattern}: invalid capture {token!r}: expected a name in braces, for example {{pod}}; a brace itself "
                f"is written [{token[0]}]"
            )
        if tokens and tokens[-1].name:
            raise ValueError(f"{pattern}: expected text between {{{tokens[-1].name}}} and {{{name}}}")
        tokens.append(_Token(_ONE, name))
    return tokens


def _captured(parts: Sequence[Sequence[_Token]], names: Sequence[str]) -> dict[str, str] | None:
    """The values of the captures of a pattern's parts in the parts of a path; None if they do not match."""
    if len(parts) != len(names):
        return None
    found: dict[str, str] = {}
    for tokens, name in zip(parts, names, strict=True):
        if not _rest(tuple(tokens))(name, 0):
            return None
        found.update(_of_part(tokens, name))
    return found


def _of_part(tokens: Sequence[_Token], text: str) -> Iterator[tuple[str, str]]:
    """The captures of one matching part. One try for each end bounds the time."""
    start = 0
    for number, token in enumerate(tokens):
        if not token.is_wild:
            start += 1
            continue
        rest = _rest(tuple(tokens[number + 1 :]))
        least = start + (token.glob == _ONE)
        end = next(end for end in range(len(text), least - 1, -1) if rest(text, end))
        if token.name:
            yield token.name, text[start:end]
        start = end


@lru_cache(maxsize=256)
def _rest(tokens: tuple[_Token, ...]) -> Callable[[str, int], re.Match[str] | None]:
    """Whether a text from some place on matches the tokens."""
    return re.compile(fnmatch.translate("".join(token.glob for token in tokens))).match


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _text(name: str) -> str:
    """A file's name, which may not be valid text, as a label's value."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _shown(names: Sequence[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names) or "none"
