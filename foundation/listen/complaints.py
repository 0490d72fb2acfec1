"""Clients' faults in the log: one line per kind and minute, whatever their number."""

import asyncio
import logging
from collections.abc import Callable

PERIOD_S = 60.0


class Complaints:
    """Logs the first of each kind at once, and the number of the others once per minute."""

    def __init__(self, log: logging.Logger, call_later: Callable[..., asyncio.TimerHandle]) -> None:
        """`call_later` is an event loop's."""
        self._log = log
        self._call_later = call_later
        self._more: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def add(self, kind: str, detail: str, *, exc_info: BaseException | None = None) -> None:
        """Report one case.

        Args:
            kind: What happened and where, the same text for all cases that share a line. Never a client's own words.
            detail: About this case.
            exc_info: An internal fault, whose traceback is logged.
        """
        if kind in self._more:
            self._more[kind] += 1
            return
        self._log.log(logging.ERROR if exc_info else logging.WARNING, "%s (%s)", kind, detail, exc_info=exc_info)
        self._begin(kind)

    def close(self) -> None:
        """Report what was counted and not reported yet."""
        for kind, timer in list(self._timers.items()):
            timer.cancel()
            self._summarise(kind)

    def _begin(self, kind: str) -> None:
        self._more[kind] = 0
        self._timers[kind] = self._call_later(PERIOD_S, self._period_over, kind)

    def _period_over(self, kind: str) -> None:
        if self._summarise(kind):
            self._begin(kind)  # it continues, most likely, and this was the line of the next minute

    def _summarise(self, kind: str) -> bool:
        """Whether there was anything to report."""
        del self._timers[kind]
        more = self._more.pop(kind)
        if more:
            self._log.warning("%s (%d more)", kind, more)
        return more > 0
