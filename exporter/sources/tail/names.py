"""Names of rotated files. Pure: no I/O.

Content shows whether a file *continues* a known one, under any name. A file of which we know nothing is taken for a
generation that we missed only if its name says so, by the habits of logrotate, nginx, Apache, log4j and cronolog.
"""

import os.path
import re
from collections.abc import Iterable

PACKED = (".gz", ".bz2", ".xz", ".zst", ".z", ".Z")

_STAMP = r"[.\-_~@]\d[\d.\-_:T+Z]*"  # .1 -20260901 .2026-09-01T12:00:00Z .1473400000.2
_WORD = r"[.\-_~](?:old|bak|prev|last|orig|save|rotated)"
_PACKED = r"(?:\.(?:gz|bz2|xz|zst|z|Z))?"
_SUFFIX = re.compile(rf"(?:~|{_STAMP}|{_WORD}){_PACKED}\Z")
_SMALLEST_DATE = 1_000_000  # yymmdd and above; a counter stays far below
_DIGITS = re.compile(r"\d+")


def is_rotation(name: str, of: str) -> bool:
    """Whether a file called `name` looks like a rotated `of` (names without directories).

    `access.log.1`, `access.log-20260901.gz`, `access.log.old`, `access-2026-09-01.log` are rotations of `access.log`.
    """
    if name == of:
        return False
    if name.startswith(of):
        return _SUFFIX.match(name, len(of)) is not None
    stem, dot, ending = of.rpartition(".")
    if not stem or not name.startswith(stem):
        return False
    bare = unpacked(name)
    middle = bare[len(stem) : -len(dot + ending)]
    return bare.endswith(dot + ending) and re.fullmatch(_STAMP, middle) is not None


class Bases:
    """Finds of which of many paths a path is a rotation, without trying them all."""

    def __init__(self, paths: Iterable[str]) -> None:
        """`paths`: those that are followed."""
        self._by_stem: dict[str, list[str]] = {}
        for path in paths:
            directory, name = os.path.split(path)
            self._by_stem.setdefault(os.path.join(directory, stem_of(name)), []).append(path)

    def of(self, path: str) -> str | None:
        """One of the paths, in the same directory, of which `path` looks like a rotation."""
        name = os.path.basename(path)
        for end in range(len(path) - len(name) + 1, len(path)):
            for base in self._by_stem.get(path[:end], ()):
                if is_rotation(name, os.path.basename(base)):
                    return base
        return None


def same_series(name: str, other: str) -> bool:
    """Whether two names differ in their numbers only, as the targets of a switched symlink do (`app-7.log`)."""
    return name != other and bool(_DIGITS.search(name)) and shape(name) == shape(other)


def generation_order(name: str) -> int:
    """Sorts rotated names of one time, the oldest first: `.2` came before `.1`, but `-20260901` before `-20260902`."""
    numbers = _DIGITS.findall(unpacked(name))
    number = int(numbers[-1]) if numbers else 0
    return -number if number < _SMALLEST_DATE else number


def shape(name: str) -> str:
    """`name` with its numbers levelled and without the ending of a compressor."""
    return _DIGITS.sub("#", unpacked(name))


def unpacked(name: str) -> str:
    """`name` without the ending of a compressor."""
    return next((name.removesuffix(ending) for ending in PACKED if name.endswith(ending)), name)


def stem_of(name: str) -> str:
    """The common prefix of all rotations of `name`."""
    return name.rpartition(".")[0] or name


def unrotated(path: str) -> str:
    """The path without the suffix of a rotation or a compressor."""
    directory, name = os.path.split(path)
    while (bare := unpacked(_SUFFIX.sub("", name))) not in (name, ""):
        name = bare
    return os.path.join(directory, name)
