"""All that one source keeps over a restart: counts, answers, lines not taken, and the place in its followed log.

They are of one moment in each commit, so that a log is read on from where its counts end.
"""

from collections import Counter
from collections.abc import Mapping

import msgspec

from exporter.releases.ingest.answers import Answers, is_answer
from exporter.releases.pieces import Pieces, restore
from exporter.releases.source import Source
from exporter.releases.state import StreamState
from exporter.releases.stream import Stream
from exporter.sources.tail import TAIL, Limits, Tail, is_position, positions_in
from foundation.clock import Clock
from foundation.errors import StoreError
from foundation.jsonread import why_not_json

FAILED = "failed"
"""The keeper's key for bad lines; others are of `Pieces`, of `Answers` and of `Tail`."""
NO_LOG = b"none"
"""The position where no log was followed yet: one that is added later is read on top of what was counted."""
BATCH_BYTES = 1 << 15
"""Of a followed log, about a thousand lines."""
LINE_BYTES = 1 << 17
"""A longer line of a followed log is dropped unread."""
IN_ORDER_S = 60.0
"""How long older lines, from copies of the log, are read before newer ones; those after a newer one are late."""


class Kept:
    """What was saved, read; what cannot be read of it begins anew.

    Counts without the position in the log do so too: its lines would be counted twice. Answers stay.

    Attributes:
        answers: to requests with a key.
        failed: bad lines, by reason.
        stream: the comparison.
        tail: the follower of the logs, if there are any.
        unreadable: why each key could not be read.
    """

    def __init__(self, source: Source, clock: Clock, saved: Mapping[str, bytes]) -> None:
        """`saved`: a scope of the keeper."""
        self._source = source
        self._clock = clock
        self.answers = Answers(saved)
        self.unreadable = dict(self.answers.unreadable)
        self._positions = positions_in(saved) or {TAIL: NO_LOG}  # while no log is followed
        try:
            self.tail = self._new_tail(None if saved and TAIL not in saved else self._positions)
        except StoreError as exc:
            self.unreadable |= {key: f"{TAIL}: {exc}" for key in saved if self._counted_in_log(key)}
            saved = {key: value for key, value in saved.items() if key not in self.unreadable}
            self._positions = {TAIL: NO_LOG}
            self.tail = self._new_tail(self._positions)
        try:
            failed = msgspec.msgpack.decode(saved[FAILED], type=dict[str, int]) if FAILED in saved else {}
        except msgspec.MsgspecError as exc:
            failed, self.unreadable[FAILED] = {}, why_not_json(exc)
        self.failed = Counter(failed)
        self.stream, bad = restore(saved, self._new_stream)
        self.unreadable |= bad
        self._pieces = Pieces(self.stream, saved.keys() - bad.keys())

    def changes(self, everything: bool) -> tuple[dict[str, bytes], list[str]]:  # noqa: FBT001, the keeper's question
        """What to put and what to delete: a batch is counted as soon as the tail has returned it."""
        puts, gone = self._pieces.changes(everything=everything)
        answers, forgotten = self.answers.changes(everything=everything)
        puts |= answers | {FAILED: msgspec.msgpack.encode(dict(self.failed))}
        if self.tail is None:
            return puts | self._positions, gone + forgotten
        self.tail.applied()
        positions, left = self.tail.changes(everything=everything)
        return puts | positions, [*gone, *forgotten, *left]

    def _counted_in_log(self, key: str) -> bool:
        """Whether what the keeper has under this key may hold lines of a log."""
        return is_position(key) or (bool(self._source.paths) and not is_answer(key))

    def _new_stream(self, state: StreamState | None) -> Stream:
        source = self._source
        stream = Stream(source.compare, source.limits, baseline=source.baseline, state=state)
        stream.expect(source.builds, source.known_codes())
        return stream

    def _new_tail(self, position: Mapping[str, bytes] | None) -> Tail | None:
        """The follower of the logs, if there are any. Raises StoreError if the position is invalid or missing."""
        if position is None and self._source.paths:
            raise StoreError("the log position that belongs to these counts is missing")
        files = self._source.max_files
        limits = Limits(line_bytes=LINE_BYTES, batch_bytes=BATCH_BYTES, hold_up_s=IN_ORDER_S, files=files)
        saved = None if position is None or position[TAIL] == NO_LOG else position
        tail = Tail(self._source.paths, from_start=True, clock=self._clock, saved=saved, limits=limits)
        return tail if self._source.paths else None
