"""Clocks as arguments, so that a test can hold time still.

`Clock.wall()` is Unix time in seconds for what people read; `Clock.monotonic()` is for what is due and what it took.
"""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Both clocks, and waiting by the monotonic one."""

    def wall(self) -> float:
        """Unix time, seconds, UTC."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""

    async def sleep_until(self, due_s: float) -> None:
        """Wait until `monotonic()` has reached `due_s`."""


class SystemClock:
    """The machine's own clocks."""

    def wall(self) -> float:
        """Unix time, seconds, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on the monotonic clock."""
        return time.monotonic()

    async def sleep_until(self, due_s: float) -> None:
        """Wait until the monotonic clock has reached `due_s`."""
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
