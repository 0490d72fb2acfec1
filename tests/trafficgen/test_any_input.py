"""Files of any content: a log to replay, the truths of feeds. A bad line is counted, a bad file is named."""

import pytest

from trafficgen.feeds.stores import _earlier
from trafficgen.plan.logread import read_log
from trafficgen.verify.hosting import Hosting
from trafficgen.verify.peers import PeerError, whole

GOOD = b'{"time":"2026-11-01T00:00:00Z","path":"/"}\n'
LINES = {
    "deep": b"[" * 5_000,
    "deep in an object": b'{"time":' + b"[" * 5_000,
    "nan": b'{"time":NaN,"path":"/"}',
    "a list for a time": b'{"time":[1],"path":"/"}',
    "null": b'{"time":null,"path":null}',
    "true": b'{"time":true,"path":"/"}',
    "huge": b'{"time":' + b"9" * 5000 + b',"path":"/"}',
    "infinite": b'{"time":1e999,"path":"/"}',
    "a lone surrogate": b'{"time":1,"path":"/\\ud800"}',
    "no path": b'{"time":1,"path":{"a":1}}',
    "no host": b'{"time":1,"path":"http://[::1"}',
    "not utf-8": b"\xff\xfe",
    "control bytes": b"\0\x1b",
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_line_of_any_content_costs_itself(tmp_path, line):
    path = tmp_path / "log\udcff\n.json"
    path.write_bytes(GOOD + line + b"\n" + GOOD)
    found = read_log(path)
    assert (len(found.unix_s), found.unreadable) == (2, 1)


TREES = [
    b"[" * 100_000,
    b"{}",
    b"[]",
    b"7",
    b"null",
    b"\xff",
    b'{"recent":[[1]]}',
    b'{"recent":7}',
    b'{"recent":[7]}',
    b"NaN",
]


@pytest.mark.parametrize("tree", TREES, ids=range(len(TREES)))
def test_a_truth_of_any_content_is_named(tmp_path, tree):
    path = tmp_path / "truth.json"
    path.write_bytes(tree)
    group = Hosting.__new__(Hosting)
    group._path = path
    with pytest.raises(PeerError, match="not the truth of `trafficgen feed hosting`"):
        group._truth()


WHOLE = b'{"seed":1,"stores":2,"start":3,"end":4,"polls":5,"by_store":{"8":{"outages":[[6,7]]}}}'
WRONG = [b"[" * 100_000, b"\xff", b"{}", b"7", WHOLE.replace(b"4", b"1e999"), WHOLE.replace(b"2", b"9" * 400)]
WRONG += [WHOLE.replace(b"4", text) for text in (b"-1", b"NaN", b"true", b'"4"', b"[]", b"2", b"9000000000")]
WRONG += [WHOLE.replace(b"[6,7]", text) for text in (b"6", b"[6]", b'["6",7]', b"[6,7,8]")]


@pytest.mark.parametrize("tree", WRONG, ids=range(len(WRONG)))
def test_a_feed_begins_anew_where_its_truth_cannot_be(tmp_path, tree):
    (tmp_path / "truth.json").write_bytes(WHOLE)
    assert _earlier(tmp_path).end == 4
    (tmp_path / "truth.json").write_bytes(tree)
    assert _earlier(tmp_path) is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_figure_that_is_not_finite_is_the_peers_fault(value):
    with pytest.raises(PeerError, match="expected a number"):
        whole(value, "a count")
