"""The client's HTTP/2 without a network, beside h2's server: another implementation that is strict about each frame."""

import struct

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes
from hpack import Decoder, Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import ConfigError
from trafficgen.send.http2.fields import HeadReader, encode_field, encode_message
from trafficgen.send.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Http2Error,
    frame,
)
from trafficgen.send.http2.protocol import Answered, Client, Failed
from trafficgen.send.request import parse_url

URL = parse_url("https://site.example:8443/")
OK = [(b":status", b"200"), (b"content-length", b"3")]
GET = encode_message(URL, "/")


class Pair:
    """A client, and h2's server at the other end of its bytes."""

    def __init__(self):
        self.client = Client()
        self.server = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self.server.initiate_connection()
        self.seen = []  # what the server has received
        self.shake()

    def shake(self, *, acknowledge=True):
        """Let bytes go to and fro until there are none."""
        while True:
            self.client.pump()
            out, self.client.out = b"".join(self.client.out), []
            for event in self.server.receive_data(out):
                self.seen.append(event)
                if acknowledge and isinstance(event, DataReceived) and event.flow_controlled_length:
                    self.server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            back = self.server.data_to_send()
            if back:
                self.client.receive(back)
            self.client.pump()
            if not back and not self.client.out:
                return

    def send(self, message=GET, **how):
        stream_id = self.client.send(message, **how)
        self.shake()
        return stream_id

    def answer(self, stream_id, fields=OK, body=b"ok\n"):
        self.server.send_headers(stream_id, fields, end_stream=not body)
        if body:
            self.server.send_data(stream_id, body, end_stream=True)
        self.shake()

    def events(self):
        events, self.client.events = self.client.events, []
        return [event if isinstance(event, Failed) else (event.stream_id, event.code) for event in events]

    def received(self, kind):
        return [event for event in self.seen if isinstance(event, kind)]


def test_a_request_has_its_pseudo_headers_first_and_no_host():
    message = encode_message(URL, "/a?b=1", method="POST", headers={"X-Id": " 7 ", "TE": "trailers"}, body=b"12")
    pair = Pair()
    pair.send(message)
    (request,) = pair.received(RequestReceived)
    assert [(bytes(name), bytes(value)) for name, value in request.headers] == [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":authority", b"site.example:8443"),
        (b":path", b"/a?b=1"),
        (b"user-agent", b"tidewatch-trafficgen"),
        (b"accept", b"*/*"),
        (b"content-length", b"2"),
        (b"x-id", b"7"),
        (b"te", b"trailers"),
    ]
    assert [event.data for event in pair.received(DataReceived)] == [b"12"]
    assert len(pair.received(StreamEnded)) == 1


def test_an_own_host_is_the_authority():
    pair = Pair()
    pair.send(encode_message(URL, "/", headers={"Host": "other.example"}))
    headers = dict(pair.received(RequestReceived)[0].headers)
    assert (headers[b":authority"], headers.get(b"host")) == (b"other.example", None)


@pytest.mark.parametrize("name", ["Keep-Alive", "Proxy-Connection", "Upgrade", "TE", "connection", "transfer-encoding"])
def test_headers_of_connections_are_refused(name):
    with pytest.raises(ConfigError, match=rf"--header: {name.lower()} "):
        encode_message(URL, "/", headers={name: "x"})


def test_answers_come_in_any_order_and_belong_to_their_requests():
    pair = Pair()
    one, two, three = (pair.send() for _ in range(3))
    pair.answer(three, [(b":status", b"404")], b"")
    pair.answer(one)
    pair.answer(two, [(b":status", b"204")], b"")
    assert pair.events() == [(three, 404), (one, 200), (two, 204)]
    assert len(pair.client) == 0


def test_an_answer_may_have_interim_ones_before_and_a_trailer_behind():
    pair = Pair()
    one = pair.send()
    pair.server.send_headers(one, [(b":status", b"103"), (b"link", b"</a>")])
    pair.server.send_headers(one, [(b":status", b"200")])
    pair.server.send_data(one, b"abc")
    pair.server.send_headers(one, [(b"checksum", b"1")], end_stream=True)
    pair.shake()
    assert pair.events() == [(one, 200)]


