"""The hosting system's door: customers' downtime from a web host's manager and server logs."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exporter.hosting.source import Source
    from exporter.hosting.system import System

__all__ = ["Source", "System", "commands"]

_PLACES = {"Source": "exporter.hosting.source", "System": "exporter.hosting.system"}


def __getattr__(name: str) -> Any:
    """Each name is imported when it is asked for: the report needs nothing of the daemon, and the other way round."""
    if name == "commands":
        return [importlib.import_module("exporter.hosting.cli").hosting]
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(name)
