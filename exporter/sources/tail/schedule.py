"""When to scan: periodically, and soon after a sign of a new file at a home."""

import os
from collections.abc import Iterable, Mapping

from exporter.sources.tail.book import Book
from exporter.sources.tail.directories import Directories
from exporter.sources.tail.listing import find
from exporter.sources.tail.mark import Limits
from exporter.sources.tail.stream import Stream

_EVERY_FILE_S, _CHANGED_FILE_S = 0.005, 0.001
"""Least time from one scan to the next, for each file: when nothing tells of a change, and when something does.

A scan takes some 20 us a file, and so at most 2 % of the time, and 0.4 % while nothing changes.
"""
_FEW_FILES = 100
"""So many are scanned at once when something has changed."""


class Schedule:
    """Says when the next scan of a Book's files is due.

    Attributes:
        pending: something is to be seen that no change of a directory will tell.
    """

    def __init__(self, book: Book, limits: Limits) -> None:
        """`limits`: on the time between two scans."""
        self._book, self._limits = book, limits
        self.pending = False
        self._changes = Directories()
        self._in_directory: dict[str, list[Stream]] = {}
        self._scanned_s = float("-inf")

    def begin(self, now_s: float, wall_s: float) -> None:
        """A scan begins, at a monotonic and a Unix time."""
        self._scanned_s, self.pending = now_s, False
        self._changes.begin(wall_s)

    def end(self, targets: Mapping[str, str], directories: Iterable[str]) -> None:
        """It has ended: remember the directories in which a change may tell of a new file at a home.

        Args:
            targets: where homes led to.
            directories: those that it looked into.
        """
        self._in_directory = {}
        for stream in self._book.streams:
            if stream.role == "live":
                target = targets.get(stream.home, stream.home)
                for directory in {os.path.dirname(stream.home), os.path.dirname(target)}:
                    self._in_directory.setdefault(directory, []).append(stream)
        self._changes.end({*self._in_directory, *directories})

    def hurry(self) -> None:
        """The next scan is due."""
        self._scanned_s = float("-inf")

    def is_due(self, now_s: float) -> bool:
        """Whether to scan now. What is asked for that is in proportion to the files, and little beside a scan.

        A home that holds another file, or a directory that has changed, is seen to as soon as the scans take no more
        than a certain share of the time; without either, all is looked at again from time to time.
        """
        since_s, files = now_s - self._scanned_s, len(self._book.streams) + len(self._book.marks)
        if since_s >= max(self._limits.scan_s, files * _EVERY_FILE_S):
            return True
        changed = self._changes.since()
        if since_s < (files - _FEW_FILES) * _CHANGED_FILE_S:
            return False
        if self._moved(changed):
            return True
        return since_s >= self._limits.scan_s and bool(changed or self.pending or self._closed_changed())

    def _moved(self, changed: set[str]) -> bool:
        """Whether a home in a changed directory holds another file than the one we follow there."""
        if any(stream.young_since_ns for stream in self._book.streams):
            return True
        streams = (stream for directory in changed for stream in self._in_directory.get(directory, ()))
        return any((file := find(s.home)) is not None and file.id != s.id for s in streams if s.role == "live")

    def _closed_changed(self) -> bool:
        """Whether something happened to a file that was read to its end."""
        for mark in self._book.marks.values():
            if mark.inode and mark.role in ("done", "copy"):
                file = find(mark.path)
                if file is None or file.id != mark.id or not mark.is_unchanged(file.size, file.mtime_ns):
                    return True
        return False
