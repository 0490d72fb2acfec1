"""What one line means to a format, by the format's string; what its tests share."""

from functools import cache

from exporter.accesslog.formats import find_format
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import BUCKETS, BYTES, DURATION_NS, Buckets

T = "[22/Nov/2026:06:30:48 +0000]"


find = cache(find_format)  # it takes longer than a line


def read(text, line, **more):
    """The key of a line's one request, its bytes, and its nanoseconds, None where it was not timed."""
    tally = Reader(find(text, **more), Buckets((1.0,))).read(line.encode())
    assert tally.failed == {}
    ((key, numbers),) = tally.hits.items()
    timed = sum(numbers[BUCKETS:])
    return b" ".join(key).decode(), numbers[BYTES], numbers[DURATION_NS] if timed else None
