"""Releases: a stream of error codes by build, and the alarm when a new build is worse."""

from typing import Any

from exporter.releases.source import Source
from exporter.releases.system import System

__all__ = ["Source", "System", "commands"]


def __getattr__(name: str) -> Any:
    """`commands`, imported when asked for: the statistics behind them are slow to load."""
    if name == "commands":
        from exporter.releases.cli import releases  # noqa: PLC0415

        return [releases]
    raise AttributeError(name)
