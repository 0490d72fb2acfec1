"""Stats pages are read by name, in any order, as text or JSON, and garbage is refused with a reason."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stats.parse import counts_by_code, parse_stats, to_number
from foundation.errors import BadRecord


@pytest.mark.parametrize(
    ("body", "want"),
    [
        pytest.param(b"time: 1795328999\n200s: 12\n404s: 3\n500s: 0\n", None, id="plain"),
        pytest.param(b"500s: 0\r\n404s: 3\r\n\r\n200s: 12\r\ntime: 1795328999", None, id="other-order-crlf"),
        pytest.param(b"  200s :12\n404s:\t3  \n500s: 0\ntime: 1795328999\n", None, id="blanks"),
        pytest.param(b"\xef\xbb\xbftime: 1795328999\n200s: 12\n404s: 3\n500s: 0\n", None, id="bom"),
        pytest.param(b'{"500s":0,"404s":3,"time":1795328999,"200s":12}', None, id="json"),
        pytest.param(
            b'\n {"200s":12,"404s":3,"500s":0,"time":1795328999,"ok":true,"name":"x","more":{"a":1}}', None, id="json+"
        ),
        pytest.param(
            b"hello\nqueue length: 2.5\nx: y\n: 3\nbad: 1.2.3\nbig: 1e999\n", {"queue length": 2.5}, id="mixed"
        ),
    ],
)
def test_a_page_by_example(body, want):
    assert parse_stats(body) == (want or {"time": 1795328999, "200s": 12, "404s": 3, "500s": 0})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b" \n\t\n", "empty", id="blank"),
        pytest.param(b"<html><title>404</title></html>", "no_number", id="html"),
        pytest.param(b"\x00\xff\xfe" * 9, "no_number", id="binary"),
        pytest.param(b'{"200s": 12', "not_json", id="torn-json"),
        pytest.param(b"[" * 100_000, "not_json", id="deep-json"),
        pytest.param(b"[1, 2]", "no_number", id="array"),
        pytest.param(b'{"200s": null}', "no_number", id="null"),
    ],
)
def test_a_page_without_numbers_is_refused_with_its_reason(body, reason):
    with pytest.raises(BadRecord) as caught:
        parse_stats(body)
    assert caught.value.reason == reason


numbers = st.integers(0, 2**63) | st.floats(allow_nan=False, allow_infinity=False)
names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)


@given(st.dictionaries(names, numbers, min_size=1))
def test_text_and_json_say_the_same(stats):
    text = "".join(f"{name}: {value!r}\n" for name, value in stats.items()).encode()
    assert parse_stats(text) == stats
    assert parse_stats(json.dumps(stats).encode()) == stats


@given(st.binary(max_size=200))
def test_no_page_breaks_the_parser(body):
    try:
        stats = parse_stats(body)
    except BadRecord:
        return
    assert stats


def test_codes_are_found_among_the_names():
    assert counts_by_code({"time": 5, "200s": 12, "404": 3, "500s": 0.0, "2000s": 1}) == {"200": 12, "404": 3, "500": 0}


@pytest.mark.parametrize(
    ("stats", "reason"),
    [({"time": 5}, "no_code"), ({"200s": -1}, "not_a_count"), ({"200s": 1.5}, "not_a_count")],
    ids=["none", "negative", "fraction"],
)
def test_what_is_no_count_of_responses_is_refused(stats, reason):
    with pytest.raises(BadRecord) as caught:
        counts_by_code(stats)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "value", [10**309, -(10**400), "9" * 309, "1e309", "-1e309", float("inf"), float("nan"), True, [1]]
)
def test_what_no_sample_can_hold_is_not_a_number(value):
    assert to_number(value) is None


@given(
    st.integers() | st.floats() | st.integers(min_value=2**1023) | st.from_regex(r"[-+]?[0-9]{1,400}", fullmatch=True)
)
def test_a_number_is_finite_as_a_float(value):
    found = to_number(value)
    assert found is None or math.isfinite(float(found))
