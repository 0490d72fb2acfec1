"""A stream's state as keys of the keeper, of which a commit puts those that changed. Pure.

Counts change with every record, and a second of the stream is a few kilobytes; the detectors' memory is large and
changes only when a bin closes. Written in one piece, each commit would cost what there is instead of what came in.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from exporter.releases.compare.detectors import Alert, DetectorState
from exporter.releases.compare.silence import Listening
from exporter.releases.earlier import unpack
from exporter.releases.state import StreamState
from exporter.releases.stream import Stream

_COUNTS, _JUDGED, _SECOND = "stream", "judged", "second/"
_Second = dict[str, dict[str, int]]


class Judged(msgspec.Struct):
    """What closed bins leave behind; the fields are those of `StreamState`."""

    detectors: dict[str, list[DetectorState]]
    windows: dict[str, list[list[int]]]
    alerts: list[tuple[str, Alert]]
    listening: dict[str, Listening] = {}
    users: dict[str, list[float]] = {}
    weighed: dict[str, list[list[float]]] = {}


class Restored(NamedTuple):
    """A stream out of what was saved. unreadable: the reason by key."""

    stream: Stream
    unreadable: dict[str, str]


def restore(saved: Mapping[str, bytes], make: Callable[[StreamState | None], Stream]) -> Restored:
    """The stream that `changes` wrote to `saved`, a scope of the keeper; keys of others are left alone.

    Where the counts cannot be read, all begins anew; where the detectors' memory or a second cannot, only that does.
    """
    if _COUNTS not in saved:
        return Restored(make(None), dict.fromkeys(filter(_is_piece, saved), "there are no counts to it"))
    try:
        state = unpack(saved[_COUNTS], StreamState)
    except msgspec.MsgspecError as exc:
        return Restored(make(None), dict.fromkeys(filter(_is_piece, saved), f"{_COUNTS}: {exc}"))
    unreadable = {}
    for key in saved:
        if key.startswith(_SECOND):
            try:
                state.open[_second(key)] = unpack(saved[key], _Second)
            except (msgspec.MsgspecError, ValueError) as exc:
                unreadable[key] = str(exc)
    if _JUDGED in saved:
        try:
            judged = unpack(saved[_JUDGED], Judged)
            whole = msgspec.structs.replace(state, **msgspec.structs.asdict(judged))
            return Restored(make(whole), unreadable)
        except (msgspec.MsgspecError, ValueError, LookupError, TypeError) as exc:  # or what no detector of ours saved
            unreadable[_JUDGED] = f"{type(exc).__name__}: {exc}"
    return Restored(make(state), unreadable)


def _is_piece(key: str) -> bool:
    return key in {_COUNTS, _JUDGED} or key.startswith(_SECOND)


def _second(key: str) -> int:
    return int(key.removeprefix(_SECOND))


class Pieces:
    """Knows what of one stream is with the keeper."""

    def __init__(self, stream: Stream, saved: Iterable[str] = ()) -> None:
        """`saved`: the keys that `stream` was read from."""
        self._stream = stream
        self._kept = {_second(key) for key in saved if key.startswith(_SECOND)}
        self._judged_to: tuple[int | None, str | None] | None = None

    def changes(self, *, everything: bool = False) -> tuple[dict[str, bytes], list[str]]:
        """What to put and what to delete since the last call, or everything."""
        stream, state = self._stream, self._stream.state
        touched = set(state.open) if everything else stream.touched & state.open.keys()
        puts = {f"{_SECOND}{second}": msgspec.msgpack.encode(state.open[second]) for second in touched}
        judged_to = (state.closed_to_s, state.baseline)
        if everything or judged_to != self._judged_to:
            judged = Judged(
                detectors=stream.memory(),
                windows=state.windows,
                alerts=state.alerts,
                listening=state.listening,
                users=state.users,
                weighed=state.weighed,
            )
            puts[_JUDGED] = msgspec.msgpack.encode(judged)
        counts = msgspec.structs.replace(
            state, open={}, detectors={}, windows={}, alerts=[], listening={}, users={}, weighed={}
        )
        puts[_COUNTS] = msgspec.msgpack.encode(counts)
        gone = self._kept - state.open.keys()
        self._kept = (self._kept | touched) - gone
        self._judged_to = judged_to
        stream.touched.clear()
        return puts, [f"{_SECOND}{second}" for second in gone]
