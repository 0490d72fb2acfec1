"""Which file is this? Device and inode say it while the file exists; its content says it afterwards.

Inodes are used again: on ext4 a deleted log's number goes to the very next file. So an inode counts only together
with its generation number (where the file system tells it) and with content: a hash of the file's head, which grows
with the file up to `HEAD_BYTES`, and of the last bytes before our position. The same two hashes find a file again
that was copied or compressed, where no inode can help.
"""

import fcntl
import hashlib
import os
import struct
from typing import NamedTuple, Self

HEAD_BYTES = 1024  # some 10 to 30 lines of an access log; one page, so that checking it is one cheap read
NEAR_BYTES = 64  # the bytes before our position that every read checks again on the way
_FS_IOC_GETVERSION = 0x80087601


class FileId(NamedTuple):
    """A file as the file system names it."""

    device: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """The identity in a stat result."""
        return cls(status.st_dev, status.st_ino)


def generation(fd: int) -> int:
    """The inode's generation: another file under the same inode has another. 0 where the file system tells none."""
    try:
        answer: tuple[int] = struct.unpack("l", fcntl.ioctl(fd, _FS_IOC_GETVERSION, bytes(struct.calcsize("l"))))
    except OSError:
        return 0
    return answer[0]


def digest(data: bytes) -> bytes:
    """16 bytes that stand for `data` in the state file, which thereby holds nothing of the log itself."""
    return hashlib.blake2b(data, digest_size=16).digest()
