"""Stats pages: metrics at scrape time, `/probe` for many targets, the `collector` and `plot` commands.

What the daemon needs is imported when it is asked for, so that `collector` starts quickly and stays small.
"""

from typing import TYPE_CHECKING

from exporter.door import imported_when_asked

if TYPE_CHECKING:
    from exporter.stats.modules import Probe
    from exporter.stats.probe import Prober
    from exporter.stats.source import Source
    from exporter.stats.system import System

__all__ = ["Probe", "Prober", "Source", "System"]

__getattr__ = imported_when_asked(__name__, Probe="modules", Prober="probe", Source="source", System="system")
