"""When to look at the files again: by the clock while they grow, by the kernel's events while they rest.

An event for each line would cost more than the reading: at 20,000 lines/s a tenth of a core, measured. So a busy log
is looked at every `interval_s`, and the watcher is armed only once it has gone quiet. Where nothing can be watched
(a network file system, no inotify left) the clock alone does it.
"""

import asyncio
import os
from collections.abc import Collection
from typing import Protocol

from watchfiles import awatch


class Waker(Protocol):
    """Waits until looking again makes sense. Tests inject their own, and so never sleep."""

    async def wait(self, timeout_s: float, directories: Collection[str]) -> None:
        """Wait for `timeout_s`; less long if something happens in `directories` (empty: time only)."""


class EventWaker:
    """Waits for the kernel to tell of a change."""

    async def wait(self, timeout_s: float, directories: Collection[str]) -> None:
        """Wait for `timeout_s`, less long if something happens in `directories`."""
        there = await asyncio.to_thread(lambda: [d for d in directories if os.path.isdir(d)])
        if not there:
            await asyncio.sleep(timeout_s)
            return
        try:
            events = awatch(
                *there,
                recursive=False,
                step=10,
                debounce=50,
                watch_filter=None,
                rust_timeout=int(timeout_s * 1000),
                yield_on_timeout=True,
            )
            async for _ in events:
                break
            await events.aclose()
        except OSError:
            await asyncio.sleep(timeout_s)
