"""The policy of a process's servers: the rules of one web configuration file, kept up to date with it.

A server without a web configuration file has no TLS and no users; Host, origin and headers are checked all the same.
The file is read again when it, or a file that it names, changes: a timer looks every two seconds, every
handshake looks, and so does a login that would fail. A faulty file leaves the rules unchanged, is logged, and is
visible in `status`.
"""

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, NamedTuple, Self

from foundation.errors import ConfigError
from foundation.web.config import WebConfig
from foundation.web.file import Reading, Rules, read_files
from foundation.web.passwords import Passwords
from foundation.web.sites import check_allowed_host

log = logging.getLogger(__name__)

LOOK_S = 2.0  # "within seconds"


REASONS = ("host", "site", "type", "login", "busy", "rate")
"""Why a request is refused."""


class Status(NamedTuple):
    """How the last look at a web configuration file went."""

    file: str
    ok: bool
    loaded_s: float  # Unix time at which the rules in force were read


class WebPolicy:
    """The rules of one web configuration file, kept up to date with it; and the policies of other files beside it.

    Attributes:
        rules: those in force.
        refused: requests refused by all servers of the process, by reason.
        passwords: checks them, for all servers of the process.
    """

    def __init__(
        self,
        path: Path | None = None,
        allowed_hosts: Iterable[str] = (),
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Read the file. Raises ConfigError.

        Args:
            path: The web configuration; None for no TLS and no users.
            allowed_hosts: Names that servers answer to beside those of the file, this machine and loopback.
            now: Unix time.
        """
        self._path, self._now = path, now
        self._allowed_hosts = tuple(allowed_hosts)
        try:
            for name in self._allowed_hosts:
                check_allowed_host(name)
        except ValueError as exc:
            raise ConfigError(str(exc)) from exc
        self._reading = read_files(path) if path else Reading({}, Rules(WebConfig(), None), None)
        if self._reading.problem is not None:
            raise self._reading.problem
        assert self._reading.rules is not None
        self.rules = self._reading.rules
        self.passwords = Passwords()
        self.refused: Counter[str] = Counter()
        self._ok, self._loaded_s = True, now()
        self._others: dict[str, WebPolicy] = {}
        self._timer: asyncio.TimerHandle | None = None

    def of(self, path: str | None) -> "WebPolicy":
        """The policy for a server that names a file of its own; this one where it names none. Raises ConfigError."""
        if path is None:
            return self
        if path not in self._others:
            other = WebPolicy(Path(path), self._allowed_hosts, now=self._now)
            other.passwords, other.refused = self.passwords, self.refused
            self._others[path] = other
        return self._others[path]

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.rules.context is not None

    @property
    def scheme(self) -> Literal["http", "https"]:
        """What the URLs of its servers begin with."""
        return "https" if self.tls else "http"

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names that are allowed by flag or file."""
        return (*self._allowed_hosts, *self.rules.config.allowed_hosts)

    def ssl_context(self) -> ssl.SSLContext | None:
        """How a connection that comes now is encrypted. `foundation.listen` asks at each."""
        self.refresh()
        return self.rules.context

    def statuses(self) -> list[Status]:
        """How the last look at each file went."""
        own = [Status(str(self._path), self._ok, self._loaded_s)] if self._path else []
        return own + [status for other in self._others.values() for status in other.statuses()]

    def refresh(self) -> None:
        """Switch to the current content of the files, if it has changed and is valid."""
        for other in self._others.values():
            other.refresh()
        if self._path is None or not self._reading.changed:
            return
        self._reading = read_files(self._path)
        rules, problem = self._reading.rules, self._reading.problem
        if rules is not None and (rules.context is not None) != self.tls:
            problem = ConfigError(f"{self._path}: TLS can be switched on or off by a restart only")
        self._ok = rules is not None and not problem
        if rules is None or problem:
            log.error("the old web configuration stays in force: %s", problem)
            return
        self.rules, self._loaded_s = rules, self._now()
        log.info("the web configuration %s was reloaded", self._path)

    def __enter__(self) -> Self:
        """Look at the files every two seconds until the block is left, or `close`. Needs the running loop."""
        self._look_later()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look_again)

    def _look_again(self) -> None:
        self._look_later()
        self.refresh()

    def close(self) -> None:
        """Stop watching, and check no password."""
        if self._timer is not None:
            self._timer.cancel()
        self.passwords.close()
