"""A file may have any name: the systems that follow files read it, and keep their place in it."""

import asyncio
import logging
from contextlib import asynccontextmanager

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog import Source as AccessSource
from exporter.accesslog import System as AccessSystem
from exporter.hosting import Source as HostingSource
from exporter.hosting import System as HostingSystem
from exporter.releases import Source as ReleasesSource
from exporter.releases import System as ReleasesSystem
from exporter.sources.packing import pack, unpack
from exporter.sources.tail.book import State, Totals, decode, encode
from exporter.sources.tail.mark import Mark
from exporter.system import Context
from exporter.web.exposition import Renderer
from foundation.clock import SystemClock
from foundation.config import parse_config

NAMES = ["a\udcff\udcfe.log", "b\n.log", "c\x1b[31m.log", "d" + "x" * 245 + ".log", 'e"}.log', "f\\.log", "\u202eg.log"]
HEARTBEAT = b'{"event": "heartbeat", "server_id": 1, "workload": 0.5, "timestamp": 1455494400}\n'


def accesslog(pattern, context):
    return AccessSystem([AccessSource(source="s", paths=[pattern], format="tab", from_="start")], context)


def releases(pattern, context):
    return ReleasesSystem([ReleasesSource(source="s", paths=[pattern])], context)


def hosting(pattern, context):
    cycle = "cycle: {start: 2016-02-15T00:00:00Z, end: 2016-02-16T00:00:00Z}"
    source = parse_config(f"source: s\nlogs: [{pattern}]\n{cycle}", HostingSource)
    return HostingSystem([source], context)


@asynccontextmanager
async def running(make, tmp_path):
    context = Context(tmp_path / "state", SystemClock())
    system = make(str(tmp_path / "logs" / "*.log"), context)
    task = asyncio.create_task(system.run())
    try:
        await system.begun()
        yield system
    finally:
        task.cancel()
        await asyncio.wait([task])
        context.checkpoint.close()


async def until(system, metric, want):
    def text():
        return "".join(Renderer().render(system.collect(), openmetrics=False))

    async with asyncio.timeout(30):
        while f'{metric}{{source="s"}} {want}\n' not in text():  # noqa: ASYNC110, what a scrape would see is the barrier
            await asyncio.sleep(0.01)
    return text()


@pytest.mark.parametrize(
    ("make", "line", "metric"),
    [
        (accesslog, b"192.0.2.1\tGET /\t200\t5\n", "tidewatch_log_lines_total"),
        (hosting, HEARTBEAT, "tidewatch_hosting_read_bytes_total"),
        (releases, b"0:00:01\t5.1\t3\n", "tidewatch_release_records_total"),
    ],
    ids=["accesslog", "hosting", "releases"],
)
async def test_every_name_is_read_and_remembered(tmp_path, caplog, make, line, metric):
    logs, each = tmp_path / "logs", len(line) if "bytes" in metric else 1
    logs.mkdir()
    caplog.set_level(logging.WARNING, logger="exporter.sources.tail")  # pytest-xdist cannot send the names
    for name in NAMES:
        (logs / name).write_bytes(line)
    async with running(make, tmp_path) as system:
        await until(system, metric, len(NAMES) * each)
    for name in NAMES:
        with (logs / name).open("ab") as file:
            file.write(line)
    async with running(make, tmp_path) as system:  # goes on where it was, and reads nothing twice
        await until(system, metric, 2 * len(NAMES) * each)
        (logs / NAMES[0]).rename(logs / f"{NAMES[0]}.1")
        (logs / NAMES[0]).write_bytes(line)
        text = await until(system, metric, (2 * len(NAMES) + 1) * each)
    text.encode()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


TEXT = st.text(st.characters(), max_size=8).map(lambda text: text.replace("\0", ""))


@given(home=TEXT, path=TEXT, pattern=TEXT)
def test_what_is_kept_of_any_name_is_that_name(home, path, pattern):
    mark = Mark(key=1, home=home, path=path, role="live")
    state = State(totals=Totals(), marks=[mark], next_key=2, patterns=[pattern], missed={home: 5})
    assert decode(encode(state)) == state


class Kept(msgspec.Struct):
    lines: dict[str, bytes]
    times: dict[int, float] = {}


@given(lines=st.dictionaries(st.text(st.characters(), max_size=6), st.binary(max_size=6), max_size=3))
def test_what_is_packed_is_unpacked_whatever_texts_and_bytes_it_has(lines):
    kept = Kept(lines, {1: 2.5})
    assert unpack(pack(kept), Kept) == kept
