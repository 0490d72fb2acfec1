"""The hosting system: customers' downtime from a web host's manager and server logs."""

from exporter.hosting.cli import hosting

__all__ = ["commands"]

commands = [hosting]
