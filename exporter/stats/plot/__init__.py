"""The `plot` command: collectors' files as a graph of rates or as numbers."""

from foundation.start import start


def main() -> None:
    """Run the command."""
    start("exporter.stats.plot.cli")
