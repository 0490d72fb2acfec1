"""HTTP responses from bytes: whole, byte by byte, hostile."""

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficgen.send.response import (
    CHUNKED,
    INTERIM,
    NO_LENGTH,
    MalformedResponseError,
    ResponseReader,
    ResponseTooLargeError,
    parse_head,
)

CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n"
FOLDS = [b"", b"\r\n folded", b"\n\t\tfolded: once\r\n more"]
INTERIMS = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
RESPONSES = [
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, True, id="length"),
    pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", 200, True, id="empty"),
    pytest.param(b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", 200, True, id="no-reason"),
    pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", 204, True, id="204"),
    pytest.param(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, True, id="304"),
    pytest.param(b"HTTP/1.1 500 X\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", 500, False, id="close"),
    pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, False, id="1.0"),
    pytest.param(b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", 200, True, id="1.0-keep"),
    pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 101, False, id="101"),
    pytest.param(INTERIMS + b"HTTP/1.1 204 X\r\n\r\n", 204, True, id="interim"),
    pytest.param(b"HTTP/1.1 200 OK\r\n" + CHUNKS + b"\r\n", 200, True, id="chunked"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + CHUNKS + b"Trailer: y\r\n\r\n", 200, True, id="trailer"),
    pytest.param(b"HTTP/1.1 200 OK\nContent-Length: 5\n\n\r\n\r\n.", 200, True, id="lf-alone"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1\n\r\nx", 200, True, id="lf-and-crlf"),
    pytest.param((b"HTTP/1.1 200 OK\n" + CHUNKS + b"T: y\n\n").replace(b"\r", b""), 200, True, id="lf-chunks"),
    pytest.param((INTERIMS + b"HTTP/1.1 204 X\r\n\r\n").replace(b"\r", b""), 204, True, id="lf-interim"),
    pytest.param(b"HTTP/1.1 200 OK\r\nX: a;\r\n\tb\r\nContent-Length: 1\r\n\r\nx", 200, True, id="folded"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length:\r\n  1\r\n\r\nx", 200, True, id="folded-length"),
    pytest.param(b"HTTP/1.1 200 OK\nConnection: x,\n close\nContent-Length: 0\n\n", 200, False, id="folded-close"),
    pytest.param(b"HTTP/1.1 200 OK\r\n lost: x\r\nContent-Length: 1\r\n\r\nx", 200, True, id="folded-status"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\nx", 200, True, id="blank-before-colon"),
    pytest.param(b"HTTP/1.1\t 200  OK\r\nContent-Length:\t1 \r\n\r\nx", 200, True, id="other-blanks"),
    pytest.param(b"HTTP/1.7 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, True, id="1.7"),
    pytest.param(b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, True, id="a-blank-line-before"),
    pytest.param(b"HTTP/1.1 200 X\nContent-Length: 1, 01\ncontent-length: 1\n\nx", 200, True, id="same-lengths"),
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"0" * 30 + b"1\r\n\r\nx", 200, True, id="zeros"),
    pytest.param(b"HTTP/1.1 200 X\nTransfer-Encoding: identity\nContent-Length: 1\n\nx", 200, True, id="identity"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: , chunked,\r\n\r\n0\r\n\r\n", 200, True, id="empty-members"),
    pytest.param(CHUNKED_HEAD + b"00000000000000000001 ;x\r\ny\r\n000\r\n\r\n", 200, True, id="chunk-zeros"),
    pytest.param(CHUNKED_HEAD.replace(b"1.1", b"1.0") + b"0\r\n\r\n", 200, False, id="1.0-chunked"),
    pytest.param(b"HTTP/1.1 200 \xe9\xff\r\nX: \xff\r\nContent-Length: 1\r\n\r\nx", 200, True, id="not-ascii"),
]


@pytest.mark.parametrize(("raw", "code", "keepalive"), RESPONSES)
def test_a_response_is_read_whole_and_byte_by_byte(raw, code, keepalive):
    whole, bytewise = ResponseReader(), ResponseReader()
    assert whole.feed(raw)
    assert [bytewise.feed(raw[at : at + 1]) for at in range(len(raw))] == [False] * (len(raw) - 1) + [True]
    for reader in (whole, bytewise):
        assert (reader.head.code, reader.head.keepalive, reader.surplus) == (code, keepalive, False)


@pytest.mark.parametrize(("raw", "code", "keepalive"), RESPONSES)
def test_what_follows_a_response_is_noticed_and_kept_apart(raw, code, keepalive):
    reader = ResponseReader()
    assert reader.feed(raw + b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n")
    assert reader.head.code == code
    assert reader.surplus
    reader.restart()
    assert reader.feed(b"")
    assert reader.head.code == 404


@pytest.mark.parametrize(("raw", "code", "keepalive"), RESPONSES)
@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 120), max_size=5))
def test_the_cuts_make_no_difference(raw, code, keepalive, cuts):
    reader, edges = ResponseReader(), sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    done = [reader.feed(raw[start:end]) for start, end in pairwise(edges)]
    assert done[-1]
    assert reader.head.code == code


def test_without_a_length_the_end_of_the_connection_ends_the_body():
    reader = ResponseReader()
    assert not reader.feed(b"HTTP/1.1 200 OK\r\n\r\nsome")
    assert not reader.feed(b"thing" * 1000)
    assert reader.ended()
    assert not reader.surplus


def test_a_response_cut_short_has_not_ended():
    reader = ResponseReader()
    assert not reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    assert not reader.ended()


def test_the_answer_to_head_has_no_body():
    reader = ResponseReader(head_only=True)
    assert reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    assert not reader.surplus


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"<html>",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 0xx OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
    ],
)
def test_what_is_not_http_is_malformed(raw):
    with pytest.raises(MalformedResponseError):
        ResponseReader().feed(raw)


