"""Nothing that came from outside reaches a terminal as a command."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.terminal import echo, printable, printable_text


def acts(char):
    """Whether a terminal obeys the character, or Python cannot write it."""
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(char) in (
        *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"),
    )


@given(st.text(st.characters(codec=None)))
def test_no_value_acts(text):
    assert not any(map(acts, printable(text)))
    printable(text).encode()


@given(st.text(st.characters(codec=None)))
def test_composed_text_keeps_its_lines_and_tabs_alone(text):
    assert {char for char in printable_text(text) if acts(char)} <= {"\n", "\t"}
    assert printable_text(text).count("\n") == text.count("\n")


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"])))
def test_what_does_not_act_stays_as_it_is(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("\x1b]0;x\x07", r"\x1b]0;x\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202eb", r"a\u202eb"),
        ("line\r\n\tend", r"line\r\n\tend"),
        (b"/\xff".decode("utf-8", "surrogateescape"), r"/\xff"),
        ("naïve 日本 é", "naïve 日本 é"),
    ],
    ids=["title", "C1", "reversed", "line-ends", "not-utf-8", "letters"],
)
def test_escapes_are_readable(text, want):
    assert printable(text) == want


def test_echo_escapes_on_both_streams(capsys):
    echo("a\x1b[2J\nb")
    echo("c\rd", err=True, nl=False)
    assert capsys.readouterr() == ("a\\x1b[2J\nb\n", "c\\rd")


@pytest.mark.parametrize(
    ("no_color", "want"), [("", "\x1b[31m\x1b[1mFIRING\x1b[0m \\x1b[2J\n"), ("1", "FIRING \\x1b[2J\n")]
)
def test_a_first_word_has_its_colour_on_a_terminal_only_and_never_with_no_color(monkeypatch, capsys, no_color, want):
    monkeypatch.setenv("NO_COLOR", no_color)
    echo("FIRING \x1b[2J", first_word="red")
    assert capsys.readouterr().out == "FIRING \\x1b[2J\n"
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_: False)
    echo("FIRING \x1b[2J", first_word="red")
    assert capsys.readouterr().out == want
