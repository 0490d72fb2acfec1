"""The `collector` command: a stats page, at a fixed interval, into a TAB-separated file."""

from exporter.stats.collector.cli import main

__all__ = ["main"]
