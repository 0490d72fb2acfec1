"""User-defined regexes outside the event loop: a separate process reads a log's lines in slices."""

import time
from functools import lru_cache

import msgspec

from exporter.accesslog.columns import Columns
from exporter.accesslog.formats import Format, with_more
from exporter.accesslog.formats.custom import custom_format
from exporter.accesslog.parse.scalar import tally_while
from exporter.accesslog.tally import Buckets, Tally, normal, pieces
from exporter.regexes.process import SLICE_BYTES, SLICE_S, RegexProcess, Share
from foundation.clock import Clock


class Question(msgspec.Struct, frozen=True):
    """Lines, after `normal`, with the regex for them."""

    regex: str
    duration_unit_ns: int | None
    bounds_s: tuple[float, ...]
    data: bytes
    slice_s: float
    more: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """The tally of the first `taken_bytes` of the lines, and the processor time they took."""

    tally: Tally
    taken_bytes: int
    used_s: float


class OwnRegex:
    """The regex of one log: counts lines in the process, within the log's share of processor time."""

    def __init__(
        self, process: RegexProcess, clock: Clock, format_: Format, buckets: Buckets, columns: Columns | None = None
    ) -> None:
        """`format_`: one with an `own_regex`; `columns`: what is made of the fields."""
        assert format_.own_regex is not None
        self._process = process
        self._question = Question(
            regex=format_.own_regex,
            duration_unit_ns=format_.duration_unit_ns,
            bounds_s=buckets.bounds_s,
            data=b"",
            slice_s=SLICE_S,
            more=format_.more,
        )
        self._share = Share(clock)
        self._columns = columns

    async def tally(self, data: bytes) -> Tally:
        """Count the lines of `data`, which are whole."""
        tally = Tally()
        for piece in pieces(normal(data), SLICE_BYTES):
            rest = piece
            while rest:
                question = msgspec.msgpack.encode(msgspec.structs.replace(self._question, data=rest))
                answer = msgspec.msgpack.decode(await self._process.ask(ANSWERER, question), type=Answer)
                tally.merge(answer.tally)
                rest = rest[answer.taken_bytes :]
                await self._share.pay(answer.tally.lines, answer.used_s)
        return self._columns.tally(tally) if self._columns else tally


ANSWERER = f"{__name__}:answer"


def answer(encoded: bytes) -> bytes:
    """Count lines until their time is over; in the process."""
    question = msgspec.msgpack.decode(encoded, type=Question)
    started_s = time.process_time()
    until_s = started_s + question.slice_s
    tally, taken_bytes = tally_while(
        question.data,
        _format(question.regex, question.more, question.duration_unit_ns),
        Buckets(question.bounds_s),
        lambda: time.process_time() < until_s,
    )
    return msgspec.msgpack.encode(Answer(tally, taken_bytes, time.process_time() - started_s))


@lru_cache(maxsize=64)
def _format(regex: str, more: tuple[str, ...], duration_unit_ns: int | None) -> Format:
    return with_more(msgspec.structs.replace(custom_format(regex), duration_unit_ns=duration_unit_ns), more)
