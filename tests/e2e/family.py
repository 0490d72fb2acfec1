"""Processes that end together: Linux's own means, so that no kill, however hard, leaves one behind."""

import contextlib
import ctypes
import os
import signal
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1  # from <sys/prctl.h>
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def end_with_parent() -> None:
    """Ask the kernel to send this process SIGTERM when its parent ends. Call it in the child, before exec."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt_orphans() -> None:
    """From now on grandchildren whose parent dies become children of this process, where `end_all` finds them."""
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def descendants(root: int) -> list[int]:
    """The process ids below `root`, as they are now, zombies left out."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = stat.read_text().partition(" (")
        except OSError:
            continue  # it ended meanwhile
        state, parent = rest.rpartition(") ")[2].split()[:2]
        if state != "Z":
            children.setdefault(int(parent), []).append(int(pid))
    found, queue = [], [root]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def end_all(grace_s: float) -> None:
    """End every process below this one: SIGTERM, and SIGKILL for those that are still there after `grace_s`."""
    for sign, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, grace_s)):
        deadline = time.monotonic() + wait_s
        for pid in descendants(os.getpid()):
            _send(pid, sign)
        while descendants(os.getpid()) and time.monotonic() < deadline:
            _reap()
            time.sleep(0.02)
    _reap()


def _send(pid: int, sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sign)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
