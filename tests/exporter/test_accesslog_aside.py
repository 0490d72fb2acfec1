"""`--set-aside` keeps every bad line, and nothing else."""

import gzip
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.aside import read_each, set_aside
from exporter.accesslog.bad import BadLines
from exporter.accesslog.formats import PRESETS
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.report.backfill import Backfill
from exporter.accesslog.report.pair import Pair
from exporter.accesslog.report.summary import tally_file
from exporter.accesslog.source import Source
from exporter.accesslog.tally import COUNT, Buckets, Tally
from exporter.sources.files import _MAGIC
from exporter.sources.linefile import LineFile
from exporter.sources.lines import each_line
from foundation.errors import ConfigError, StoreError

NONE = Buckets((1.0,))
GOOD = b'a - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 1 "-" "c"'
LINE = st.one_of(
    st.sampled_from([GOOD, GOOD.replace(b"200", b"2xx"), b"", b" ", b"bad\r", b"x" * 60, GOOD + b"\r", b"#x"]),
    st.binary(max_size=20),
)
# Not those that LineFile would unpack.
PLAIN = st.lists(LINE, max_size=10).map(b"\n".join).filter(lambda data: not data.startswith(tuple(_MAGIC)))


def aside_of(name, data, folder, line_bytes):
    (folder / "access.log").write_bytes(data)
    aside, tally, bad = [], Tally(), BadLines()
    file = LineFile(str(folder / "access.log"), chunk_bytes=64, line_bytes=line_bytes, on_too_long=aside.append)
    tally_file(file, Pair(Reader(PRESETS[name], NONE)), tally, bad, lambda: None, aside=aside.append)
    return b"".join(aside), tally, bad


@settings(max_examples=60, deadline=None)
@given(PLAIN, st.sampled_from(["combined", "tab", "json", "w3c", "logfmt"]))
def test_what_is_set_aside_is_bad_and_what_is_not_is_not(tmp_path_factory, data, name):
    folder = tmp_path_factory.mktemp("aside")
    aside, tally, bad = aside_of(name, data, folder, 55)
    assert aside.count(b"\n") == bad.counts.total()
    lines = Counter((data + b"\n").split(b"\n")[:-1] if data else ())
    assert not Counter(aside.split(b"\n")[:-1]) - lines - Counter([data.split(b"\n")[-1]])
    again, second, second_bad = aside_of(name, aside, folder, 55)
    if PRESETS[name].directive is None and b"\xef\xbb\xbf" not in data:
        assert (again, second.hits, second_bad.counts) == (aside, {}, bad.counts)
        requests = sum(numbers[COUNT] for numbers in tally.hits.values())
        assert tally.lines == requests + bad.counts.total()


def test_line_by_line_is_what_it_is_in_one_piece():
    data = b"".join(
        b'{"log":"%s\\n","stream":"stdout","time":"2026-11-26T05:06:27Z"}\n' % text
        for text in (GOOD.replace(b'"', b'\\"'), b"bad", GOOD.replace(b'"', b'\\"'))
    )
    aside = []
    one, other = (Reader(PRESETS["combined"], NONE, envelope="auto") for _ in range(2))
    assert read_each(one, data, "a", aside.append) == other.read(data, "a")
    assert aside == [b"bad\n"]


def test_backfill_sets_aside_what_it_leaves_out():
    aside = []
    source = Source(source="s", paths=("a",), format=r"(?P<time>\d+|-) (?P<code>\w+)")
    backfill = Backfill(source, 60, {}, aside=aside.append)
    backfill.add(b"900 200\n600 20\n60 2\nx\n- 200\n\n", "a.log")
    assert sorted(aside) == sorted([b"600 20\n", b"60 2\n", b"x\n", b"- 200\n", b"\n"])
    assert backfill.bad.counts == {"code": 2, "format": 1, "stamp": 1, "blank": 1}


@pytest.mark.parametrize("tool", ["summary", "backfill"])
def test_the_file_is_private_new_and_whole(run, tmp_path, tool):
    log, kept = tmp_path / "access.log.gz", tmp_path / "bad.log"
    log.write_bytes(gzip.compress(((GOOD + b"\n") * 3 + b"bad\x1b\n") * 3 + b"y" * ((1 << 20) + 1)))
    assert run(tool, log, "--set-aside", kept)[0] == 0
    assert sorted(each_line(kept.read_bytes())) == [*[b"bad\x1b\n"] * 3, b"y" * ((1 << 20) + 1) + b"\n"]
    assert kept.stat().st_mode & 0o777 == 0o600
    code, _, err = run(tool, log, "--set-aside", log)
    assert (code, err) == (2, f"exporter: --set-aside: {log}: already exists; expected a new file\n")


def test_where_nothing_is_read_no_file_stays(run, tmp_path):
    (tmp_path / "junk").write_bytes(b"junk\n")
    assert run("summary", tmp_path / "junk", "--set-aside", tmp_path / "bad.log")[0] == 2
    assert run("summary", tmp_path / "junk", "--set-aside", tmp_path / "no" / "bad.log")[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["junk"]
    code, out, _ = run("summary", tmp_path / "junk", "--json", "--format", "tab", "--set-aside", tmp_path / "bad.log")
    assert (code, json.loads(out)["failed"], (tmp_path / "bad.log").read_bytes()) == (2, {"format": 1}, b"junk\n")


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("exporter.accesslog.aside._NEW", 1)  # O_WRONLY: the device exists
    with pytest.raises(StoreError, match="--set-aside: /dev/full: No space left"), set_aside("/dev/full") as aside:
        aside(b"x" * 100_000)
    with pytest.raises(ConfigError), set_aside(tmp_path):
        pass
