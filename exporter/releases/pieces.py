"""A stream's state as keys of the checkpoint, of which a commit puts those that changed. Pure.

Counts change with every record, and a second of the stream is a few kilobytes; the detectors' memory is large and
changes only when a bin closes. Written in one piece, each commit would cost what there is instead of what came in.
"""

from collections.abc import Mapping

import msgspec

from exporter.releases.compare.detectors import Alert, DetectorState
from exporter.releases.state import Stream, StreamState

_COUNTS, _JUDGED, _SECOND = "stream", "judged", "second/"
_Second = dict[str, dict[int, int]]


class Judged(msgspec.Struct):
    """What closed bins leave behind; the fields are those of `StreamState`."""

    detectors: dict[str, list[DetectorState]]
    windows: dict[str, list[list[int]]]
    alerts: list[tuple[str, Alert]]


def read_state(saved: Mapping[str, bytes]) -> StreamState | None:
    """The state that `saved`, a scope of the checkpoint, holds; None: none. Raises msgspec.DecodeError."""
    if _COUNTS not in saved:
        return None
    state = msgspec.msgpack.decode(saved[_COUNTS], type=StreamState)
    if _JUDGED in saved:
        judged = msgspec.msgpack.decode(saved[_JUDGED], type=Judged)
        state.detectors, state.windows, state.alerts = judged.detectors, judged.windows, judged.alerts
    for key in saved:
        if key.startswith(_SECOND):
            state.open[int(key.removeprefix(_SECOND))] = msgspec.msgpack.decode(saved[key], type=_Second)
    return state


class Keeper:
    """Knows what of one stream is in the checkpoint."""

    def __init__(self, stream: Stream, saved: Mapping[str, bytes]) -> None:
        """`saved`: what `stream` was read from."""
        self._stream = stream
        self._kept = {int(key.removeprefix(_SECOND)) for key in saved if key.startswith(_SECOND)}
        self._judged_to: tuple[int | None, str | None] | None = None

    def changes(self) -> tuple[dict[str, bytes], list[str]]:
        """What to put and what to delete since the last call."""
        stream, state = self._stream, self._stream.state
        touched = stream.touched & state.open.keys()
        puts = {f"{_SECOND}{second}": msgspec.msgpack.encode(state.open[second]) for second in touched}
        judged_to = (state.closed_to_s, state.baseline)
        if judged_to != self._judged_to:
            judged = Judged(stream.memory(), state.windows, state.alerts)
            puts[_JUDGED] = msgspec.msgpack.encode(judged)
        counts = msgspec.structs.replace(state, open={}, detectors={}, windows={}, alerts=[])
        puts[_COUNTS] = msgspec.msgpack.encode(counts)
        gone = self._kept - state.open.keys()
        self._kept = (self._kept | touched) - gone
        self._judged_to = judged_to
        stream.touched.clear()
        return puts, [f"{_SECOND}{second}" for second in gone]

    def not_written(self, gone: list[str]) -> None:
        """The last changes did not reach the disk, and what stood there before may be lost: all must be put again."""
        self._judged_to = None
        self._stream.touched.update(self._stream.state.open)
        self._kept.update(int(key.removeprefix(_SECOND)) for key in gone if key.startswith(_SECOND))
