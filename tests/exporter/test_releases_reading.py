"""Whole inputs read by arrays count what the parser of single lines counts, and complain of the same lines."""

from unittest import mock

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.releases import tally
from exporter.releases.bulk import reading as readings
from exporter.releases.bulk.fields import MAX_BYTES, PADDING, alike, words
from exporter.releases.bulk.reading import Reading
from exporter.releases.cli import releases
from exporter.releases.parse import LineSplitter
from exporter.releases.tally import Tally
from foundation.errors import ConfigError, NothingJudgedError

times = st.one_of(
    st.sampled_from(["0:00:01", "12:34:56", "1:00:00.5", " 0:00:01 ", "1800000000", "1.9", "2026-11-22T10:00:00Z"]),
    st.sampled_from(["2026-11-22 10:00:00.123456+02:00", "9999-12-31T23:59:59", "1969-01-01", "", "x", "0:61:00"]),
)
builds = st.one_of(st.sampled_from(["5.0007.510.011", "5.1", " 5.1", "", "b" * 64, "b" * 101]), st.text(max_size=4))
codes = st.sampled_from(["0", "-17", "+3", "3", " 3", "1234567890", "3.0", "", "5.1,3"])
lines = st.one_of(
    st.tuples(times, st.sampled_from("\t,"), builds, st.sampled_from("\t,"), codes).map("".join),
    st.tuples(times, builds, codes).map("\t".join),
    st.tuples(times, builds, codes, codes).map(",".join),
    st.text(max_size=8),
).map(lambda line: line.encode("utf-8", "surrogatepass"))
texts = st.lists(st.one_of(lines, st.binary(max_size=6)), max_size=30).map(b"\n".join)


def scalar(text):
    splitter, counted = LineSplitter(), Tally()
    counted.add_lines(splitter.feed(text) + splitter.end())
    return counted.counts, counted.failed, {(bad.line, bad.reason) for bad in counted.set_aside}


def by_arrays(text, piece):
    reading = Reading(part=True, one_day=True)
    for i in range(0, len(text), piece):
        reading.add(text[i : i + piece])
    table, failed, set_aside, *_ = reading.end()
    cells = zip(table.second.tolist(), table.build.tolist(), table.code.tolist(), table.count.tolist(), strict=True)
    counts = {(second, table.builds[b], table.codes[c]): count for second, b, c, count in cells}
    return counts, failed, {(bad.line, bad.reason) for bad in set_aside}


@given(text=texts, piece=st.integers(1, 400))
@example(text=b"0:00:01\t5.1\t3\n\n\n0:00:01\t5.1\0\t3\n0:00:01\t5.1\t3", piece=400)
@example(text=b"0:00:01,5.1\t3\n0:00:01,5.1,3\n0:00:01\t5.1,3\n", piece=400)
@example(text=b"\n" + b"9" * 5000 + b"\n0:00:01,5.1,3", piece=400)
def test_arrays_and_single_lines_count_alike(text, piece):
    with mock.patch.object(tally, "SET_ASIDE_KEPT", len(text)):
        assert by_arrays(text, piece) == scalar(text)


def test_the_first_lines_set_aside_are_the_first_that_are_bad():
    text = b"".join(
        b"0:00:01\t5.1\t%s\n" % (b"\x01%d" % n if n % 2 else b"y" * 2 * MAX_BYTES + b"\x01%d" % n) for n in range(30)
    )
    reading = Reading()
    reading.add(text)
    assert [bad.line for bad in reading.end().set_aside] == [line.decode() for line in text.split(b"\n")[:20]]


@given(st.lists(st.binary(max_size=MAX_BYTES).map(lambda piece: piece.replace(b"\0", b"")), max_size=40))
def test_pieces_are_alike_exactly_where_they_are_equal(pieces):
    lengths = np.array([len(piece) for piece in pieces], np.int64)
    ends = lengths.cumsum()
    same = alike(words(b"".join(pieces) + PADDING, ends - lengths, ends), len(pieces))
    assert [pieces[place] for place in same.tolist()] == pieces
    assert len(set(same.tolist())) == len(set(pieces))


@pytest.mark.slow
def test_more_distinct_pieces_than_the_first_table_has_slots():
    numbers = np.random.default_rng(3).integers(0, 200_000, 300_000)
    same = alike([numbers.astype(np.uint64)], len(numbers))
    assert (numbers[same] == numbers).all()
    assert len(np.unique(same)) == len(np.unique(numbers))