def test_of_an_answer_that_is_wanted_fields_and_body_are_kept():
    pair = Pair()
    one = pair.send(keep=4)
    pair.answer(one, [(b":status", b"200"), (b"x-token", b"t")], b"abcdef")
    assert pair.client.events == [Answered(one, 200, [(b":status", b"200"), (b"x-token", b"t")], b"abcd", 12 + 6)]


def test_the_answer_to_a_head_has_a_length_and_no_body():
    pair = Pair()
    one = pair.send(encode_message(URL, "/", method="HEAD"))
    pair.answer(one, [(b":status", b"200"), (b"content-length", b"1000")], b"")
    assert pair.events() == [(one, 200)]


def test_a_large_body_goes_as_the_windows_of_the_server_open():
    body = bytes(range(256)) * 2000  # 512,000 bytes, eight times the window that a connection begins with
    pair = Pair()
    one = pair.client.send(encode_message(URL, "/", method="PUT", body=body))
    pair.shake(acknowledge=False)
    assert sum(len(event.data) for event in pair.received(DataReceived)) == 65_535
    pair.server.increment_flow_control_window(100, one)
    pair.server.increment_flow_control_window(1000)
    pair.shake(acknowledge=False)
    assert sum(len(event.data) for event in pair.received(DataReceived)) == 65_635
    pair.server.increment_flow_control_window(10_000_000, one)
    pair.server.increment_flow_control_window(10_000_000)
    pair.shake()
    assert b"".join(event.data for event in pair.received(DataReceived)) == body
    assert len(pair.received(StreamEnded)) == 1


def test_smaller_windows_and_larger_frames_hold_from_the_settings_on():
    pair = Pair()
    pair.server.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 10})
    pair.shake()
    one = pair.client.send(encode_message(URL, "/", method="PUT", body=b"x" * 100))
    pair.shake(acknowledge=False)
    assert sum(len(event.data) for event in pair.received(DataReceived)) == 10
    pair.server.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 5})  # it is 5 bytes below zero now
    pair.shake(acknowledge=False)
    pair.server.increment_flow_control_window(25, one)
    pair.shake(acknowledge=False)
    assert sum(len(event.data) for event in pair.received(DataReceived)) == 30
    pair.server.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20, SettingCodes.MAX_FRAME_SIZE: 1 << 20})
    pair.shake()
    assert sum(len(event.data) for event in pair.received(DataReceived)) == 100


def test_a_large_answer_is_taken_whole_with_windows_that_are_renewed():
    pair = Pair()
    one = pair.send()
    pair.server.send_headers(one, [(b":status", b"200"), (b"content-length", b"%d" % (40 << 20))])
    left = 40 << 20
    while left:
        size = min(left, pair.server.local_flow_control_window(one), 16_384)
        assert size > 0
        pair.server.send_data(one, b"x" * size, end_stream=size == left)
        left -= size
        pair.shake()
    assert pair.events() == [(one, 200)]


def test_an_answer_before_the_end_of_the_request_ends_the_request():
    pair = Pair()
    one = pair.client.send(encode_message(URL, "/", method="PUT", body=b"x" * 100_000))
    pair.shake(acknowledge=False)
    pair.answer(one, [(b":status", b"413")], b"")
    assert pair.events() == [(one, 413)]
    assert [event.error_code for event in pair.received(StreamReset)] == [ErrorCodes.CANCEL]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (ErrorCodes.NO_ERROR, "rst_no_error"),
        (ErrorCodes.PROTOCOL_ERROR, "rst_protocol_error"),
        (ErrorCodes.INTERNAL_ERROR, "rst_internal_error"),
        (ErrorCodes.REFUSED_STREAM, "rst_refused_stream"),
        (ErrorCodes.CANCEL, "rst_cancel"),
        (ErrorCodes.ENHANCE_YOUR_CALM, "rst_enhance_your_calm"),
        (ErrorCodes.HTTP_1_1_REQUIRED, "rst_http_1_1_required"),
        (ErrorCodes.CONNECT_ERROR, "rst_other"),
        (12_345, "rst_other"),
    ],
)
def test_a_reset_costs_its_stream_with_its_reason(code, reason):
    pair = Pair()
    one, two = pair.send(), pair.send()
    pair.server.reset_stream(one, code)
    pair.shake()
    pair.answer(two)
    assert pair.events() == [Failed(one, reason, unserved=code == ErrorCodes.REFUSED_STREAM), (two, 200)]


