"""Syslog receivers of tests, with a queue that no other input shares."""

import asyncio
from contextlib import asynccontextmanager

from exporter.sources.intake import Intake, Shared
from exporter.sources.received import Received
from foundation.clock import SystemClock

MESSAGE = b"<190>Nov 27 06:25:00 web nginx: %d"


@asynccontextmanager
async def feeding(receiver, saved=None, queue_bytes=1 << 20):
    """(the input that the receiver feeds, the receiver), open."""
    intake = Intake(queue_bytes, Shared())
    received = Received(receiver, clock=SystemClock(), saved=saved, batch_bytes=1 << 20, intake=intake)
    await received.begin()
    try:
        yield received, receiver
    finally:
        await received.close()


async def lines_of(received, count):
    """The next lines, so many at least."""
    got = []
    async with asyncio.timeout(20):
        async for batch in received.batches():
            got += batch.data.splitlines(keepends=True)
            if len(got) >= count:
                return got
    return None
