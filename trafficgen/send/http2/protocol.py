"""One HTTP/2 connection of a client, without I/O and clock: requests to bytes, bytes to what became of them.

The rules of RFC 9113, a client's part of them. A fault of one answer costs its stream; one of the connection costs all.
Every stream ends in exactly one event: it is forgotten with it, and frames that come for it later are passed over. No
library does this here: h2 reads nothing after a GOAWAY, though streams before it are still to be answered, and makes
one wrong content-length the end of every stream beside it.
"""

import struct
from typing import NamedTuple

from trafficgen.send.http2 import frames
from trafficgen.send.http2.fields import NO_TABLE, Fields, Head, HeadReader, check_fields
from trafficgen.send.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    MAX_STREAM_ID,
    MAX_WINDOW,
    PING,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    ErrorCode,
    Frame,
    FrameReader,
    Http2Error,
    Setting,
)
from trafficgen.send.request import Message
from trafficgen.send.response import (
    MAX_HEAD_BYTES,
    MAX_INTERIM,
    MAX_RESPONSE_BYTES,
    MalformedResponseError,
    ResponseTooLargeError,
)

# Bytes of answers that may be under way. Bodies are not kept, so each window is renewed when half of it is used.
STREAM_WINDOW = 1 << 20
CONNECTION_WINDOW = 1 << 24
DEFAULT_WINDOW = 65_535  # of both, until they are changed
MAX_CONTINUATIONS = 64  # a header block in more pieces comes from a server that wants to keep us busy
MAX_EMPTY_FRAMES = (
    10_000  # in a row without a byte of an answer or of a request's body, as in floods of PING or SETTINGS
)
_PUMP_BYTES = 1 << 18  # of bodies, that are handed out at once

RESET_REASONS = {
    ErrorCode.NO_ERROR: "rst_no_error",
    ErrorCode.PROTOCOL_ERROR: "rst_protocol_error",
    ErrorCode.INTERNAL_ERROR: "rst_internal_error",
    ErrorCode.REFUSED_STREAM: "rst_refused_stream",
    ErrorCode.CANCEL: "rst_cancel",
    ErrorCode.ENHANCE_YOUR_CALM: "rst_enhance_your_calm",
    ErrorCode.HTTP_1_1_REQUIRED: "rst_http_1_1_required",
}
OTHER_RESET = "rst_other"


class Answered(NamedTuple):
    """A response is whole. `body`: what of it was kept."""

    stream_id: int
    code: int
    fields: Fields
    body: bytes
    size: int  # bytes of the response as they came: header blocks and body


class Failed(NamedTuple):
    """A stream has ended without one. `unserved`: the server says that it has not looked at the request."""

    stream_id: int
    reason: str
    unserved: bool = False
    size: int = 0  # bytes that came of a response


class _Stream:
    """A request under way."""

    __slots__ = (
        "at",
        "body",
        "code",
        "credit",
        "fields",
        "head_only",
        "interim",
        "keep",
        "kept",
        "left",
        "size",
        "taken",
        "window",
    )

    def __init__(self, message: Message, window: int, keep: int) -> None:
        self.body, self.head_only = message.body, message.head_only
        self.at = 0  # bytes of the body that are sent
        self.window = window  # bytes of it that the server takes
        self.code = self.interim = self.taken = self.size = 0
        self.left: int | None = None  # bytes that the answer still says it has
        self.credit = STREAM_WINDOW  # bytes that the server may send
        self.keep, self.kept = keep, bytearray()  # how much of the answer's body is kept, and that
        self.fields: Fields = ()


