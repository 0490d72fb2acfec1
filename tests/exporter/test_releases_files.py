"""The same records in every form of file are the same counts."""

import gzip
import json
import lzma
import random
from datetime import UTC, datetime

import numpy as np
import pytest
from click.testing import CliRunner

from exporter.releases.bulk.files import is_ordinary, read_file
from exporter.releases.bulk.outlying import near
from exporter.releases.bulk.reading import Reading
from exporter.releases.cli import releases
from exporter.releases.notes import remarks
from exporter.tables import write_parquet
from foundation.errors import ConfigError, SourceError

RECORDS = [(1_800_000_000 + n, ("5.1", "5.2")[n % 2], ("3", "E_TIMEOUT", "HTTP 502, late")[n % 3]) for n in range(12)]
NAMES = ("timestamp", "build_version", "error_code")
OBJECTS = [dict(zip(NAMES, record, strict=True)) for record in RECORDS]


def text(separator, *, quote="{}", times=1, order=(0, 1, 2), names=NAMES):
    rows = [names, *((str(at * times), build, f'"{code}"') for at, build, code in RECORDS)]
    return "\n".join(separator.join(quote.format(row[place]) for place in order) for row in rows).encode()


FORMS = {
    "minimal quotes": text(","),
    "semicolon": text(";"),
    "pipe": text("|"),
    "any order": text(",", order=(2, 0, 1)),
    "other names": text(",", names=("Time", "Release", "Code")),
    "other names, any order": text("\t", names=("TS", "version", "error"), order=(1, 2, 0)),
    "milliseconds": text(",", times=1000),
    "microseconds": text(";", times=1_000_000),
    "Excel": b"sep=;\r\n" + text(";"),
    "Excel, TAB": b"sep=\t\n" + text("\t"),
    "Excel, quoted, BOM": b'\xef\xbb\xbf"sep=,"\n' + text(","),
    "Excel, no header": b"sep=|\n" + text("|").partition(b"\n")[2],
    "UTF-16": text(",").decode().encode("utf-16"),
    "gz": gzip.compress(text(",")),
    "xz": lzma.compress(text(";")),
    "ndjson": "\n".join(map(json.dumps, OBJECTS)).encode(),
    "array": json.dumps(OBJECTS, indent=1).encode(),
}


def counts(given):
    table = given.table
    rows = zip(table.second.tolist(), table.build.tolist(), table.code.tolist(), table.count.tolist(), strict=True)
    return [
        (second, table.builds[build], table.codes[code]) for second, build, code, count in rows for _ in range(count)
    ]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_same_counts(tmp_path, form):
    (tmp_path / "errors").write_bytes(FORMS[form])
    given = read_file(str(tmp_path / "errors"))
    assert (counts(given), given.failed) == (RECORDS, {})


def test_parquet_has_the_same_counts(tmp_path):
    kinds = {"error_code": "text", "timestamp": "instant", "build_version": "text"}
    write_parquet(tmp_path / "errors", kinds, [(code, at * 1_000_000, build) for at, build, code in RECORDS])
    assert counts(read_file(str(tmp_path / "errors"))) == RECORDS


def test_every_command_reads_a_body_of_the_api():
    body = "\n".join(map(json.dumps, OBJECTS))
    for command in (["report", "-"], ["aggregate", "-"]):
        done = CliRunner().invoke(releases, command, input=body)
        assert (done.exit_code, "5.1" in done.stdout) == (0, True)


def test_rows_that_cannot_be_read_are_told_with_their_number(tmp_path):
    (tmp_path / "errors").write_bytes(b"code;time;build\n3;0:00:01;5.1\n3;5.1\n4;soon;5.1\n")
    given = read_file(str(tmp_path / "errors"))
    assert given.table.records == 1
    assert given.failed == {"fields": 1, "time": 1}
    assert any(bad.text.startswith("row 3: ") for bad in given.set_aside)


@pytest.mark.parametrize(
    ("line", "reason"),
    [("[0:00:01]\t5.1\t3", "time"), ("[2026-11-01 06:30:00],5.1,3", "time"), ("[error] 5.1 3", "fields"),
     ("[12/Nov/2026:06:30:00 +0000] 5.1 3", "fields")],
)  # fmt: skip
def test_a_line_in_brackets_is_a_line(tmp_path, line, reason):
    (tmp_path / "errors").write_text(f"{line}\n0:00:02\t5.1\t4\n")
    given = read_file(str(tmp_path / "errors"))
    assert (counts(given), given.failed) == ([(2, "5.1", "4")], {reason: 1})


def test_a_table_without_the_columns_says_which_are_expected(tmp_path):
    (tmp_path / "errors").write_bytes(b'{"time": 1, "build": "5.1"}\n')
    with pytest.raises(SourceError, match="missing: error_code"):
        read_file(str(tmp_path / "errors"))


