"""The single process for regexes, outside the event loop, for all logs of an exporter.

A line may take 50 ms of a regex that backtracks, in which the interpreter does nothing else; a thread would not help.
Its total cost is bounded: there is one such process, of low priority; questions are slices, between which
another log has its turn; and a log whose lines take long may use half of a core (`Share`). Further lines wait in their
file, and the log's lag shows them. No line is dropped.
"""

import asyncio
import logging
import os
import struct
import sys

import msgspec

from foundation.clock import Clock
from foundation.processes import kill

log = logging.getLogger(__name__)

SLICE_BYTES = 1 << 16
SLICE_S = 0.2
"""Processor time after which a slice ends, at the next line."""
USUAL_LINE_S = 0.0001
"""Maximum time of a line with a good regex; only more time is charged."""
SHARE = 0.5
"""Share of a core for a log whose lines take longer."""
CREDIT_S = 1.0
"""Processor time that such a log may use in one go."""
RETRY_S = 1.0
"""Pause until the process is started again after its end."""
LENGTH = struct.Struct("!I")
"""The length, in front of each message."""


class Message(msgspec.Struct, frozen=True):
    """A question. answerer: `module:function` of the exporter that answers it."""

    answerer: str
    question: bytes


class RegexProcess:
    """The process, started when a log first needs it. Belongs to one event loop."""

    def __init__(self, clock: Clock) -> None:
        """Starts nothing yet."""
        self._clock = clock
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def ask(self, answerer: str, question: bytes) -> bytes:
        """The answer of the process; if it ends meanwhile, of the next one. One question at a time."""
        payload = msgspec.msgpack.encode(Message(answerer, question))
        async with self._turn:
            while True:
                try:
                    return await self._ask(payload)
                except (OSError, EOFError) as exc:
                    await self._end()
                    log.error("the process of user-defined regexes ended or could not start: %r; its lines wait", exc)  # noqa: TRY400
                    await self._clock.sleep_until(self._clock.monotonic() + RETRY_S)
                except BaseException:  # its answer would be read as that of the next question
                    await self._end()
                    raise

    async def close(self) -> None:
        """End the process."""
        async with self._turn:
            await self._end()

    async def _ask(self, payload: bytes) -> bytes:
        process = self._process = self._process or await _start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(LENGTH.pack(len(payload)) + payload)
        await process.stdin.drain()
        (size,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return await process.stdout.readexactly(size)

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            kill(process)
            await asyncio.shield(process.wait())


class Share:
    """One log's share of the processor."""

    def __init__(self, clock: Clock) -> None:
        """The share of a new log."""
        self._clock = clock
        self._credit_s = CREDIT_S
        self._credited_s = clock.monotonic()

    async def pay(self, lines: int, used_s: float) -> None:
        """Wait until the log may use the processor again, after these lines took this time."""
        now_s = self._clock.monotonic()
        self._credit_s = min(CREDIT_S, self._credit_s + (now_s - self._credited_s) * SHARE)
        self._credited_s = now_s
        self._credit_s -= max(0.0, used_s - lines * USUAL_LINE_S)
        if self._credit_s < 0:
            await self._clock.sleep_until(now_s - self._credit_s / SHARE)


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "exporter.regexes.main", str(os.getpid())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
