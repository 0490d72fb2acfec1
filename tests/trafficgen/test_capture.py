"""Values taken from answers, and cookies: what users expect of each kind."""

import gzip
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficgen.targets.capture import MAX_ANSWER_BYTES, Answer, read_answer, read_capture, set_cookies, taken
from trafficgen.targets.session import default_path, path_matches, read_think

NOW = 1_800_000_000.0  # 15 January 2027, 08:00 UTC
ANSWER = Answer(
    (("x-token", "t1"), ("x-token", "t2"), ("set-cookie", "sid=s1; Path=/; HttpOnly"), ("location", "/next?id=7")),
    b'{"token": "t", "n": 7, "big": 12345678901234567890, "ok": true, "none": null, "e": "", "a b": 1,'
    b' "items": [{"id": "x"}, {"id": 2.5}], "o": {"k": []}}',
)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("json:$.token", "t"),
        ("json:$.n", "7"),
        ("json:$.big", "12345678901234567890"),
        ("json:$.ok", "true"),
        ("json:$.e", ""),
        ("json:$.none", None),
        ("json:$.gone", None),
        ('json:$["a b"]', "1"),
        ("json:$['a b']", "1"),
        ("json:$.items[1].id", "2.5"),
        ("json:$.items[2].id", None),
        ("json:$.token.x", None),
        ("json:$.token[0]", None),
        ("json:$.o", '{"k": []}'),
        ("header:X-Token", "t1"),
        ("header:location", "/next?id=7"),
        ("header:none", None),
        ("cookie:sid", "s1"),
        ("cookie:none", None),
        ('regex:"token": "(.)"', "t"),
        ("regex:[0-9]+", "7"),
        ("regex:gone(x)", None),
    ],
)
def test_each_kind_takes_its_value_or_says_that_there_is_none(text, want):
    assert taken(read_capture("v", text), ANSWER, NOW) == want


def test_a_group_that_took_part_in_no_match_is_no_value():
    assert taken(read_capture("v", "regex:token|(x)"), ANSWER, NOW) is None


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("v", "$.token", "capture v: expected json:"),
        ("v", "json:", "expected json:"),
        ("v", "xml:/a", "expected json:"),
        ("v", "json:token", "invalid path 'token': expected one like"),
        ("v", "json:$.a[", "invalid path"),
        ("v", "json:$..a", "invalid path"),
        ("v", "regex:(", "invalid pattern"),
        ("a b", "header:x", "invalid name 'a b'"),
        ("uuid", "header:x", "invalid name 'uuid'"),
    ],
)
def test_a_wrong_capture_is_refused(name, text, said):
    with pytest.raises(ValueError, match=said.replace("$", r"\$").replace("[", r"\[").replace("(", r"\(")):
        read_capture(name, text)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_none(raw):
    for start in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        answer = read_answer(start + raw)
        for text in ("json:$.a", "header:a", "cookie:a", "regex:a"):
            assert answer is None or isinstance(taken(read_capture("v", text), answer, NOW), str | None)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
