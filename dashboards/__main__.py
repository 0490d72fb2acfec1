"""`python -m dashboards`."""

from foundation.start import start

if __name__ == "__main__":
    start("dashboards.cli", "run")
