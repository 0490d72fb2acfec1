"""JSON from outside ends in a value or in one kind of error, however deep or broken it is."""

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from foundation.errors import BadRecord
from foundation.jsonread import read_json


class Point(msgspec.Struct):
    x: int


def test_a_value_comes_back_as_its_kind():
    assert read_json(b'{"x": 3, "more": [1]}', Point) == Point(3)
    assert read_json(b'{"x": 3}') == {"x": 3}


@pytest.mark.parametrize(
    ("text", "kind", "why"),
    [
        (b"", Point, "truncated"),
        (b'{"x": "3"}', Point, r"Expected `int`, got `str` - at `\$\.x`"),
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
