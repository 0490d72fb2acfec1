"""The log formats in a server's configuration, and which log is written in which: nginx, Apache and HAProxy.

Includes are followed as far as they lie in the folder of the configuration. What is read is bounded, and what cannot be
read of it is left out: a module's own language may stand in a configuration.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from exporter.accesslog.formats.pasted import (
    USUAL,
    Word,
    apache_format,
    apache_statements,
    nginx_format,
    nginx_statements,
)
from exporter.sources.tail.names import is_rotation
from foundation.errors import ConfigError, in_words

FILES = 500
FILE_BYTES = 1 << 20

_NGINX = re.compile(r"^\s*(?:http|server|events|log_format|access_log|include)\b[^\n]*[{;']", re.MULTILINE)
_HAPROXY = re.compile(r"^\s*(?:global|defaults|frontend|listen|backend)\b[^{;<>]*$", re.MULTILINE)
_VARIABLE = re.compile(r"\\\$\\\{\w+\\\}|\\\$\w+")
_NO_FILES = ("off", "syslog:", "memory:", "|")


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

    def _string(self, name: str) -> str:
        return self.formats.get(name) or USUAL.get(name, name)


def read_server_config(path: Path) -> ServerConfig:
    """The formats in the configuration at `path`. Raises ConfigError where it cannot be read or has none."""
    try:
        text = _text(path)
    except OSError as exc:
        raise ConfigError(f"--server-config: {path}: {in_words(exc)}") from exc
    config = ServerConfig({}, [])
    if _NGINX.search(text):
        _follow(path, config, nginx_statements, _nginx)
    elif _HAPROXY.search(text):
        _follow(path, config, apache_statements, _haproxy)
    else:
        _follow(path, config, apache_statements, _apache)
    if not config.every():
        raise ConfigError(
            f"--server-config: {path}: no log_format, access_log, LogFormat, CustomLog or log-format in it; expected a "
            "configuration of nginx, Apache or HAProxy, for example /etc/nginx/nginx.conf"
        )
    return config


Statements = Callable[[str], Iterator[list[Word]]]
Take = Callable[[list[Word], ServerConfig], str]
"""Takes what a statement says of logs; the pattern of files that it includes, or nothing."""


def _follow(path: Path, config: ServerConfig, statements: Statements, take: Take) -> None:
    root = path.resolve().parent
    pending, seen = [path], set[Path]()
    while pending and len(seen) < FILES:
        file = pending.pop(0)
        real = file.resolve()
        if real in seen or not real.is_relative_to(root):
            continue
        seen.add(real)
        try:
            for words in statements(_text(file)):
                if pattern := take(words, config):
                    pending += itertools.islice(_included(root, pattern), FILES)
        except (OSError, ValueError):
            continue


def _included(root: Path, pattern: str) -> Iterator[Path]:
    whole = os.path.normpath(root / pattern)
    if not whole.startswith(f"{root}{os.sep}"):
        return
    for path in sorted(root.glob(os.path.relpath(whole, root)))[:FILES]:
        yield from sorted(path.iterdir()) if path.is_dir() else (path,)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(FILE_BYTES).decode("utf-8", "replace")


def _nginx(words: list[Word], config: ServerConfig) -> str:
    match words:
        case [Word("include"), pattern]:
            return pattern.text
        case [Word("log_format"), name, *_]:
            config.formats[name.text] = nginx_format(words)
        case [Word("access_log"), path, *rest] if not path.text.startswith(_NO_FILES):
            named = rest[0].text if rest and "=" not in rest[0].text else "combined"
            config.logs.append(NamedLog(path.text, named))
    return ""


def _apache(words: list[Word], config: ServerConfig) -> str:
    match words[0].text.lower(), words[1:]:
        case (("include" | "includeoptional"), [pattern]):
            return pattern.text
        case "logformat", [_, *name] if text := apache_format(words):
            config.formats[name[0].text if name else "LogFormat"] = text
        case (("customlog" | "globallog"), [path, named, *_]) if not path.text.startswith(_NO_FILES):
            config.logs.append(NamedLog(path.text, named.text))
        case "transferlog", [path, *_] if not path.text.startswith(_NO_FILES):
            config.logs.append(NamedLog(path.text, "common"))
    return ""


def _haproxy(words: list[Word], config: ServerConfig) -> str:
    match [word.text for word in words]:
        case ["log-format", *text] if text:
            config.formats[str(len(config.formats))] = " ".join(text).replace("\\ ", " ")
        case ["option", "httplog", "clf"]:
            config.formats[str(len(config.formats))] = "haproxy-clf"
        case ["option", "httplog" | "httpslog"]:
            config.formats[str(len(config.formats))] = "haproxy"
    return ""


def _like(written: str, name: str) -> bool:
    """Whether a path with variables (`$host`, `${APACHE_LOG_DIR}`) can be this one."""
    return re.fullmatch(_VARIABLE.sub(".*", re.escape(written)), name) is not None
