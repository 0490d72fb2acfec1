"""The table of features in docs/trafficgen.md: each yes of ours has a test, and no peer's cell is left empty."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "trafficgen.md"


def table():
    """Rows of cells, without the head."""
    section = DOCUMENT.read_text().partition("## Beside other generators")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def has_test(name):
    """Whether `test_file.py::test_name` is in this folder."""
    file, _, function = name.partition("::")
    path = HERE / file
    return path.exists() and re.search(rf"^(async )?def {function}\(", path.read_text(), re.MULTILINE) is not None


@pytest.mark.parametrize("row", table(), ids=lambda row: row[0])
def test_each_yes_has_a_test_and_each_no_has_none(row):
    _, ours, *peers, test = row
    assert len(peers) == 5
    assert all(peers)
    assert ours.startswith(("yes", "no"))
    if ours.startswith("yes"):
        assert has_test(test.strip("`")), test
    else:
        assert test == ""


def test_the_table_is_found_and_what_is_no_test_is_noticed():
    assert len(table()) >= 18
    assert not has_test("test_features_table.py::test_that_nobody_wrote")
    assert not has_test("test_of_nobody.py::test_x")
