"""The limit of open files for all Tails of a process together."""

import resource
import threading

from foundation.descriptors import OWN_FILES

_MOST = 1 << 20
"""The maximum of the raised limit: a container without one would have a thousand times more."""


class Descriptors:
    """A shared counter of all Tails, thread-safe.

    Attributes:
        most: the common maximum; files above it stay open until they can be closed.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._held = 0
        self._lock = threading.Lock()

    @property
    def are_short(self) -> bool:
        """Whether the maximum is reached."""
        return self._held >= self.most

    @property
    def over(self) -> int:
        """The number above the maximum."""
        return max(0, self._held - self.most)

    def take(self) -> None:
        """Count one more."""
        with self._lock:
            self._held += 1

    def give_back(self) -> None:
        """Count one less."""
        with self._lock:
            self._held -= 1


def raise_limit() -> None:
    """Raise the process's limit of descriptors to the maximum."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def share_of_logs(files: int | None = None) -> int:
    """The maximum of open followed files for a number of descriptors: the rest is for clients."""
    files = _limit() if files is None else files
    return max(1, files // 8, min(files // 2, files * 3 // 4 - OWN_FILES))


def _limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else soft


DESCRIPTORS = Descriptors(share_of_logs())
"""Those of this process."""
