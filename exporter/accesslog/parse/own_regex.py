"""Own regexes beside the event loop: one process tries them for all logs of this one, a slice of lines at a time.

A line may take 50 ms of a regex that backtracks, in which the interpreter does nothing else; a thread would not help.
What comes of it is bounded in the sum: there is one such process, of low priority; a slice ends after `SLICE_S`, and
then another log has its turn; and a log whose lines take long may use half of a core. Lines beyond that wait in their
file, and the log's lag shows it. None is left out.
"""

import asyncio
import logging
import os
import struct
import sys

import msgspec

from exporter.accesslog.formats import Format
from exporter.accesslog.tally import Buckets, Tally, normal, pieces
from foundation.clock import Clock

log = logging.getLogger(__name__)

SLICE_BYTES = 1 << 16
SLICE_S = 0.2
"""Processor time after which a slice ends, at the next line."""
USUAL_LINE_S = 0.0001
"""What a line of a good regex takes at most; only time beyond it is charged."""
SHARE = 0.5
"""Of a core, that a log whose lines take longer may use."""
CREDIT_S = 1.0
"""Processor time that such a log may use at once."""
RETRY_S = 1.0
"""Until the process is started again after it has ended."""
LENGTH = struct.Struct("!I")
"""In front of each message is its length."""


class Question(msgspec.Struct, frozen=True):
    """Lines, gone through `normal`, with the regex to try on them."""

    regex: str
    duration_unit_ns: int | None
    bounds_s: tuple[float, ...]
    data: bytes
    slice_s: float


class Answer(msgspec.Struct, frozen=True):
    """What the first `taken_bytes` of the question's lines amount to, and the processor time they took."""

    tally: Tally
    taken_bytes: int
    used_s: float


class RegexProcess:
    """The process, started when a log first needs it. Belongs to one event loop."""

    def __init__(self, clock: Clock) -> None:
        """Starts nothing yet."""
        self._clock = clock
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, question: Question) -> Answer:
        """The answer of the process; where it ends meanwhile, of the next one. Questions take turns."""
        payload = msgspec.msgpack.encode(question)
        async with self._turn:
            while True:
                try:
                    return await self._ask(payload)
                except (OSError, EOFError, msgspec.DecodeError) as exc:
                    await self._end()
                    log.error("the process that tries own regexes ended or could not start: %r; its lines wait", exc)  # noqa: TRY400
                    await self._clock.sleep_until(self._clock.monotonic() + RETRY_S)
                except BaseException:  # its answer would be taken for that of the next question
                    await self._end()
                    raise

    async def close(self) -> None:
        """End the process."""
        async with self._turn:
            await self._end()

    async def _ask(self, payload: bytes) -> Answer:
        process = self._process = self._process or await _start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(LENGTH.pack(len(payload)) + payload)
        await process.stdin.drain()
        (size,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return msgspec.msgpack.decode(await process.stdout.readexactly(size), type=Answer)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await asyncio.shield(process.wait())


class OwnRegex:
    """One log's regex: counts its lines by way of the process, within the log's share of processor time."""

    def __init__(self, process: RegexProcess, clock: Clock, format_: Format, buckets: Buckets) -> None:
        """`format_`: one with an `own_regex`."""
        assert format_.own_regex is not None
        self._process = process
        self._clock = clock
        self._question = Question(format_.own_regex, format_.duration_unit_ns, buckets.bounds_s, b"", SLICE_S)
        self._credit_s = CREDIT_S
        self._credited_s = clock.monotonic()

    async def tally(self, data: bytes) -> Tally:
        """Count the lines of `data`, which are whole."""
        tally = Tally()
        for piece in pieces(normal(data), SLICE_BYTES):
            rest = piece
            while rest:
                answer = await self._process.ask(msgspec.structs.replace(self._question, data=rest))
                tally.merge(answer.tally)
                rest = rest[answer.taken_bytes :]
                await self._pay(answer)
        return tally

    async def _pay(self, answer: Answer) -> None:
        """Wait until the log may use the processor again."""
        now_s = self._clock.monotonic()
        self._credit_s = min(CREDIT_S, self._credit_s + (now_s - self._credited_s) * SHARE)
        self._credited_s = now_s
        self._credit_s -= max(0.0, answer.used_s - answer.tally.lines * USUAL_LINE_S)
        if self._credit_s < 0:
            await self._clock.sleep_until(now_s - self._credit_s / SHARE)


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "exporter.accesslog.parse.own_regex_main", str(os.getpid())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
