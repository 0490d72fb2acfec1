"""Website traffic from access logs: the accesslog system's door."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exporter.accesslog.selftest import check_source
    from exporter.accesslog.source import Source
    from exporter.accesslog.system import System

__all__ = ["Source", "System", "check_source", "commands"]

_PLACES = {
    "Source": "exporter.accesslog.source",
    "System": "exporter.accesslog.system",
    "check_source": "exporter.accesslog.selftest",
    "commands": "exporter.accesslog.cli",
}


def __getattr__(name: str) -> Any:
    """Each name is imported when it is asked for: the daemon does without the tools, and they without its server."""
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(name)
