"""Website traffic from access logs: the accesslog system's door."""

from exporter.accesslog.source import Source
from exporter.accesslog.system import System

__all__ = ["Source", "System"]
