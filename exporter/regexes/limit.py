"""A time limit for `re`, which backtracks: three `.*` in a pattern make a long line take minutes.

Its matcher looks for signals now and then, so a timer can end it, but only in the main thread of a process, and nothing
else runs there meanwhile. The batch tools use it directly; the daemon uses a separate process (`process`).
"""

import atexit
import gc
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

LIMIT_S = 0.05
"""Processor time that one line may take: a thousand times what a good pattern needs. Some take half as much more."""
LIMIT_RINGS = 12
_RING_S = LIMIT_S / LIMIT_RINGS  # about the tick of the system's clock, which is the minimum
LOOK_RINGS = 1
"""The part of the limit after which it is worth checking whether the line can match at all."""


_T = TypeVar("_T")
_R = TypeVar("_R")


class TooSlow(Exception):  # noqa: N818, an event
    """The timer went off."""


class Timer:
    """Ends what takes more than so many times `_RING_S` of processor time, in the main thread.

    It rings all the time that lines are tried, as setting it costs more than most lines do, and ends when none are.
    """

    def __init__(self) -> None:
        self._line = self._seen = self._rings = self._most = 0
        self._running = self._is_set = False

    def within(self, rings: int, try_: Callable[[_T], _R], what: _T) -> _R:
        """`try_(what)`. Raises TooSlow if `rings` rings pass meanwhile, and never after this has ended."""
        if threading.get_ident() != threading.main_thread().ident:
            raise RuntimeError("a regex of the user's own must be tried in the main thread")
        if not self._is_set:
            self._is_set = True
            signal.signal(signal.SIGVTALRM, self._ring)
            signal.setitimer(signal.ITIMER_VIRTUAL, _RING_S, _RING_S)
            atexit.register(self._end)  # the interpreter removes its handlers, and then a ring is fatal
        self._line += 1
        self._most = rings
        gc.disable()  # what goes off in a finalizer, of whatever is garbage, is printed and forgotten
        try:
            self._running = True
            return try_(what)
        finally:
            self._running = False  # a signal that is on its way finds it so
            gc.enable()

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        self._rings = self._rings + 1 if self._line == self._seen else 0
        self._seen = self._line
        if not self._rings:
            return
        if not self._running:
            self._end()
        elif self._rings >= self._most:
            # Not at the next ring again: to give back the memory of a long line can take so long, and that one would go
            # off in whatever handles this.
            self._rings = 0
            raise TooSlow

    def _end(self) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        atexit.unregister(self._end)
        self._is_set = False


timer = Timer()
