"""How much more memory this process may take within its limits; and releasing some.

Two kinds are limited apart: addresses (`ulimit -v` and `-d`), where a library may crash if a thread has no room for its
stack; and pages in use (control groups), where the kernel ends the process.
"""

import contextlib
import ctypes
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc/self")
_GROUPS = Path("/sys/fs/cgroup")
_NO_LIMIT_BYTES = 1 << 62


class Left(NamedTuple):
    """Bytes that are left of each limit; None if there is none, or it is unknown."""

    address_bytes: int | None
    resident_bytes: int | None


def give_back() -> None:
    """Release memory that imports used temporarily: 2 MiB with glibc."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def left() -> Left:
    """What is left now."""
    return Left(_address_bytes(_PROC), resident_bytes(_PROC, _GROUPS))


def _address_bytes(proc: Path) -> int | None:
    limits = [resource.getrlimit(one)[0] for one in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    if all(limit == resource.RLIM_INFINITY for limit in limits):
        return None
    try:
        pages = (proc / "statm").read_text("ascii").split()
    except OSError:  # no /proc, as on macOS
        return None
    used = [int(pages[place]) * os.sysconf("SC_PAGE_SIZE") for place in (0, 5)]  # all, and data with stacks
    return min(limit - use for limit, use in zip(limits, used, strict=True) if limit != resource.RLIM_INFINITY)


def resident_bytes(proc: Path, groups: Path) -> int | None:
    """What control groups leave: the least of the process's own and those above it, in version 2 or 1.

    Pages of files do not count as used, because the kernel gives them up first. In a container the path of the own
    group may be that of the machine, where only the topmost folder is there.
    """
    try:
        lines = (proc / "cgroup").read_text("utf-8").splitlines()
    except OSError:
        return None
    found: list[int] = []
    for _, controllers, path in (line.split(":", 2) for line in lines if line.count(":") > 1):
        if controllers == "":
            found += _in_groups(groups, path, ("memory.max", "memory.current", ""))
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
            found += _in_groups(groups / "memory", path, names)
    return min(found, default=None)


def _in_groups(top: Path, path: str, names: tuple[str, str, str]) -> Iterator[int]:
    limit, usage, prefix = names
    own = top / path.lstrip("/")
    for folder in (own, *own.parents):
        if not folder.is_relative_to(top):
            return
        try:
            most = _bytes(folder / limit)
            if most is not None:
                stat = dict(line.split() for line in (folder / "memory.stat").read_text("ascii").splitlines())
                of_files = sum(int(stat.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))
                yield most - int((folder / usage).read_text("ascii")) + of_files
        except (OSError, ValueError):  # absent, or in an unknown form
            continue


def _bytes(file: Path) -> int | None:
    """A limit; None without one, which version 1 writes as more memory than any machine has."""
    text = file.read_text("ascii").strip()
    return None if text == "max" or int(text) >= _NO_LIMIT_BYTES else int(text)
