"""A file may have any name: the systems that follow files read it, and keep their place in it."""

import logging

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifetime import running, until

from exporter.accesslog import Source as AccessSource
from exporter.accesslog import System as AccessSystem
from exporter.hosting import Source as HostingSource
from exporter.hosting import System as HostingSystem
from exporter.releases import Source as ReleasesSource
from exporter.releases import System as ReleasesSystem
from exporter.sources.packing import pack, unpack
from exporter.sources.tail.mark import Mark
from exporter.sources.tail.positions import About, State, Totals, decode, encode
from exporter.web.exposition import Renderer
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


async def shown(system, metric, want):
    def text():
        return "".join(Renderer().render(system.collect(), openmetrics=False))

    await until(lambda: f'{metric}{{source="s"}} {want}\n' in text())
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

    def start(context):
        return make(str(logs / "*.log"), context)

    caplog.set_level(logging.WARNING, logger="exporter.sources.tail")  # pytest-xdist cannot send the names
    for name in NAMES:
        (logs / name).write_bytes(line)
    async with running(tmp_path, start) as system:
        await shown(system, metric, len(NAMES) * each)
    for name in NAMES:
        with (logs / name).open("ab") as file:
            file.write(line)
    async with running(tmp_path, start) as system:  # goes on where it was, and reads nothing twice
        await shown(system, metric, 2 * len(NAMES) * each)
        (logs / NAMES[0]).rename(logs / f"{NAMES[0]}.1")
        (logs / NAMES[0]).write_bytes(line)
        text = await shown(system, metric, (2 * len(NAMES) + 1) * each)
    text.encode()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


TEXT = st.text(st.characters(), max_size=8).map(lambda text: text.replace("\0", ""))


@given(home=TEXT, path=TEXT, pattern=TEXT)
def test_what_is_kept_of_any_name_is_that_name(home, path, pattern):
    mark = Mark(key=1, home=home, path=path, role="live")
    state = State(About(totals=Totals(), next_key=2, patterns=[pattern], missed={home: 5}), [mark])
    assert decode(encode(state)) == state


class Kept(msgspec.Struct):
    lines: dict[str, bytes]
    times: dict[int, float] = {}


@given(lines=st.dictionaries(st.text(st.characters(), max_size=6), st.binary(max_size=6), max_size=3))
def test_what_is_packed_is_unpacked_whatever_texts_and_bytes_it_has(lines):
    kept = Kept(lines, {1: 2.5})
    assert unpack(pack(kept), Kept) == kept
