"""Bytes to whole lines, with a limit on a line's length. Pure: no I/O."""

from typing import NamedTuple


class Cut(NamedTuple):
    """The result of cutting a buffer.

    data: whole lines, each with its newline; without lines over the limit.
    consumed: processed bytes of the buffer,
    returned or dropped.
    dropped: those of them that belong to lines over the limit.
    too_long: lines found to be over the limit (told when the limit is passed, once for each).
    skipping: the buffer ended inside a line that is already over the limit.
    """

    data: bytes
    consumed: int
    dropped: int
    too_long: int
    skipping: bool


def cut_lines(buffer: bytes, limit: int, *, skipping: bool = False) -> Cut:
    """The whole lines at the front of `buffer`; data after the last newline is left for the next call.

    Args:
        buffer: bytes from a line's start, or from inside a line that is being skipped.
        limit: a line of more than `limit` bytes, its newline not counted, is dropped and counted.
        skipping: `Cut.skipping` of the bytes before.
    """
    start = 0
    if skipping:
        start = buffer.find(b"\n") + 1
        if not start:
            return Cut(b"", len(buffer), len(buffer), 0, True)
    end = buffer.rfind(b"\n") + 1 or start
    data, too_long = _without_long(buffer[start:end], limit)
    if len(buffer) - end > limit:
        return Cut(data, len(buffer), len(buffer) - len(data), too_long + 1, True)
    return Cut(data, end, end - len(data), too_long, False)


def each_line(data: bytes) -> list[bytes]:
    """The lines of `data`, each with its newline; the last one may lack it. A carriage return ends none."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def first_lines(buffer: bytes, size: int) -> bytes:
    """The whole lines within the first `size` bytes; where there is none, the first line; without any, all of it."""
    if len(buffer) <= size:
        return buffer
    end = buffer.rfind(b"\n", 0, size) + 1 or buffer.find(b"\n", size) + 1
    return buffer[:end] if end else buffer


def _without_long(lines: bytes, limit: int) -> tuple[bytes, int]:
    """`lines` without those over the limit, and their number; looks at one byte in `limit` when there are none."""
    kept: list[bytes] = []
    keep_from = at = too_long = 0
    while len(lines) - at > limit + 1:
        newline = lines.rfind(b"\n", at, at + limit + 1)
        if newline >= 0:  # every line that ends up to here fits
            at = newline + 1
            continue
        kept.append(lines[keep_from:at])
        too_long += 1
        keep_from = at = lines.index(b"\n", at + limit) + 1
    return (b"".join([*kept, lines[keep_from:]]), too_long) if kept else (lines, 0)
