"""The `plot` command: what collectors wrote, as a graph of rates or as numbers."""

from exporter.stats.plot.cli import main

__all__ = ["main"]
