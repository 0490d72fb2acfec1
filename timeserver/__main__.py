"""The `timeserver` command, and `python -m timeserver`."""

from foundation.start import start


def main() -> None:
    """Run the command."""
    start("timeserver.cli")


if __name__ == "__main__":
    main()
