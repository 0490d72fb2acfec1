"""Bad lines: which one is the first of its reason, and when it is reported."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.bad import PERIOD_S, BadLines, BadLog, excerpt
from exporter.accesslog.formats import PRESETS
from exporter.accesslog.parse.columnar import Columnar
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.parse.scalar import tally_scalar
from exporter.accesslog.report.backfill import Backfill
from exporter.accesslog.report.pair import Pair
from exporter.accesslog.report.summary import tally_file
from exporter.accesslog.source import Source
from exporter.accesslog.tally import COUNT, BadLine, Buckets, Tally
from exporter.sources.files import _MAGIC
from exporter.sources.linefile import LineFile

NONE = Buckets((1.0,))
COLUMNAR = Columnar(PRESETS["tab"], NONE)
LINE = st.sampled_from(
    [
        *(b"a\tGET /\t200\t5", b"a\tGET /x\t404\t7", b"bad", b"worse\xff", b"nul\0", b"", b"  ", b"a\tGET /\t2xx\t5"),
        *(b"a\tGET /\t200\t-\r", b"a\tGET /\t200\tbig", b'a\tGET "/\t200\t1'),
    ]
)
LINES = st.lists(LINE, max_size=12)


def first_one_by_one(lines):
    found = {}
    for number, line in enumerate(lines, 1):
        for reason, bad in tally_scalar(line + b"\n", PRESETS["tab"], NONE).bad.items():
            found.setdefault(reason, bad._replace(number=number))
    return found


@settings(deadline=None)
@given(LINES, st.integers(1, 64))
def test_both_engines_name_the_first_bad_line_of_each_reason(lines, piece_bytes):
    data = b"".join(line + b"\n" for line in lines)
    want = first_one_by_one(lines)
    assert tally_scalar(data, PRESETS["tab"], NONE).bad == want
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exporter.accesslog.parse.first_bad.PIECE_BYTES", piece_bytes)
        assert COLUMNAR.tally(data).bad == want


def test_the_search_for_the_first_bad_lines_ends_once_all_are_found(monkeypatch):
    def first_piece(data, _):
        yield data[: data.index(b"\n") + 1]
        pytest.fail("it goes on")

    monkeypatch.setattr("exporter.accesslog.parse.first_bad.pieces", first_piece)
    tally = COLUMNAR.tally(b"bad\n" + b"a\tGET /\t200\t5\nworse\n" * 9)
    assert (tally.failed, tally.bad) == ({"format": 10}, {"format": BadLine(1, b"bad")})


@given(LINES, st.integers(0, 12))
def test_it_stays_the_first_when_pieces_are_put_together(lines, at):
    tally = Tally()
    for piece in (lines[:at], lines[at:]):
        tally.merge(tally_scalar(b"".join(line + b"\n" for line in piece), PRESETS["tab"], NONE))
    assert tally.bad == first_one_by_one(lines)


# Not those that LineFile would unpack.
PLAIN = st.one_of(st.binary(max_size=200), LINES.map(b"\n".join)).filter(
    lambda data: not data.startswith(tuple(_MAGIC))
)


@settings(max_examples=50)
@given(data=PLAIN, name=st.sampled_from(sorted(PRESETS)))
def test_the_numbers_of_a_file_add_up_whatever_its_bytes(tmp_path_factory, data, name):
    path = tmp_path_factory.mktemp("log") / "access.log"
    path.write_bytes(data)
    tally, bad = Tally(), BadLines()
    file = LineFile(str(path), chunk_bytes=16, line_bytes=40)
    tally_file(file, Pair(Reader(PRESETS[name], NONE)), tally, bad, lambda: None)
    requests = sum(numbers[COUNT] for numbers in tally.hits.values())
    directives = sum(line.startswith(PRESETS[name].directive or b"\n") for line in data.split(b"\n"))
    assert tally.lines == file.lines == data.count(b"\n") + (data[-1:] not in (b"", b"\n"))
    assert tally.lines - directives <= requests + bad.counts.total() <= tally.lines
    assert set(bad.first) == set(bad.counts)


@pytest.mark.parametrize("chunk_bytes", [4, 1 << 20])
def test_lines_keep_their_numbers_beside_those_that_are_too_long(tmp_path, chunk_bytes):
    path = tmp_path / "access.log"
    path.write_bytes(b"a\tGET /\t200\t5\n" + b"x" * 50 + b"\nbad\n" + b"y" * 50 + b"\n\n")
    bad = BadLines()
    file = LineFile(str(path), chunk_bytes=chunk_bytes, line_bytes=20)
    tally_file(file, Pair(Reader(PRESETS["tab"], NONE)), Tally(), bad, lambda: None)
    assert bad.counts == {"format": 1, "blank": 1, "too_long": 2}
    assert {reason: one.number for reason, one in bad.first.items()} == {"format": 3, "blank": 5, "too_long": 2}
    assert bad.first["too_long"].text.startswith(b"xxx")


def test_backfill_names_the_first_in_the_file_not_in_time():
    backfill = Backfill(Source(source="s", paths=("a",), format="(?P<time>\\d+) (?P<code>\\w+)"), 60, {})
    backfill.add(b"900 200\n600 20\n900 2\nx\n", "a.log", lines_before=10)
    assert str(backfill.bad.first["code"]) == "a.log line 12: 600 20"
    assert str(backfill.bad.first["format"]) == "a.log line 14: x"


class Timers:
    """An event loop's `call_later`, with time that stands still until `go_on`."""

    def __init__(self):
        self.due = []

    def call_later(self, delay_s, callback):
        assert delay_s == PERIOD_S
        self.due.append(callback)
        return self

    def cancel(self):
        self.due.clear()

    def go_on(self):
        due, self.due = self.due, []
        for callback in due:
            callback()


