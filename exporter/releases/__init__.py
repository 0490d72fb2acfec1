"""Releases: a stream of error codes by build, and the alarm when a new build is worse."""

from typing import TYPE_CHECKING

from exporter.door import imported_when_asked

if TYPE_CHECKING:
    from exporter.releases.source import Source
    from exporter.releases.system import System

__all__ = ["Source", "System"]

__getattr__ = imported_when_asked(__name__, Source="source", System="system")
