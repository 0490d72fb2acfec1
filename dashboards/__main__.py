"""`python -m dashboards`."""

from dashboards.cli import main
from foundation.program import run_command

run_command("dashboards", main)
