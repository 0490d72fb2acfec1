"""Tests that share servers run on one worker, and the long ones beside each other."""

import re
from pathlib import Path

import pytest
from quick import by_file, deal, listed, may_be_quick, names_in
from workers import ByServers


def test_the_files_that_are_named_exist():
    here = {file.name for file in Path(__file__).parents[1].rglob("test_*.py")}
    named = {*ByServers.together, *ByServers.together.values(), *ByServers.apart, *ByServers.first}
    assert named <= here


def test_those_that_run_alone_are_where_they_are_looked_for():
    """`make test` reads this folder alone for them."""
    files = Path(__file__).parents[1].rglob("test_*.py")
    alone = re.compile(r"^(@|pytestmark = ).*mark\.alone", re.MULTILINE)
    marked = {file.parent for file in files if alone.search(file.read_text())}
    assert marked == {Path(__file__).parent}


@pytest.mark.parametrize(
    ("nodes", "scopes"),
    [
        (["tests/e2e/test_circle.py::test_a", "tests/e2e/test_circle.py::test_b[1::2]"], 1),
        (["tests/e2e/test_web_policy.py::test_a", "tests/e2e/test_listening_table.py::test_b"], 1),
        (["tests/e2e/test_stack.py::test_a[x]", "tests/e2e/test_stack.py::test_a[y]"], 2),
        (["tests/exporter/test_cli.py::test_a", "tests/timeserver/test_app.py::test_a"], 2),
    ],
)
def test_tests_are_given_out_by_what_they_start(nodes, scopes):
    of = ByServers.__new__(ByServers)._split_scope
    assert len(set(map(of, nodes))) == scopes


def test_every_file_is_dealt_once_and_the_hands_are_about_equal():
    sizes = {f"test_{number}.py": 100 + number * 37 % 400 for number in range(50)}
    for runs in (1, 2, 7):
        hands = deal(sizes, runs)
        assert sorted(file for hand in hands for file in hand) == sorted(sizes)
        totals = [sum(sizes[file] for file in hand) for hand in hands]
        assert max(totals) - min(totals) <= max(sizes.values())
    assert deal({"test_a.py": 1}, 2) == [["test_a.py"], []]


@pytest.mark.parametrize(
    ("mark", "quick"),
    [
        ("", True),
        ("pytestmark = pytest.mark.e2e", False),
        ("pytestmark = pytest.mark.slow", False),
        ("pytestmark = [\n    pytest.mark.e2e,\n    pytest.mark.timeout(9),\n]", False),
        ("pytestmark = [pytest.mark.timeout(9)]\n\n@pytest.mark.slow\ndef test_a(): pass", True),
        ("@pytest.mark.e2e\ndef test_a(): pass", True),
    ],
)
def test_a_file_whose_tests_all_start_servers_or_are_slow_is_not_even_read(mark, quick):
    assert may_be_quick(f"import pytest\n\n{mark}\n") is quick


def test_a_file_whose_tests_are_all_listed_is_not_even_read():
    text = "def test_a(): pass\n\n\nasync def test_b(): pass\n"
    assert may_be_quick(text, {"test_a"})
    assert not may_be_quick(text, {"test_a", "test_b"})
    for more in ("class TestC:\n    def test_c(self): pass\n", "TestC = Machine.TestCase\n"):
        assert may_be_quick(text + more, {"test_a", "test_b", "TestC::test_c"})


def test_what_is_listed_as_slow_exists():
    """A test that was renamed is quick until it is measured, and a new one does not get the mark of an old name."""
    for file, names in by_file(listed()).items():
        assert {name.partition("::")[0] for name in names} <= names_in(file.read_text()), file
