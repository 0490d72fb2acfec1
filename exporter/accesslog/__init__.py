"""Website traffic from access logs: the accesslog system's door."""

from typing import Any

from exporter.accesslog.selftest import check_source
from exporter.accesslog.source import Source
from exporter.accesslog.system import System

__all__ = ["Source", "System", "check_source", "commands"]


def __getattr__(name: str) -> Any:
    """`commands`, imported when asked for: the daemon does without them."""
    if name == "commands":
        from exporter.accesslog.cli import commands  # noqa: PLC0415

        return commands
    raise AttributeError(name)
