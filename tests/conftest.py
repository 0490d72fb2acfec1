"""For every test: how hypothesis draws, and how a run ends: why tests were skipped, and one line of counts."""

from collections import Counter

import pytest
from hypothesis import settings

settings.register_profile("tidewatch", deadline=None)  # how long an example takes is the machine's business
settings.register_profile("quick", settings.get_profile("tidewatch"), max_examples=5)  # what `make unit` draws
settings.load_profile("tidewatch")

LAST_LINE = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter, config):
    """Tell the skipped tests by reason, and make the last line of the run."""
    if config.option.collectonly:
        return
    found = {
        outcome: len(terminalreporter.stats.get(outcome, [])) for outcome in ("passed", "failed", "error", "skipped")
    }
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")
    bad = found["failed"] + found["error"]
    config.stash[LAST_LINE] = f"{found['passed']} passed, {bad} failed, {found['skipped']} skipped"


def pytest_unconfigure(config):
    """Print the counts after everything else."""
    if line := config.stash.get(LAST_LINE, ""):
        print(line)


def _reason(report):
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")
