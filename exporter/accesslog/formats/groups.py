"""The named groups of a format's regex: where each is, and the regex with fewer of them. Pure.

A field that a line has beside the five of `Fields` is a group whose name begins with MARK. Formats are made with all of
them, and unused groups are removed from patterns before reading, so they cost nothing.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

MARK = "x_"
"""How the names of groups begin that are not one of the five fields."""

_NAMED = re.compile(r"\(\?P<(\w+)>")


class Group(NamedTuple):
    """A named group: the places of its first character and after its last one."""

    name: str
    start: int
    end: int


def named_groups(pattern: str) -> list[Group]:
    """The named groups of a pattern and where each is, in the order in which they begin."""
    found, open_, in_class, i = [], [], False, 0
    while i < len(pattern):
        if pattern[i] == "\\":
            i += 1
        elif in_class:
            in_class = pattern[i] != "]"
        elif pattern[i] == "[":
            in_class = True
            i += pattern[i + 1 : i + 2] in ("^", "]")  # what comes first in a class does not end it
        elif pattern[i] == "(":
            open_.append(i)
        elif pattern[i] == ")":
            start = open_.pop()
            if name := _NAMED.match(pattern, start):
                found.append(Group(name[1], start, i + 1))
        i += 1
    return sorted(found, key=lambda group: group.start)


def marked_groups(pattern: str) -> list[str]:
    """The names of the marked groups, in their order."""
    return [name for name in _NAMED.findall(pattern) if name.startswith(MARK)]


def only(pattern: str, wanted: Collection[str] = ()) -> str:
    """The pattern without its marked groups but the `wanted` ones; what is in them stays."""
    cuts = []
    for group in named_groups(pattern) if f"(?P<{MARK}" in pattern else ():
        if group.name.startswith(MARK) and group.name not in wanted:
            cuts += [(group.start, group.start + len(f"(?P<{group.name}>")), (group.end - 1, group.end)]
    for start, end in sorted(cuts, reverse=True):
        pattern = pattern[:start] + pattern[end:]
    return pattern


def marked(name: str, regex: str) -> str:
    """The regex of a field of that name."""
    return f"(?P<{MARK}{name}>{regex})" if name else regex
