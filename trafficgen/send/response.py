"""HTTP/1.x responses, read from bytes as they come. Pure: no socket, no clock.

Lenient as browsers are where RFC 9112 lets a client be: lines that end with LF alone, folded headers, other blanks, a
length that is given twice. Else strict: what cannot become a response is malformed with the byte that shows it, so that
no request waits for its timeout.

Nearly every response of a load test arrives whole, with a head seen a moment ago, so `parse_head` is cached by the
head's bytes; a `ResponseReader` takes over for what comes in pieces, chunked, or without a length.
"""

import re
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
    """A response that is too long, or announces that it will be."""

    reason = "too_large"


_STATUS_LINE = re.compile(rb"HTTP/1\.(\d)[ \t\v\f]+(\d{3})(?:[ \t\v\f].*)?\Z")
_HEAD_END = re.compile(rb"\n\r?\n")
_HEADER = re.compile(rb"[ \t]|[^: \t][^:]*:")
_FOLD = re.compile(rb"\n[ \t]+")
_BARE_CR = re.compile(rb"\r[^\n]")
_BEFORE = re.compile(rb"[ \t\r\n]{0,4}")  # a blank line too many after the response before, as browsers let pass
_HEX = b"0123456789abcdefABCDEF"

NO_LENGTH, CHUNKED, INTERIM = -1, -2, -3  # in place of a length: until the connection ends; in chunks; see below


class Head(NamedTuple):
    """What the framing of one response needs."""

    code: int
    length: int  # bytes of the body, or NO_LENGTH, CHUNKED; INTERIM for 100 and 103: the real response is still to come
    keepalive: bool


@lru_cache(maxsize=512)
def parse_head(head: bytes) -> Head:
    """Status line and headers, without the blank line at their end. Raises MalformedResponseError."""
    text = head.replace(b"\r\n", b"\n")
    if b"\r" in text:
        raise MalformedResponseError("a CR without LF")
    _check_lines(text.split(b"\n"))
    status, *lines = _FOLD.sub(b" ", text).split(b"\n")
    match = _STATUS_LINE.match(status)
    if not match or match[2] < b"100":
        raise MalformedResponseError("no HTTP/1.x status line")
    code, old = int(match[2]), match[1] == b"0"
    lengths: list[bytes] = []
    codings: list[bytes] = []
    options: list[bytes] = []
    for line in lines:
        name, _, value = line.partition(b":")
        key = name.rstrip(b" \t").lower()
        if key == b"content-length":
            lengths += [length.strip(b" \t") for length in value.split(b",")]
        elif key == b"transfer-encoding":
            codings += _members(value)
        elif key == b"connection":
            options += _members(value)
    keepalive = b"keep-alive" in options if old else b"close" not in options
    if code == 101 or (old and codings):  # RFC 9112, section 6.1: HTTP/1.0 has no transfer codings
        keepalive = False
    return Head(code, _body_length(code, codings, lengths), keepalive)


def _check_lines(lines: list[bytes]) -> None:
    """Raises MalformedResponseError unless each is a header or continues the previous one."""
    if not all(map(_HEADER.match, lines[1:])):
        raise MalformedResponseError("a header line without a name")


def _members(value: bytes) -> list[bytes]:
    """The members of a list, of which empty ones do not count (RFC 9110, section 5.6.1)."""
    return [member for part in value.lower().split(b",") if (member := part.strip(b" \t"))]


def _body_length(code: int, codings: list[bytes], lengths: list[bytes]) -> int:
    """The rules of RFC 9112, section 6.3, in their order."""
    if code < 200:
        return 0 if code == 101 else INTERIM
    if code in {204, 304}:
        return 0
    coded = [coding for coding in codings if coding != b"identity"]  # an old word for none
    if coded:
        return CHUNKED if coded[-1] == b"chunked" else NO_LENGTH
    if not lengths:
        return NO_LENGTH
    if not all(length.isdigit() for length in lengths) or len({length.lstrip(b"0") for length in lengths}) > 1:
        raise MalformedResponseError("a Content-Length that is not a number, or two that differ")
    return _bounded(lengths[0], 10)


