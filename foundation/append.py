"""Files that are appended to for a long time, in folders that others may write to.

The path at the start of the program is the user's choice: a link to another folder, /dev/stdout, a named pipe. A later
replacement may come from somebody else, so from then on only a regular file is opened, or created, and no link is
followed: a planted link would send lines into any file of this user. The pipe or device of the start may be opened
again, whichever link leads to it.

No descriptor blocks: a pipe that nobody reads raises BlockingIOError at the write.
"""

import errno
import os
import stat
from pathlib import Path

_APPEND = os.O_RDWR | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe that is opened both ways waits for no reader
_MODE = 0o644


class AppendedPath:
    """Opens one path, now and later. Not thread-safe."""

    def __init__(self, path: Path, *, trusted: bool = True) -> None:
        """Opens nothing yet; the first `open` decides what the path means, unless the user did not choose the name."""
        self.path = path
        self._looked = not trusted
        self._special: tuple[int, int] | None = None  # device and inode of what is not a regular file

    def open(self) -> int:
        """A descriptor to append to and to read from; the file is made if there is none.

        Raises OSError, also for files that must not be opened.
        """
        if not self._looked:
            self._looked = True
            return self._open_as_given()
        try:
            fd = os.open(self.path, _APPEND | os.O_CREAT | os.O_NOFOLLOW, _MODE)
        except OSError as exc:
            if exc.errno != errno.ELOOP:
                raise
            if self._special is None:
                raise OSError(errno.ELOOP, "expected a regular file, found a symbolic link") from exc
            fd = os.open(self.path, _APPEND)  # a link, as at the start: makes nothing, and is checked
            regular_is_fine = False
        else:
            regular_is_fine = True
        status = os.fstat(fd)
        same = (status.st_dev, status.st_ino) == self._special
        if same or (regular_is_fine and stat.S_ISREG(status.st_mode)):
            return fd
        os.close(fd)
        raise OSError(errno.ENXIO, "expected a regular file, found a link, a pipe or a device")

    def _open_as_given(self) -> int:
        if self.path.is_symlink():
            target = self.path.resolve()
            # What /dev/stdout leads to may have no name that can be opened.
            if target.is_file() or not self.path.exists():
                self.path = target
        fd = os.open(self.path, _APPEND | os.O_CREAT, _MODE)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            self._special = (status.st_dev, status.st_ino)
        return fd