def test_after_a_goaway_the_streams_before_it_are_answered_and_those_behind_it_are_unserved():
    client = greeted()
    one, two, three = (client.send(GET) for _ in range(3))
    client.receive(frame(GOAWAY, 0, 0, struct.pack(">LL", two, 0)))
    assert client.gone
    client.receive(answer(two) + answer(one))
    assert client.events == [
        Failed(three, "goaway", unserved=True),
        *(Answered(at, 200, FIELDS, b"", 1) for at in (two, one)),
    ]


def test_a_second_goaway_may_take_back_more():
    client = greeted()
    one, two = client.send(GET), client.send(GET)
    client.receive(frame(GOAWAY, 0, 0, struct.pack(">LL", 2**31 - 1, 0)))
    assert client.events == []
    client.receive(frame(GOAWAY, 0, 0, struct.pack(">LL", one, 0)) + answer(one))
    assert client.events == [Failed(two, "goaway", unserved=True), Answered(one, 200, FIELDS, b"", 1)]


def test_a_ping_is_answered_and_settings_are_acknowledged():
    client = greeted()
    client.receive(frame(PING, 0, 0, b"12345678") + frame(SETTINGS, 0, 0, struct.pack(">HL", 3, 7)))
    assert b"".join(client.out) == frame(PING, 1, 0, b"12345678") + frame(SETTINGS, 1, 0, b"")
    assert client.max_streams == 7


def test_what_was_given_up_is_not_answered_any_more():
    pair = Pair()
    one = pair.send()
    pair.client.cancel(one)
    assert pair.client.out == [frame(RST_STREAM, 0, one, b"\0\0\0\x08")]
    pair.server.send_headers(one, [(b":status", b"200"), (b"x-new", b"into the table")])
    pair.server.send_data(one, b"late", end_stream=True)
    pair.shake()
    two = pair.send()
    pair.answer(two, [(b":status", b"200"), (b"x-new", b"into the table")], b"")  # which was read all the same
    assert pair.events() == [(two, 200)]


def test_bytes_may_come_one_by_one():
    client = Client()
    first = frame(SETTINGS, 0, 0, b"")
    for at in range(len(first)):
        client.receive(first[at : at + 1])
    one = client.send(GET)
    for byte in answer(one, body=b"a body"):
        client.receive(bytes([byte]))
    assert client.events == [Answered(one, 200, FIELDS, b"", 1 + 6)]


FIELDS = [(b":status", b"200")]


def greeted():
    """A client that has the server's SETTINGS, and whose own bytes so far are gone."""
    client = Client()
    client.receive(frame(SETTINGS, 0, 0, b""))
    client.out.clear()
    return client


def block(*fields):
    return b"".join(encode_field(name, value) for name, value in fields)


def answer(stream_id, fields=FIELDS, body=b""):
    head = frame(HEADERS, END_HEADERS | (0 if body else END_STREAM), stream_id, block(*fields))
    return head + (frame(DATA, END_STREAM, stream_id, body) if body else b"")


def head(*fields, flags=END_HEADERS):
    return frame(HEADERS, flags, 1, block(*fields))


