"""The event loop that everything here runs on."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on uvloop where it is installed."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(main)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """What makes event loops: uvloop's where it is installed, else the standard library's."""
    try:
        import uvloop  # noqa: PLC0415, not on every platform
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
