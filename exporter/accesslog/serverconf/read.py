"""A server's configuration from its file.

Includes are followed within the folder of the configuration. The size is bounded, and unreadable parts are skipped: a
configuration may contain the language of a module.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from exporter.accesslog.formats.strings.pasted import Word, apache_statements, nginx_statements
from exporter.accesslog.serverconf import programs, statements
from exporter.accesslog.serverconf.model import ServerConfig
from foundation.errors import ConfigError, InputError, in_words

FILES = 500
FILE_BYTES = 1 << 20

Split = Callable[[str], Iterator[list[Word]]]

_PROGRAMS: tuple[tuple[str, Callable[[str, ServerConfig], None]], ...] = (
    (r"\bAccessLogValve\b", programs.tomcat),
    (r"\bvarnishncsa\b", programs.varnishncsa),
    (r"^\s*format\s+(?:transform|console|json)\b", programs.caddy),
    (r"^logging:\s*$|^formats:\s*$[\s\S]*%<", programs.traffic_server),
    (r"^(?:access_log_format|accesslog)\s*=", programs.python),
    (r"\b(?:inline_string|text_format|json_format|accessLogFormat|envoy\.[\w.]*access_loggers)\b", programs.envoy),
)  # fmt: skip
"""What only such a file has, for files without includes."""

_SERVERS: tuple[tuple[str, Split, statements.Take], ...] = (
    (r"^\s*(?:http|server|events|log_format|access_log|include)\b[^\n]*[{;']", nginx_statements, statements.nginx),
    (r"^\s*(?:global|defaults|frontend|listen|backend)\b[^{;<>]*$", apache_statements, statements.haproxy),
    (r"^\s*(?:http_access|http_port|access_log|logformat\s+\w+)\s", statements.squid_statements, statements.squid),
    (r"^\s*(?:accesslog\.\w+|server\.[\w-]+)\s*[+:]?=", statements.lighttpd_statements, statements.lighttpd),
    (r"", apache_statements, statements.apache),
)  # fmt: skip


def read_server_config(path: Path) -> ServerConfig:
    """The formats in the configuration at `path`. Raises ConfigError where it cannot be read or has none."""
    try:
        text = _text(path)
    except OSError as exc:
        raise InputError(f"--server-config: {path}: {in_words(exc)}") from exc
    config = ServerConfig({}, [])
    if take_all := next((take for sign, take in _PROGRAMS if re.search(sign, text, re.MULTILINE)), None):
        take_all(text, config)
    else:
        split, take = next((split, take) for sign, split, take in _SERVERS if re.search(sign, text, re.MULTILINE))
        _follow(path, config, split, take)
    if not config.every():
        raise ConfigError(
            f"--server-config: {path}: no log_format, access_log, LogFormat, CustomLog, log-format or logformat in it; "
            "expected a configuration of nginx, Apache, HAProxy, Squid, lighttpd, Tomcat, Envoy, gunicorn, "
            "varnishncsa, Caddy or Traffic Server, for example /etc/nginx/nginx.conf"
        )
    return config


def _follow(path: Path, config: ServerConfig, split: Split, take: statements.Take) -> None:
    root = path.resolve().parent
    pending, seen = [path], set[Path]()
    while pending and len(seen) < FILES:
        file = pending.pop(0)
        real = file.resolve()
        if real in seen or not real.is_relative_to(root):
            continue
        seen.add(real)
        try:
            for words in split(_text(file)):
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
