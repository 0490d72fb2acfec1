"""HTTP bodies to lines: text, NDJSON, or a JSON array, packed or not. Pure.

All three end as lines of text, for the one parser that there is. A line keeps the number under which its sender knows
it: blank lines and a header count, elements of an array stand for lines.
"""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from exporter.releases.ingest.answers import REFUSED_TOLD, Refused
from exporter.releases.parse import is_header
from foundation.errors import BadRecord
from foundation.jsonread import JSON_ERRORS, read_json, why_not_json

MAX_BODY_BYTES = 8 << 20  # packed and unpacked: 300,000 lines of text
WINDOW_BITS = {"gzip": 31, "x-gzip": 31, "deflate": 15}  # by content encoding; 31 asks zlib for gzip's header
NDJSON_TYPES = ("application/x-ndjson", "application/jsonl", "application/ndjson")


class JsonRecord(msgspec.Struct, forbid_unknown_fields=True):
    """One record as JSON; the names are the columns of the task's data."""

    timestamp: str | int | float
    build_version: str
    error_code: int

    def line(self) -> bytes:
        """The record as a line of text. What is no Unicode stays none, for the parser to refuse."""
        return f"{self.timestamp}\t{self.build_version}\t{self.error_code}".encode("utf-8", "surrogatepass")


class Body(NamedTuple):
    """What a body holds.

    numbers: of each line, from 1. checksum: of the body, unpacked. bad_count: lines that are no JSON records, of which
    `bad` tells the first.
    """

    lines: list[bytes]
    numbers: Sequence[int]
    checksum: int = 0
    bad_count: int = 0
    bad: Sequence[Refused] = ()


class TooLargeError(ValueError):
    """More than `MAX_BODY_BYTES`."""


def unpack(body: bytes, encoding: str) -> bytes:
    """What was packed, if it is whole; never more than is allowed. Raises BadRecord, TooLargeError.

    The reason is "encoding" for one that is not known.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in WINDOW_BITS:
        raise BadRecord("encoding", f"Content-Encoding {encoding[:40]!r}: gzip and deflate are understood")
    pieces, room = [], MAX_BODY_BYTES
    while body:
        unpacker = zlib.decompressobj(WINDOW_BITS[encoding])
        try:
            pieces.append(unpacker.decompress(body, room + 1))
        except zlib.error as exc:
            raise BadRecord("packed", f"not {encoding}: {exc}") from exc
        if (room := room - len(pieces[-1])) < 0:
            raise TooLargeError
        if not unpacker.eof:
            raise BadRecord("packed", f"{encoding} that ends too early")
        body = unpacker.unused_data  # gzip may be several, one after the other
    return b"".join(pieces)


def read_body(body: bytes, content_type: str) -> Body:
    """A body's lines. Raises BadRecord when the body as a whole is not what its type says."""
    read = _array if content_type == "application/json" else _ndjson if content_type in NDJSON_TYPES else _text
    return read(body)._replace(checksum=zlib.crc32(body))


def _text(body: bytes) -> Body:
    lines = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if not lines[-1]:
        del lines[-1]
    if all(lines) and not (lines and is_header(lines[0])):
        return Body(lines, range(1, len(lines) + 1))
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line]
    if numbered and is_header(numbered[0][1]):
        del numbered[0]
    return Body([line for _, line in numbered], [number for number, _ in numbered])


def _ndjson(body: bytes) -> Body:
    lines, numbers, bad_count = [], [], 0
    bad: list[Refused] = []
    for number, text in enumerate(body.split(b"\n"), 1):
        if not text or text.isspace():
            continue
        try:
            lines.append(_decoder.decode(text).line())
            numbers.append(number)
        except JSON_ERRORS as exc:
            bad_count += 1
            if len(bad) < REFUSED_TOLD:
                bad.append(Refused(number, "json", f"no JSON record: {why_not_json(exc)}"))
    return Body(lines, numbers, bad_count=bad_count, bad=bad)


_decoder = msgspec.json.Decoder(JsonRecord)


def _array(body: bytes) -> Body:
    try:
        records = read_json(body, list[JsonRecord])
    except BadRecord as exc:
        raise BadRecord("json", f"not a JSON array of timestamp, build_version and error_code: {exc}") from exc
    return Body([record.line() for record in records], range(1, len(records) + 1))
