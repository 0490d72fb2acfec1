"""The faults of paths to follow: missing files, and paths that are not files."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator

from exporter.sources.tail.listing import Listing

SHOWN = 5
"""Files of one pattern that are named; of more only the number is."""


def files_of(patterns: Iterable[str]) -> Iterator[str]:
    """The regular files that the patterns name and that may be read, each once."""
    paths = dict.fromkeys(path for path, _ in Listing().expand(patterns))
    return (path for path in paths if os.path.isfile(path) and os.access(path, os.R_OK))


def path_troubles(patterns: Iterable[str], *, required: bool = True) -> Iterator[str]:
    """One text for each pattern and file that cannot be followed now. `required`: a pattern must match a file."""
    for pattern in patterns:
        if not glob.has_magic(pattern):
            yield from _trouble(pattern)
            continue
        paths = [path for path, _ in Listing().expand([pattern])]
        files = [path for path in paths if not os.path.isdir(path)]
        if not files and required:
            yield f"{pattern}: matches no file{' (only directories)' if paths else ''}"
        troubles = [text for path in files for text in _trouble(path)]
        yield from troubles[:SHOWN]
        if len(troubles) > SHOWN:
            yield f"{pattern}: {len(troubles) - SHOWN} more that cannot be read"


def _trouble(path: str) -> Iterator[str]:
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            yield f"{path}: is a directory; expected a file or a pattern, for example {os.path.join(path, '*.log')}"
        elif not stat.S_ISREG(mode):
            yield f"{path}: is a pipe or a device; only regular files are followed"
        else:
            with open(path, "rb"):
                pass
    except (OSError, ValueError) as exc:
        yield f"{path}: {exc.strerror if isinstance(exc, OSError) else exc}"
