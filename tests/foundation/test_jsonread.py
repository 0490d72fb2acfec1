"""JSON from outside ends in a value or in one kind of error, however deep or broken it is."""

import ast
from pathlib import Path

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from foundation.errors import BadRecord
from foundation.jsonread import in_words_of_json, read_json


class Point(msgspec.Struct):
    x: int


def test_a_value_comes_back_as_its_kind():
    assert read_json(b'{"x": 3, "more": [1]}', Point) == Point(3)
    assert read_json(b'{"x": 3}') == {"x": 3}


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        (b"", Point, "truncated"),
        (b'{"x": "3"}', Point, r"^\$\.x: expected a whole number, got a string$"),
        (b'"\xff"', str, "not UTF-8 text: invalid start byte"),
        (b"[" * 100_000, list, "nested too deeply"),
        (b'{"x": 3, "y": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", Point, "nested too deeply"),
        (b'{"x": 3, "y": ' + b'{"a":' * 100_000, Point, "nested too deeply"),
    ],
    ids=["empty", "wrong type", "not UTF-8", "deep", "deep under an unknown key", "deep and cut off"],
)
def test_every_fault_is_a_bad_record_with_its_reason(text, kind, why):
    with pytest.raises(BadRecord, match=why) as caught:
        read_json(text, kind)
    assert caught.value.reason == "json"


@given(
    st.binary() | st.recursive(st.just(b"1"), lambda inner: st.lists(inner).map(lambda parts: b"[" + b",".join(parts)))
)
def test_no_bytes_end_in_another_error(text):
    try:
        read_json(text)
    except BadRecord as exc:
        event(str(exc))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Expected `array`, got `object`", "expected an array, got an object"),
        (
            "Expected `float | null`, got `str` - at `$[0].every_s`",
            "$[0].every_s: expected a number or null, got a string",
        ),
        ("Expected `float` <= 8.0 - at `$[0].begin`", "$[0].begin: expected a number <= 8.0"),
        ("Object missing required field `alert` - at `$[0]`", "$[0]: missing key alert"),
        ("Object contains unknown field `x`", "unknown key x"),
        ("Input data was truncated", "Input data was truncated"),
    ],
)
def test_what_msgspec_says_is_in_words_of_json(text, want):
    assert in_words_of_json(text) == want


OURS = ("foundation", "exporter", "alerts", "dashboards", "timeserver", "trafficgen")
FILES = [path for name in OURS for path in sorted((Path(__file__).resolve().parents[2] / name).rglob("*.py"))]
RAW = ("str(exc)", "repr(exc)", "printable(exc)", "{exc}", "{exc!r}")
CAUGHT = ("msgspec.", "JSON_ERRORS")


def raw_texts(source):
    """The lines of handlers of msgspec's errors that would show the error as msgspec words it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler) and node.type and any(name in ast.unparse(node.type) for name in CAUGHT):
            text = ast.unparse(node).replace(node.name or "exc", "exc")
            yield from (line.strip() for line in text.splitlines() if any(raw in line for raw in RAW))


def test_a_raw_text_is_found():
    handler = "try: read()\nexcept (msgspec.MsgspecError, ValueError) as bad: raise Error(f'no: {bad}') from bad"
    assert list(raw_texts(handler)) == ["raise Error(f'no: {exc}') from exc"]


@pytest.mark.slow
def test_no_message_shows_the_words_of_msgspec_as_they_are():
    """It speaks of `array` and `str`; `why_not_json` speaks of lists and strings, and says where first."""
    assert {str(path): found for path in FILES if (found := list(raw_texts(path.read_text())))} == {}
