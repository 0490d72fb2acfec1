"""Stores: uptime within business hours, from status polls in a database that grows, as a report, an API and metrics."""

from exporter.stores.cli import stores

__all__ = ["commands"]

commands = [stores]
