"""No cell of a CSV file acts in a spreadsheet or on a terminal, and every cell stays in its place."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.csvtext import csv_text, defused
from foundation.terminal import printable_text

CELLS = st.text(st.characters(codec="utf-8"), max_size=20)
ROWS = st.lists(st.lists(CELLS, min_size=2, max_size=3), min_size=1, max_size=4)


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@given(ROWS)
def test_no_text_begins_a_formula_or_acts(rows):
    text = csv_text(rows)
    assert text == printable_text(text)
    got = read(text)
    assert [len(row) for row in got] == [len(row) for row in rows]
    for cell in (cell for row in got for cell in row if cell[:1] in tuple("=+-@\t\r\n＝＋－＠")):  # noqa: RUF001, full-width
        float(cell)  # a number, and no formula


@given(ROWS)
def test_raw_gives_every_cell_back(rows):
    assert read(csv_text(rows, raw=True)) == rows


@pytest.mark.parametrize(
    ("cell", "want"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff20SUM(1)", "'\uff20SUM(1)"),
        ("\n=1+1", "'\\n=1+1"),
        ("\t=1+1", "'\\t=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-12.5", "-12.5"),
        ("-12-5", "'-12-5"),
        (-1.5, -1.5),
        (None, None),
        ("a=b", "a=b"),
        ("a\x1bb", r"a\x1bb"),
    ],
)
def test_only_what_acts_is_changed(cell, want):
    assert defused(cell) == want
