"""Header fields of HTTP/2: a request's as bytes, and what an answer's say. Pure.

Requests are written without HPACK's dynamic table, so that equal requests are equal bytes on every connection, made
once. Servers are asked to do the same; what they do is read right in any case. A block that leaves the table as it was
reads the same the next time, and is remembered.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError, OversizedHeaderListError
from hpack.struct import NeverIndexedHeaderTuple

from foundation.errors import ConfigError
from trafficgen.send.http2.frames import ErrorCode, Http2Error
from trafficgen.send.request import Message, Url, request_fields, to_bytes
from trafficgen.send.response import MAX_HEAD_BYTES, MalformedResponseError

NO_TABLE = b"\x20"  # begins the first block of a connection: our dynamic table has no room (RFC 7541, section 6.3)
CONNECTION_FIELDS = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
"""Of HTTP/1.1's connections: HTTP/2 forbids them (RFC 9113, section 8.2.2)."""
_FORBIDDEN = frozenset(name.encode() for name in CONNECTION_FIELDS)
_CACHED_BLOCK_BYTES, _CACHED_HEADS = 4096, 256  # so that no server can fill our memory
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")  # small letters only
_STATUS = re.compile(rb"[1-9]\d\d")
_BAD_VALUE = re.compile(rb"[\r\n\0]")

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

Fields: TypeAlias = Sequence[tuple[bytes, bytes]]


@lru_cache(maxsize=4096)
def encode_field(name: bytes, value: bytes) -> bytes:
    """One field of a header block, the same whatever came before."""
    return Encoder().encode([NeverIndexedHeaderTuple(name, value)])


def encode_message(
    url: Url,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] = _NO_HEADERS,
    body: bytes = b"",
    keepalive: bool = True,  # noqa: ARG001, no header says it here: connections just end
) -> Message:
    """One request of HTTP/2. Raises ConfigError as `encode` does, and for headers that HTTP/2 does not have."""
    given = request_fields(url, method=method, headers=headers, body=body, keepalive=True)
    authority = next(value for name, value in given if name.lower() == "host")
    pseudo = [(":method", method), (":scheme", "https" if url.tls else "http"), (":authority", authority)]
    fields = [*pseudo, (":path", path), *((name.lower(), value.strip(" \t")) for name, value in given)]
    for name, value in fields:
        if name in CONNECTION_FIELDS or (name == "te" and value.lower() != "trailers"):
            raise ConfigError(
                f"--header: {name} is a header of HTTP/1.1's connections, which HTTP/2 forbids "
                "(RFC 9113, section 8.2.2): remove it"
            )
    block = b"".join([encode_field(name.encode(), to_bytes(value)) for name, value in fields if name != "host"])
    return Message(block, body, method == "HEAD")


class Head(NamedTuple):
    """What the headers of an answer say."""

    code: int
    length: int | None  # of the body, if it is given
    fields: Fields


class HeadReader:
    """The header blocks of one connection, in their order."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=MAX_HEAD_BYTES)
        self._heads: dict[bytes, Head] = {}

    def read(self, block: bytes) -> Head:
        """The head of an answer. Raises MalformedResponseError, which costs its stream, or Http2Error."""
        head = self._heads.get(block)
        if head is None:
            table = self._decoder.header_table
            entries = table.dynamic_entries  # one that is added is always the first; kept here, so that none is alike
            before = entries[0] if entries else None, len(entries), table.maxsize
            fields = self.fields(block)
            first, count, size = before
            changed = (entries[0] if entries else None) is not first or (len(entries), table.maxsize) != (count, size)
            head = read_head(fields)
            if changed or len(self._heads) >= _CACHED_HEADS:
                self._heads.clear()
            if not changed and len(block) <= _CACHED_BLOCK_BYTES:
                self._heads[block] = head
        return head

    def fields(self, block: bytes) -> Fields:
        """The fields of a block. Raises Http2Error: after a block that can't be read, none can."""
        try:
            return [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
        except OversizedHeaderListError as exc:
            raise Http2Error(ErrorCode.ENHANCE_YOUR_CALM, "headers above 64 KiB", reason="too_large") from exc
        except HPACKError as exc:
            raise Http2Error(ErrorCode.COMPRESSION_ERROR, f"headers that cannot be read: {exc}") from exc


def read_head(fields: Fields) -> Head:
    """The status and the length of an answer. Raises MalformedResponseError as RFC 9113, sections 8.2, 8.3 have it."""
    if not fields or fields[0][0] != b":status" or not _STATUS.fullmatch(fields[0][1]):
        raise MalformedResponseError("no :status of three digits before all other fields")
    check_fields(fields[1:])
    lengths = {value for name, value in fields if name == b"content-length"}
    if not lengths:
        return Head(int(fields[0][1]), None, fields)
    digits = next(iter(lengths))
    if len(lengths) > 1 or not digits.isdigit() or len(digits) > 15:
        raise MalformedResponseError("a content-length that is not a number, or two that differ")
    return Head(int(fields[0][1]), int(digits), fields)


def check_fields(fields: Fields) -> None:
    """Fields without a pseudo one. Raises MalformedResponseError."""
    for name, value in fields:
        if not _NAME.fullmatch(name) or name in _FORBIDDEN or _BAD_VALUE.search(value):
            raise MalformedResponseError("a field that HTTP/2 does not allow")
