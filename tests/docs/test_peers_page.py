"""docs/explanation/peers.md: each yes of ours has a test that exists, each cell of a peer its source."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
TEXT = (TESTS.parent / "docs" / "explanation" / "peers.md").read_text("utf-8")
MARK = re.compile(r"\[([A-Z]\d+)(?:: \d+)?\]")
NAMED = re.findall(r"`((?:\w+/)+test_\w+\.py(?:::test_\w+)?)`", TEXT)


def has_test(name):
    """Whether `folder/test_file.py` or `folder/test_file.py::test_name` is among the tests."""
    file, _, function = name.partition("::")
    path = TESTS / file
    defined = re.compile(rf"^(?:async )?def {function}\(", re.MULTILINE)
    return path.is_file() and (not function or defined.search(path.read_text()) is not None)


@pytest.mark.parametrize("name", NAMED)
def test_each_test_that_is_named_exists(name):
    assert has_test(name)


def rows():
    """The cells of each feature: its name, the peers', and ours at the end."""
    tables = [part for part in TEXT.split("\n## ") if "| Tidewatch |\n" in part]
    lines = [line for part in tables for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if "| Tidewatch |" not in line]


def test_each_cell_has_its_source_or_its_test():
    assert len(rows()) > 25
    bare = [
        row[0] for row in rows() for cell in row[1:-1] if cell not in {"", "not looked at"} and not MARK.search(cell)
    ]
    unheld = [row[0] for row in rows() if row[-1].startswith("yes") and not re.match(r"yes \[T\d+\]", row[-1])]
    assert (bare, unheld) == ([], [])


def test_each_mark_is_explained_and_each_explanation_used():
    assert set(MARK.findall(TEXT)) == set(re.findall(r"^\| ([A-Z]\d+) \| ", TEXT, re.MULTILINE))


def test_what_is_no_test_is_noticed():
    assert not has_test("foundation/test_peers_page.py::test_that_nobody_wrote")
    assert not has_test("foundation/test_of_nobody.py")
