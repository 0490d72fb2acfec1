"""The same rows in every form of file are the same rows; what cannot be read comes out in its place."""

import bz2
import csv
import gzip
import io
import json
import lzma
import string
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from exporter.tables import Bad, Column, Layout, Limits, Row, open_table, read_instant, table_of, unix_us, write_parquet
from exporter.tables.delimited import Delimited
from exporter.tables.jsonrows import JsonRows, array_values, cell, ndjson_values
from exporter.tables.lines import as_utf8, lines
from exporter.tables.parquet import spooled
from foundation.errors import BadRecord, SourceError, StoreError

LAYOUT = Layout("people", (Column("name"), Column("city", ("town", "place")), Column("note", required=False)))
FIXED = LAYOUT._replace(order=("name", "city", "note"))

TEXT = st.text(st.sampled_from(string.ascii_letters + string.digits + " ,;|\t\"'\n\r.:-_é€🙂"), max_size=12).map(
    str.strip
)
ROWS = st.lists(st.tuples(TEXT.filter(bool), TEXT, TEXT), min_size=1, max_size=6)
LIMITS = Limits()


def delimited(text, layouts=(LAYOUT,), limits=LIMITS, size=1 << 16):
    data = text if isinstance(text, bytes) else text.encode()
    pieces = iter([data[at : at + size] for at in range(0, len(data), size)])
    return Delimited(lines(as_utf8(pieces), limits.row_bytes), layouts, limits)


def ndjson(text):
    return JsonRows(ndjson_values(lines(iter([text.encode()]), 1 << 16), LIMITS), [LAYOUT], "ndjson", LIMITS)


def cells(rows):
    return [row.cells for row in rows]


def as_csv(rows, separator, end, order, *, quoting=csv.QUOTE_MINIMAL):
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=separator, lineterminator=end, quoting=quoting)
    names = ("Name", "TOWN", "note")
    writer.writerow([names[place] for place in order] + ["more"])
    for row in rows:
        writer.writerow([row[place] for place in order] + ["x"])
    return stream.getvalue()


FORMS = st.tuples(
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.permutations(range(3)),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.booleans(),
)


@pytest.mark.parametrize("row", ['{"name": 1.5}', '{"city": 1e400, "name_": -0.0}', "[0.25]", "7.5"])
def test_an_object_without_what_is_required_is_set_aside_whatever_it_holds(row):
    good, found = ndjson('{"name": "a", "city": "b"}\n' + row + "\n")
    assert good.cells == ("a", "b", "")
    assert isinstance(found, Bad)
    assert found.number == 2


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
@given(ROWS, FORMS, st.integers(1, 9))
def test_a_text_has_the_same_rows_in_every_form(rows, form, size):
    separator, end, order, encoding, every = form
    every = every or any({*"\r\n"} & {*"".join(row)} for row in rows)  # which Python's writer may leave bare
    text = as_csv(rows, separator, end, order, quoting=csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL)
    assert cells(delimited(text.encode(encoding), size=size)) == rows


@settings(deadline=None, max_examples=30)
@given(ROWS)
def test_json_has_the_same_rows(rows):
    objects = [dict(zip(("town", "name", "note"), (b, a, c), strict=True)) for a, b, c in rows]
    assert cells(ndjson("\n".join(map(json.dumps, objects)))) == rows
    data = json.dumps(objects, indent=1).encode()
    found = JsonRows(array_values(iter([data[at : at + 7] for at in range(0, len(data), 7)])), [LAYOUT], "json", LIMITS)
    assert list(found) == [Row(number, row) for number, row in enumerate(rows, 1)]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
@example([("=1", '"\\N"', "\\N"), ("a\r\nb", "", "")])
def test_parquet_has_the_same_rows(tmp_path, rows):
    path = tmp_path / "rows*.csv"  # neither its name nor a pattern in it says what it is
    write_parquet(path, {"NOTE": "text", "Place": "text", "name": "text"}, [(c, b, a) for a, b, c in rows])
    with open_table(str(path), [LAYOUT]) as table:
        assert (table.form, list(table)) == ("parquet", [Row(number, row) for number, row in enumerate(rows, 1)])


