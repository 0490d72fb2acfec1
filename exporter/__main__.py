"""The `exporter` command, and `python -m exporter`."""

from foundation.start import start


def main() -> None:
    """Run the command."""
    start("exporter.cli")


if __name__ == "__main__":
    main()
