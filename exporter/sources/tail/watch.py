"""When to look at the files again: by the clock while they grow, by the kernel's events while they rest.

An event for each line would cost more than the reading: at 20,000 lines/s a tenth of a core. So a busy log is looked at
every `interval_s`, and events are asked for only once it has gone quiet. They are also given up for a while in a
directory where others write much, and where nothing can be watched (a network file system, no inotify left) the clock
alone does it.
"""

import asyncio
import os
from typing import Protocol

from exporter.sources.tail.inotify import watching

POLL_S = 0.25
"""Time between two looks at a resting log whose directory is too noisy to watch."""

_NOISE = 20  # events of other files in one wait; more are likely to cost more than looking
_QUIETER_S = 60.0  # then the directory gets another chance


class Waker(Protocol):
    """Waits until looking again makes sense. Tests inject their own, and so never sleep."""

    async def wait(self, timeout_s: float, prefixes: tuple[str, ...]) -> None:
        """Wait for `timeout_s`; less long if something happens to a path that begins with one of `prefixes`."""


class EventWaker:
    """Waits for the kernel to tell of a change."""

    def __init__(self) -> None:
        self._noisy_until_s = float("-inf")

    async def wait(self, timeout_s: float, prefixes: tuple[str, ...]) -> None:
        """Wait for `timeout_s`; less long if something happens to a path that begins with one of `prefixes`."""
        loop = asyncio.get_running_loop()
        if not prefixes:
            await asyncio.sleep(timeout_s)
        elif loop.time() < self._noisy_until_s:
            await asyncio.sleep(min(timeout_s, POLL_S))
        elif await self._watch(timeout_s, prefixes) > _NOISE:
            self._noisy_until_s = loop.time() + _QUIETER_S

    async def _watch(self, timeout_s: float, prefixes: tuple[str, ...]) -> int:
        """Wait; the number of events that were none of ours."""
        others = 0
        woken = asyncio.Event()
        directories = {os.path.dirname(prefix) for prefix in prefixes}

        def happened(path: str) -> None:
            """Wake the follower for its own files, and for others once there are many."""
            nonlocal others
            if path.startswith(prefixes) or path in directories:
                woken.set()
            else:
                others += 1
                if others > _NOISE:
                    woken.set()

        try:
            async with watching(directories, happened) as there:
                if there:
                    async with asyncio.timeout(timeout_s):
                        await woken.wait()
                    return others
        except TimeoutError:
            return others
        except OSError:  # no more watches to be had, says the kernel
            pass
        await asyncio.sleep(timeout_s)
        return others
