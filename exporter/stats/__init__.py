"""Stats pages: metrics at scrape time, `/probe` for many targets, the `collector` and `plot` commands."""

from exporter.stats.modules import Probe
from exporter.stats.probe import Prober
from exporter.stats.system import Source, System

__all__ = ["Probe", "Prober", "Source", "System"]
