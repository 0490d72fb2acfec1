"""Records over TCP, on real sockets of loopback: lines, their end, and the acknowledgement."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingesting import LINES, WANT, counted, send, urls

from exporter.releases.parse import LineSplitter


async def test_tcp_lines_count_without_a_last_newline_and_are_acknowledged_at_the_end(start_releases):
    system = await start_releases()
    _, port = urls(system)
    assert await send(port, LINES + b"nonsense\n" + LINES[:-1]) == {"taken": 6, "late": 0, "refused_count": 1}
    assert counted(system) == {pair: 2 * count for pair, count in WANT.items()}


async def test_a_header_is_none_of_the_lines_also_after_the_token(start_releases, tmp_path):
    (tmp_path / "token").write_text("secret")
    system = await start_releases(token_file=str(tmp_path / "token"))
    told = await send(urls(system)[1], b"AUTH secret\nTimestamp\tBuild_Version\tError_Code\n" + LINES)
    assert told == {"taken": 3, "late": 0, "refused_count": 0}


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
async def test_a_line_ends_the_records_of_a_side_that_stays_open(start_releases, newline):
    system = await start_releases()
    reader, writer = await asyncio.open_connection("127.0.0.1", urls(system)[1])
    writer.write(LINES + b"END" + newline)
    assert json.loads(await reader.read()) == {"taken": 3, "late": 0, "refused_count": 0}
    assert counted(system) == WANT
    writer.close()


async def test_a_connection_that_is_open_when_the_exporter_stops_hears_what_was_counted(start_releases):
    system = await start_releases()
    reader, writer = await asyncio.open_connection("127.0.0.1", urls(system)[1])
    writer.write(LINES)
    while not counted(system):  # noqa: ASYNC110, the counts are the barrier
        await asyncio.sleep(0)
    restarting = asyncio.create_task(start_releases())
    assert json.loads(await reader.read()) == {"taken": 3, "late": 0, "refused_count": 0}
    writer.close()
    assert counted(await restarting) == WANT


@given(line=st.integers(4097, 20_000), piece=st.integers(1, 5000))
def test_a_line_that_is_too_long_is_one_bad_line_however_it_comes(line, piece):
    data = b"1\t5.1\t3\n" + b"x" * line + b"\n2\t5.1\t3\n"
    splitter = LineSplitter()
    lines = [found for i in range(0, len(data), piece) for found in splitter.feed(data[i : i + piece])]
    assert [len(found) <= 4096 for found in lines] == [True, False, True]
