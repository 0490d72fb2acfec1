"""Counts lines whose rules have regexes in the process for regexes, a slice at a time."""

import time
from functools import lru_cache

import msgspec

from exporter.accesslog.parse.opening import Inside
from exporter.accesslog.tally import pieces
from exporter.logs.counts import Closed, Counts, packed, unpacked
from exporter.logs.reader import Reader
from exporter.logs.source import Source
from exporter.regexes.process import SLICE_BYTES, SLICE_S, RegexProcess, Share
from foundation.clock import Clock

_STEP_BYTES = 1 << 13
"""Lines between two checks of the clock; the next number may be twice as large while lines are fast."""
_QUICK_S = 0.01


class _Question(msgspec.Struct, frozen=True):
    source: bytes
    captured: tuple[str, ...]
    closed: bytes
    data: bytes


class _Answer(msgspec.Struct, frozen=True):
    counts: bytes
    taken_bytes: int
    used_s: float


class Aside:
    """Counts one source's lines in the process, within the source's share of processor time."""

    def __init__(self, process: RegexProcess, clock: Clock, source: Source) -> None:
        """Sends no question yet."""
        self._process = process
        self._source = msgspec.msgpack.encode(source)
        self._rules = len(source.rules)
        self._gauges = source.gauges()
        self._share = Share(clock)
        self._closed: Closed = ()
        self._closed_packed = msgspec.msgpack.encode(self._closed)

    async def count(self, inside: Inside, captured: tuple[str, ...], closed: Closed) -> Counts:
        """Count the lines of an envelope, like `Reader.count`.

        captured: of the file's name. closed: as `Reader.closed`.
        """
        counts = Counts.of(self._rules)
        if closed is not self._closed:
            self._closed, self._closed_packed = closed, msgspec.msgpack.encode(closed)
        for data in (inside.lines, inside.errors):
            for piece in pieces(data, SLICE_BYTES):
                rest = piece
                while rest:
                    question = msgspec.msgpack.encode(_Question(self._source, captured, self._closed_packed, rest))
                    answer = msgspec.msgpack.decode(await self._process.ask(_ANSWERER, question), type=_Answer)
                    found = unpacked(answer.counts)
                    counts.merge(found, self._gauges)
                    rest = rest[answer.taken_bytes :]
                    await self._share.pay(found.lines, answer.used_s)
        counts.add_too_long(inside.too_long)
        return counts


_ANSWERER = f"{__name__}:answer"


def answer(encoded: bytes) -> bytes:
    """Count lines until their time is over; in the process."""
    question = msgspec.msgpack.decode(encoded, type=_Question)
    reader = _reader(question.source)
    started_s = time.process_time()
    reader.closed = _closed(question.closed)
    counts, taken_bytes, step_bytes, used_s = reader.count_lines(b"", question.captured), 0, _STEP_BYTES, 0.0
    while taken_bytes < len(question.data) and used_s < SLICE_S:
        piece = next(pieces(question.data[taken_bytes:], step_bytes))
        counts.merge(reader.count_lines(piece, question.captured), reader.gauges)
        taken_bytes += len(piece)
        before_s, used_s = used_s, time.process_time() - started_s
        step_bytes = step_bytes * 2 if used_s - before_s < _QUICK_S else _STEP_BYTES
    return msgspec.msgpack.encode(_Answer(packed(counts), taken_bytes, used_s))


@lru_cache(maxsize=64)
def _closed(encoded: bytes) -> Closed:
    return msgspec.msgpack.decode(encoded, type=tuple[tuple[frozenset[str] | None, ...], ...])


@lru_cache(maxsize=64)
def _reader(source: bytes) -> Reader:
    return Reader(msgspec.msgpack.decode(source, type=Source))
