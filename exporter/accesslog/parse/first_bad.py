"""Finds the first bad line of each reason in a chunk whose odd lines were collected. Pure."""

from collections.abc import Set as AbstractSet

from exporter.accesslog.formats import Format
from exporter.accesslog.parse.scalar import PIECE_BYTES, tally_normal
from exporter.accesslog.tally import BadLine, Buckets, pieces


def first_bad(
    data: bytes, odd: bytes, reasons: AbstractSet[str], format_: Format, buckets: Buckets
) -> dict[str, BadLine]:
    """The first bad line of each of the reasons, all of which are among the `odd` lines of `data`.

    Both went through `normal`. The odd lines may have lost their order, and their numbers.
    """
    bad_lines = set(odd.split(b"\n"))
    first: dict[str, BadLine] = {}
    before = 0
    for piece in pieces(data, PIECE_BYTES):
        lines = piece[:-1].split(b"\n")
        numbers = [number for number, line in enumerate(lines) if line in bad_lines]
        ordered = b"".join(lines[number] + b"\n" for number in numbers)
        for reason, bad in tally_normal(ordered, format_, buckets).bad.items():
            first.setdefault(reason, BadLine(before + numbers[bad.number - 1] + 1, bad.text))
        if first.keys() == reasons:
            break
        before += len(lines)
    return first
