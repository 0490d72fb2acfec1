"""`python -m alerts`: the receiver and the checks."""

from foundation.start import start

if __name__ == "__main__":
    start("alerts.cli", "run")
