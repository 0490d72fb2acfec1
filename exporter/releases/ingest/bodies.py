"""HTTP bodies to lines: text, NDJSON, or a JSON array. Pure.

All three become lines of text, for a single parser. A line keeps its sender's number: blank lines and a header count,
elements of an array count as lines. No step takes long, because they share the interpreter with the event loop.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import NamedTuple, TypeAlias

import msgspec

from exporter.releases.ingest.answers import REFUSED_TOLD, Refused
from exporter.releases.parse import is_header
from foundation.errors import BadRecord
from foundation.jsonread import JSON_ERRORS, why_not_json
from foundation.jsonslices import SLICE_BYTES, ArraySlices

MAX_BODY_BYTES = 8 << 20  # packed and unpacked: 300,000 lines of text
NDJSON_TYPES = ("application/x-ndjson", "application/jsonl", "application/ndjson")

Pieces: TypeAlias = Callable[[int], Iterator[tuple[list[bytes], Sequence[int]]]]
"""Lines and their numbers, from 1, at most a number at a time, and perhaps none."""


class JsonRecord(msgspec.Struct, forbid_unknown_fields=True):
    """One record as JSON; the names are the columns of the task's data."""

    timestamp: str | int | float
    build_version: str
    error_code: str | int | float

    def line(self) -> bytes:
        """The record as a line of text. What is not Unicode stays invalid, and the parser refuses it."""
        return f"{self.timestamp}\t{self.build_version}\t{self.error_code}".encode("utf-8", "surrogatepass")


class Body(NamedTuple):
    """The content of a body.

    line_count: of the lines that `pieces` gives. checksum: of the body, unpacked. bad_count: lines that are not JSON
    records, of which `bad` has the first.
    """

    line_count: int
    pieces: Pieces
    checksum: int = 0
    bad_count: int = 0
    bad: Sequence[Refused] = ()


def read_body(body: bytes, content_type: str) -> Body:
    """A body's lines. Raises BadRecord when the body as a whole is not what its type says."""
    read = _array if content_type == "application/json" else _ndjson if content_type in NDJSON_TYPES else _text
    return read(body)._replace(checksum=zlib.crc32(body))


def _text(body: bytes) -> Body:
    """Lines of two bytes each would take fifty times the memory at once, so they are split while they are counted."""
    text = body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def pieces(size: int) -> Iterator[tuple[list[bytes], Sequence[int]]]:
        """At most `size` lines at a time, with their numbers; without a header."""
        lines: list[bytes] = []
        numbers: list[int] = []
        first = True
        for number, ended in enumerate(BytesIO(text), 1):
            line = ended.removesuffix(b"\n")
            if line and not (first and is_header(line)):
                lines.append(line)
                numbers.append(number)
            first = first and not line
            if number % size == 0:
                yield lines, numbers
                lines, numbers = [], []
        yield lines, numbers

    return Body(sum(len(lines) for lines, _ in pieces(1000)), pieces)


def _ndjson(body: bytes) -> Body:
    lines, numbers, bad_count = [], [], 0
    bad: list[Refused] = []
    for number, text in enumerate(BytesIO(body), 1):
        if text.isspace():
            continue
        try:
            lines.append(_decoder.decode(text).line())
            numbers.append(number)
        except JSON_ERRORS as exc:
            bad_count += 1
            if len(bad) < REFUSED_TOLD:
                bad.append(Refused(number, "json", f"not a JSON record: {why_not_json(exc)}"))
    return _listed(lines, numbers)._replace(bad_count=bad_count, bad=bad)


_decoder = msgspec.json.Decoder(JsonRecord)


def _array(body: bytes) -> Body:
    slices, lines = ArraySlices(JsonRecord), []
    try:
        for start in range(0, len(body), SLICE_BYTES):
            for records in slices.feed(body[start : start + SLICE_BYTES]):
                lines += [record.line() for record in records]
        for records in slices.finish():
            lines += [record.line() for record in records]
    except BadRecord as exc:
        raise BadRecord("json", f"not a JSON array of timestamp, build_version and error_code: {exc}") from exc
    return _listed(lines, range(1, len(lines) + 1))


def _listed(lines: list[bytes], numbers: Sequence[int]) -> Body:
    def pieces(size: int) -> Iterator[tuple[list[bytes], Sequence[int]]]:
        """At most `size` lines at a time, with their numbers."""
        for start in range(0, len(lines), size):
            yield lines[start : start + size], numbers[start : start + size]

    return Body(len(lines), pieces)
