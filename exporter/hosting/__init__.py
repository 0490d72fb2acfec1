"""The hosting system's door: customers' downtime from a web host's manager and server logs."""

from typing import TYPE_CHECKING

from exporter.door import imported_when_asked

if TYPE_CHECKING:
    from exporter.hosting.source import Source
    from exporter.hosting.system import System

__all__ = ["Source", "System"]

__getattr__ = imported_when_asked(__name__, Source="source", System="system")