def test_what_is_written_as_parquet_reads_as_a_csv_has_it(tmp_path):
    columns = {"at": "instant", "n": "integer", "x": "number", "ok": "boolean", "word": "text"}
    layout = Layout("all", tuple(Column(name) for name in columns))
    path = tmp_path / "all.parquet"
    at_us = int(datetime(2026, 11, 1, 6, 30, tzinfo=UTC).timestamp()) * 1_000_000
    write_parquet(path, columns, [(at_us, -3, 42.0, True, ""), (at_us + 250_000, 0, 0.1, False, "\\N"), (None,) * 5])
    with gzip.open(tmp_path / "all.gz", "wb") as packed:
        packed.write(path.read_bytes())
    for name in ("all.parquet", "all.gz"):
        with open_table(str(tmp_path / name), [layout]) as table:
            assert cells(table) == [
                ("2026-11-01T06:30:00Z", "-3", "42", "true", ""),
                ("2026-11-01T06:30:00.250000Z", "0", "0.1", "false", "\\N"),
                ("", "", "", "", ""),
            ]


def test_a_parquet_file_that_cannot_be_written_is_an_error_of_the_disk(tmp_path):
    with pytest.raises(StoreError, match="No such file"):
        write_parquet(tmp_path / "none" / "x", {"a": "text"}, [("b",)])


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes], ids=["gz", "bz2", "xz", "plain"])
def test_packed_files_are_files(tmp_path, pack):
    path = tmp_path / "people.txt"
    path.write_bytes(pack(b"town;name\nRome;Ann\n"))
    with open_table(str(path), [LAYOUT]) as table:
        assert (table.form, table.layout.name, list(table)) == ("text", "people", [Row(2, ("Ann", "Rome", ""))])


def test_a_file_that_is_cut_off_is_not_a_shorter_file(tmp_path):
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(b"town;name\n" + b"Rome;Ann\n" * 9000)[:-9])
    with open_table(str(path), [LAYOUT]) as table, pytest.raises(SourceError, match=r"cut\.gz: "):
        list(table)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("name,city\nAnn\nBob,Rome\n", [Bad(2, "fields", "1 fields; expected 2", "Ann"), Row(3, ("Bob", "Rome", ""))]),
        (b"name,city\nAnn,\xff\n", [Bad(2, "encoding", "not UTF-8", "Ann,\\xff")]),
        ('name,city\n"a\nb",Rome\n\nBob,Bonn', [Row(2, ("a\nb", "Rome", "")), Row(5, ("Bob", "Bonn", ""))]),
        ('name,city\n5" pipe,"Rome"\n', [Row(2, ('5" pipe', "Rome", ""))]),
        ('name, city\n"Ann", "Rome, Italy"\n', [Row(2, ("Ann", "Rome, Italy", ""))]),
        ("sep=;\nname;city\nAnn;a,b\n", [Row(3, ("Ann", "a,b", ""))]),
        ('"sep=|"\r\nname|city\r\nAnn|a,b\r\n', [Row(3, ("Ann", "a,b", ""))]),
    ],
    ids=["width", "encoding", "newline", "inches", "blanks", "excel", "excel quoted"],
)  # fmt: skip
def test_rows_keep_their_numbers_and_reasons(text, want):
    assert list(delimited(text)) == want


@pytest.mark.parametrize("first", ["[2026-11-01 06:30:00] Ann", "[error] Ann", "[0:00:01]\tAnn", "[ 7 ] Ann"])
@pytest.mark.parametrize("size", [1, 1000])
def test_a_line_in_brackets_is_not_taken_for_json(first, size):
    text = f"{first}\n".encode()
    pieces = (text[at : at + size] for at in range(0, len(text), size))
    with pytest.raises(SourceError, match="no header"), table_of(pieces, "log", [LAYOUT]):
        pass


@pytest.mark.parametrize("text", ['[{"name": "Ann", "city": "Rome"}]', '\n [\n\n {"name": "Ann", "city": "Rome"}\n]\n'])
@pytest.mark.parametrize("size", [1, 1000])
def test_an_array_is_known_however_it_is_cut(text, size):
    pieces = (text[at : at + size].encode() for at in range(0, len(text), size))
    with table_of(pieces, "array", [LAYOUT]) as table:
        assert (table.form, list(table)) == ("json", [Row(1, ("Ann", "Rome", ""))])


