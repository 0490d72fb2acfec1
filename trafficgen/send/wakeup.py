"""Waking up on time: a kernel timer in the event loop, as loop timers are a millisecond coarse.

uvloop's clock ticks in milliseconds and fires up to one early; stock asyncio rounds up to one. A timerfd, armed with
absolute times, wakes a sleeping loop within some 60 us.
"""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

_CLOCK_MONOTONIC = 1
_TFD_NONBLOCK_CLOEXEC = os.O_NONBLOCK | os.O_CLOEXEC
_TFD_TIMER_ABSTIME = 1


class Wakeup(Protocol):
    """An alarm with one setting."""

    def arm(self, at_ns: int) -> None:
        """Call back at `at_ns` of the monotonic clock, at once if that is over; replaces the setting before."""

    def close(self) -> None:
        """Never call back again."""


def make_wakeup(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> Wakeup:
    """The most exact alarm that this machine has."""
    if sys.platform == "linux":
        try:
            return TimerFd(loop, callback)
        except (OSError, AttributeError):  # a sandbox or a C library without timerfd
            pass
    return LoopTimer(loop, callback)


class LoopTimer:
    """An alarm made of the loop's own timers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        """`callback`: called in `loop` at each setting, once."""
        self._loop, self._callback = loop, callback
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, at_ns: int) -> None:
        """See `Wakeup`."""
        self.close()
        self._handle = self._loop.call_later(max(0.0, (at_ns - time.monotonic_ns()) / 1e9), self._callback)

    def close(self) -> None:
        """See `Wakeup`."""
        if self._handle:
            self._handle.cancel()
            self._handle = None


class _ITimerSpec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class TimerFd:
    """An alarm made of a Linux timerfd (through the C library, as `os.timerfd_create` came with Python 3.13)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        """`callback`: called in `loop` at each setting, once.

        Raises OSError or AttributeError where there is no timerfd.
        """
        libc = ctypes.CDLL(None, use_errno=True)
        self._set = libc.timerfd_settime
        self._fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._spec = _ITimerSpec()
        self._pointer = ctypes.byref(self._spec)
        self._loop, self._callback = loop, callback
        self._at_ns = 0  # of the setting that has not fired; 0 for none
        loop.add_reader(self._fd, self._fired)

    def arm(self, at_ns: int) -> None:
        """See `Wakeup`."""
        self._at_ns = at_ns = max(at_ns, 1)  # 0 would disarm it
        self._spec.value_s, self._spec.value_ns = divmod(at_ns, 1_000_000_000)
        self._set(self._fd, _TFD_TIMER_ABSTIME, self._pointer, None)

    def close(self) -> None:
        """See `Wakeup`."""
        if self._fd >= 0:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _fired(self) -> None:
        if time.monotonic_ns() < self._at_ns:  # armed again between the wake-up and this call
            return
        self._at_ns = 0
        try:
            self._callback()
        finally:
            if not self._at_ns and self._fd >= 0:  # else a new setting has emptied the descriptor already
                os.read(self._fd, 8)
