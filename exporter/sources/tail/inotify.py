"""The kernel's events of directories, for all waiters of an event loop, with one descriptor.

A user may have many watches, but few instances of inotify (128 by default), so a loop has one. It exists only while a
task waits, and so does a watch. Called through ctypes: libraries for it start a thread for each waiter, and take 8 MiB.
"""

import asyncio
import contextlib
import ctypes
import errno
import os
import struct
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from typing import NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

Happened: TypeAlias = Callable[[str], None]
"""Called in the loop with the path of the change, or only the directory if more is not known."""

_MODIFY, _ATTRIB, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x4, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _ONLYDIR, _IGNORED, _OVERFLOW = 0x400, 0x800, 0x01000000, 0x8000, 0x4000
_CHANGES = _MODIFY | _ATTRIB | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLYDIR
_EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows, padded with zeros
_READ_BYTES = 1 << 16
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG})


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


class _Added(NamedTuple):
    """The watches of existing directories, and why there are no more."""

    watches: dict[str, int]
    error: OSError | None = None


class _Kernel:
    """One instance of inotify, and the waiters of its watches."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._loop = loop
        self._users = 0
        self._fd = -1
        self._waiting: defaultdict[int, list[tuple[str, Happened]]] = defaultdict(list)

    @contextlib.asynccontextmanager
    async def watching(self, directories: Iterable[str], happened: Happened) -> AsyncIterator[int]:
        """Call `happened` for each change in the directories; gives how many of them are there.

        Raises OSError where the kernel has no instance or no watch left.
        """
        self._open()
        # in a thread, for a network file system may hang
        adding = asyncio.ensure_future(asyncio.to_thread(self._add, self._fd, list(directories)))
        mine: list[tuple[int, tuple[str, Happened]]] = []
        try:
            added = await asyncio.shield(adding)
            for directory, watch in added.watches.items():
                mine.append((watch, (directory, happened)))
                self._waiting[watch].append(mine[-1][1])
            if added.error is not None:
                raise added.error
            yield len(mine)
        finally:
            for watch, waiter in mine:
                self._leave(watch, waiter)
            if adding.done():
                self._close()
            else:
                adding.add_done_callback(self._undo)

    def _open(self) -> None:
        if not self._users:
            self._fd = _checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
            self._loop.add_reader(self._fd, self._read)
        self._users += 1

    def _close(self) -> None:
        self._users -= 1
        if not self._users:
            self._loop.remove_reader(self._fd)
            os.close(self._fd)  # and all its watches
            self._waiting.clear()

    def _add(self, fd: int, directories: list[str]) -> _Added:
        """Watch each existing directory; two names of one directory have one watch."""
        watches: dict[str, int] = {}
        for directory in directories:
            try:
                watches[directory] = _checked(self._libc.inotify_add_watch(fd, os.fsencode(directory or "."), _CHANGES))
            except OSError as exc:
                if exc.errno not in _ABSENT:
                    return _Added(watches, exc)
        return _Added(watches)

    def _undo(self, adding: asyncio.Future[_Added]) -> None:
        """Take away what was added for a waiter that was cancelled meanwhile."""
        for watch in adding.result().watches.values():
            self._leave(watch)
        self._close()

    def _leave(self, watch: int, waiter: tuple[str, Happened] | None = None) -> None:
        waiters = self._waiting[watch]
        if waiter is not None:
            waiters.remove(waiter)
        if not waiters:
            del self._waiting[watch]
            self._libc.inotify_rm_watch(self._fd, watch)  # it may have been removed with its directory

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._fd, _READ_BYTES)
            at = 0
            while at < len(data):
                watch, mask, _, length = _EVENT.unpack_from(data, at)
                at += _EVENT.size + length
                self._tell(watch, mask, os.fsdecode(data[at - length : at].rstrip(b"\0")))

    def _tell(self, watch: int, mask: int, name: str) -> None:
        if mask & _OVERFLOW:  # events are lost, of unknown directories
            for waiters in list(self._waiting.values()):
                for directory, happened in list(waiters):
                    happened(directory)
        elif not mask & _IGNORED:
            for directory, happened in list(self._waiting.get(watch, ())):
                happened(os.path.join(directory, name) if name else directory)


_kernels: WeakKeyDictionary[asyncio.AbstractEventLoop, _Kernel] = WeakKeyDictionary()


def watching(directories: Iterable[str], happened: Happened) -> contextlib.AbstractAsyncContextManager[int]:
    """As `_Kernel.watching`, in the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _kernels:
        _kernels[loop] = _Kernel(loop)
    return _kernels[loop].watching(directories, happened)