def test_no_room_for_a_copy_is_not_said_of_standard_output(tmp_path):
    (tmp_path / "rows.parquet").symlink_to("/dev/full")
    with pytest.raises(StoreError, match=f"^{tmp_path.parent}: No space left on device; set TMPDIR to a folder"):
        spooled(iter([b"PAR1"]), tmp_path)


def test_a_stray_quote_costs_one_line():
    found = list(delimited('name,city\n"Ann,Rome\nBob,Bonn\nCid,Cork\n'))
    assert [(row.number, getattr(row, "reason", row[1])) for row in found] == [
        (2, "quote"), (3, ("Bob", "Bonn", "")), (4, ("Cid", "Cork", "")),
    ]  # fmt: skip


def test_a_row_without_an_end_costs_that_row():
    long = b"x" * 300
    found = list(delimited(b"name,city\n" + long + b"\nBob,Bonn\n", limits=Limits(row_bytes=100), size=10))
    assert [(row.number, getattr(row, "reason", "")) for row in found] == [(2, "too_long"), (3, "")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty: expected a header with the columns name, city"),
        ("Ann,Rome\n", r"no header: 'Ann,Rome'; expected the columns name, city \(optional: note\)"),
        ("name;note\nAnn;x\n", r"the header \(semicolon\) lacks the column city"),
        ("name,city,name\n", "column name 2 times"),
        ("name,city" + ",x" * 1000, "1002 columns; at most 1000"),
    ],
)
def test_a_file_without_the_names_says_which_are_expected(text, message):
    with pytest.raises(SourceError, match=message):
        delimited(text)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_fixed_order_does_without_a_header(separator):
    text = f"junk\nAnn{separator}Rome{separator}x\n"
    found = list(delimited(text, [FIXED]))
    assert [row.number for row in found] == [1, 2]
    assert found[1] == Row(2, ("Ann", "Rome", "x"))


def test_a_fixed_order_that_no_row_has_is_an_error():
    with pytest.raises(SourceError, match="expected rows of name, city, note, or a header"):
        delimited("a,b\nc,d\n", [FIXED])


def test_the_layout_is_the_one_that_fits_best():
    other = Layout("cities", (Column("city"), Column("country")))
    assert delimited("country|city\n", [LAYOUT, other]).places.layout is other
    assert delimited("name|city|country\n", [LAYOUT, other]).places.layout is LAYOUT


SYNONYMS = Layout("polls", (Column("store"), Column("at", ("time", "ts"))))


def test_two_names_of_one_column_are_refused_unless_one_is_its_own():
    """`at` is the column, whatever else `ts` may be; of `time` and `ts` nobody knows which one is."""
    torn = table_of(iter([b"store,time,TS\n1,2,3\n"]), "polls", [SYNONYMS])
    with pytest.raises(SourceError, match="'time' and 'TS' are one column"), torn:
        pass
    with table_of(iter([b"store,ts,at\n1,2,3\n"]), "polls", [SYNONYMS]) as table:
        assert [row.cells for row in table] == [("1", "3")]


def test_an_object_with_two_names_of_one_column_is_set_aside():
    objects = [{"store": 1, "at": 2, "ts": 3}, {"store": 1, "time": 2, "ts": 3}, {"store": 1, "ts": 3}]
    rows = JsonRows(enumerate(objects, 1), [SYNONYMS], "ndjson", LIMITS)
    first, torn, last = rows
    assert (first.cells, last.cells) == (("1", "2"), ("1", "3"))
    assert (torn.number, torn.reason, torn.text) == (
        2,
        "fields",
        "'time' and 'ts' are one column: expected one of them",
    )


def test_bad_json_comes_out_in_its_place():
    found = list(ndjson('\n{"name":"Ann","city":1}\n{oops\n[1]\n{"name":2}\n'))
    assert found[0] == Row(2, ("Ann", "1", ""))
    assert [(row.number, row.reason) for row in found[1:]] == [(3, "json"), (4, "json"), (5, "fields")]


