"""An independent count of access logs: the files themselves, line by line, by nothing but their status column."""

import glob
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from trafficgen.verify.table import Codes

STATUS_COLUMN = 2  # of the tab-separated formats: address, method and route, status, bytes


@dataclass(frozen=True, slots=True)
class LogCount:
    """The contents of a log and of its rotated predecessors."""

    codes: Codes
    files: int
    strange: int = 0  # lines without a status


def count_logs(pattern: str) -> LogCount:
    """Count the lines of every file that matches the glob `pattern`. Raises OSError.

    Rename rotation is harmless: a file that is renamed between the listing and its opening is found by listing again.
    """
    while True:
        names = sorted(glob.glob(pattern))  # noqa: PTH207, the pattern may be absolute
        try:
            counts = [_count(Path(name)) for name in names]
        except FileNotFoundError:
            continue
        if sorted(glob.glob(pattern)) == names:  # noqa: PTH207
            break
    total: Counter[int] = sum(counts, Counter())
    strange = total.pop(0, 0)
    return LogCount(dict(total), len(names), strange)


def _count(path: Path) -> Counter[int]:
    """Lines by status; 0 for those that have none."""
    with path.open("rb") as lines:
        return Counter(_status(line) for line in lines)


def _status(line: bytes) -> int:
    columns = line.rstrip(b"\n").split(b"\t")
    text = columns[STATUS_COLUMN] if len(columns) > STATUS_COLUMN else b""
    return int(text) if text.isdigit() else 0
