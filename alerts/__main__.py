"""`python -m alerts`: the receiver and the checks."""

from alerts.cli import main
from foundation.program import run_command

if __name__ == "__main__":
    run_command("alerts", main)
