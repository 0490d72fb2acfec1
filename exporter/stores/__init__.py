"""Stores: uptime within business hours, from status polls in a database that grows, as a report, an API and metrics."""

from typing import TYPE_CHECKING

from exporter.door import imported_when_asked

if TYPE_CHECKING:
    from exporter.stores.source import Source
    from exporter.stores.system import System

__all__ = ["Source", "System"]

__getattr__ = imported_when_asked(__name__, Source="source", System="system")