@pytest.mark.parametrize(
    "start",
    [b"", b"0:00:01\t5.1\t3\n", b"1,5.1,3\n", b"Timestamp,Build,Code\n1,5.1,3\n", b"junk\n1,5.1,3\n",
     b"\xef\xbb\xbftime\tb\tc\n"]
)  # fmt: skip
def test_the_ordinary_file_goes_the_quick_way(start):
    assert is_ordinary(start)


def clock(second):
    return f"{second // 3600 % 24}:{second // 60 % 60:02}:{second % 60:02}"


@pytest.mark.parametrize("form", ["{0}\t5.1\t3", '{0},5.1,"3"'])
@pytest.mark.parametrize("size", [1 << 20, 700])
def test_clock_times_go_on_over_midnight(form, size):
    wanted = [43_200 + n for n in range(0, 2 * 86_400, 600)]
    reading = Reading()
    data = "".join(form.format(clock(second)) + "\n" for second in wanted).encode()
    for at in range(0, len(data), size):
        reading.add(data[at : at + size])
    assert reading.end().table.second.tolist() == wanted


def test_a_late_record_after_midnight_is_of_the_day_before():
    times = [86_340 + n for n in range(50)] + [86_401, 86_399, 86_402, 86_399, 86_403]
    reading = Reading()
    reading.add("".join(f"{clock(second)},5.1,3\n" for second in times).encode())
    assert sorted(set(times)) == reading.end().table.second.tolist()


def test_times_in_no_order_are_of_one_day():
    times = random.Random(1).sample(range(86_400), 2000)
    reading = Reading()
    reading.add("".join(f"{clock(second)},5.1,3\n" for second in times).encode())
    assert reading.end().table.second.tolist() == sorted(set(times))


