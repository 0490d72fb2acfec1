"""The `plot` command as its user meets it."""

import html
import re
import signal
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from exporter.stats.plot import cli as module
from exporter.stats.plot.cli import command
from foundation.errors import TidewatchError
from foundation.output import replacing
from foundation.terminal import printable

PLOT = str(Path(sys.executable).with_name("plot"))
ROWS = [(1795328990 + 10 * n, 40 * n, 4 * n, n // 2) for n in range(20)]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "stats.tsv"
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in ROWS))
    return path


def plot(*flags):
    return CliRunner().invoke(command, [str(flag) for flag in flags])


def numbers(file, *flags):
    """The CSV's lines."""
    result = plot(file, "--csv", "-", *flags)
    assert result.exit_code == 0, result
    return result.stdout.splitlines()


def test_the_numbers_of_one_delta(file):
    header, first, *_, last = numbers(file, "--delta_t", "10")
    assert header == "time,200_10s,404_10s,500_10s"
    assert first == "1795328990,,,"
    assert last == "1795329180,4,0.4,0"
    assert len(numbers(file)) == 1 + len(ROWS)


def test_a_column_for_each_series_and_delta(file):
    header, *rows = numbers(file, "--delta_t", "20", "--delta_t", "1m", "--columns", "time,500,-,200")
    assert header == "time,500_20s,500_60s,200_20s,200_60s"
    assert rows[5] == "1795329040,4,,0.05,"
    assert rows[6] == "1795329050,4,4,0.05,0.05"


def test_a_time_that_was_recorded_twice_has_two_rows(file):
    with file.open("a") as stream:
        stream.write("1795329180\t760\t76\t9\n")
    assert len(numbers(file)) == 2 + len(ROWS)


def test_numbers_without_any_rate_are_empty_and_told():
    result = CliRunner().invoke(command, ["-", "--csv", "-"], input="5\t1\t1\t1\n15\t2\t2\t2\n")
    assert (result.exit_code, result.stdout) == (0, "time,200_60s,404_60s,500_60s\n5,,,\n15,,,\n")
    assert "-: the rate is unknown: it covers 10 s in 2 rows, --delta_t is 60 s" in result.stderr


def test_a_long_delta_has_its_seconds_in_the_name(file):
    assert numbers(file, "--delta_t", "30d", "--delta_t", "1500ms")[0].split(",")[1:3] == ["200_2592000s", "200_1.5s"]


def test_since_and_until_cut_what_is_shown_and_not_what_is_known(file):
    rows = numbers(file, "--delta_t", "10", "--since", "1795329000", "--until", "2026-11-22T06:31:00Z")[1:]
    assert [row.split(",")[0] for row in rows] == [str(time) for time, *_ in ROWS if 1795329000 <= time < 1795329060]
    assert rows[0] == "1795329000,4,0.4,0"


@pytest.mark.parametrize(
    ("content", "flags", "code", "complaint"),
    [
        pytest.param("", [], 4, "has no row; a rate needs two", id="empty"),
        pytest.param("5\t1\t1\t1\n", [], 4, "has one row; a rate needs two", id="one-row"),
        pytest.param("5\t1\t1\t1\n5\t2\t2\t2\n", [], 4, "has rows of one time only", id="one-time"),
        pytest.param("junk\n", [], 4, "has no row", id="junk"),
        pytest.param("5\t1\t1\t1\n15\t2\t2\t2\n", [], 2, "it covers 10 s in 2 rows, --delta_t is 60 s", id="short"),
        pytest.param(
            "5\t1\t1\t1\n75\t2\t2\t2\n", ["--since", "80"], 2, "--since to --until has 0 of the rows", id="window"
        ),
    ],
)
def test_a_file_without_rates_says_what_is_missing(tmp_path, content, flags, code, complaint):
    file = tmp_path / "stats.tsv"
    file.write_text(content)
    result = plot(file, "--output", tmp_path / "rates.png", *flags)
    assert list(tmp_path.iterdir()) == [file]
    assert isinstance(result.exception, TidewatchError)
    assert (result.exception.exit_code, complaint in str(result.exception)) == (code, True), result.exception


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ([], "give --output rates.png for a picture, --csv rates.csv for numbers, or both"),
        (["--output", "x.bmp"], "the suffix must be one of .png, .jpg, .jpeg, .gif, .svg"),
        (["--csv", "-", "--delta_t", "0"], "invalid duration '0': expected more than 0"),
        (
            ["--csv", "-", "--since", "noon"],
            "'--since': invalid time 'noon': expected a date and time",
        ),
        (
            ["--csv", "-", "--timezone", "Atlantis"],
            "'--timezone': invalid time zone 'Atlantis': expected UTC or a name",
        ),
        (["--csv", "-", "--columns", "200,404"], "must name time"),
    ],
)
def test_a_wrong_flag_is_told_with_what_is_allowed(file, flags, complaint):
    result = plot(file, *flags)
    assert (result.exit_code, complaint in result.stderr) == (2, True), result.stderr


