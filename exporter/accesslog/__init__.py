"""Website traffic from access logs: the accesslog system's door."""

from typing import TYPE_CHECKING

from exporter.door import imported_when_asked

if TYPE_CHECKING:
    from exporter.accesslog.selftest import check_source
    from exporter.accesslog.source import Source
    from exporter.accesslog.system import System

__all__ = ["Source", "System", "check_source"]

__getattr__ = imported_when_asked(__name__, Source="source", System="system", check_source="selftest")
