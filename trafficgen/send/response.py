"""HTTP/1.x responses, read from bytes as they come. Pure: no socket, no clock.

Nearly every response of a load test arrives whole, with a head seen a moment ago, so `parse_head` is cached by the
head's bytes; a `ResponseReader` takes over for what comes in pieces, chunked, or without a length.
"""

from functools import lru_cache
from typing import NamedTuple

MAX_HEAD_BYTES = 64 << 10
MAX_CHUNK_LINE_BYTES = 4096


MAX_INTERIM = 32  # 100 and 103 before the response; more would be a way to keep a request waiting
MAX_TRAILER_BYTES = 64 << 10
MAX_RESPONSE_BYTES = 256 << 20  # of one response with its framing; bodies are not kept, but take time


class MalformedResponseError(ValueError):
    """The bytes are not an HTTP/1.x response."""

    reason = "malformed"


class ResponseTooLargeError(MalformedResponseError):
    """A response that goes on and on, or says that it will."""

    reason = "too_large"


NO_LENGTH, CHUNKED, INTERIM = -1, -2, -3  # told in place of a length: until the connection ends; in chunks; see below


class Head(NamedTuple):
    """What the framing of one response needs."""

    code: int
    length: int  # bytes of the body, or NO_LENGTH, CHUNKED; INTERIM for 100 and 103: the real response is still to come
    keepalive: bool


@lru_cache(maxsize=512)
def parse_head(head: bytes) -> Head:
    """Status line and headers, without the blank line at their end. Raises MalformedResponseError."""
    status, *lines = head.split(b"\r\n")
    if not (status.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")) and status[9:12].isdigit() and status[12:13] in b" "):
        raise MalformedResponseError("no HTTP/1.x status line")
    code = int(status[9:12])
    if code < 100:
        raise MalformedResponseError("a status code below 100")
    lengths: set[bytes] = set()
    codings: list[bytes] = []
    options: list[bytes] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise MalformedResponseError("a header line without a name")
        key = name.lower()
        if key == b"content-length":
            lengths.add(value.strip())
        elif key == b"transfer-encoding":
            codings += [c.strip().lower() for c in value.split(b",")]
        elif key == b"connection":
            options += [o.strip().lower() for o in value.split(b",")]
    keepalive = b"close" not in options if status[7:8] == b"1" else b"keep-alive" in options
    return Head(code, _body_length(code, codings, lengths), keepalive and code != 101)


def _body_length(code: int, codings: list[bytes], lengths: set[bytes]) -> int:
    """The rules of RFC 9112, section 6.3, in their order."""
    if code < 200:
        return 0 if code == 101 else INTERIM
    if code in {204, 304}:
        return 0
    if codings:
        return CHUNKED if codings[-1] == b"chunked" else NO_LENGTH
    if not lengths:
        return NO_LENGTH
    value, *others = lengths
    if others or not value.isdigit() or len(value) > 18:
        raise MalformedResponseError("a Content-Length that is no number, or two that differ")
    return int(value)


class ResponseReader:
    """One response after the other, from pieces of any size."""

    def __init__(self, *, head_only: bool = False) -> None:
        self._head_only = head_only  # the answers to HEAD: a length without a body
        self._buffer = bytearray()
        self.restart()

    def restart(self) -> None:
        """Make ready for the next response; bytes beyond the last one stay."""
        self.head: Head | None = None
        self._left = self._taken = self._interim = self._trailer_bytes = 0
        self._state = "head"  # then length, or close, or size, data, end, ..., trailer; at last done

    @property
    def surplus(self) -> bool:
        """Whether bytes are there that belong to no finished response."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> bool:
        """Take `data`; whether a final response is now complete. Raises MalformedResponseError."""
        self._buffer += data
        self._taken += len(data)
        if self._taken > MAX_RESPONSE_BYTES:
            raise ResponseTooLargeError("a response above 256 MiB")
        while self._state != "done" and self._advance():
            pass
        return self._state == "done"

    def ended(self) -> bool:
        """The connection has ended: whether that completes the response."""
        return self._state == "close"

    def _advance(self) -> bool:
        """Do one step; False when more bytes are needed."""
        state = self._state
        if state == "head":
            return self._read_head()
        if state == "close":
            self._buffer.clear()
            return False
        if state in {"length", "data"}:
            taken = min(self._left, len(self._buffer))
            del self._buffer[:taken]
            self._left -= taken
            if self._left == 0:
                self._state = "done" if state == "length" else "end"
            return self._left == 0
        line = self._line()
        if line is None:
            return False
        if state == "size":
            self._left = _chunk_size(line)
            self._state = "data" if self._left else "trailer"
        elif state == "end":
            if line:
                raise MalformedResponseError("a chunk longer than its size")
            self._state = "size"
        elif not line:
            self._state = "done"
        else:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > MAX_TRAILER_BYTES:
                raise ResponseTooLargeError("a trailer above 64 KiB")
        return True

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end > MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > MAX_HEAD_BYTES):
            raise ResponseTooLargeError("a head above 64 KiB")
        if not b"HTTP/1.".startswith(bytes(self._buffer[:7])):
            raise MalformedResponseError("no HTTP/1.x status line")
        if end < 0:
            return False
        head = parse_head.__wrapped__(bytes(self._buffer[:end]))  # uncached: these heads may be large
        del self._buffer[: end + 4]
        if head.length == INTERIM:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise ResponseTooLargeError("no response after 32 interim ones")
            return True
        if head.length > MAX_RESPONSE_BYTES and not self._head_only:
            raise ResponseTooLargeError("a body above 256 MiB")
        self.head, self._left = head, head.length
        if self._head_only or head.length == 0:
            self._state = "done"
        else:
            self._state = {CHUNKED: "size", NO_LENGTH: "close"}.get(head.length, "length")
        return True

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end > MAX_CHUNK_LINE_BYTES or (end < 0 and len(self._buffer) > MAX_CHUNK_LINE_BYTES):
            raise ResponseTooLargeError("a chunk line above 4 KiB")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not 0 < len(digits) <= 15 or not all(c in b"0123456789abcdefABCDEF" for c in digits):
        raise MalformedResponseError("a chunk without a size")
    return int(digits, 16)
