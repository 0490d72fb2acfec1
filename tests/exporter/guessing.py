"""What `infer` makes of a log, and what its guess then counts; what the tests of strangers' logs share."""

from exporter.accesslog.infer import infer
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.tally import BUCKETS, BYTES, COUNT, DURATION_NS, Buckets


def counted(log):
    """Requests, bytes, nanoseconds (None where nothing is timed) and bad lines of a log: its lines, or its bytes."""
    data = log if isinstance(log, bytes) else "".join(f"{line}\n" for line in log).encode()
    guess = infer(data)
    reader = Reader(guess.parsed(), Buckets((1.0,)), envelope=guess.envelope or "none")
    tally = reader.read(data)
    tally.merge(reader.finish())
    rows = tally.hits.values()
    timed = sum(sum(numbers[BUCKETS:]) for numbers in rows)
    duration_ns = sum(numbers[DURATION_NS] for numbers in rows) if timed else None
    sums = (sum(numbers[COUNT] for numbers in rows), sum(numbers[BYTES] for numbers in rows), duration_ns)
    return (*sums, sum(tally.failed.values()))
