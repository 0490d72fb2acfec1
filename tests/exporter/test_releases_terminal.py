"""The picture in the terminal: every code has its row, the worst are seen, and it works without colours."""

import asyncio
import io

import pytest
from click.testing import CliRunner
from rich.console import Console

from exporter.releases.cli import releases
from exporter.releases.compare.settings import Settings
from exporter.releases.render import terminal
from exporter.releases.report import analyse
from exporter.sources.tail import Batch
from foundation.clock import SystemClock
from foundation.errors import ConfigError

LINES = [
    b"0:%02d:%02d\t%s\t%d\n" % (s // 60, s % 60, build, code)
    for s in range(600)
    for build in (b"1", b"2")
    for code in (3, 4)
]
WORSE = [b"0:%02d:%02d\t2\t4\n" % (s // 60, s % 60) for s in range(300, 600) for _ in range(4)]


def compare(table):
    return analyse(table, Settings(), detectors=("evidence", "onset"))


def drawn(data, *, colours=None, height=24):
    screen = io.StringIO()
    console = Console(file=screen, width=60, height=height, color_system=colours, force_terminal=colours is not None)

    async def batches():
        yield Batch(data[:100], "-")
        yield Batch(data[100:], "-")

    asyncio.run(terminal.follow(batches(), compare, console, SystemClock()))
    return screen.getvalue()


def test_a_row_a_code_and_a_mark_at_the_one_that_is_worse():
    text = drawn(b"".join([*LINES, *WORSE]))
    rows = {line.split()[0]: line.split()[1] for line in text.splitlines()[1:-1]}
    assert rows.keys() == {"3", "4!"}
    assert set(rows["3"]) <= {"=", "+", "-"}
    assert rows["4!"].endswith("#")
    assert "2 against 1, 3600 records" in text


def test_with_colours_the_worse_cells_are_red():
    assert "103;0;31" in drawn(b"".join([*LINES, *WORSE]), colours="truecolor")  # #67001f


def test_where_not_all_codes_fit_the_worst_are_shown():
    many = [
        b"0:00:%02d\t%s\t%d\n" % (s, build, code) for s in range(50) for build in (b"1", b"2") for code in range(40)
    ]
    text = drawn(b"".join([*many, *[b"0:00:30\t2\t17\n"] * 300]), height=10)
    rows = [line.split()[0] for line in text.splitlines()[1:-1]]
    assert len(rows) == 4
    assert "17!" in rows


def test_without_colour_a_terminal_shows_characters(monkeypatch):
    data = b"".join(b"0:00:%02d\t%d\t3\n" % (second, build) for second in range(50) for build in (1, 2))
    assert "=" not in drawn(data, colours="truecolor")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "=====" in drawn(data, colours="truecolor")


def test_one_build_alone_is_told():
    assert "1 records of 1 builds; two are needed to compare" in drawn(b"0:00:01\t1\t3\n")


@pytest.mark.parametrize("flags", [[], ["--follow", "--output", "x.png"]])
def test_a_picture_or_the_terminal(flags):
    got = CliRunner().invoke(releases, ["heatmap", "-", *flags], input="1\t5\t3\n")
    assert isinstance(got.exception, ConfigError)
    assert "--follow" in str(got.exception)