def test_bad_lines_are_told_on_stderr_and_do_not_stop_it(file):
    file.write_text("junk\n" + file.read_text() + "1795329190\t8\n")
    result = plot(file, "--csv", "-")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1 + len(ROWS))
    assert result.stderr.splitlines() == [
        f"plot: {file}:1: 'junk' is not a row of 4 numbers",
        f"plot: {file}:22: '1795329190\\t8' is not a row of 4 numbers",
    ]


def workers(file):
    """Add a column that is no counter."""
    lines = file.read_text().splitlines()
    rows = [f"{line}\t{number * 7 % 5 - 1}" for number, line in enumerate(lines)]
    file.write_text("time\t200\t404\t500\tBusy Workers\n" + "\n".join(rows) + "\n")


def test_a_gauge_is_written_as_it_is_under_its_own_name(file):
    workers(file)
    result = plot(
        file, "--csv", "-", "--delta_t", "10", "--gauge", "busy workers", "--columns", "time,Busy Workers,200"
    )
    header, *rows = result.stdout.splitlines()
    assert (result.stderr, header, len(rows)) == ("", "time,Busy Workers,200_10s", len(ROWS))
    assert [row.split(",")[1] for row in rows[:4]] == ["-1", "1", "3", "0"]


def test_a_gauge_needs_no_rate(tmp_path):
    file = tmp_path / "g.tsv"
    file.write_text("time\tg\n1\t5\n2\t3\n")
    assert numbers(file, "--gauge", "g") == ["time,g", "1,5", "2,3"]


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([1, 2, 3, 4], ""),
        ([1, 2, 0, 4], "c falls at 1 of 3 rows: read as a reset of the counter"),
        ([3, 1, 4, 1], "c falls at 2 of 3 rows: is it a counter? --gauge c draws it as it is"),
        ([*range(80), *range(70), *range(60)], "c falls at 2 of 209 rows: read as resets of the counter"),
    ],
)
def test_every_fall_is_told(tmp_path, counts, words):
    file = tmp_path / "c.tsv"
    file.write_text("time\tc\n" + "".join(f"{10 * n}\t{count}\n" for n, count in enumerate(counts)))
    assert plot(file, "--csv", "-", "--delta_t", "10").stderr == (f"plot: {file}: {words}\n" if words else "")


def test_negative_counts_are_told_with_what_takes_them(file):
    workers(file)
    assert (
        f"{file}: Busy Workers is below 0 in 4 of these lines: is it a counter? --gauge 'Busy Workers'"
        in plot(file, "--csv", "-").stderr
    )


def test_a_name_with_a_comma_stays_one_column(tmp_path):
    file = tmp_path / "c.tsv"
    file.write_text("time\ta, b\n1\t1\n2\t2\n")
    assert numbers(file, "--delta_t", "1")[0] == 'time,"a, b_1s"'


def texts(output):
    return re.findall(r"<!-- (.*?) -->", html.unescape(output.read_text()))


@pytest.mark.slow
def test_the_picture_has_one_scale_for_rates_and_says_why_a_panel_is_empty(file, tmp_path):
    workers(file)
    output = tmp_path / "rates.svg"
    flags = ["--delta_t", "10", "--delta_t", "100", "--delta_t", "1h", "--gauge", "Busy Workers", "--timezone", "UTC"]
    result = plot(file, "--output", output, *flags)
    assert (result.exit_code, result.stderr) == (0, "")
    shown = texts(output)
    assert "no rate over 3600 s: the file begins 190 s before the last row shown" in shown
    titles = ["10-second rate", "100-second rate", "1-hour rate", "Busy Workers"]
    assert [text for text in shown if text in titles] == titles


