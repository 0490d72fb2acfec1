"""A system from its begin to its end, and waiting for what happens in between."""

import asyncio
from contextlib import asynccontextmanager

from exporter.system import Context
from foundation.clock import SystemClock


@asynccontextmanager
async def running(folder, make):
    """The system that `make` makes of a context with its state in `folder`, from its begin; it may not fail."""
    context = Context(folder / "state", SystemClock())
    system = make(context)
    task = asyncio.create_task(system.run())
    try:
        await system.begun()
        yield system
    finally:
        task.cancel()
        await asyncio.wait([task])
        context.checkpoint.close()
    if not task.cancelled():
        task.result()


async def until(happened):
    """Wait until `happened()` is true."""
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110, what a scrape or the disk would see is the barrier
            await asyncio.sleep(0.001)
