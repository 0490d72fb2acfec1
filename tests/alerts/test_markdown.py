"""The runbooks' Markdown: no word is lost, whatever it is taken for."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.markdown import blocks
from alerts.receiver import runbooks

LINES = st.sampled_from(
    [
        "",
        "a word",
        "- item",
        "1. first",
        "2. second `code`",
        "  more **strong**",
        "| a | b |",
        "```sh",
        "```",
        "`",
        "**",
        "-",
    ]
)


def shown(text):
    """(kind, text of each item)."""
    return [(block.kind, ["".join(piece.text for piece in item) for item in block.items]) for block in blocks(text)]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        pytest.param("one\ntwo\n\nthree\n", [("p", ["one two"]), ("p", ["three"])], id="paragraphs"),
        pytest.param("1. one\n   more\n2. two\n", [("ol", ["one more", "two"])], id="numbers"),
        pytest.param("so:\n- one\n- two", [("p", ["so:"]), ("ul", ["one", "two"])], id="a list below its sentence"),
        pytest.param("```sh\na\n\n- b\n```\nc", [("pre", ["```sh\na\n\n- b\n```"]), ("p", ["c"])], id="code"),
        pytest.param("| a | b |\n|---|---|", [("pre", ["| a | b |\n|---|---|"])], id="a table"),
        pytest.param("-5 is no item\n1.5 neither", [("p", ["-5 is no item 1.5 neither"])], id="numbers are no items"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_blocks(text, want):
    assert shown(text) == want


def test_pieces():
    (block,) = blocks("a `b c` **d** `e")
    assert block.items == [[("text", "a "), ("code", "b c"), ("text", " "), ("strong", "d"), ("text", " `e")]]


def words(text):
    return re.findall(r"\w+", text)


def without_numbers(text):
    return re.sub(r"^ *\d+\. ", "", text, flags=re.MULTILINE)


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_no_word_is_lost(text):
    got = " ".join(item for _, items in shown(text) for item in items)
    assert words(without_numbers(got)) == words(without_numbers(text))


def test_no_word_of_the_runbooks_is_lost():
    sections = re.split(r"^#+ .*$", runbooks(), flags=re.MULTILINE)
    for text in sections:
        got = "\n".join(item for _, items in shown(text) for item in items)
        assert words(without_numbers(got)) == words(without_numbers(text))


def test_comments_of_the_page_are_not_shown():
    assert "<!-- not run" in (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")
    assert "<!--" not in runbooks()
