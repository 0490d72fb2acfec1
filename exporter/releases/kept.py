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
from exporter.sources.tail import Limits, Tail
from foundation.clock import Clock
from foundation.errors import StoreError

TAIL, FAILED = "tail", "failed"
"""The keeper's keys for the log's position and the lines not taken; others are of `Pieces` and of `Answers`."""
NO_LOG = b"none"
"""The position where no log was followed yet: one that is added later is read on top of what was counted."""
BATCH_BYTES = 1 << 15
"""Of a followed log, about a thousand lines."""
LINE_BYTES = 1 << 17
"""A longer line of a followed log is dropped unread."""
IN_ORDER_S = 60.0
"""How long older lines, out of copies of the log, go before newer ones; those that come after a newer one are late."""


class Kept:
    """What was saved, read; what cannot be read of it begins anew.

    Counts without the position in the log do so too: its lines would be counted twice. Answers stay.

    Attributes:
        answers: to requests with a key.
        failed: lines not taken, by reason.
        stream: the comparison.
        tail: what follows the logs, if there are any.
        unreadable: why each key could not be read.
    """

    def __init__(self, source: Source, clock: Clock, saved: Mapping[str, bytes]) -> None:
        """`saved`: a scope of the keeper."""
        self._source = source
        self._clock = clock
        self.answers = Answers(saved)
        self.unreadable = dict(self.answers.unreadable)
        self._position = saved.get(TAIL, NO_LOG)
        try:
            self.tail = self._new_tail(None if saved and TAIL not in saved else self._position)
        except StoreError as exc:
            self.unreadable |= {key: f"{TAIL}: {exc}" for key in saved if key == TAIL or self._counted_in_log(key)}
            saved = {key: value for key, value in saved.items() if key not in self.unreadable}
            self._position = NO_LOG
            self.tail = self._new_tail(NO_LOG)
        try:
            failed = msgspec.msgpack.decode(saved[FAILED], type=dict[str, int]) if FAILED in saved else {}
        except msgspec.MsgspecError as exc:
            failed, self.unreadable[FAILED] = {}, str(exc)
        self.failed = Counter(failed)
        self.stream, bad = restore(saved, self._new_stream)
        self.unreadable |= bad
        self._pieces = Pieces(self.stream, saved.keys() - bad.keys())

    def changes(self, everything: bool) -> tuple[dict[str, bytes], list[str]]:  # noqa: FBT001, the keeper's question
        """What to put and what to delete: a batch is counted as soon as it is out of the tail's hands."""
        puts, gone = self._pieces.changes(everything=everything)
        answers, forgotten = self.answers.changes(everything=everything)
        puts |= answers | {FAILED: msgspec.msgpack.encode(dict(self.failed))}
        if self.tail is not None:
            self._position = self.tail.saved_state()
        puts[TAIL] = self._position
        return puts, gone + forgotten

    def _counted_in_log(self, key: str) -> bool:
        """Whether what the keeper has under this key may hold lines of a log."""
        return bool(self._source.paths) and not is_answer(key)

    def _new_stream(self, state: StreamState | None) -> Stream:
        source = self._source
        stream = Stream(source.compare, source.limits, baseline=source.baseline, state=state)
        stream.expect(source.builds, source.known_codes())
        return stream

    def _new_tail(self, position: bytes | None) -> Tail | None:
        """What follows the logs, if there are any. Raises StoreError where that is no position, or one is missing."""
        if position is None and self._source.paths:
            raise StoreError("there is no position for these counts")
        limits = Limits(line_bytes=LINE_BYTES, batch_bytes=BATCH_BYTES, hold_up_s=IN_ORDER_S)
        saved = None if position in {None, NO_LOG} else position
        tail = Tail(self._source.paths, from_start=True, clock=self._clock, saved=saved, limits=limits)
        return tail if self._source.paths else None