LONG = [(b":status", b"200"), (b"content-length", b"5")]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param(head((b":status", b"20")) + b"", "malformed", id="two-digits"),
        pytest.param(head((b"x", b"1"), (b":status", b"200")), "malformed", id="pseudo-behind"),
        pytest.param(head((b":status", b"200"), (b":status", b"200")), "malformed", id="status-twice"),
        pytest.param(head((b":status", b"200"), (b"X-Up", b"1")), "malformed", id="capitals"),
        pytest.param(head((b":status", b"200"), (b"connection", b"close")), "malformed", id="connection"),
        pytest.param(head((b":status", b"200"), (b"a", b"b\r\nc")), "malformed", id="line-break"),
        pytest.param(head((b":status", b"101")), "malformed", id="101"),
        pytest.param(head((b":status", b"100"), flags=END_HEADERS | END_STREAM), "malformed", id="ends-interim"),
        pytest.param(head((b":status", b"100")) * 33, "too_large", id="33-interim"),
        pytest.param(frame(DATA, END_STREAM, 1, b"x"), "malformed", id="body-first"),
        pytest.param(answer(1, LONG, b"1234"), "malformed", id="short-body"),
        pytest.param(answer(1, LONG, b"123456"), "malformed", id="long-body"),
        pytest.param(answer(1, LONG), "malformed", id="no-body"),
        pytest.param(answer(1, [*LONG, (b"content-length", b"6")], b"12345"), "malformed", id="two-lengths"),
        pytest.param(answer(1, [FIELDS[0], (b"content-length", b"-5")], b"12345"), "malformed", id="negative"),
        pytest.param(answer(1, [(b":status", b"204")], b"x"), "malformed", id="204-with-body"),
        pytest.param(head(FIELDS[0], (b"content-length", b"%d" % (1 << 30))), "too_large", id="huge"),
        pytest.param(head(FIELDS[0]) + head((b"x", b"1")), "malformed", id="trailer-without-end"),
    ],
)
def test_a_bad_answer_costs_its_stream_alone(sent, reason):
    client = greeted()
    one, two = client.send(GET), client.send(GET)
    client.receive(sent + answer(two))
    assert [event[:2] for event in client.events] == [(one, reason), (two, 200)]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param(b"\xff" * 9, "malformed", id="noise"),
        pytest.param(frame(HEADERS, END_HEADERS, 3, block(*FIELDS)), "malformed", id="stream-of-nobody"),
        pytest.param(frame(DATA, 0, 2, b"x"), "malformed", id="stream-of-the-server"),
        pytest.param(frame(DATA, 0, 0, b"x"), "malformed", id="data-of-no-stream"),
        pytest.param(frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2"), "malformed", id="push"),
        pytest.param(frame(CONTINUATION, END_HEADERS, 1, b""), "malformed", id="continuation-of-nothing"),
        pytest.param(frame(HEADERS, 0, 1, b"") + frame(PING, 0, 0, b"12345678"), "malformed", id="between"),
        pytest.param(frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, 0, 1, b"") * 64, "too_large", id="continuations"),
        pytest.param(
            frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, 0, 1, b"x" * 16_000) * 5, "too_large", id="large-block"
        ),
        pytest.param(frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\x0f"), "malformed", id="no-such-index"),
        pytest.param(frame(HEADERS, END_HEADERS, 1, b"\x3f\xe1\x7f"), "malformed", id="table-too-large"),
        pytest.param(frame(HEADERS, END_HEADERS | PADDED, 1, b"\x09abc"), "malformed", id="padding"),
        pytest.param(frame(DATA, PADDED, 1, b""), "malformed", id="padding-of-nothing"),
        pytest.param(frame(RST_STREAM, 0, 1, b"\0"), "malformed", id="short-rst"),
        pytest.param(frame(RST_STREAM, 0, 9, b"\0\0\0\0"), "malformed", id="rst-of-nobody"),
        pytest.param(frame(GOAWAY, 0, 1, b"\0" * 8), "malformed", id="goaway-of-a-stream"),
        pytest.param(frame(SETTINGS, 0, 0, b"123"), "malformed", id="short-settings"),
        pytest.param(frame(SETTINGS, 0, 0, struct.pack(">HL", 4, 1 << 31)), "malformed", id="window-setting"),
        pytest.param(frame(SETTINGS, 0, 0, struct.pack(">HL", 5, 100)), "malformed", id="frame-setting"),
        pytest.param(frame(SETTINGS, 0, 0, struct.pack(">HL", 2, 1)), "malformed", id="push-setting"),
        pytest.param(frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"), "malformed", id="no-more-window"),
        pytest.param(frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"), "malformed", id="window-overflow"),
        pytest.param(frame(PING, 0, 0, b"1234567"), "malformed", id="short-ping"),
        pytest.param(frame(PING, 0, 0, b"12345678") * 10_001, "too_large", id="pings"),
        pytest.param(frame(SETTINGS, 0, 0, b"") * 10_001, "too_large", id="settings"),
        pytest.param(head(FIELDS[0]) + frame(DATA, 0, 1, b"") * 10_001, "too_large", id="empty-data"),
        pytest.param(frame(99, 0, 1, b"") * 10_001, "too_large", id="unknown-kinds"),
    ],
)
def test_a_server_that_breaks_the_protocol_ends_the_connection(sent, reason):
    client = greeted()
    client.send(GET)
    with pytest.raises(Http2Error) as caught:
        client.receive(sent)
    assert caught.value.reason == reason


def test_headers_that_unpack_to_too_much_are_too_large():
    """40 bytes that stand for 16,000 fields: the table holds one of 4,000 bytes, and each index repeats it."""
    client = greeted()
    client.send(GET)
    encoder = Encoder()
    bomb = encoder.encode([(b":status", b"200"), (b"x", b"y" * 4000)]) + b"\xbe" * 40
    with pytest.raises(Http2Error) as caught:
        client.receive(frame(HEADERS, END_HEADERS, 1, bomb))
    assert caught.value.reason == "too_large"


def test_what_was_answered_before_the_breach_is_answered():
    client = greeted()
    one = client.send(GET)
    with pytest.raises(Http2Error):
        client.receive(answer(one) + frame(PUSH_PROMISE, END_HEADERS, 1, b""))
    assert client.events == [Answered(one, 200, FIELDS, b"", 1)]


@pytest.mark.parametrize("first", [b"HTTP/1.1 400 Bad Request\r\n\r\n", frame(PING, 0, 0, b"12345678"), b"\0" * 9])
def test_bytes_that_do_not_begin_with_settings_are_not_http2(first):
    with pytest.raises(Http2Error):
        Client().receive(first)


NAMES = st.sampled_from([b"a", b"b", b"x-long", b"server"])


def test_equal_answers_are_read_once(monkeypatch):
    """h2's server adds fields to its table in every answer, unless the table has no room."""
    pair = Pair()
    read = []
    decode = pair.client._heads._decoder.decode
    monkeypatch.setattr(
        pair.client._heads._decoder, "decode", lambda *given, **how: read.append(1) or decode(*given, **how)
    )
    for _ in range(5):
        pair.answer(pair.send(), [(b":status", b"200"), (b"server", b"own"), (b"x-id", b"1")], b"")
    assert [code for _, code in pair.events()] == [200] * 5
    assert len(read) == 2  # the first block also says that the table has no room


BLOCKS = st.lists(
    st.tuples(st.lists(st.tuples(NAMES, st.sampled_from([b"1", b"2", b"3" * 30])), max_size=4), st.integers(0, 200)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=200)
@given(BLOCKS)
def test_remembered_heads_are_what_a_decoder_reads_anew(blocks):
    """With tables so small that entries come and go, and equal blocks that mean different things."""
    encoder, reader, decoder = Encoder(), HeadReader(), Decoder()
    for fields, size in blocks:
        encoder.header_table_size = size
        for _ in range(2):
            coded = encoder.encode([(b":status", b"200"), *fields])
            assert list(reader.read(coded).fields) == [tuple(one) for one in decoder.decode(coded, raw=True)]


STEPS = st.lists(
    st.tuples(st.sampled_from(["answer", "reset", "refuse", "malformed", "goaway", "cancel"]), st.integers(0, 9)),
    max_size=20,
)


@given(STEPS, st.integers(1, 7))
def test_every_stream_ends_once(steps, size):
    """Whatever the server does, in pieces of any size: each request has one end, or is still under way."""
    client = greeted()
    streams = [client.send(GET) for _ in range(10)]
    last, cancelled, sent = 2**31 - 1, set(), b""
    for what, at in steps:
        stream_id = streams[at]
        if what == "cancel":
            if stream_id in client._streams:
                client.cancel(stream_id)
                cancelled.add(stream_id)
            continue
        last = min(last, stream_id) if what == "goaway" else last
        sent = {
            "answer": answer(stream_id, body=b"x"),
            "reset": frame(RST_STREAM, 0, stream_id, b"\0\0\0\2"),
            "refuse": frame(RST_STREAM, 0, stream_id, b"\0\0\0\7"),
            "malformed": answer(stream_id, [(b":status", b"x")]),
            "goaway": frame(GOAWAY, 0, 0, struct.pack(">LL", last, 0)),
        }[what]
        for start in range(0, len(sent), size):
            client.receive(sent[start : start + size])
    ended = [event.stream_id for event in client.events]
    assert len(ended) == len(set(ended))
    assert sorted([*ended, *cancelled, *client._streams]) == streams
