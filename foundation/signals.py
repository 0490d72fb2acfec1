"""Ending what would run for ever: the first signal lets it finish, or ends it where nothing would be lost."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any


def stop_on_signals(say: Callable[[str], object]) -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets; the second ends the process at once, with exit code 130.

    `say` takes the line that tells the user so.
    """
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(130)
        say("stopping; a second signal ends at once")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return stop


async def until_signal(work: Coroutine[Any, Any, None]) -> None:
    """Run until done, or until SIGTERM or SIGINT. Raises CancelledError for a signal that `work` lets end it."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    await task
