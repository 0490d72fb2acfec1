"""Files of real collectors are read; what is no row is reported with its number and skipped."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.stats.plot import bulk as module
from exporter.stats.plot.bulk import read_records
from foundation.errors import ConfigError

CLEAN = "1795328990\t12\t3\t0\n1795329000\t15\t3\t1\n"
WANT = [[1795328990, 12, 3, 0], [1795329000, 15, 3, 1]]


def read(text, columns=None, gauges=()):
    data = text if isinstance(text, bytes) else text.encode()
    return read_records(io.BytesIO(data), columns, "stats.tsv", gauges=gauges)


def rows(records):
    return np.column_stack([records.times, records.counts]).tolist()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CLEAN, id="clean"),
        pytest.param(CLEAN.rstrip("\n"), id="no-last-line-end"),
        pytest.param(CLEAN.replace("\n", "\r\n"), id="crlf"),
        pytest.param(CLEAN.replace("\n", "\t\n"), id="trailing-tabs"),
        pytest.param(CLEAN.replace("\n", "\n\n \n"), id="blank-lines"),
        pytest.param(" " + CLEAN.replace("\n", "\n ").replace("\t", "\t "), id="leading-blanks"),
        pytest.param("\ufeff" + CLEAN, id="bom"),
        pytest.param("time\t200\t404\t500\n" + CLEAN, id="header"),
        pytest.param("\n\nTime 200s 404s 500s\n" + CLEAN, id="header-of-the-page"),
        pytest.param(CLEAN.replace("12", "1.2e1"), id="exponent"),
    ],
)
def test_a_clean_table_whatever_its_dress(text):
    records = read(text)
    assert (rows(records), records.names, records.problems) == (WANT, ("200", "404", "500"), [])


def test_columns_are_named_by_the_flag_then_by_the_header():
    assert read(CLEAN, ("time", "500", "-", "404")).names == ("500", "404")
    assert read("500\ttime\tqueue\n1\t2\t3\n").names == ("500", "queue")
    assert read("500\ttime\tqueue\n1\t2\t3\n").times.tolist() == [2]
    assert read("a\ttime\tb\n1\t2\t3\n", ("x", "time", "y")).names == ("x", "y")


def test_where_a_header_has_the_names_they_choose_and_order():
    records = read("time\t500\t200s\t404\n1\t5\t2\t4\n", ("time", "200", "500"))
    assert (records.names, records.counts.tolist()) == (("200", "500"), [[2, 5]])


@pytest.mark.parametrize(
    ("text", "columns", "complaint"),
    [
        ("time\t200\n1\t2\n", ("time", "500", "404"), r"its header has 2 columns \(time,200\), --columns 3"),
        ("time\ta\tb\n1\t2\t3\n", ("time", "b", "c"), r"--columns 3, of which c are not there"),
        ("time\t200\t200s\n", None, "its header has a duplicate column"),
        ("time\n5\n", None, "its header has no series"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(text, columns, complaint):
    with pytest.raises(ConfigError, match=complaint):
        read(text, columns)


def test_names_are_as_the_header_has_them_blanks_and_capitals_too():
    text = "time\tTotal Accesses\tBusyWorkers\n1\t2\t3\n"
    assert read(text).names == ("Total Accesses", "BusyWorkers")
    assert read(text, ("time", "busyworkers")).names == ("BusyWorkers",)
    assert read(text, ("time", "busyworkers")).counts.tolist() == [[3]]
    assert read("time\tA\ta\n1\t2\t3\n", ("time", "a")).counts.tolist() == [[3]]


def test_gauges_may_be_negative_and_counters_may_not():
    text = "time\tc\tg\n1\t2\t-3\n2\t-2\t4\n-3\t4\t5\n"
    records = read(text, gauges=("G",))
    assert (records.names, records.gauges, rows(records)) == (("c", "g"), (1,), [[1, 2, -3]])
    assert (records.unreadable, records.below_zero) == (2, {"c": 1, "time": 1})
    assert read(text, ("time", "g"), ("g",)).gauges == (0,)


def test_a_gauge_that_is_not_there_is_refused_with_what_is():
    for text in ("time\tc\tg\n1\t2\t3\n", "time\tc\tg\n"):
        with pytest.raises(ConfigError, match="--gauge x: no such column; expected one of c, g"):
            read(text, gauges=("x",))
    with pytest.raises(ConfigError, match="--gauge time"):
        read("", gauges=("time",))


def test_times_in_milliseconds_are_no_rows():
    records = read(CLEAN + "1795329010000\t16\t3\t1\n")
    assert (rows(records), records.problems) == (
        WANT,
        ["stats.tsv:3: '1795329010000\\t16\\t3\\t1' is not a row of 4 numbers"],
    )


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "1\t2\t3",
        "1\t2\t3\t4\t5",
        "1\t2\t\t4",
        "1\t2\t3\tnan",
        "1\t2\t3\t-4",
        "1\t2\t3\t1_0",
        "1\t2.3.4\t3\t4",
        "\0",
    ],
)
def test_a_line_that_is_no_row_is_reported_with_its_number(line):
    records = read(CLEAN + line + "\n" + CLEAN)
    assert (rows(records), records.unreadable) == (WANT * 2, 1)
    assert records.problems[0].startswith("stats.tsv:3: ")
    assert records.problems[0].endswith(" is not a row of 4 numbers")


def test_many_bad_lines_are_counted_and_some_are_shown():
    records = read("x\n" * 1000 + CLEAN)
    assert (records.unreadable, len(records.problems), rows(records)) == (1000, 10, WANT)


def test_a_number_too_large_for_arithmetic_is_left_out():
    assert rows(read(CLEAN + "5\t1e999\t2\t3\n")) == WANT


def test_an_empty_file_has_no_rows():
    assert read("").counts.shape == (0, 3)


fields = st.one_of(
    st.integers(0, 10**12).map(str),
    st.sampled_from(["", " 7", "1.5", "1.", ".5", "1.2.3", "-1", "x", "1e3", "nan", "time", "0007"]),
)
lines = st.one_of(st.lists(fields, max_size=5), st.lists(fields, min_size=4, max_size=4)).map("\t".join)


@pytest.mark.slow
@given(st.lists(st.one_of(lines, st.just("1\t2\t3\t4")), max_size=12), st.integers(1, 40))
def test_the_quick_way_and_the_slow_way_say_the_same_however_the_file_is_cut(tmp_lines, piece_bytes):
    text = "\n".join(tmp_lines).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PIECE_BYTES", piece_bytes)
        in_pieces = _outcome(text)
        patch.setattr(module, "_read_clean", lambda piece, width: None)
        slowly = _outcome(text)
    assert in_pieces == slowly == _outcome(text)


def _outcome(text):
    try:
        records = read(text)
    except ConfigError as exc:
        return str(exc)
    return rows(records), records.names, records.problems, records.unreadable, records.below_zero
