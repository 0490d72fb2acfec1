"""The `trafficgen` command, and `python -m trafficgen`."""

from foundation.start import start


def main() -> None:
    """Run the command."""
    start("trafficgen.cli")


if __name__ == "__main__":
    main()
