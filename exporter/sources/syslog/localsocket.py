"""Sockets at a path: bound even if a killed process left its socket, and removed only while they are our own."""

import contextlib
import errno
import shutil
import socket
import stat
from pathlib import Path
from typing import NamedTuple

from foundation.errors import SourceError, in_words


class LocalSocket(NamedTuple):
    """A socket bound to a path, and which file that is."""

    opened: socket.socket
    path: Path
    device: int
    inode: int

    def close(self) -> None:
        """Close it, and remove its path unless it belongs to another process by now."""
        with contextlib.suppress(OSError):
            status = self.path.lstat()
            if (status.st_dev, status.st_ino) == (self.device, self.inode):
                self.path.unlink()
        self.opened.close()


def bind_path(kind: socket.SocketKind, path: Path, *, mode: int, group: str | None) -> LocalSocket:
    """A socket that is bound to `path`, with this mode and group. Raises SourceError."""
    opened = socket.socket(socket.AF_UNIX, kind)
    is_bound = False
    try:
        _make_room(kind, path)
        opened.setblocking(False)
        opened.bind(str(path))
        is_bound = True
        if group is not None:
            shutil.chown(path, group=group)
        path.chmod(mode)
        status = path.lstat()
    except BaseException as exc:
        opened.close()
        if is_bound:
            path.unlink()
        if isinstance(exc, LookupError):
            raise SourceError(f"cannot listen on {path}: there is no group {group}") from exc
        if isinstance(exc, OSError):
            raise SourceError(f"cannot listen on {path}: {in_words(exc)}{_remedy(exc, path, group)}") from exc
        raise
    return LocalSocket(opened, path, status.st_dev, status.st_ino)


def _make_room(kind: socket.SocketKind, path: Path) -> None:
    """Remove a socket without a listener. Raises SourceError if the path is something else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise SourceError(f"cannot listen on {path}: a file that is not a socket exists there; choose another path")
    with socket.socket(socket.AF_UNIX, kind) as caller:
        caller.setblocking(False)
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:  # its process has ended
            path.unlink()
            return
        except OSError as exc:
            if exc.errno not in (errno.EPROTOTYPE, errno.EAGAIN):  # it is of the other kind; its backlog is full
                raise
    raise SourceError(f"cannot listen on {path}: another process listens there; choose another path")


def _remedy(exc: OSError, path: Path, group: str | None) -> str:
    directory = path.parent
    if isinstance(exc, FileNotFoundError):
        return f"; make the directory {directory}"
    if not isinstance(exc, PermissionError):
        return ""
    member = f" and be a member of the group {group}" if group else ""
    return f"; this user must be able to write to {directory}{member}"
