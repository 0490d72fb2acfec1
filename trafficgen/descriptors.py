"""How many connections the open files of a process allow."""

import contextlib
import resource
import sys

from foundation.errors import ConfigError
from trafficgen.config import Limits

_SPARE_FILES = 32  # beside connections to the target: the loop, the metrics and who scrapes them, the standard streams
_FILES_OF_A_WORKER = 3  # its pipes, in the process that started it


def allowed_connections(asked: int | None, workers: int) -> int:
    """The connections of a run, for which the limit of open files is raised as far as the system allows.

    Nobody `asked` for the default: where it is too much, fewer do, and stderr says so. Raises ConfigError where the
    system does not allow what was asked for, or not even one for each of `workers`.
    """
    connections = Limits().connections if asked is None else asked
    pipes = _FILES_OF_A_WORKER * workers
    wanted = max(-(-connections // workers), pipes) + _SPARE_FILES
    files = _raise_limit(wanted)
    if files >= wanted:
        return connections
    most = (files - _SPARE_FILES) * workers if files - _SPARE_FILES >= pipes else 0
    if asked is None and most:
        sys.stderr.write(
            f"trafficgen: --connections: {most} instead of {connections}, as the limit of open files is {files}; "
            "raise it (ulimit -n)\n"
        )
        return most
    lower = f"at most --connections {most}, or " if most else ""
    raise ConfigError(
        f"--connections: {connections} need {wanted} open files in a process, the limit is {files}: "
        f"{lower}raise the limit (ulimit -n)"
    )


def _raise_limit(wanted: int) -> int:
    """How many files this process may open then, `wanted` without a limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < limit:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            soft = limit
    return soft
