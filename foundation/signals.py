"""Ending what would run for ever: the first signal lets it finish, or ends it where nothing would be lost."""

import asyncio
import os
import select
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Protocol, TypeVar

from foundation.exits import Exit

_T = TypeVar("_T")


class Stop(Protocol):
    """What a loop without `await` pauses with."""

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds; whether the loop is to end."""


class SignalStop:
    """A `Stop` that the first SIGTERM or SIGINT gives; the second ends the process at once, with exit code 130.

    A signal that came while `threading.Event.wait` holds the event's lock would wait for that lock forever if its
    handler set the event. Here the handler writes one byte to a pipe. Make it in the main thread, once per process.
    """

    def __init__(self) -> None:
        self._came, self._told = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._signalled = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds; whether a signal came."""
        return bool(select.select([self._came], [], [], timeout)[0])

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._signalled:
            os._exit(Exit.INTERRUPTED)
        self._signalled = True
        os.write(self._told, b"\0")


def stop_on_signals(say: Callable[[str], object]) -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets; the second ends the process at once, with exit code 130.

    `say` takes the line that reports it to the user.
    """
    stop = asyncio.Event()

    def on_signal() -> None:
        """Stop at the first signal, end the process at the second."""
        if stop.is_set():
            os._exit(Exit.INTERRUPTED)
        say("stopping; a second signal ends at once")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return stop


async def until_signal(work: Coroutine[Any, Any, _T]) -> _T:
    """What the work returns, once it is done, or SIGTERM or SIGINT comes.

    Raises CancelledError for a signal that `work` lets end it.
    """
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    return await task
