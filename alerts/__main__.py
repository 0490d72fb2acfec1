"""`python -m alerts`: the receiver and the checks."""

from alerts.cli import main

if __name__ == "__main__":
    main()
