"""Bodies of posts on their way into the database: each in a file beside it, which is deleted when its request ends.

A process that is killed leaves such files; the next one removes them, if they are its user's and old.
"""

import logging
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

OLD_S = 3600.0
"""Older files belong to no request of another process, which writes to them or is cut off."""
_PREFIX, _SUFFIX = ".polls-", ".csv"
_OURS = re.compile(rf"{re.escape(_PREFIX)}[a-z0-9_]{{8}}{re.escape(_SUFFIX)}")


def new_upload(folder: Path) -> IO[bytes]:
    """A file for a body; closing removes it. Raises OSError."""
    return tempfile.NamedTemporaryFile(dir=folder, prefix=_PREFIX, suffix=_SUFFIX)


def remove_left(folder: Path, now_s: float) -> None:
    """Remove files that killed processes left. `now_s`: Unix time. A file that cannot be removed is logged."""
    try:
        with os.scandir(folder) as entries:
            left = [Path(entry.path) for entry in entries if _OURS.fullmatch(entry.name) and _is_left(entry, now_s)]
        for path in left:
            path.unlink(missing_ok=True)
            log.info("%s: removed; it was left by a killed process", path)
    except OSError as exc:
        log.warning("%s: files that killed processes left could not be removed: %s", folder, exc.strerror)


def _is_left(entry: os.DirEntry[str], now_s: float) -> bool:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and now_s - status.st_mtime > OLD_S
