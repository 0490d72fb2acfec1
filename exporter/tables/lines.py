"""Pieces of bytes to UTF-8 lines, whatever encoding a BOM names and whatever ends the lines. Pure."""

import codecs
import re
from collections.abc import Iterator
from io import BytesIO

_BOMS = ((codecs.BOM_UTF8, None), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_MARK = "\udcff"  # stands for what UTF-16 cannot be read as; becomes a byte that UTF-8 cannot be read as

codecs.register_error("tidewatch-mark", lambda exc: (_MARK, exc.end))  # type: ignore[attr-defined]


def as_utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same text without its BOM, as UTF-8. What cannot be decoded is not UTF-8 afterwards either."""
    start = b""
    while len(start) < 3 and (piece := next(pieces, b"")):
        start += piece
    bom, encoding = next(((bom, name) for bom, name in _BOMS if start.startswith(bom)), (b"", None))
    start = start.removeprefix(bom)
    if encoding is None:
        yield start
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding)("tidewatch-mark")
    yield decoder.decode(start).encode("utf-8", "surrogateescape")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def lines(pieces: Iterator[bytes], limit_bytes: int) -> Iterator[bytes]:
    """Lines with their ends (LF, CR or CRLF). One that is longer than the limit may be cut, but is longer still."""
    rest, skipping = b"", False
    for piece in pieces:
        found = _split(rest + piece)
        rest = found.pop() if found and not found[-1].endswith(b"\n") else b""  # after a CR an LF may follow
        if skipping and found:
            del found[0]
            skipping = False
        yield from found
        if len(rest) > limit_bytes:
            if not skipping:
                yield rest[: limit_bytes + 1]
            skipping, rest = True, b"\r" if rest.endswith(b"\r") else b""
        elif skipping:
            rest = rest[-1:]
    if rest and not skipping:
        yield rest


def _split(text: bytes) -> list[bytes]:
    return _LINE.findall(text) if b"\r" in text else list(BytesIO(text))
