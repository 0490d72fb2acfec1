"""The demo's output on its way to the terminal: a process of its own passes it on, and drops it when asked to.

It outlives a supervisor that is killed outright, so that the parts can still write while they end.
"""

import contextlib
import os
import signal
import tty
from types import FrameType
from typing import NoReturn

_ASKED = {signal.SIGINT, signal.SIGTERM, signal.SIGUSR1}


class Passing:
    """Copies what is written to `channel` to standard output, until every writer has ended."""

    def __init__(self) -> None:
        ours, self.channel = _channel()
        signal.pthread_sigmask(signal.SIG_BLOCK, _ASKED)
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self.channel)
            _pass_on(ours)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)
        os.close(ours)

    def drop(self) -> None:
        """From now on nothing is passed on."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGUSR1)


def _channel() -> tuple[int, int]:
    """Where output is read, and where it is written: a terminal if ours is one, for the colours."""
    if not os.isatty(1):
        return os.pipe()
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    return ours, theirs


def _pass_on(channel: int) -> NoReturn:
    dropping = False

    def drop(_number: int, _frame: FrameType | None) -> None:
        nonlocal dropping
        dropping = True

    signal.signal(signal.SIGUSR1, drop)
    for number in (signal.SIGINT, signal.SIGTERM):  # it ends when the parts have ended
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKED)
    with contextlib.suppress(OSError):  # so ends a terminal
        while data := os.read(channel, 1 << 16):
            if not dropping:
                with contextlib.suppress(OSError):  # nobody reads us any more; the parts may go on
                    os.write(1, data)
    os._exit(0)