@pytest.mark.slow
def test_panels_of_rates_have_one_scale_and_gauges_their_own():
    from exporter.stats.plot.render import Panel, draw

    times, one = np.arange(5.0), np.ones((5, 1))
    values = [(one * 2, True), (one * 40, True), (one * np.nan, True), (one * -300, False)]
    panels = [Panel("p", ["a"], value, are_rates, "nothing") for value, are_rates in values]
    figure = draw(times, panels, gaps=np.zeros(5, bool), resets=times[:0], title="t", zone=UTC)
    scales = [ax.get_ylim() for ax in figure.axes]
    assert scales[:3] == [(0, pytest.approx(42))] * 3
    assert scales[3][0] < -300 < scales[3][1] < 0


@pytest.mark.slow
@pytest.mark.parametrize(("every", "words"), [(40, "4 counter resets"), (2, "99 counter resets")])
def test_each_reset_is_marked_and_all_are_counted(tmp_path, every, words):
    file, output = tmp_path / "c.tsv", tmp_path / "rates.svg"
    file.write_text("time\tc\n" + "".join(f"{10 * n}\t{n % every}\n" for n in range(199)))
    assert plot(file, "--output", output).exit_code == 0
    assert words in texts(output)


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "kind"), [("png", "PNG"), ("jpg", "JPEG"), ("JPEG", "JPEG"), ("gif", "GIF")])
def test_a_picture_of_each_kind(file, tmp_path, suffix, kind):
    output = tmp_path / f"rates.{suffix}"
    result = plot(file, "--output", output, "--delta_t", "10", "--delta_t", "60")
    assert (result.exit_code, sorted(tmp_path.iterdir())) == (0, sorted([file, output])), result
    with Image.open(output) as image:
        assert (image.format, image.width > 1000, image.height > 600) == (kind, True, True)
        colours = image.convert("RGB").getcolors(1 << 20)
    assert len(colours) > 20


@pytest.mark.slow
def test_the_picture_names_its_series_figures_and_resets(file, tmp_path):
    file.write_text(file.read_text() + "1795329190\t3\t1\t0\n")
    output = tmp_path / "rates.svg"
    assert plot(file, "--output", output, "--delta_t", "10", "--title", "A day out", "--timezone", "UTC").exit_code == 0
    comments = output.read_text()
    for text in ("A day out", "10-second rate", "counter reset", "responses per second", "time (UTC)"):
        assert f"<!-- {text} -->" in comments, text
    assert "<!-- 200       0.3" in comments


@pytest.mark.slow
@pytest.mark.parametrize("name", ["$\\frac", "a$b$c", "_total", "\x1b]0;owned\x07", "<b>"])
def test_names_and_titles_are_drawn_as_they_are_written(tmp_path, name):
    file = tmp_path / "stats.tsv"
    file.write_text(f"time\t{name}\n" + "".join(f"{row[0]}\t{row[1]}\n" for row in ROWS))
    output = tmp_path / "rates.svg"
    result = plot(file, "--output", output, "--delta_t", "10", "--title", f"{name} today")
    assert (result.exit_code, result.stderr) == (0, ""), result.exception
    shown = html.unescape(output.read_text())
    assert re.search(f"<!-- {re.escape(printable(name))} +4 ", shown)
    assert f"<!-- {printable(name)} today -->" in shown


def write_half_and_stop(output):
    with replacing(output) as stream:
        stream.write(b"half")
        signal.raise_signal(signal.SIGTERM)


def test_what_is_half_written_is_taken_away_when_the_process_is_told_to_stop(tmp_path, monkeypatch):
    output = tmp_path / "rates.csv"
    output.write_text("an earlier one")
    old = signal.signal(signal.SIGTERM, module._on_sigterm)
    try:
        with pytest.raises(SystemExit) as stopped:
            write_half_and_stop(output)
    finally:
        signal.signal(signal.SIGTERM, old)
    assert (stopped.value.code, output.read_text(), list(tmp_path.iterdir())) == (143, "an earlier one", [output])


@pytest.mark.e2e
def test_an_output_that_cannot_be_written_is_one_line(file, tmp_path):
    output = tmp_path / "absent" / "rates.csv"
    result = subprocess.run([PLOT, file, "--csv", output], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (5, f"plot: {output}: No such file or directory\n")
