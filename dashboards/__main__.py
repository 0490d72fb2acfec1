"""`python -m dashboards`."""

from dashboards.cli import main

main()
