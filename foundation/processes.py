"""Child processes that asyncio runs."""

import contextlib
import os
import signal
from asyncio.subprocess import Process


def kill(process: Process) -> None:
    """Kill a process that has nothing to save, unless it has ended; `wait` for it afterwards.

    Process.kill() of Python before 3.12.8 asks the kernel first whether it has ended. Where it just has, that takes its
    exit code away from asyncio, which then warns of an unknown child and reports 255.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