@pytest.mark.parametrize("apart_s", [2, 61])
@pytest.mark.parametrize("lines", [3, 31, 500])
def test_records_of_around_midnight_with_the_newest_first_are_told(lines, apart_s):
    """Nothing says which day is the first, so they stay one day, with a note."""
    times = [86_401 + apart_s * (lines // 2) - apart_s * n for n in range(lines)]
    reading, one_day = Reading(), Reading(one_day=True)
    for one in (reading, one_day):
        one.add("".join(f"{clock(second)},5.1,3\n" for second in times).encode())
    given = reading.end()
    seen = sorted(second % 86_400 for second in times)
    assert (given.table.second.tolist(), given.midnights) == (seen, 0)
    assert given.hole == (max(times) - 86_400, min(times))
    assert "if they go over midnight, sort the records" in "".join(remarks(given))
    assert one_day.end().hole is None


@pytest.mark.parametrize(
    "times", [range(86_000, 9_000, -61), range(28_000, 64_000, 61), [7200, *range(50_000, 60_000, 9)]]
)
def test_hours_without_a_record_are_told_only_where_the_order_does_not_decide(times):
    reading = Reading()
    reading.add("".join(f"{clock(second)},5.1,3\n" for second in times).encode())
    assert reading.end().hole is None


@pytest.mark.parametrize("lines", [2, 3, 8, 30, 31, 100])
@pytest.mark.parametrize("cut", [1, 13, 1 << 20])
def test_a_short_file_goes_on_over_midnight_too(lines, cut):
    wanted = [86_400 - lines // 2 * 7 + 7 * n for n in range(lines)]
    reading = Reading()
    data = "".join(f"{clock(second)},5.1,3\n" for second in wanted).encode()
    for at in range(0, len(data), cut):
        reading.add(data[at : at + cut])
    given = reading.end()
    assert (given.table.second.tolist(), given.midnights) == (wanted, 1)


@pytest.mark.parametrize("times", [(54_000, 32_400, 75_600), (10, 80_000, 40_000, 5, 70_000, 20_000)])
def test_a_short_file_in_no_order_is_of_one_day(times):
    reading = Reading()
    reading.add("".join(f"{clock(second)},5.1,3\n" for second in times).encode())
    given = reading.end()
    assert (given.table.second.tolist(), given.midnights) == (sorted(times), 0)


@pytest.mark.parametrize("lines", [5, 500])
def test_files_of_one_day_that_were_joined_are_days_only_with_a_word(lines):
    one = "".join(f"{clock(86_000 // lines * n)}\t{{0}}\t3\n" for n in range(lines))
    text = one.format("5.1") + one.format("5.2")
    done = CliRunner().invoke(releases, ["report", "-", "--format", "text"], input=text)
    assert "read as 1 more days" in done.stdout
    assert "--one-day" in done.stdout
    for command in (["report", "-", "--one-day"], ["aggregate", "-", "--one-day"]):
        done = CliRunner().invoke(releases, command, input=text)
        assert "24:00:00" not in done.output
        assert "more days" not in done.output
    assert "24:00:00" in CliRunner().invoke(releases, ["aggregate", "-"], input=text).stderr


def test_follow_says_that_it_reads_plain_lines_only(tmp_path):
    for name in ("ndjson", "gz", "semicolon", "any order", "UTF-16"):
        (tmp_path / "errors").write_bytes(FORMS[name])
        done = CliRunner().invoke(releases, ["heatmap", str(tmp_path / "errors"), "--follow"])
        assert isinstance(done.exception, ConfigError | SourceError), name
        assert "--output" in str(done.exception)


@pytest.mark.parametrize("clock_s", [0, 4_294_967_295, 946_684_800])
@pytest.mark.parametrize("build", ["5.1", "old"])
def test_a_clock_gone_wrong_is_set_apart_and_reported(clock_s, build):
    wrong = f"{clock_s + 3_600_001}\t{build}\t9\n" * 2
    text = wrong + "".join(f"{1_800_000_000 + n}\t{one}\t3\n" for n in range(120) for one in ("5.1", "5.2"))
    done = CliRunner().invoke(releases, ["report", "-", "--format", "json"], input=text)
    tree = json.loads(done.stdout)
    assert tree["input"]["outlying"]["records"] == 2
    assert (tree["builds"], tree["baseline"], tree["bins"]["all"]) == ({"5.1": 120, "5.2": 120}, "5.1", 12)
    assert [code["code"] for code in tree["codes"]] == ["3"]
    for command in (["report", "-"], ["aggregate", "-"]):
        assert "set apart: 2 records" in CliRunner().invoke(releases, command, input=text).output


def rows_near(*stretches):
    """Which rows are near, of stretches (start, seconds, every)."""
    seconds = np.concatenate([np.arange(start, start + length, every) for start, length, every in stretches])
    return near(seconds, np.ones(len(seconds), np.int64))


def test_what_belongs_to_an_input_is_not_outlying():
    day = 86_400
    start = 1_700_000_000
    assert rows_near((start, 365 * day, 7 * day)).all()  # an error a week
    assert rows_near((start, day, 60), (start + 40 * day, day, 60)).all()  # two logs
    assert rows_near((start, 1, 1), (start + 400 * day, 1, 1)).all()  # nobody knows which is right
    assert not rows_near((start, day, 60), (start + 40 * day, 10, 1)).all()
    assert rows_near((start, day, 60), (4_294_967_200, 90, 1)).sum() == 1440


def test_times_of_day_among_dates_are_reported():
    text = "".join(
        f"{time}{n}\t{build}\t3\n" for time in ("0:00:0", "2026-11-27T09:00:0") for n in range(9) for build in "ab"
    )
    for command in (["report", "-"], ["aggregate", "-"]):
        assert "times of day, others dates" in CliRunner().invoke(releases, command, input=text).output


def test_syslog_and_twelve_hour_times_are_read_and_the_assumed_year_is_told(tmp_path):
    """Equal to the same records with dates: by arrays, quoted, and as a table with other columns."""
    times = [f"Oct  {3 + n // 60} 14:{n % 60:02}:11" for n in range(90)]
    forms = {
        "tab": "".join(f"{t}\t5.{n % 2}\t3\n" for n, t in enumerate(times)),
        "quoted": "".join(f'"{t}",5.{n % 2},3\n' for n, t in enumerate(times)),
        "table": "code,host,time,build\n" + "".join(f"3,a,{t},5.{n % 2}\n" for n, t in enumerate(times)),
    }
    now_s = datetime(2026, 11, 27, tzinfo=UTC).timestamp()
    first = int(datetime(2026, 10, 3, 14, 0, 11, tzinfo=UTC).timestamp())
    for name, text in forms.items():
        (tmp_path / name).write_text(text)
        given = read_file(str(tmp_path / name), now_s=now_s)
        seconds = given.table.second
        assert (len(seconds), int(seconds[0]), int(seconds[-1]) - first) == (90, first, 86_400 + 29 * 60), name
        assert given.years == {2026}, name
        assert not given.failed
        assert list(remarks(given)) == ["times without a year were read as of 2026, and as UTC"]
        assert read_file(str(tmp_path / name)).failed == {"time": 90}
    clock = "".join(f"{1 + n // 60}:{n % 60:02}:00 PM\t5.{n % 2}\t3\n" for n in range(120))
    done = CliRunner().invoke(releases, ["aggregate", "-"], input=clock)
    assert done.stdout.splitlines()[1].split()[0] == "13:00:00"
