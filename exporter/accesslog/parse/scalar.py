"""The engine for few lines: `re` on bytes, one line at a time, into a dictionary.

It reads every format and decides what a line means; the columnar engine follows it. Apart from the regex match, no
object is created per line.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from exporter.accesslog.formats import Fields, Format, complete
from exporter.accesslog.formats.durations import duration_ns as read_duration_ns
from exporter.accesslog.tally import BUCKETS, BadLine, Buckets, Key, Tally, known_code, normal, pieces
from foundation.errors import BadRecord

SIZE_DIGITS = 30
"""A longer number is not one of bytes: sums stay far below what a sample can have, 1.8e308."""
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
        """Lines of `data`: one at least, then as long as `go_on` says so."""
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
def _matcher(
    pattern: str | None, more: tuple[str, ...] = ()
) -> tuple[Callable[[bytes], re.Match[bytes] | None], tuple[int, ...]]:
    """What matches a line, and its groups: those of a key, the size, the duration; by number, quicker than by name."""
    if pattern is None:
        return _no_pattern, ()
    regex = re.compile(complete(pattern, more).encode())
    return regex.fullmatch, tuple(
        map(regex.groupindex.__getitem__, ("method", "target", "code", *more, "size", "duration"))
    )


def _no_pattern(_: bytes) -> None:
    return None


def _count(lines: Iterable[bytes], format_: Format, buckets: Buckets, tally: Tally) -> None:
    """The hot loop. The places in a hit's numbers are written out, as a name is looked up anew for each line."""
    (match, groups), known, index = _matcher(format_.pattern, format_.more), tally.hits.get, buckets.index
    timed, unit_ns = format_.has_duration, format_.duration_unit_ns
    width = BUCKETS + (len(buckets) if timed else 0)
    for line in lines:
        found = match(line)
        if found is not None:
            texts = found.group(*groups)
        elif fields := _look_again(line, format_, tally):
            texts = (*fields[:3], *fields.more, fields.size, fields.duration)
        else:
            continue
        key, size, duration = texts[:-2], texts[-2], texts[-1]
        try:
            length = int(size) if size.isdigit() and len(size) <= SIZE_DIGITS else _no_size(size)
            duration_ns = read_duration_ns(duration, unit_ns) if timed else None
            numbers = known(key) or _new_hit(key, width, tally)
        except BadRecord as exc:
            tally.fail(exc.reason, line)
            continue
        numbers[0] += 1
        numbers[1] += length
        if duration_ns is not None:
            numbers[2] += duration_ns
            numbers[3 + index(duration_ns)] += 1


def _look_again(line: bytes, format_: Format, tally: Tally) -> Fields | None:
    """The request of a line that the pattern did not match; None if it is not a request, which is counted here."""
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
    code = key[2]
    if len(code) == 3 and code.isdigit():  # as nearly all; the others may be written in several ways
        numbers = tally.hits[key] = [0] * width
        return numbers
    key = (*key[:2], known_code(code), *key[3:])
    return tally.hits.get(key) or tally.hits.setdefault(key, [0] * width)


def _no_size(size: bytes) -> int:
    if size in (b"-", b""):
        return 0
    raise BadRecord("bytes", f"{size[:40]!r} is not a number of bytes")
