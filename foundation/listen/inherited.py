"""Sockets that systemd opened and passed to the process, as sd_listen_fds(3) has it."""

import os
import re
import socket
from collections.abc import MutableMapping
from contextlib import ExitStack

from foundation.errors import ConfigError, in_words

_FIRST = 3
_COUNT = re.compile("[1-9][0-9]{0,8}")
_NAMES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def inherited_sockets(environ: MutableMapping[str, str] = os.environ, first: int = _FIRST) -> list[socket.socket]:
    """The listening stream sockets, not blocking, whose descriptors begin at `first`; to be closed by the caller.

    They are taken once: child processes get none. Raises ConfigError if there is none, or one is of another kind.
    """
    pid, count, _ = (environ.pop(name, "") for name in _NAMES)
    if pid != str(os.getpid()) or not _COUNT.fullmatch(count):
        raise ConfigError(
            "--web.systemd-socket: systemd passed no socket to this process; expected a .socket unit for its service"
        )
    with ExitStack() as taken:
        sockets = [taken.enter_context(_socket(number)) for number in range(first, first + int(count))]
        taken.pop_all()
    return sockets


def _socket(number: int) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        one = socket.socket(fileno=number)
    except OSError as exc:
        raise ConfigError(
            f"--web.systemd-socket: descriptor {number}, which $LISTEN_FDS includes: {in_words(exc)}; expected "
            "descriptors that a .socket unit passed"
        ) from exc
    if one.type != socket.SOCK_STREAM or not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        one.close()
        raise ConfigError("--web.systemd-socket: a socket does not listen; expected ListenStream= with Accept=no")
    one.setblocking(False)
    return one
