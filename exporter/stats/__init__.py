"""Stats pages: metrics at scrape time, the `collector` and `plot` commands."""

from exporter.stats.system import Source, System

__all__ = ["Source", "System"]
