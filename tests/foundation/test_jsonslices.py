"""A JSON array in slices is what it is in one piece: the same elements, or refused as well."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from foundation import jsonslices
from foundation.errors import BadRecord
from foundation.jsonread import read_json
from foundation.jsonslices import ArraySlices


class Item(msgspec.Struct):
    name: str
    number: int = 0


def sliced(text, cut):
    slices = ArraySlices(Item)
    found = []
    for start in range(0, len(text), cut):
        for some in slices.feed(text[start : start + cut]):
            found += some
    for some in slices.finish():
        found += some
    return found


def outcome(read, *args):
    try:
        return read(*args)
    except BadRecord:
        return None


VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(st.sampled_from('a}]{[",\\ é')), lambda inner: st.lists(inner, max_size=3)
)
ITEMS = st.fixed_dictionaries(
    {"name": st.text(st.sampled_from('a}]{[",\\ é'), max_size=12)}, optional={"other": VALUES}
)
LAYOUT = st.sampled_from([(",", ":"), (", ", ": "), (" ,\n ", " : ")])


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(jsonslices, "SLICE_BYTES", 200)


@given(st.lists(ITEMS, max_size=30), LAYOUT, st.integers(1, 300), st.sampled_from(["", " ", "\n \n"]))
def test_the_elements_are_those_of_the_whole(items, separators, cut, around):
    text = (around + json.dumps(items, separators=separators, ensure_ascii=False) + around).encode()
    if all(len(json.dumps(item, separators=separators).encode()) < 190 for item in items):
        assert sliced(text, cut) == read_json(text, list[Item])


@given(st.lists(ITEMS, max_size=12), st.integers(1, 300), st.data())
@example([{"name": "a"}] * 20, 100, None)
def test_what_is_broken_is_refused_like_the_whole(items, cut, data):
    text = json.dumps(items).encode()
    if data is not None:
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from([b"", b",", b"]", b"}", b"[", b'"', b"x"])) + text[at + 1 :]
    whole = outcome(read_json, text, list[Item])
    got = outcome(sliced, text, cut)
    assert got == whole or (got is None and len(text) > 190)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[" * 100_000, "expected an object"),
        (b'[{"name":"' + b"x" * 1000 + b'"}]', r"\$\[0\]: expected an object of less than"),
        (b'[{"name":"a"},' * 1, "malformed|truncated"),
        (b'{"name":"a"}', "expected \\["),
        (b"", "the text ends"),
        (b'[{"name":"a"},' + b" " * 500 + b"]", "got ']'"),
        (b'[{"name":"a"}]' + b" " * 500 + b"x", "expected end, got 'x'"),
        (b"[" + b'{"name":"a"},' * 40 + b'{"name":1}]', r"\$\[40\].name"),
        (b"[1,2]", "object"),
    ],
    ids=["deep", "long", "cut", "object", "empty", "comma", "more", "place", "numbers"],
)
def test_the_reason_says_what_and_where(text, words):
    with pytest.raises(BadRecord, match=words):
        sliced(text, 64)


def test_blanks_without_end_are_not_kept():
    slices = ArraySlices(Item)
    for _ in range(1000):
        assert list(slices.feed(b" " * 1000)) == []
    assert not slices._text
