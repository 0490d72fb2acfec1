"""The tests of `make unit`: every file of quick tests in one of as many runs as there are cores.

Each run collects only its files; workers of pytest-xdist would each collect all of them, which takes longer than the
tests do. `slow.txt` lists the test functions that `python tests/e2e/quick.py --renew` measured as slow; a test that is
new is quick until then.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
LIST = TESTS / "slow.txt"
SLOW_S = 0.015
"""Processor time of a function with all its cases: what collecting leaves of ten seconds is for about 750 functions."""
OPTIONS = ["-q", "-m", "not e2e and not slow", "--hypothesis-profile=quick", "-p", "no:cacheprovider", str(TESTS)]


def listed():
    """The test functions that `slow.txt` lists, as `path::name` without parameters."""
    return frozenset(LIST.read_text().split())


def by_file(names):
    """Sets of function names, one per file; `names`: as `listed` returns them."""
    found = defaultdict(set)
    for file, _, function in (name.partition("::") for name in names):
        found[TESTS.parent / file].add(function)
    return found


def deal(sizes, runs):
    """Lists of files, one per run, that are about equally large together; `sizes`: bytes by file."""
    hands, totals = [[] for _ in range(runs)], [0] * runs
    for file in sorted(sizes, key=lambda file: (-sizes[file], file)):
        least = totals.index(min(totals))
        hands[least].append(file)
        totals[least] += sizes[file]
    return hands


def names_in(text):
    """The names of the test functions and classes that a file with this text defines."""
    return set(re.findall(r"^(?:async def |def |class )?(test_\w+|Test\w+)", text, re.MULTILINE))


def may_be_quick(text, slow=frozenset()):
    """Whether a file with this text may hold quick tests: no mark sets all of it apart, and some are not in `slow`."""
    mark = re.search(r"^pytestmark = (\[.*?^\]|.*?$)", text, re.DOTALL | re.MULTILINE)
    apart = mark is not None and re.search(r"mark\.(e2e|slow)\b", mark[1])
    return not apart and (not slow or not names_in(text) <= slow)


class Hand:
    """Lets a run see only its files, and in them what is not listed."""

    def __init__(self, number, runs):
        self.slow = listed()
        slow = by_file(self.slow)
        texts = {path: path.read_text() for path in TESTS.rglob("test_*.py")}
        sizes = {path: len(text) for path, text in texts.items() if may_be_quick(text, slow[path])}
        self.files = set(deal(sizes, runs)[number])

    def pytest_ignore_collect(self, collection_path):
        """Ignore the test files of other runs, before they are imported."""
        return True if collection_path.suffix == ".py" and collection_path not in self.files else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector, name):
        """Make no tests, one per case, of what would not run."""
        return [] if f"{collector.nodeid}::{name}" in self.slow else None


class Meter:
    """Writes `slow.txt` anew at the end of a run, out of the processor time that its tests took."""

    def __init__(self):
        self.taken_s = Counter()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        """Measure a test, with its fixtures and the processes it waits for."""
        before_s = _processor_s()
        try:
            return (yield)
        finally:
            self.taken_s[item.nodeid.partition("[")[0]] += _processor_s() - before_s

    def pytest_sessionfinish(self):
        """Write the list."""
        LIST.write_text("".join(f"{name}\n" for name in sorted(self.taken_s) if self.taken_s[name] > SLOW_S))


def _processor_s():
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def run(arguments):
    """Run the quick tests side by side and print what each run said, then the counts of all; the exit code."""
    runs, counts, codes = len(os.sched_getaffinity(0)), Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        started = []
        for number in range(runs):
            output, errors, counted = (Path(folder, f"{number}.{what}") for what in ("out", "err", "json"))
            counted.touch()
            environment = os.environ | {"TEST_COUNTS": str(counted), "PY_COLORS": str(int(sys.stdout.isatty()))}
            command = [sys.executable, __file__, "--hand", str(number), str(runs), *arguments]
            with output.open("wb") as stdout, errors.open("wb") as stderr:
                child = subprocess.Popen(command, cwd=TESTS.parent, env=environment, stdout=stdout, stderr=stderr)
            started.append((child, output, errors, counted))
        for child, output, errors, counted in started:
            codes.append(child.wait())
            sys.stdout.write(output.read_text(errors="backslashreplace"))
            if codes[-1]:  # else it holds only what DuckDB's bindings say of themselves at exit
                sys.stderr.write(errors.read_text(errors="backslashreplace"))
            counts.update(json.loads(counted.read_text() or "{}"))
    print(f"{counts['passed']} passed, {counts['failed'] + counts['error']} failed, {counts['skipped']} skipped")
    return max(codes)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--renew"]:
            LIST.write_text("")
            sys.exit(pytest.main(OPTIONS, plugins=[Meter()]))
        case ["--hand", number, runs, *more]:
            sys.exit(pytest.main([*OPTIONS, "-p", "no:xdist", *more], plugins=[Hand(int(number), int(runs))]))
        case more:
            sys.exit(run(more))