def _bounded(digits: bytes, base: int) -> int:
    """A length. Raises ResponseTooLargeError for one that no response may have."""
    if len(digits.lstrip(b"0")) > 15:
        raise ResponseTooLargeError("a length above 256 MiB")
    return int(digits, base)


class ResponseReader:
    """One response after the other, from pieces of any size."""

    def __init__(self, *, head_only: bool = False) -> None:
        """`head_only`: answers to HEAD, which have a length and no body."""
        self.head_only = head_only  # the answers to HEAD: a length without a body
        self._buffer = bytearray()
        self.restart()

    def restart(self) -> None:
        """Make ready for the next response; bytes beyond the last one stay."""
        self.head: Head | None = None
        self._left = self._taken = self._interim = self._trailer_bytes = 0
        self._looked = 0  # bytes of the head, the lines of which have been looked at
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
        wanted = {"size": _HEX, "end": b"\r\n"}.get(state)
        if wanted and self._buffer[:1] not in wanted:
            raise MalformedResponseError("a chunk without a size, or longer than it")
        line = self._line()
        if line is None:
            return False
        if state == "size":
            self._left = _chunk_size(line)
            self._state = "data" if self._left else "trailer"
        elif state == "end":
            self._state = "size"
        elif not line:
            self._state = "done"
        else:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > MAX_TRAILER_BYTES:
                raise ResponseTooLargeError("a trailer above 64 KiB")
        return True

    def _read_head(self) -> bool:
        buffer = self._buffer
        before = _BEFORE.match(buffer)
        start = before.end() if before else 0
        end = _HEAD_END.search(buffer, start)
        if (end.start() if end else len(buffer)) > MAX_HEAD_BYTES:
            raise ResponseTooLargeError("a head above 64 KiB")
        if not b"HTTP/1.".startswith(bytes(buffer[start : start + 7])):
            raise MalformedResponseError("no HTTP/1.x status line")
        if end is None:
            self._look(start)
            return False
        head = parse_head.__wrapped__(bytes(buffer[start : end.start()]).removesuffix(b"\r"))  # uncached: may be large
        del buffer[: end.end()]
        self._looked = 0
        if head.length == INTERIM:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise ResponseTooLargeError("no response after 32 interim ones")
            return True
        if head.length > MAX_RESPONSE_BYTES and not self.head_only:
            raise ResponseTooLargeError("a body above 256 MiB")
        self.head, self._left = head, head.length
        if self.head_only or head.length == 0:
            self._state = "done"
        else:
            self._state = {CHUNKED: "size", NO_LENGTH: "close"}.get(head.length, "length")
        return True

    def _look(self, start: int) -> None:
        """Look at the new lines of a head that is not whole. Raises MalformedResponseError."""
        at = max(self._looked, start)
        if _BARE_CR.search(self._buffer, at):
            raise MalformedResponseError("a CR without LF")
        end = self._buffer.rfind(b"\n", at) + 1
        if not end:
            return
        lines = bytes(self._buffer[at:end]).replace(b"\r\n", b"\n").split(b"\n")
        if self._looked:
            lines.insert(0, b"")
        elif not _STATUS_LINE.match(lines[0]):
            raise MalformedResponseError("no HTTP/1.x status line")
        _check_lines(lines[:-1])
        self._looked = end

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\n")
        if end > MAX_CHUNK_LINE_BYTES or (end < 0 and len(self._buffer) > MAX_CHUNK_LINE_BYTES):
            raise ResponseTooLargeError("a chunk line above 4 KiB")
        if _BARE_CR.search(self._buffer, 0, end if end >= 0 else len(self._buffer)):
            raise MalformedResponseError("a CR without LF")
        if end < 0:
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        return line


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].rstrip(b" \t")
    if not digits or digits.strip(_HEX):
        raise MalformedResponseError("a chunk without a size")
    return _bounded(digits, 16)
