"""The engine of the trickle: `re` on bytes, one line at a time, into a dictionary.

It reads every format and decides what a line means; the columnar engine follows it. No object is made per line but
what the regex gives.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from exporter.accesslog.formats import Fields, Format, complete
from exporter.accesslog.formats.durations import duration_ns as read_duration_ns
from exporter.accesslog.tally import BUCKETS, BadLine, Buckets, Key, Tally, known_code, normal, pieces
from foundation.errors import BadRecord

PIECE_BYTES = 1 << 18  # lines are split this much at a time, so that memory stays small and warm in the cache


def tally_scalar(data: bytes, format_: Format, buckets: Buckets) -> Tally:
    """Count the lines of `data`, which are whole."""
    return tally_normal(normal(data), format_, buckets)


def tally_normal(data: bytes, format_: Format, buckets: Buckets) -> Tally:
    """Count the lines of `data`, which went through `normal` once; a second time would change some."""
    tally = Tally()
    for piece in pieces(data, PIECE_BYTES):
        lines = piece[:-1].split(b"\n")
        known = len(tally.bad)
        _count(lines, format_, buckets, tally)
        for reason in list(tally.bad)[known:]:  # a line like it that stood before it would have been the first
            text = tally.bad[reason].text
            tally.bad[reason] = BadLine(tally.lines + lines.index(text) + 1, text)
        tally.lines += len(lines)
    return tally


def tally_while(data: bytes, format_: Format, buckets: Buckets, go_on: Callable[[], bool]) -> tuple[Tally, int]:
    """Count the lines of `data`, which went through `normal` once, as long as `go_on` says so, and one at least.

    Returns the tally and how many bytes of `data` it is of.
    """
    tally = Tally()
    taken_bytes = 0

    def lines() -> Iterator[bytes]:
        nonlocal taken_bytes
        for line in data[:-1].split(b"\n"):
            tally.lines += 1
            taken_bytes += len(line) + 1
            yield line
            if not go_on():
                return

    if data:
        _count(lines(), format_, buckets, tally)
    return tally, taken_bytes


@lru_cache(maxsize=64)
def _matcher(pattern: str | None) -> Callable[[bytes], re.Match[bytes] | None]:
    return re.compile(complete(pattern).encode()).fullmatch if pattern is not None else _no_pattern


def _no_pattern(_: bytes) -> None:
    return None


def _count(lines: Iterable[bytes], format_: Format, buckets: Buckets, tally: Tally) -> None:
    """The hot loop. The places in a hit's numbers are written out, as a name is looked up anew for each line."""
    match, hits, index = _matcher(format_.pattern), tally.hits, buckets.index
    timed, unit_ns = format_.has_duration, format_.duration_unit_ns
    width = BUCKETS + (len(buckets) if timed else 0)
    for line in lines:
        found = match(line)
        fields = found.group(*Fields._fields) if found else _look_again(line, format_, tally)
        if fields is None:
            continue
        method, target, code, size, duration = fields
        try:
            length = int(size) if size.isdigit() else _no_size(size)
            duration_ns = read_duration_ns(duration, unit_ns) if timed else None
            numbers = hits.get((method, target, code)) or _new_hit((method, target, code), width, tally)
        except BadRecord as exc:
            tally.fail(exc.reason, line)
            continue
        numbers[0] += 1
        numbers[1] += length
        if duration_ns is not None:
            numbers[2] += duration_ns
            numbers[3 + index(duration_ns)] += 1


def _look_again(line: bytes, format_: Format, tally: Tally) -> Fields | None:
    """What a line is that the pattern did not match; None if it is no request, and then it is counted."""
    if not line.strip():
        tally.fail("blank", line)
        return None
    if format_.directive is not None and line.startswith(format_.directive):
        return None
    try:
        return format_.second_look(line)
    except BadRecord as exc:
        tally.fail(exc.reason, line)
        return None


def _new_hit(key: Key, width: int, tally: Tally) -> list[int]:
    """The numbers of a key that is not there as the line has it: new, or those of another spelling of its code."""
    method, target, code = key
    key = (method, target, known_code(code))
    return tally.hits.get(key) or tally.hits.setdefault(key, [0] * width)


def _no_size(size: bytes) -> int:
    if size in (b"-", b""):
        return 0
    raise BadRecord("bytes", f"{size!r} is not a number of bytes")