def test_a_chunked_body_is_the_chunks(chunks):
    raw = b"".join(b"%x;a=b\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    assert read_answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + raw).body == b"".join(chunks)


def test_interim_answers_folded_headers_and_bare_line_feeds_are_read():
    raw = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\nA: b\n c\nSet-Cookie: x=y\n\nbody"
    assert read_answer(raw) == Answer((("a", "b c"), ("set-cookie", "x=y")), b"body")


def test_packed_bodies_are_unpacked_within_bounds():
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    assert read_answer(head + gzip.compress(b'{"a": 1}')).body == b'{"a": 1}'
    assert read_answer(head + gzip.compress(b"a" * (MAX_ANSWER_BYTES + 1))) is None
    assert read_answer(head + b"not packed") is None
    assert read_answer(head + gzip.compress(b'{"a": 1}')[:-9]) is None
    assert read_answer(head).body == b""


IN_1994 = 784111777.0  # the example of RFC 9110, section 5.6.7


@pytest.mark.parametrize(
    ("line", "want"),
    [
        ("a=b", ("a", "b", "", math.inf)),
        ("a=b=c; path=/x; secure", ("a", "b=c", "/x", math.inf)),
        ("a=b; Path=relative", ("a", "b", "", math.inf)),
        ("a=; Max-Age=0", ("a", "", "", -math.inf)),
        ("a=b; Max-Age=-1", ("a", "b", "", -math.inf)),
        ("a=b; Max-Age=10", ("a", "b", "", NOW + 10)),
        ("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT", ("a", "b", "", 0.0)),
        ("a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT", ("a", "b", "", IN_1994)),
        ("a=b; Expires=Sunday, 06-Nov-94 08:49:37 GMT", ("a", "b", "", IN_1994)),
        ("a=b; Expires=Sun Nov  6 08:49:37 1994", ("a", "b", "", IN_1994)),
        ("a=b; Expires=Sun, 06-Nov-1994 08:49:37 GMT", ("a", "b", "", IN_1994)),
        ("a=b; Expires=Fri, 15 Jan 2027 08:00:00 GMT", ("a", "b", "", NOW)),
        ("a=b; Expires=Friday, 15-Jan-27 08:00:00 GMT", ("a", "b", "", NOW)),
        ("a=b; Expires=Fri Jan 15 08:00:00 2027", ("a", "b", "", NOW)),
        ("a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=10", ("a", "b", "", NOW + 10)),
        (f"a=b; Max-Age={'9' * 5000}", ("a", "b", "", math.inf)),
        ("a=b; Max-Age=0; Expires=Fri, 15 Jan 2027 08:00:00 GMT", ("a", "b", "", -math.inf)),
        ("a=b; Max-Age=soon; Expires=Sun, 06 Nov 1994 08:49:37 GMT", ("a", "b", "", IN_1994)),
        ("a=b; Expires=1970", ("a", "b", "", math.inf)),
        ("a=b; Expires=Sun, 99 Nov 1994 08:49:37 GMT", ("a", "b", "", math.inf)),
    ],
)
def test_set_cookie(line, want):
    assert set_cookies(Answer((("set-cookie", line),), b""), NOW) == [want]


@given(
    st.text(max_size=40) | st.from_regex(r"[A-Z][a-z]{2},? [0-9]+[- ][A-Z][a-z]{2}[- ][0-9]+ [0-9:]+( [-+A-Z0-9]*)?")
)
def test_no_date_breaks_a_cookie(date):
    (cookie,) = set_cookies(Answer((("set-cookie", f"a=b; Expires={date}"),), b""), NOW)
    assert cookie[:2] == ("a", "b")


@pytest.mark.parametrize(
    ("lines", "want"),
    [
        (["sid=; Max-Age=0"], None),
        (["sid=gone; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], None),
        (["sid=a; Max-Age=5"], "a"),
        (["sid=a", "sid=; Max-Age=0"], None),
        (["sid=; Max-Age=0", "sid=b"], "b"),
        (["sid=a; Path=/", "sid=b; Path=/"], "b"),
        (["sid=a; Path=/", "sid=; Path=/old; Max-Age=0"], "a"),
        (["sid=a", "other=; Max-Age=0"], "a"),
    ],
)
def test_a_cookie_that_the_answer_deletes_has_no_value(lines, want):
    answer = Answer(tuple(("set-cookie", line) for line in lines), b"")
    assert taken(read_capture("v", "cookie:sid"), answer, NOW) == want


def test_set_cookie_without_a_name_is_left_out():
    assert set_cookies(Answer((("set-cookie", "novalue"), ("set-cookie", "=x")), b""), NOW) == []


@pytest.mark.parametrize(
    ("cookie", "path", "want"),
    [("/", "/a", True), ("/a", "/a", True), ("/a", "/a/b", True), ("/a", "/ab", False), ("/a/", "/a", False)],
)
def test_a_cookie_goes_with_the_paths_below_its_own(cookie, path, want):
    assert path_matches(cookie, path) is want


@pytest.mark.parametrize(("path", "want"), [("/", "/"), ("/a", "/"), ("/a/b", "/a"), ("/a/?x=/y", "/a")])
def test_a_cookie_without_a_path_belongs_to_the_folder(path, want):
    assert default_path(path) == want


def test_think_is_a_pause_or_two_bounds_of_it():
    assert read_think("2s", first=False) == (2.0, 2.0)
    assert read_think("500ms-1m", first=False) == (0.5, 60.0)
    assert read_think(None, first=True) == (0.0, 0.0)
    for text, first, said in (("5s-1s", False, "the shorter"), ("soon", False, "think: "), ("1s", True, "first step")):
        with pytest.raises(ValueError, match=said):
            read_think(text, first=first)