class Client:
    """The client's side of a connection. The caller empties `out`, bytes to be written, and `events`."""

    def __init__(self) -> None:
        self.out: list[bytes] = [
            PREFACE,
            frames.settings(
                {
                    Setting.HEADER_TABLE_SIZE: 0,  # so that equal answers are equal bytes, which are read once
                    Setting.ENABLE_PUSH: 0,
                    Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                    Setting.MAX_HEADER_LIST_SIZE: MAX_HEAD_BYTES,
                }
            ),
            frames.window_update(0, CONNECTION_WINDOW - DEFAULT_WINDOW),
        ]
        self.events: list[Answered | Failed] = []
        self.ready = False  # the server's SETTINGS are there
        self.max_streams = MAX_STREAM_ID  # that the server takes at once
        self.gone = False  # no request may be sent any more
        self._reader, self._heads = FrameReader(), HeadReader()
        self._streams: dict[int, _Stream] = {}
        self._uploads: dict[int, _Stream] = {}  # with bytes of a body that are still to be sent
        self._next_id, self._first = 1, NO_TABLE
        self._window, self._stream_window = DEFAULT_WINDOW, DEFAULT_WINDOW  # that the server gives
        self._credit = CONNECTION_WINDOW  # that we give
        self._max_frame = frames.MAX_FRAME_BYTES
        self._block: list[bytes] | None = None  # of HEADERS that continue in CONTINUATION
        self._block_head = Frame(0, 0, 0, b"")
        self._empty = 0  # frames in a row that brought nothing

    def __len__(self) -> int:
        """Requests under way."""
        return len(self._streams)

    def send(self, message: Message, *, keep: int = 0) -> int:
        """Begin a request on a new stream, whose number comes back; its body is for `pump`.

        `keep`: so many bytes of the answer's body are kept.
        """
        stream_id = self._next_id
        self._next_id += 2
        if self._next_id > MAX_STREAM_ID:
            self.gone = True
        stream = self._streams[stream_id] = _Stream(message, self._stream_window, keep)
        block, self._first = self._first + message.block, b""
        self.out.append(frames.headers(stream_id, block, end_stream=not stream.body, most=self._max_frame))
        if stream.body:
            self._uploads[stream_id] = stream
        return stream_id

    def received(self, stream_id: int) -> int:
        """Bytes that have come of the response to a request under way."""
        return self._streams[stream_id].size

    def cancel(self, stream_id: int, code: ErrorCode = ErrorCode.CANCEL) -> None:
        """Give a stream up; no event follows."""
        self._forget(stream_id)
        self.out.append(frames.rst_stream(stream_id, code))

    def pump(self) -> bool:
        """Hand out a piece of the bodies, as far as the server's windows go; whether there is more that may go."""
        room = _PUMP_BYTES
        for stream_id, stream in list(self._uploads.items()) if self._uploads else ():
            while (size := min(self._window, stream.window, len(stream.body) - stream.at, self._max_frame)) > 0:
                if room <= 0:
                    return True
                end = stream.at + size == len(stream.body)
                piece = stream.body[stream.at : stream.at + size]
                self.out.append(frames.frame(DATA, END_STREAM if end else 0, stream_id, piece))
                stream.at += size
                stream.window -= size
                self._window -= size
                self._empty = 0
                room -= size
                if end:
                    del self._uploads[stream_id]
                    break
        return False

    def receive(self, data: bytes) -> None:
        """Take bytes of the server. Raises Http2Error: what `events` have until then is still true."""
        if not self.ready and data.startswith(b"HTTP/1."):
            raise Http2Error(ErrorCode.HTTP_1_1_REQUIRED, "an answer in HTTP/1.x")
        for one in self._reader.feed(data):
            if not self.ready and (one.kind != SETTINGS or one.flags & ACK):
                raise Http2Error(ErrorCode.PROTOCOL_ERROR, "bytes that are not HTTP/2's SETTINGS")
            self._empty += 1
            if self._empty > MAX_EMPTY_FRAMES:
                raise Http2Error(ErrorCode.ENHANCE_YOUR_CALM, "frames without end, and no answer", reason="too_large")
            self._take(one)

    def _take(self, one: Frame) -> None:
        kind, stream_id = one.kind, one.stream_id
        if self._block is not None or kind == CONTINUATION:
            self._continued(one)
        elif kind == HEADERS:
            self._check_ours(one)
            block = frames.unpadded(one)
            if one.flags & END_HEADERS:
                self._headers(stream_id, block, end=bool(one.flags & END_STREAM))
            else:
                self._block, self._block_head = [block], one
        elif kind == DATA:
            self._check_ours(one)
            self._data(one)
        elif kind == RST_STREAM:
            self._check_ours(one)
            self._reset(one)
        elif kind == SETTINGS:
            self._settings(one)
        elif kind == PING:
            if stream_id or len(one.payload) != 8:
                raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a malformed PING")
            if not one.flags & ACK:
                self.out.append(frames.frame(PING, ACK, 0, one.payload))
        elif kind == GOAWAY:
            self._goaway(one)
        elif kind == WINDOW_UPDATE:
            self._window_update(one)
        elif kind == PUSH_PROMISE:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a push, which was forbidden")
        # PRIORITY, and kinds that nobody knows, are passed over (RFC 9113, sections 5.3.2, 5.5)

    def _check_ours(self, one: Frame) -> None:
        """Raises Http2Error unless the stream was opened; it may be over by now."""
        if not one.stream_id % 2 or one.stream_id >= self._next_id:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, f"a frame of stream {one.stream_id}, which nobody opened")

    def _continued(self, one: Frame) -> None:
        """A piece of a header block, between which nothing else may come."""
        block, head = self._block, self._block_head
        if block is None or one.kind != CONTINUATION or one.stream_id != head.stream_id:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a header block with something between, or without a beginning")
        block.append(one.payload)
        if len(block) > MAX_CONTINUATIONS or sum(map(len, block)) > MAX_HEAD_BYTES:
            raise Http2Error(ErrorCode.ENHANCE_YOUR_CALM, "a header block above 64 KiB", reason="too_large")
        if one.flags & END_HEADERS:
            self._block = None
            self._headers(head.stream_id, b"".join(block), end=bool(head.flags & END_STREAM))

    def _headers(self, stream_id: int, block: bytes, *, end: bool) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.size += len(block)
        try:
            if stream is not None and not stream.code:
                self._head(stream_id, stream, self._heads.read(block), end=end)
                return
            fields = self._heads.fields(block)  # also of a stream that is over: it may change what the next ones mean
            if stream is not None:
                self._trailer(stream_id, stream, fields, end=end)
        except MalformedResponseError as exc:
            self._malformed(stream_id, exc)

    def _head(self, stream_id: int, stream: _Stream, head: Head, *, end: bool) -> None:
        code, length, fields = head
        if code < 200:
            stream.interim += 1
            if end or code == 101:
                raise MalformedResponseError("an interim answer that ends, or 101")
            if stream.interim > MAX_INTERIM:
                raise ResponseTooLargeError("no response after 32 interim ones")
            return
        if length is not None and length > MAX_RESPONSE_BYTES and not stream.head_only:
            raise ResponseTooLargeError("a body above 256 MiB")
        stream.code, stream.fields = code, fields
        stream.left = 0 if stream.head_only or code in {204, 304} else length
        if end:
            self._answered(stream_id, stream)

    def _trailer(self, stream_id: int, stream: _Stream, fields: Fields, *, end: bool) -> None:
        check_fields(fields)
        if not end:
            raise MalformedResponseError("a trailer that does not end")
        self._answered(stream_id, stream)

    def _data(self, one: Frame) -> None:
        size = len(one.payload)
        self._credit -= size
        if self._credit < CONNECTION_WINDOW // 2:
            self.out.append(frames.window_update(0, CONNECTION_WINDOW - self._credit))
            self._credit = CONNECTION_WINDOW
        content = frames.unpadded(one)
        stream = self._streams.get(one.stream_id)
        if stream is None:
            return
        try:
            self._body(one.stream_id, stream, content, size, end=bool(one.flags & END_STREAM))
        except MalformedResponseError as exc:
            self._malformed(one.stream_id, exc)

    def _body(self, stream_id: int, stream: _Stream, content: bytes, size: int, *, end: bool) -> None:
        stream.credit -= size
        stream.size += size
        stream.taken += len(content)
        if not stream.code:
            raise MalformedResponseError("a body before its head")
        if stream.taken > MAX_RESPONSE_BYTES:
            raise ResponseTooLargeError("a body above 256 MiB")
        if stream.left is not None:
            stream.left -= len(content)
            if stream.left < 0:
                raise MalformedResponseError("a body longer than its content-length")
        if content:
            self._empty = 0
            if stream.keep:
                stream.kept += content[: stream.keep - len(stream.kept)]
        if end:
            self._answered(stream_id, stream)
        elif stream.credit < STREAM_WINDOW // 2:
            self.out.append(frames.window_update(stream_id, STREAM_WINDOW - stream.credit))
            stream.credit = STREAM_WINDOW

    def _answered(self, stream_id: int, stream: _Stream) -> None:
        """The answer has ended. Raises MalformedResponseError when bytes are missing."""
        if stream.left:
            raise MalformedResponseError("a body shorter than its content-length")
        if stream_id in self._uploads:  # answered before all of the request was sent: nobody wants the rest
            self.out.append(frames.rst_stream(stream_id, ErrorCode.CANCEL))
        self._forget(stream_id)
        self.events.append(Answered(stream_id, stream.code, stream.fields, bytes(stream.kept), stream.size))

    def _malformed(self, stream_id: int, exc: MalformedResponseError) -> None:
        size = self.received(stream_id)
        self.cancel(stream_id, ErrorCode.PROTOCOL_ERROR)
        self.events.append(Failed(stream_id, exc.reason, size=size))

    def _forget(self, stream_id: int) -> None:
        self._empty = 0
        self._streams.pop(stream_id, None)
        self._uploads.pop(stream_id, None)

    def _reset(self, one: Frame) -> None:
        if len(one.payload) != 4:
            raise Http2Error(ErrorCode.FRAME_SIZE_ERROR, "a RST_STREAM without its code")
        if one.stream_id in self._streams:
            size = self.received(one.stream_id)
            self._forget(one.stream_id)
            code = int.from_bytes(one.payload, "big")
            reason = RESET_REASONS.get(ErrorCode(code), OTHER_RESET) if code in _CODES else OTHER_RESET
            self.events.append(Failed(one.stream_id, reason, unserved=code == ErrorCode.REFUSED_STREAM, size=size))

    def _goaway(self, one: Frame) -> None:
        if one.stream_id or len(one.payload) < 8:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a malformed GOAWAY")
        self.gone = True
        last = int.from_bytes(one.payload[:4], "big") & MAX_STREAM_ID
        for stream_id in [stream_id for stream_id in self._streams if stream_id > last]:
            self._forget(stream_id)
            self.events.append(Failed(stream_id, "goaway", unserved=True))

    def _settings(self, one: Frame) -> None:
        if one.stream_id or len(one.payload) % 6 or (one.flags & ACK and one.payload):
            raise Http2Error(ErrorCode.FRAME_SIZE_ERROR, "malformed SETTINGS")
        if one.flags & ACK:
            return
        self.ready = True
        for key, value in struct.iter_unpack(">HL", one.payload):
            self._set(key, value)
        self.out.append(frames.frame(SETTINGS, ACK, 0, b""))

    def _set(self, key: int, value: int) -> None:
        if key == Setting.MAX_CONCURRENT_STREAMS:
            self.max_streams = value
        elif key == Setting.INITIAL_WINDOW_SIZE:
            more, self._stream_window = value - self._stream_window, value
            for stream in self._uploads.values():
                stream.window += more
            if value > MAX_WINDOW or any(stream.window > MAX_WINDOW for stream in self._uploads.values()):
                raise Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "a window above 2^31 - 1")
        elif key == Setting.MAX_FRAME_SIZE:
            if not frames.MAX_FRAME_BYTES <= value < 1 << 24:
                raise Http2Error(ErrorCode.PROTOCOL_ERROR, f"frames of at most {value} bytes")
            self._max_frame = min(value, 1 << 16)  # larger ones would keep other streams waiting
        elif key == Setting.ENABLE_PUSH and value:
            raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a server that wants to be pushed to")

    def _window_update(self, one: Frame) -> None:
        more = int.from_bytes(one.payload, "big") & MAX_WINDOW
        if len(one.payload) != 4:
            raise Http2Error(ErrorCode.FRAME_SIZE_ERROR, "a WINDOW_UPDATE without its bytes")
        if not one.stream_id:
            self._window += more
            if not more or self._window > MAX_WINDOW:
                raise Http2Error(ErrorCode.FLOW_CONTROL_ERROR, "a window that grows by 0, or above 2^31 - 1")
            return
        self._check_ours(one)
        stream = self._uploads.get(one.stream_id)
        if stream is not None:
            stream.window += more
            if not more or stream.window > MAX_WINDOW:
                self._malformed(one.stream_id, MalformedResponseError("a window that grows by 0, or above 2^31 - 1"))


_CODES = frozenset(ErrorCode)
