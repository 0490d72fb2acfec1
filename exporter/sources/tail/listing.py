"""The directories in one scan: each is listed once, and files are examined only if necessary."""

import errno
import fnmatch
import glob
import itertools
import os
import stat
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from exporter.sources.files import NotNowError
from exporter.sources.tail.identity import FileId
from exporter.sources.tail.names import generation_order, is_rotation, same_series, stem_of

_NOTHING_SEEN = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM)
"""Errors of a folder that does not exist or cannot be read. After any other error its content is unknown."""


class Found(NamedTuple):
    """A regular file, symlinks followed."""

    path: str
    id: FileId
    mtime_ns: int
    size: int

    @property
    def name(self) -> str:
        """The path without directories."""
        return os.path.basename(self.path)


def find(path: str) -> Found | None:
    """The regular file at `path`; None if there is none, or the way to it is barred."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Found(path, FileId.of(status), status.st_mtime_ns, status.st_size)


class Listing:
    """The directories as they are now. For one scan only. Its methods raise NotNowError."""

    def __init__(self) -> None:
        self._inodes: dict[str, dict[str, int]] = {}
        self._names: dict[str, list[str]] = {}

    def expand(self, patterns: Iterable[str]) -> Iterator[tuple[str, bool]]:
        """The paths that the patterns match, each with whether its pattern has no wildcards."""
        for pattern in patterns:
            if glob.has_magic(pattern):
                yield from ((path, False) for path in self._matching(pattern))
            else:
                yield pattern, True

    def directories(self) -> list[str]:
        """Those that were looked into."""
        return list(self._inodes)

    def _matching(self, pattern: str) -> list[str]:
        """Like glob.glob, sorted; but that treats a directory as empty if no descriptor is left to read it."""
        if not pattern:  # of a relative pattern, the directory that the process is in
            return [pattern]
        if not glob.has_magic(pattern):
            return [pattern] if os.path.lexists(pattern) else []
        directory, name = os.path.split(pattern)
        found = []
        for each in self._matching(directory):
            if not glob.has_magic(name):
                found += self._matching(os.path.join(each, name))
            else:
                names = (other for other in self._list(each) if name.startswith(".") or not other.startswith("."))
                found += [os.path.join(each, other) for other in fnmatch.filter(names, name)]
        return sorted(found)

    def beside(self, home: str, target: str) -> list[Found]:
        """Files that may hold what once stood at `home` (a symlink to `target` perhaps), the oldest first."""
        found = {file.id: file for file in map(find, self.inodes_beside(home, target)) if file is not None}
        return sorted(found.values(), key=lambda file: (file.mtime_ns, generation_order(file.name)))

    def inodes_beside(self, home: str, target: str) -> dict[str, int]:
        """By path, as for `beside`: where they change, a file that was moved may have been seen nowhere."""
        paths = self._beginning_like(home)
        if target != home:
            directory, name = os.path.split(target)
            series = [other for other in self._list(directory) if same_series(other, name)]
            paths += [*self._beginning_like(target), *(os.path.join(directory, other) for other in series)]
        return {path: self._list(os.path.dirname(path))[os.path.basename(path)] for path in paths}

    def by_id(self, wanted: FileId, directories: Iterable[str]) -> Found | None:
        """The file with this identity, under whatever name."""
        for directory in dict.fromkeys(directories):
            for name, inode in self._list(directory).items():
                if inode == wanted.inode:
                    file = find(os.path.join(directory, name))
                    if file is not None and file.id == wanted:
                        return file
        return None

    def _beginning_like(self, path: str) -> list[str]:
        directory, name = os.path.split(path)
        if directory not in self._names:
            self._names[directory] = sorted(self._list(directory))
        names, stem = self._names[directory], stem_of(name)
        start = bisect_left(names, stem)
        like = itertools.takewhile(lambda other: other.startswith(stem), itertools.islice(names, start, None))
        return [os.path.join(directory, other) for other in like]

    def _list(self, directory: str) -> dict[str, int]:
        if directory not in self._inodes:
            try:
                with os.scandir(directory or os.curdir) as entries:
                    self._inodes[directory] = {entry.name: entry.inode() for entry in entries}
            except OSError as exc:
                if exc.errno not in _NOTHING_SEEN:
                    raise NotNowError(f"{directory}: {exc.strerror}") from exc
                self._inodes[directory] = {}
        return self._inodes[directory]


def rotated_from(file: Found, home: str, target: str) -> bool:
    """Whether the name shows that the file was once at `home`, or the target of a symlink there."""
    if is_rotation(file.name, os.path.basename(home)):
        return True
    return target != home and (
        same_series(file.name, os.path.basename(target)) or is_rotation(file.name, os.path.basename(target))
    )
