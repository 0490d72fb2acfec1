"""The logs in a server's configuration."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from exporter.accesslog.formats.strings.pasted import USUAL
from exporter.sources.tail.names import is_rotation

_VARIABLE = re.compile(r"\\\$\\\{\w+\\\}|\\\$\w+")


class NamedLog(NamedTuple):
    """A log that the configuration names: its path as it is written there, and its format."""

    path: str
    format: str

    def is_at(self, path: str) -> bool:
        """Whether `path`, which is absolute, is that log or a rotation of it."""
        directory, name = os.path.split(path)
        own_directory, own_name = os.path.split(self.path)
        return (not own_directory or _like(own_directory, directory)) and (
            _like(own_name, name) or is_rotation(name, own_name)
        )


class ServerConfig(NamedTuple):
    """The formats that a configuration has, by name or number, and its logs."""

    formats: dict[str, str]
    logs: list[NamedLog]

    def named_for(self, log: str) -> list[str]:
        """The formats of the log at `log`, the best known first."""
        path = str(Path(log).absolute())
        return list(dict.fromkeys(self._string(one.format) for one in self.logs if one.is_at(path)))

    def every(self) -> list[str]:
        """All formats, those of logs first."""
        return list(dict.fromkeys((*(self._string(one.format) for one in self.logs), *self.formats.values())))

    def add(self, format_: str) -> None:
        """Add a format that has no name."""
        self.formats[str(len(self.formats))] = format_

    def _string(self, name: str) -> str:
        return self.formats.get(name) or USUAL.get(name, name)


def _like(written: str, name: str) -> bool:
    """Whether a path with variables (`$host`, `${APACHE_LOG_DIR}`) can be this one."""
    return re.fullmatch(_VARIABLE.sub(".*", re.escape(written)), name) is not None
