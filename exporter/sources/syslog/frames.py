r"""Bytes of a stream to syslog messages (RFC 6587). Pure: no I/O.

The first bytes of a connection decide for all of it: `LEN <` is octet counting, `LEN` bytes that begin with the
priority; anything else is lines, each ended by a line feed. A message becomes one line: line ends and NUL at its end
are removed, a line feed inside becomes a blank, so that no message can look like two.
"""

import re

MAX_SKIPPED_BYTES = 16 << 20
"""An octet count above this is invalid: otherwise following messages would not be read for too long."""

_COUNT = re.compile(rb"[1-9][0-9]{0,9} ")
_MAX_COUNT = 11  # bytes of a count with its blank


class FramingError(ValueError):
    """No message begins where one must: the rest cannot be read."""


def one_line(message: bytes) -> bytes:
    """A message as a line, with its end."""
    text = message.rstrip(b"\r\n\0")
    return (text.replace(b"\n", b" ") if b"\n" in text else text) + b"\n"


class Frames:
    """Parses the bytes of one connection.

    too_long, too_long_bytes: messages over the limit so far, which were dropped, and their bytes.
    """

    def __init__(self, message_bytes: int) -> None:
        """`message_bytes`: a longer message is dropped."""
        self._limit = message_bytes
        self._carry = b""
        self._counted: bool | None = None
        self._skip = 0  # bytes of a counted message that is dropped
        self._skipping = False  # a line that is dropped
        self.too_long = self.too_long_bytes = 0

    @property
    def is_inside(self) -> bool:
        """Whether a message has begun and has not ended."""
        return bool(self._carry or self._skip or self._skipping)

    @property
    def held_bytes(self) -> int:
        """Bytes of a message that has not ended."""
        return len(self._carry)

    def feed(self, data: bytes) -> bytes:
        """The messages that `data` completes, as lines. Raises FramingError, after which the connection is of no use.

        What was complete before the error is lost with it; `take` gives it.
        """
        self._lines: list[bytes] = []
        buffer = self._carry + data
        self._carry = b""
        if self._counted is None and (begin := _begins_counted(buffer)) is not None:
            self._counted = begin
        if self._counted is None:
            self._carry = buffer
        elif self._counted:
            self._feed_counted(buffer)
        else:
            self._feed_lines(buffer)
        return self.take()

    def take(self) -> bytes:
        """The messages that were complete before a FramingError."""
        lines, self._lines = self._lines, []
        return b"".join(lines)

    def _feed_lines(self, buffer: bytes) -> None:
        *messages, rest = buffer.split(b"\n")
        for message in messages:
            if self._skipping:
                self._skipping = False
                self.too_long_bytes += len(message) + 1
            elif len(message) > self._limit:
                self._drop(len(message) + 1)
            else:
                self._lines.append(one_line(message))
        if self._skipping or len(rest) > self._limit:
            self._drop(len(rest), begins=not self._skipping)
            self._skipping = True
        else:
            self._carry = rest

    def _feed_counted(self, buffer: bytes) -> None:
        at = min(self._skip, len(buffer))
        self._skip -= at
        while at < len(buffer):
            match = _COUNT.match(buffer, at)
            if match is None:
                if len(buffer) - at < _MAX_COUNT and buffer[at:].isdigit() and buffer[at : at + 1] != b"0":
                    break
                raise FramingError("expected an octet count at the start of a message")
            count = int(match[0])
            if count > MAX_SKIPPED_BYTES:
                raise FramingError(f"an octet count of {count}")
            begin, end = match.end(), match.end() + count
            if count > self._limit:
                self._drop(count)
                self._skip = max(0, end - len(buffer))
                at = min(end, len(buffer))
                continue
            if end > len(buffer):
                break
            self._lines.append(one_line(buffer[begin:end]))
            at = end
        self._carry = buffer[at:]

    def _drop(self, size: int, *, begins: bool = True) -> None:
        self.too_long += begins
        self.too_long_bytes += size


def _begins_counted(buffer: bytes) -> bool | None:
    """Whether the stream is counted; None while its first bytes do not decide."""
    match = _COUNT.match(buffer)
    if match is not None:
        return buffer[match.end() : match.end() + 1] == b"<" if len(buffer) > match.end() else None
    may_become = len(buffer) < _MAX_COUNT and (not buffer or (buffer.isdigit() and buffer[:1] != b"0"))
    return None if may_become else False