def test_an_array_that_breaks_off_is_an_error():
    values = array_values(iter([b'[{"name":"Ann","city":"Rome"},']))
    with pytest.raises(SourceError, match="after 0 elements: Input data was truncated"):
        list(JsonRows(values, [LAYOUT], "json", LIMITS))


def test_objects_without_the_names_are_an_error():
    with pytest.raises(SourceError, match=r"expected objects with name, city .*missing: city"):
        ndjson('{"name":"Ann"}\n')


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("42.0", "42"), ("4.2e1", "42"), ("-0.50", "-0.5"), ("-0.0", "0"), ("1e400", "1E+400"), ("true", "true"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1700000000.123456789", "1700000000.123456789"),
        ("null", ""), ('" a "', "a"), ("[1,2]", "[1,2]"),
    ],
)  # fmt: skip
def test_values_of_json_are_the_text_of_a_csv(written, text):
    [row] = ndjson(f'{{"name":{written},"city":""}}')
    assert row.cells[0] == text
    assert cell(None) == ""


MOMENT = datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
MOMENT_US = int(MOMENT.timestamp()) * 1_000_000


@settings(max_examples=40)
@given(st.integers(315_532_800, 4_102_444_799), st.integers(0, 999_999))
def test_unix_time_is_known_by_its_size(second, micro):
    us = second * 1_000_000 + micro
    assert unix_us(f"{second}.{micro:06}") == us
    assert unix_us(f"{us // 1000}.{us % 1000:03}") == us
    assert unix_us(str(us)) == us
    assert unix_us(str(us * 1000 + 7)) == us
    assert read_instant(str(second)).us == second * 1_000_000


@pytest.mark.parametrize(
    ("text", "offset_us"),
    [
        ("2026-11-01T06:30:00Z", 0), ("2026-11-01 06:30", 0), ("2026-11-01t06:30:00.5z", 500_000),
        ("2026-11-01 06:30:00,25 UTC", 250_000), ("2026-11-01T08:30:00+02:00", 0), ("2026-11-01T08:30:00+0200", 0),
        ("2026-11-01 00:30:00 -06", 0), ("20261101T063000Z", 0), ("2026/11/01 06:30:00.1234567", 123_456),
        ("2026-11-01T07:30:00[Europe/Berlin]", 0), ("2026-11-01T07:30:00+01:00[Europe/Berlin]", 0),
        ("2026-11-01 07:30:00 Europe/Berlin", 0), ("20261101", -23_400_000_000), ("2026-11-01", -23_400_000_000),
        ("2026-10-31T24:00:00Z", -23_400_000_000), ("2026-11-01T06:29:60Z", 0),
    ],
)  # fmt: skip
def test_iso_times_in_their_spellings(text, offset_us):
    assert read_instant(text).us == MOMENT_US + offset_us


def test_a_time_without_a_zone_takes_the_callers_and_says_so():
    berlin = ZoneInfo("Europe/Berlin")
    assert read_instant("2026-11-01T07:30:00", berlin) == (MOMENT_US, True, 0)
    assert read_instant("2026-11-01T07:30:00+01:00", berlin) == (MOMENT_US, False, 0)
    assert read_instant("2026-10-25T02:30:00", berlin).shift_us == 3_600_000_000
    assert read_instant("2026-03-29T02:30:00", berlin).shift_us == -3_600_000_000
    assert read_instant("2026-10-25T02:30:00", berlin).doubtful
    with pytest.raises(BadRecord, match="has no zone"):
        read_instant("2026-11-01T07:30:00", None)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "9:00 AM", "0", "3600", "-1700000000", "99999999999999999999", "2026-13-01", "2026-02-30T01:00",
     "2026-11-01T25:00", "2026-11-01T06:30:00+99:00", "2026-11-01 06:30 Mars/Base", "01/11/2026"],
)  # fmt: skip
def test_what_is_no_time_is_refused(text):
    with pytest.raises(BadRecord, match="invalid time"):
        read_instant(text)
