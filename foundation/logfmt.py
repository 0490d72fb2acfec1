"""The daemon's log: one line per message on stderr, as logfmt or JSON."""

import json
import logging
import sys
from datetime import UTC, datetime

from foundation.jsontext import escape_json

LEVELS = ("debug", "info", "warn", "error")
FORMATS = ("logfmt", "json")


class _Formatter(logging.Formatter):
    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """One line: JSON, or logfmt."""
        fields = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": "warn" if record.levelno == logging.WARNING else record.levelname.lower(),
            "component": record.name.removeprefix("exporter.").removeprefix("foundation."),
            "msg": record.getMessage(),
        }
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        if self._as_json:
            return escape_json(json.dumps(fields, ensure_ascii=False))
        return " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())


def _quoted(value: str) -> str:
    quoted = escape_json(json.dumps(value, ensure_ascii=False))
    plain = value and not any(c in value for c in " =") and quoted == f'"{value}"'
    return value if plain else quoted


class ClientErrors(logging.Filter):
    """Keeps aiohttp from logging a traceback for what a client did wrong; the answer reports it, if anyone waits."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is about anything else."""
        from aiohttp.http_exceptions import HttpProcessingError  # noqa: PLC0415, slow to load, and loaded where it matters

        exc = record.exc_info[1] if record.exc_info else None
        return not isinstance(exc, HttpProcessingError | ConnectionResetError)


def start_logging(level: str, form: str) -> None:
    """Send the log to stderr. `level` is one of LEVELS, `form` one of FORMATS."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(as_json=form == "json"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("WARNING" if level == "warn" else level.upper())
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # a line per scrape is useless
    logging.getLogger("aiohttp.server").addFilter(ClientErrors())
