"""The saved state of a Tail, as keys of the keeper: one value about all files, and one per file.

A commit encodes and writes the files that moved since the last one, whatever the number of those that did not.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from exporter.sources.packing import pack, unpack
from exporter.sources.tail.mark import Mark
from foundation.errors import StoreError
from foundation.jsonread import why_not_json

TAIL = "tail"
"""The keeper's key for what concerns all files."""
_FILE = f"{TAIL}/"
"""The keys of the files begin so; the mark's key follows."""


class Totals(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What goes on over restarts: bytes, lines, rotations by kind, and the Unix time of the last lines read."""

    read_bytes: int = 0
    lost_bytes: int = 0
    too_long_lines: int = 0
    too_long_bytes: int = 0
    rotations: dict[str, int] = {}
    last_line_s: float = 0.0

    def copy(self) -> "Totals":
        """The same, which stays as it is."""
        return msgspec.structs.replace(self, rotations=dict(self.rotations))


class About(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The state of a Tail over a restart, beside the files.

    next_key: of the next file. patterns: of the paths followed. scanned_ns: Unix time of the last scan. missed: homes
    from which files may have gone since a Unix time (in ns) that nobody could read yet.
    """

    totals: Totals
    next_key: int
    patterns: list[str]
    scanned_ns: int = 0
    missed: dict[str, int] = {}


class State(NamedTuple):
    """The state of a Tail over a restart."""

    about: About
    marks: list[Mark]


class Moves(NamedTuple):
    """What has changed of a Tail's state.

    marks: by key; None for a file that is forgotten. counts: whether a commit should follow; the time of the last scan
    changes always.
    """

    about: About
    marks: Mapping[int, Mark | None]
    counts: bool

    def after(self, all_: Iterable["Moves"]) -> "Moves":
        """All of them as one, of which this is the last."""
        marks: dict[int, Mark | None] = {}
        for moves in all_:
            marks |= moves.marks
        return self._replace(marks=marks, counts=True)


class _Kept(About, omit_defaults=True, kw_only=True):
    """files: how many have a separate value; -1 in the first layout, where `marks` has them all."""

    files: int = -1
    marks: list[Mark] | None = None


class Positions:
    """The positions behind all batches that are counted, and which of them a commit has to write."""

    def __init__(self, saved: Mapping[str, bytes] | None) -> None:
        """`saved`: what is on disk; all that is not known any more is deleted, and all that is known written once."""
        self._about: About | None = None
        self._marks: dict[int, Mark] = {}
        self._unsaved: set[int] = set()
        self._gone = set(saved or ()) - {TAIL}

    def apply(self, moves: Moves) -> None:
        """Go on to a later moment."""
        self._about = moves.about
        for key, mark in moves.marks.items():
            if mark is not None:
                self._marks[key] = mark
                self._unsaved.add(key)
            elif self._marks.pop(key, None) is not None:
                self._unsaved.discard(key)
                self._gone.add(_key(key))

    def changes(self, *, everything: bool = False) -> tuple[dict[str, bytes], set[str]]:
        """What to put and what to delete since the last call; with `everything`, all there is. Nothing at first."""
        if self._about is None:
            return {}, set()
        if everything:
            self._unsaved.update(self._marks)
        puts = {_key(key): pack(self._marks[key]) for key in self._unsaved}
        puts[TAIL] = _pack_about(self._about, len(self._marks))
        gone, self._gone = self._gone - puts.keys(), set()
        self._unsaved.clear()
        return puts, gone

    def saved(self) -> dict[str, bytes]:
        """All there is, for a Tail to go on from."""
        return {} if self._about is None else encode(State(self._about, list(self._marks.values())))


def is_position(key: str) -> bool:
    """Whether the keeper's `key` is one of a Tail."""
    return key == TAIL or key.startswith(_FILE)


def positions_in(saved: Mapping[str, bytes]) -> dict[str, bytes] | None:
    """The values of a Tail among those stored; None if there is no position."""
    return {key: value for key, value in saved.items() if is_position(key)} if TAIL in saved else None


def encode(state: State) -> dict[str, bytes]:
    """`state` for the checkpoint, by key."""
    return {TAIL: _pack_about(state.about, len(state.marks))} | {_key(mark.key): pack(mark) for mark in state.marks}


def decode(saved: Mapping[str, bytes]) -> State:
    """The state that `encode` made, or an earlier version that had all files in one value. Raises StoreError."""
    try:
        kept = unpack(saved[TAIL], _Kept)
        marks = {key: unpack(value, Mark) for key, value in saved.items() if key.startswith(_FILE)}
    except (KeyError, msgspec.DecodeError, UnicodeError) as exc:
        raise StoreError(f"the positions kept for the log files cannot be read: {why_not_json(exc)}") from exc
    about = About(**{name: getattr(kept, name) for name in About.__struct_fields__})
    if kept.marks is not None:
        return State(about, kept.marks)
    if len(marks) != kept.files or any(key != _key(mark.key) for key, mark in marks.items()):
        raise StoreError(f"the positions kept for the log files cannot be read: {len(marks)} of {kept.files} are there")
    return State(about, sorted(marks.values(), key=lambda mark: mark.key))


def _key(key: int) -> str:
    return f"{_FILE}{key}"


def _pack_about(about: About, files: int) -> bytes:
    return pack(_Kept(**{name: getattr(about, name) for name in About.__struct_fields__}, files=files))
