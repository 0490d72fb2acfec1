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
            b'\n {"200s":12,"404s":3,"500s":0,"time":1795328999,"ok":true,"name":"x","more":[{"a":"b"}]}',
            None,
            id="json+",
        ),
        pytest.param(
            b"hello\nqueue length: 2.5\nx: y\n: 3\nbad: 1.2.3\nbig: 1e999\n", {"queue length": 2.5}, id="mixed"
        ),
    ],
)
def test_a_page_by_example(body, want):
    assert parse_stats(body) == (want or {"time": 1795328999, "200s": 12, "404s": 3, "500s": 0})


@pytest.mark.parametrize(
    ("body", "want"),
    [
        pytest.param(
            b"www.example.com\nServerVersion: Apache (Debian)\nTotal Accesses: 7\nCPULoad: .0021\nScoreboard: _W\n",
            {"Total Accesses": 7, "CPULoad": 0.0021},
            id="mod_status",
        ),
        pytest.param(
            b"Active connections: 3 \nserver accepts handled requests\n 41 40 97 \nReading: 0 Writing: 1 Waiting: 2 \n",
            {"Active connections": 3, "accepts": 41, "handled": 40, "requests": 97, "Reading": 0, "Writing": 1}
            | {"Waiting": 2},
            id="stub_status",
        ),
        pytest.param(b"a b c\n1 2\n", None, id="fewer-numbers-than-names"),
        pytest.param(
            b"# pxname,svname,scur,stot,status,lastsess,\nweb,FRONTEND,2,9,OPEN,,\nweb,s1,1,8,UP,-1,\n",
            {"web/FRONTEND/scur": 2, "web/FRONTEND/stot": 9, "web/s1/scur": 1, "web/s1/stot": 8, "web/s1/lastsess": -1},
            id="haproxy",
        ),
        pytest.param(
            b"client_http.requests = 12\ncpu_time = 0.5\nstarted = Fri, 12 Nov\n",
            {"client_http.requests": 12, "cpu_time": 0.5},
            id="squid",
        ),
        pytest.param(b"from: 10 at 12:30\nuptime: 3 days\n n : 1\n", {"n": 1}, id="no-pairs"),
        pytest.param(
            b'{"pool":"www","accepted conn":5,"p":[{"n":1},{"n":2}],"a":{"b":{"c":3}}}',
            {"accepted conn": 5, "p/0/n": 1, "p/1/n": 2, "a/b/c": 3},
            id="members-of-members",
        ),
        pytest.param(
            b"pid: 7\nrequests: 1\n****\npid: 8\nrequests: 1\n",
            {"pid/0": 7, "pid/1": 8, "requests/0": 1, "requests/1": 1},
            id="one-name-many-values",
        ),
        pytest.param(b"a\tb: 5\n", {"a b": 5}, id="no-tab-in-a-name"),
    ],
)
def test_a_page_of_another_server_by_example(body, want):
    if want is None:
        with pytest.raises(BadRecord, match="no `name: number` line"):
            parse_stats(body)
    else:
        assert parse_stats(body) == want


def test_a_page_of_html_is_refused_with_the_address_of_its_text():
    with pytest.raises(BadRecord, match=r"it is HTML .* \?auto"):
        parse_stats(b"<html><dt>Total accesses: 12</dt></html>")


def test_two_values_of_one_name_are_neither_of_them():
    with pytest.raises(BadRecord) as caught:
        parse_stats(b'{"a/b": 1, "a": {"b": 2}}')
    assert caught.value.reason == "twice"
    with pytest.raises(BadRecord, match="several values of 200s"):
        counts_by_code(parse_stats(b"200s: 4\n200s: 5\n404s: 1\n"))


def test_names_of_many_members_take_no_more_than_their_page():
    page = json.dumps({"x" * 100_000: {"y": list(range(10_000))}}).encode()
    with pytest.raises(BadRecord):
        parse_stats(page)


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
        pytest.param(b"# pxname,svname,stot\nweb,FRONTEND," + b"1" * 140_000, "not_csv", id="huge-field"),
        pytest.param(b'{"200s": null}', "no_number", id="null"),
    ],
)
def test_a_page_without_numbers_is_refused_with_its_reason(body, reason):
    with pytest.raises(BadRecord) as caught:
        parse_stats(body)
    assert caught.value.reason == reason


numbers = st.integers(0, 2**63) | st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 2**63)
words = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=8)


@given(st.dictionaries(words, counts, min_size=1))
def test_one_line_or_many_or_a_table_say_the_same(stats):
    want = parse_stats("".join(f"{name}: {value}\n" for name, value in stats.items()).encode())
    assert parse_stats(" ".join(f"{name}: {value}" for name, value in stats.items()).encode()) == want
    assert parse_stats(f"server {' '.join(stats)}\n {' '.join(map(str, stats.values()))} \n".encode()) == want
    rows = "".join(f"p,{name},{value},\n" for name, value in stats.items())
    by_server = parse_stats(f"# pxname,svname,stot,\n{rows}".encode())
    assert {name.split("/")[1]: value for name, value in by_server.items()} == want


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
    "page", [b"404s: 1\n200: 4\n200s: 5\n", b'{"200s": 5, "404s": 1, "200": 4}'], ids=["text", "json"]
)
def test_a_code_by_two_names_is_refused_with_both(page):
    with pytest.raises(BadRecord, match=r"^the page has both 200 and 200s: expected one of them$") as caught:
        counts_by_code(parse_stats(page))
    assert caught.value.reason == "twice"


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
