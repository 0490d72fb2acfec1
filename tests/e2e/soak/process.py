"""What a process holds, as Linux counts it."""

import os
import re
from pathlib import Path
from typing import NamedTuple


class Held(NamedTuple):
    """Resident memory in KiB, open descriptors, threads."""

    memory_kib: int
    descriptors: int
    threads: int


def held(pid: int | None = None) -> Held:
    """What process `pid` holds now, or this one."""
    home = Path("/proc") / str(pid or os.getpid())
    status = (home / "status").read_text()
    memory, threads = (int(re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[1]) for name in ("VmRSS", "Threads"))
    return Held(memory, len(list((home / "fd").iterdir())), threads)
