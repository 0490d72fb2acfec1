"""Whether the names in a directory have changed since the last scan, by its time: one stat instead of many.

A directory's time is that of the last name added, removed or moved. A change within the time that one tick of the file
system's clock takes does not show in it, so a directory that has changed lately counts as changed until it has not.
Where times do not show a change (a mount over a file, some network file systems), the periodic scans do.
"""

import os
from collections.abc import Iterable

_UNSURE_NS = 2_000_000_000  # file systems count in ticks of 1 to 10 ms, in seconds, or in two seconds

_Sign = tuple[int, int, int] | None


class Directories:
    """Remembers directories as they were when a scan began."""

    def __init__(self) -> None:
        self._known: dict[str, _Sign] = {}
        self._begun: dict[str, _Sign] = {}
        self._begun_ns = 0

    def begin(self, wall_s: float) -> None:
        """A scan begins: what changes from now on may have been missed by it."""
        self._begun_ns = int(wall_s * 1e9)
        self._begun = {path: _sign(path) for path in self._known}

    def end(self, paths: Iterable[str]) -> None:
        """The scan has ended, and has looked into these. One that is new to us counts as changed."""
        self._known = {path: self._begun.get(path, (0, 0, self._begun_ns)) for path in paths}

    def since(self) -> set[str]:
        """Those that may have changed since the scan began."""
        surely_ns = self._begun_ns - _UNSURE_NS
        return {path for path, known in self._known.items() if (known and known[2] > surely_ns) or _sign(path) != known}


def _sign(path: str) -> _Sign:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns
