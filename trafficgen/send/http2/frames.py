"""The frames of HTTP/2 (RFC 9113, sections 4 and 6): bytes to frames, and those that a client sends. Pure."""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES = 9
_HEAD = struct.Struct(">HBBBL").pack
MAX_FRAME_BYTES = 16_384  # that we take, the least that RFC 9113, section 4.2 allows
MAX_WINDOW = (1 << 31) - 1
MAX_STREAM_ID = (1 << 31) - 1

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, WITH_PRIORITY = 0x4, 0x8, 0x20


class ErrorCode(IntEnum):
    """Why a stream or a connection ends (RFC 9113, section 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class Setting(IntEnum):
    """The parameters of SETTINGS that matter here (RFC 9113, section 6.5.2)."""

    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class Http2Error(Exception):
    """The connection cannot continue: the server broke the protocol, or a limit. `reason`: as requests count it."""

    def __init__(self, code: ErrorCode, words: str, *, reason: str = "malformed") -> None:
        """`code`: what is sent to the server. `words`: for the user."""
        super().__init__(words)
        self.code, self.reason = code, reason


class Frame(NamedTuple):
    """One frame, without its head."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes


class FrameReader:
    """Frames from pieces of any size."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now; to be read to its end. Raises Http2Error for one that is too long."""
        if self._rest:
            data = self._rest + data
        at, end = 0, len(data)
        while end - at >= HEAD_BYTES:
            length = int.from_bytes(data[at : at + 3], "big")
            if length > MAX_FRAME_BYTES:
                raise Http2Error(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            stop = at + HEAD_BYTES + length
            if stop > end:
                break
            stream_id = int.from_bytes(data[at + 5 : at + 9], "big") & MAX_STREAM_ID
            yield Frame(data[at + 3], data[at + 4], stream_id, data[at + HEAD_BYTES : stop])
            at = stop
        self._rest = data[at:]


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """A frame as it goes over the wire."""
    length = len(payload)
    return _HEAD(length >> 8, length & 255, kind, flags, stream_id) + payload


def headers(stream_id: int, block: bytes, *, end_stream: bool, most: int) -> bytes:
    """A header block, in as many frames of at most `most` bytes as it takes."""
    flags = END_STREAM if end_stream else 0
    if len(block) <= most:
        return frame(HEADERS, flags | END_HEADERS, stream_id, block)
    parts = [block[at : at + most] for at in range(0, len(block), most)]
    first, *middle, last = parts
    return b"".join(
        [
            frame(HEADERS, flags, stream_id, first),
            *(frame(CONTINUATION, 0, stream_id, part) for part in middle),
            frame(CONTINUATION, END_HEADERS, stream_id, last),
        ]
    )


def settings(values: dict[Setting, int]) -> bytes:
    """What this side of the connection wants."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HL", key, value) for key, value in values.items()))


def window_update(stream_id: int, more: int) -> bytes:
    """The other side may send this many more bytes; `stream_id` 0: on the whole connection."""
    return frame(WINDOW_UPDATE, 0, stream_id, more.to_bytes(4, "big"))


def rst_stream(stream_id: int, code: ErrorCode) -> bytes:
    """End one stream."""
    return frame(RST_STREAM, 0, stream_id, code.to_bytes(4, "big"))


def goaway(code: ErrorCode) -> bytes:
    """End the connection; no stream of the server's was ever taken."""
    return frame(GOAWAY, 0, 0, struct.pack(">LL", 0, code))


def unpadded(given: Frame) -> bytes:
    """The content of DATA or HEADERS, without padding and priority. Raises Http2Error."""
    payload, start, end = given.payload, 0, len(given.payload)
    if given.flags & PADDED:
        start, end = 1, end - (payload[0] if payload else 0)
    if given.kind == HEADERS and given.flags & WITH_PRIORITY:
        start += 5
    if start > end:
        raise Http2Error(ErrorCode.PROTOCOL_ERROR, "a frame shorter than its padding")
    return payload[start:end]