ENDLESS = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n", b"x"),
    "until closed": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
    "chunks": (CHUNKED_HEAD, b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "small chunks": (CHUNKED_HEAD, b"1\r\nx\r\n" * 10000),
    "interim": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
    "head": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 100),
    "trailer": (CHUNKED_HEAD + b"0\r\n", b"X: y\r\n" * 100),
    "chunk extension": (CHUNKED_HEAD + b"1;", b"x" * 1000),
}


@pytest.mark.parametrize(("start", "piece"), ENDLESS.values(), ids=ENDLESS)
def test_a_response_without_end_is_given_up_in_bounded_memory(monkeypatch, start, piece):
    monkeypatch.setattr("trafficgen.send.response.MAX_RESPONSE_BYTES", 1 << 18)
    reader = ResponseReader()

    def read():
        reader.feed(start)
        while reader._taken < 1 << 19:
            assert not reader.feed(piece)
            assert len(reader._buffer) < 1 << 17

    with pytest.raises(ResponseTooLargeError) as given_up:
        read()
    assert given_up.value.reason == "too_large"


@settings(max_examples=40)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(noise):
    for start in (b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 "):
        reader = ResponseReader()
        with contextlib.suppress(MalformedResponseError):
            reader.feed(start + noise)


@pytest.mark.parametrize(
    ("head", "want"),
    [
        (b"HTTP/1.1 200 OK", (200, NO_LENGTH, True)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked", (200, CHUNKED, True)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip", (200, NO_LENGTH, True)),
        (b"HTTP/1.1 100 Continue", (100, INTERIM, True)),
        (b"HTTP/1.1 200 OK\r\nConnection: x, Close", (200, NO_LENGTH, False)),
    ],
)
def test_the_head_tells_the_framing(head, want):
    assert parse_head(head) == want


@pytest.mark.parametrize(
    "start",
    [
        b"\r\n\r\n\r\n",
        b"HTP/1.1 200",
        b"HTTP/1.1 200 OK\rContent-Length: 2\r\rok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\rX: y",
        b"HTTP/1.1 okay\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nok, there it is\r\n",
        b"HTTP/1.1 200 OK\nok\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n: x\r\n",
        CHUNKED_HEAD + b"x",
        CHUNKED_HEAD + b"\r\n",
        CHUNKED_HEAD + b"1\rx\r0",
        CHUNKED_HEAD + b"1 1\r\n",
        CHUNKED_HEAD + b"1\r\nxy",
    ],
)
def test_what_cannot_become_a_response_is_malformed_at_once(start):
    """Without waiting for the end of a head that never comes, which would be a timeout: whole and byte by byte."""
    with pytest.raises(MalformedResponseError):
        ResponseReader().feed(start)
    bytewise = ResponseReader()
    pieces = (bytewise.feed(start[at : at + 1]) for at in range(len(start)))
    with pytest.raises(MalformedResponseError):
        any(pieces)


@settings(max_examples=60)
@given(
    st.sampled_from([case.values for case in RESPONSES]),
    st.lists(st.tuples(st.sampled_from([b"X-A: b", b"Set-Cookie: c=d; e", b"Via: \xff"]), st.sampled_from(FOLDS))),
    st.sampled_from([b"\r\n", b"\n"]),
)
def test_headers_that_frame_nothing_change_nothing(case, more, newline):
    raw, code, keepalive = case
    start, _, rest = raw.rpartition(b"\nHTTP/1.") if raw.startswith(INTERIMS) else (b"", b"", raw)
    line_end = rest.index(b"\n") + 1
    added = b"".join(header + fold + newline for header, fold in more)
    reader = ResponseReader()
    assert reader.feed(start + _ + rest[:line_end] + added + rest[line_end:])
    assert (reader.head.code, reader.head.keepalive, reader.surplus) == (code, keepalive, False)
