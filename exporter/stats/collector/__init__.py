"""The `collector` command: a stats page, at a fixed interval, into a TAB-separated file."""

from foundation.start import start


def main() -> None:
    """Run the command."""
    start("exporter.stats.collector.cli")