def of_bad(text, count=1):
    return Tally(count, {"format": count}, {}, {"format": BadLine(1, text)})


def test_the_daemon_reports_at_once_and_then_once_a_minute(caplog):
    timers = Timers()
    bad = BadLog("site", timers.call_later)

    def said():
        texts = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return texts

    bad.add(Tally(5), "a.log")
    assert (said(), timers.due) == ([], [])
    bad.add(of_bad(b"one"), "a.log")
    assert said() == ["site: 1 bad line (format 1); first of format: a.log: one"]
    bad.add(of_bad(b"two", 3), "a.log")
    bad.add(of_bad(b"three"), "b.log")
    assert said() == []
    timers.go_on()
    assert said() == ["site: 4 bad lines (format 4); first of format: a.log: two"]
    timers.go_on()
    assert (said(), timers.due) == ([], [])
    bad.add_too_long(7)
    bad.add_too_long(9)
    assert said() == ["site: 2 bad lines (too_long 2)"]
    bad.add(of_bad(b"\x1b[2J"), "a.log")
    bad.close()
    assert (said(), timers.due) == ([r"site: 1 bad line (format 1); first of format: a.log: \x1b[2J"], [])


def test_a_long_line_is_cut():
    assert excerpt(b"x" * 300) == "x" * 200 + "..."
    assert excerpt(b"\xff" * 200) == r"\xff" * 50 + "..."
    assert excerpt(b"x" * 200) == "x" * 200


def test_a_number_that_is_not_known_is_left_out(run, tmp_path):
    """Docker's parts are joined, so that lines and the file's lines are not one to one."""
    part = '{{"log":"{}","stream":"stdout","time":"2026-11-22T06:30:48Z"}}\n'
    good = part.format("192.0.2.1\\tGET /\\t200\\t5\\n")
    (tmp_path / "x-json.log").write_text(good + part.format("ba") + part.format("d\\n") + good)
    out = run("summary", tmp_path / "x-json.log", "--format", "tab")[1]
    assert f"first of format: {tmp_path}/x-json.log: bad\n" in out
    first = json.loads(run("summary", tmp_path / "x-json.log", "--format", "tab", "--json")[1])["first_bad"]["format"]
    assert (first["line"], first["text"]) == (None, "bad")