def test_counts_merged_on_the_way_are_the_same(monkeypatch):
    text = b"".join(b"0:00:%02d\t%d\t%d\n" % (n * 7 % 60, n % 3, n % 5) for n in range(500))
    whole = by_arrays(text, 1 << 20)
    monkeypatch.setattr(readings, "_COMPACT_ROWS", 10)
    assert by_arrays(text, 64) == whole


def test_an_input_whose_builds_are_no_builds_is_refused():
    reading = Reading()
    with pytest.raises(ConfigError, match="1,001 builds"):
        reading.add(b"".join(b"0:00:01\tuser-%d\t3\n" % n for n in range(2000)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "-: nothing was judged: empty; records are lines of timestamp, build and error code"),
        (
            "x\ny\n",
            (
                "-: nothing was judged: none of 2 lines can be read; the first, 'x': 1 fields; "
                "expected three: timestamp, build and error code"
            ),
        ),
    ],
    ids=["empty", "no-records"],
)
@pytest.mark.parametrize("command", [["report", "-"], ["aggregate", "-"], ["heatmap", "-", "--output", "never.png"]])
def test_an_input_without_records_is_refused_with_the_reason(command, text, message):
    got = CliRunner().invoke(releases, command, input=text)
    assert (str(got.exception), got.stdout) == (message, "")


def test_one_build_alone_is_counted_and_told_to_be_uncompared():
    got = CliRunner().invoke(releases, ["report", "-"], input="0:00:01\t5.1\t3\n")
    assert got.stdout.splitlines()[-2:] == [
        "baseline 5.1; 5.1: 1 records",
        "nothing was judged: cannot compare one build; expected two or more builds in the input",
    ]


@pytest.mark.parametrize("time", ["5139-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "1969-12-31"])
def test_a_time_that_could_not_be_shown_is_set_aside(time):
    got = CliRunner().invoke(releases, ["report", "-"], input=f"{time}\t5.1\t3\n0:00:01\t5.1\t3\n")
    assert isinstance(got.exception, NothingJudgedError)
    assert f"set aside (time): {time!r} is not in the years 1970 to 5138" in got.stderr


@pytest.mark.slow
@pytest.mark.parametrize("build", ["$x^$", "\N{ROCKET} 2"], ids=["formula", "no-glyph"])
def test_a_picture_shows_builds_as_they_are_written(build, tmp_path):
    picture = tmp_path / "heatmap.svg"
    text = f"0:00:01\t1\t3\n0:00:59\t{build}\t3\n"
    got = CliRunner().invoke(releases, ["heatmap", "-", "--output", str(picture)], input=text)
    assert (got.exception, got.output) == (None, "")
    assert f"{build} against 1" in picture.read_text("utf-8")


@pytest.mark.parametrize("number", ["0", "-1", "nan", "inf", "1e300", "1e-300"])
@pytest.mark.parametrize("option", ["threshold", "exposure"])
def test_a_number_that_nothing_can_be_compared_by_is_refused(option, number):
    got = CliRunner().invoke(releases, ["report", "-", f"--{option}", number], input="0:00:01\t1\t3\n0:00:59\t2\t3\n")
    assert isinstance(got.exception, ConfigError)
    assert str(got.exception).startswith(option)


RECORDS = "0:00:01\t5.2\t3\n0:00:00\t5.10\t-1\n0:00:01\t5.2\t3\n0:00:03\t5.2\t-1\n"


@pytest.mark.parametrize(
    ("form", "want"),
    [
        (
            "tsv",
            [
                "Timestamp\t5.2_Error_Code_-1\t5.2_Error_Code_3\t5.10_Error_Code_-1\t5.10_Error_Code_3",
                "0:00:00\t0\t0\t1\t0",
                "0:00:01\t0\t2\t0\t0",
                "0:00:03\t1\t0\t0\t0",
            ],
        ),
        ("json", ['["0:00:00",0,0,1,0]', '["0:00:01",0,2,0,0]', '["0:00:03",1,0,0,0]']),
    ],
)
def test_aggregate_prints_a_row_a_second_with_a_counter_for_each_build_and_code(form, want):
    got = CliRunner().invoke(releases, ["aggregate", "-", "--format", form], input=RECORDS)
    assert got.stdout.splitlines() == want


def test_builds_and_codes_of_lines_without_a_time_alone_are_not_there():
    reading = Reading()
    reading.add(b"0:00:01\t1.0\t3\n0:99:00\t2.0\tE_TIMEOUT\n0:00:02\t1.0\t4\n0:99:00\t1.0\t5\n")
    table, failed, *_ = reading.end()
    assert (table.builds, table.codes, table.records) == (["1.0"], ["3", "4"], 2)
    assert failed == {"time": 2}
