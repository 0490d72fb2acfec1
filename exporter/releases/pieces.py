"""A stream's state as keys of the keeper, of which a commit puts those that changed. Pure.

Counts change with every record, and a second of the stream is a few kilobytes; the detectors' memory is large and
changes only when a bin closes. In one piece, each commit would cost the size of the state instead of the size of the
changes.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import msgspec

from exporter.releases.compare.detectors import Alert, DetectorState
from exporter.releases.compare.remembered import Bin
from exporter.releases.compare.silence import Listening
from exporter.releases.earlier import unpack
from exporter.releases.state import StreamState
from exporter.releases.stream import Stream
from foundation.jsonread import why_not_json

_COUNTS, _JUDGED, _SECOND, _BIN = "stream", "judged", "second/", "bin/"
_Second = dict[str, dict[str, int]]
_Bin = dict[str, Bin]


class Judged(msgspec.Struct):
    """The state after closed bins; the fields are those of `StreamState`."""

    detectors: dict[str, list[DetectorState]]
    windows: dict[str, list[list[int]]]
    alerts: list[tuple[str, Alert]]
    listening: dict[str, Listening] = {}
    users: dict[str, list[float]] = {}
    weighed: dict[str, list[list[float]]] = {}


class Restored(NamedTuple):
    """A restored stream. unreadable: the reason by key."""

    stream: Stream
    unreadable: dict[str, str]


def restore(saved: Mapping[str, bytes], make: Callable[[StreamState | None], Stream]) -> Restored:
    """The stream that `changes` wrote to `saved`, a scope of the keeper; keys of others are left alone.

    Where the counts cannot be read, all begins anew; where a second or a remembered bin cannot, only that does; where
    the detectors' memory cannot, the remembered bins do so too.
    """
    if _COUNTS not in saved:
        return Restored(make(None), dict.fromkeys(filter(_is_piece, saved), "the counts that belong to it are missing"))
    try:
        state = unpack(saved[_COUNTS], StreamState)
    except msgspec.MsgspecError as exc:
        return Restored(make(None), dict.fromkeys(filter(_is_piece, saved), f"{_COUNTS}: {why_not_json(exc)}"))
    unreadable, history = {}, {}
    for key in saved:
        try:
            if key.startswith(_SECOND):
                state.open[_second(key)] = unpack(saved[key], _Second)
            elif key.startswith(_BIN):
                history[_second(key)] = msgspec.msgpack.decode(saved[key], type=_Bin)
        except (msgspec.MsgspecError, ValueError) as exc:
            unreadable[key] = why_not_json(exc)
    if _JUDGED in saved:
        try:
            judged = unpack(saved[_JUDGED], Judged)
            whole = msgspec.structs.replace(
                state, **msgspec.structs.asdict(judged), history=dict(sorted(history.items()))
            )
            return Restored(make(whole), unreadable)
        except (msgspec.MsgspecError, ValueError, LookupError, TypeError) as exc:  # or a state of unknown detectors
            unreadable[_JUDGED] = f"{type(exc).__name__}: {why_not_json(exc)}"
    return Restored(make(state), unreadable)


def _is_piece(key: str) -> bool:
    return key in {_COUNTS, _JUDGED} or key.startswith((_SECOND, _BIN))


def _second(key: str) -> int:
    return int(key.partition("/")[2])


class Pieces:
    """Tracks which parts of one stream are saved."""

    def __init__(self, stream: Stream, saved: Iterable[str] = ()) -> None:
        """`saved`: the keys that `stream` was read from."""
        self._stream = stream
        self._kept = {key for key in saved if key.startswith((_SECOND, _BIN))}
        self._judged_to: tuple[int | None, str | None] | None = None

    def changes(self, *, everything: bool = False) -> tuple[dict[str, bytes], list[str]]:
        """What to put and what to delete since the last call, or everything."""
        stream, state = self._stream, self._stream.state
        seconds, bins = (set(state.open), set(state.history)) if everything else (stream.touched, stream.rewritten)
        puts = {
            f"{prefix}{start_s}": msgspec.msgpack.encode(there[start_s])
            for prefix, there, new in ((_SECOND, state.open, seconds), (_BIN, state.history, bins))
            for start_s in new & there.keys()
        }
        there = {f"{_SECOND}{second}" for second in state.open} | {f"{_BIN}{start_s}" for start_s in state.history}
        gone = self._kept - there
        self._kept = (self._kept | puts.keys()) - gone
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
            state, open={}, detectors={}, windows={}, alerts=[], listening={}, users={}, weighed={}, history={}
        )
        puts[_COUNTS] = msgspec.msgpack.encode(counts)
        self._judged_to = judged_to
        stream.touched.clear()
        stream.rewritten.clear()
        return puts, list(gone)
