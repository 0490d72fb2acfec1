"""Reads a descriptor in a separate thread, so that data is received also while the event loop is busy.

The thread waits for the descriptor and for the end, and reads nothing while the intake is full.
"""

import array
import fcntl
import os
import select
import termios
import threading
from collections.abc import Callable

from exporter.sources.intake import Intake

_FULL_S = 0.05
"""Interval between two checks for room and for the end."""


class Pump:
    """Calls `read` whenever there is something to read, until it is stopped or `read` says that there is no more.

    has_failed: `read` raised an error, which the intake raises.
    """

    def __init__(self, fd: int, intake: Intake, read: Callable[[], bool]) -> None:
        """`read`: reads the available data, without waiting, into the intake; False to end."""
        self._fd, self._intake, self._read = fd, intake, read
        self._stop_read, self._stop_write = os.pipe()
        self._stopping = False
        self.has_failed = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it: a read under way is finished. Blocks for some milliseconds. Can be called again."""
        if self._stopping:
            return
        self._stopping = True
        os.write(self._stop_write, b"x")
        self._thread.join()
        os.close(self._stop_read)
        os.close(self._stop_write)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        poll.register(self._stop_read, select.POLLIN)
        try:
            while not self._stopping:
                if not self._intake.wait_for_room(_FULL_S):
                    continue
                poll.poll()
                if not self._stopping and not self._read():
                    return
        except BaseException as exc:  # noqa: BLE001, raised where lines are awaited
            self.has_failed = True
            self._intake.fail(exc)


def waiting_bytes(fd: int) -> int:
    """The number of bytes in a pipe or a connection."""
    size = array.array("i", [0])
    try:
        fcntl.ioctl(fd, termios.FIONREAD, size)
    except OSError:
        return 0
    return size[0]
