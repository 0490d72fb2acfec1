"""Stores: uptime within business hours, from status polls in a database that grows, as a report, an API and metrics."""

from typing import Any

from exporter.stores.source import Source
from exporter.stores.system import System

__all__ = ["Source", "System", "commands"]


def __getattr__(name: str) -> Any:
    """`commands`, imported when asked for: the daemon needs none."""
    if name == "commands":
        from exporter.stores.cli import stores  # noqa: PLC0415

        return [stores]
    raise AttributeError(name)
