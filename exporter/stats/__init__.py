"""Stats pages: metrics at scrape time, `/probe` for many targets, the `collector` and `plot` commands.

What the daemon needs is imported when it is asked for, so that `collector` starts quickly and stays small.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exporter.stats.modules import Probe
    from exporter.stats.probe import Prober
    from exporter.stats.source import Source
    from exporter.stats.system import System

__all__ = ["Probe", "Prober", "Source", "System"]

_HOME = {"Probe": "modules", "Prober": "probe", "Source": "source", "System": "system"}


def __getattr__(name: str) -> Any:
    """Import `name` from the module it stands in."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415, kept out of the package's names

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
