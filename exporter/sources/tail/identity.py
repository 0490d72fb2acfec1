"""The identity of files: device and inode while the file exists; its content afterwards.

Inodes are used again: on ext4 a deleted log's number goes to the very next file. So an inode counts only together
with its generation number (or its birth time, if the file system has no number) and with content: a hash of
the file's head, which grows with the file up to `HEAD_BYTES`, and of the last bytes before our position. The same two
hashes find copied or compressed files, which have other inodes.
"""

import ctypes
import fcntl
import hashlib
import os
import struct
from typing import NamedTuple, Self

HEAD_BYTES = 1024  # some 10 to 30 lines of an access log; one page, so that checking it is one cheap read
NEAR_BYTES = 64  # the bytes before our position that every read checks again on the way
_FS_IOC_GETVERSION = 0x80087601
_AT_EMPTY_PATH = 0x1000  # statx(2), <linux/stat.h>: the file is the descriptor itself
_STATX_BTIME = 0x800
_STATX_BTIME_OFFSET = 80
_STATX_BYTES = 256
_libc = ctypes.CDLL(None)


class FileId(NamedTuple):
    """A file as the file system names it."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """The identity in a stat result."""
        return cls(status.st_dev, status.st_ino)


def generation(fd: int) -> int:
    """The inode's generation: another file under the same inode has another. 0 where the file system tells none.

    Where there is no such number (overlayfs, under containers), the time of birth in nanoseconds stands for it.
    """
    try:
        answer: tuple[int] = struct.unpack("l", fcntl.ioctl(fd, _FS_IOC_GETVERSION, bytes(struct.calcsize("l"))))
    except OSError:
        return _born_ns(fd)
    return answer[0]


def _born_ns(fd: int) -> int:
    """When the file was made, by statx(2), which Python does not offer; 0 where the file system does not keep it."""
    answer = ctypes.create_string_buffer(_STATX_BYTES)
    try:
        failed = _libc.statx(fd, b"", _AT_EMPTY_PATH, _STATX_BTIME, answer)
    except AttributeError:  # a C library without it
        return 0
    mask: int = struct.unpack_from("I", answer, 0)[0]
    if failed or not mask & _STATX_BTIME:
        return 0
    seconds, nanoseconds = struct.unpack_from("qI", answer, _STATX_BTIME_OFFSET)
    return int(seconds * 1_000_000_000 + nanoseconds)


def digest(data: bytes) -> bytes:
    """A hash of 16 bytes for the state file, which therefore has no content of the log."""
    return hashlib.blake2b(data, digest_size=16).digest()
