"""Which engine reads a piece: the one that takes less processor time for so many lines of the format."""

import pytest

from exporter.accesslog.columns import Column
from exporter.accesslog.formats import find_format
from exporter.accesslog.parse import reader as module
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.routes import Router
from exporter.accesslog.tally import COUNT, Buckets

BUCKETS = Buckets((0.1, 1.0))
JSON = b'{"method":"GET","uri":"/items/%d","status":200,"body_bytes_sent":7,"request_time":0.05}\n'
LOGFMT = b"method=GET path=/items/%d status=200 bytes=7 duration=50ms host=www.example.org\n"


OWN = r"(?P<method>\S+) (?P<path>\S+) (?P<code>\d+)"


@pytest.mark.parametrize(
    ("name", "want_kib"), [("tab", 256), ("combined", 256), ("elb", 8192), ("json", 256), ("logfmt", 512), (OWN, 0)]
)
def test_formats_are_read_together_from_different_sizes_on(name, want_kib):
    assert Reader(find_format(name), BUCKETS).bulk_bytes == want_kib << 10


@pytest.mark.parametrize(("name", "line"), [("json", JSON), ("logfmt", LOGFMT)])
def test_lines_are_read_together_as_soon_as_there_are_enough(name, line, monkeypatch):
    monkeypatch.setattr(module, "tally_scalar", lambda *_: pytest.fail("read one by one"))
    reader = Reader(find_format(name), BUCKETS)
    count = reader.bulk_bytes // len(line % 0)
    data = b"".join(line % (number % 9) for number in range(count))
    with pytest.raises(pytest.fail.Exception, match="one by one"):
        reader.read(data)
    assert reader.read(data + line % 3).lines == count + 1


@pytest.mark.parametrize("start", [b"2026-11-22T06:30:48.123456789Z stdout F ", b"Nov 22 06:30:48 web nginx[12]: "])
def test_plain_lines_in_an_envelope_are_opened_and_read_together(start, monkeypatch):
    monkeypatch.setattr(module, "tally_scalar", lambda *_: pytest.fail("read one by one"))
    monkeypatch.setattr(Reader, "_columnar_for", lambda *_: pytest.fail("asked of DuckDB"))
    line = b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /items/%d HTTP/1.1" 200 7 "-" "curl/8"\n'
    data = b"".join(start + line % (number % 9) for number in range(4000))
    reader = Reader(find_format("combined"), BUCKETS, envelope="cri" if b"stdout" in start else "syslog")
    assert (reader.read(data).requests, len(reader.read(data).hits)) == (4000, 9)


def test_targets_of_one_route_whose_values_differ_are_counted_apart_together():
    """Plain lines are counted by route, but for what is made of their paths."""
    column = Column("path", lambda paths: ["odd" if path[-1] in "13579" else "even" for path in paths])
    reader = Reader(find_format("combined"), BUCKETS, router=Router([]), columns=[column])
    line = b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /items/%d HTTP/1.1" 200 7 "-" "curl/8"\n'
    data = b"".join(line % number for number in range(5001))
    assert len(data) > reader.bulk_bytes
    found = reader.read(data)
    sums = dict.fromkeys((b"odd", b"even"), 0)
    for (*_, value), numbers in found.hits.items():
        sums[value] += numbers[COUNT]
    assert sums == {b"odd": 2500, b"even": 2501}
    assert len(found.hits) < 10
