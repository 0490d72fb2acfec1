"""Both ingests over real sockets on loopback."""

import asyncio
import gzip
import io
import json
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from exporter.clock import SystemClock
from exporter.errors import ConfigError, StoreError
from exporter.releases import system as releases_system
from exporter.releases.answers import KEYS_REMEMBERED, REFUSED_TOLD, Answer, Answers, Refused
from exporter.releases.ingest import JsonRecord
from exporter.releases.records import LineSplitter
from exporter.releases.system import Source, System
from exporter.system import Context
from exporter.web.exposition import Renderer

OPENAPI = Path(__file__).resolve().parents[2] / "docs" / "openapi-ingest.json"


@pytest.fixture
async def start(tmp_path):
    """Start a system on free ports; call again for a restart on the same state."""
    running = []

    async def stop():
        while running:
            task, context = running.pop()
            task.cancel()
            await asyncio.wait([task])
            context.checkpoint.close()

    async def begin(**options):
        await stop()
        context = Context(tmp_path, SystemClock())
        system = System([Source(source="app", http="127.0.0.1:0", tcp="127.0.0.1:0", **options)], context)
        task = asyncio.create_task(system.run())
        running.append((task, context))
        await system.listening()
        return system

    yield begin
    await stop()


def urls(system):
    addresses = system._feeds[0].addresses
    return f"http://127.0.0.1:{addresses['http']}/ingest", addresses["tcp"]


def counted(system):
    totals = system._feeds[0].stream.state.totals
    return {(build, code): n for build, codes in totals.items() for code, n in codes.items() if n}


LINES = b"0:00:01\t5.1\t3\n0:00:01\t5.1\t3\n0:00:02,5.2,-4\n"
RECORDS = [
    {"timestamp": "0:00:01", "build_version": "5.1", "error_code": 3},
    {"timestamp": 1, "build_version": "5.1", "error_code": 3},
    {"timestamp": "0:00:02", "build_version": "5.2", "error_code": -4},
]
WANT = {("5.1", 3): 2, ("5.2", -4): 1}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (LINES, {}),
        (gzip.compress(LINES), {"Content-Encoding": "gzip"}),
        (json.dumps(RECORDS).encode(), {"Content-Type": "application/json"}),
        ("\n".join(map(json.dumps, RECORDS)).encode(), {"Content-Type": "application/x-ndjson"}),
    ],
    ids=["text", "gzip", "json", "ndjson"],
)
async def test_every_spelling_of_a_body_counts_the_same(start, body, headers):
    system = await start()
    url, _ = urls(system)
    async with ClientSession() as client, client.post(url, data=body, headers=headers) as response:
        assert (response.status, await response.json()) == (
            200,
            {"taken": 3, "late": 0, "refused_count": 0, "refused": []},
        )
    assert counted(system) == WANT


async def test_refused_lines_are_told_with_number_and_reason_and_the_rest_is_taken(start):
    system = await start()
    url, _ = urls(system)
    async with ClientSession() as client, client.post(url, data=b"0:00:01\t5.1\t3\nnonsense\n1\t5.1\tx\n") as response:
        answer = await response.json()
    assert (answer["taken"], answer["refused_count"]) == (1, 2)
    assert [(r["line"], r["reason"]) for r in answer["refused"]] == [(2, "fields"), (3, "code")]


async def test_the_same_idempotency_key_counts_once_also_over_a_restart(start):
    system = await start()
    headers = {"Idempotency-Key": "batch-1"}
    for _ in range(2):
        async with ClientSession() as client, client.post(urls(system)[0], data=LINES, headers=headers) as response:
            assert (await response.json())["taken"] == 3
        assert counted(system) == WANT
        system = await start()
    assert counted(system) == WANT


async def test_a_key_that_is_in_hand_is_not_counted_twice(start):
    system = await start()
    headers = {"Idempotency-Key": "batch-1"}
    body = b"".join(b"%d\t5.1\t3\n" % second for second in range(8_000))

    async def post(client):
        async with client.post(urls(system)[0], data=body, headers=headers) as response:
            return response.status

    async with ClientSession() as client:
        statuses = await asyncio.gather(*(post(client) for _ in range(3)))
    assert min(statuses) == 200
    assert set(statuses) <= {200, 409}
    assert counted(system) == {("5.1", 3): 8_000}


async def test_a_full_disk_is_told_and_the_same_request_again_counts_once(start, monkeypatch):
    system = await start()
    context = system._feeds[0]._ctx
    monkeypatch.setattr(releases_system, "RETRY_S", 0.0)
    real = context.checkpoint.commit

    async def full(scope, puts, gone):
        raise StoreError("the disk is full")

    headers = {"Idempotency-Key": "batch-1"}
    async with ClientSession() as client:
        monkeypatch.setattr(context.checkpoint, "commit", full)
        async with client.post(urls(system)[0], data=LINES, headers=headers) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            assert "the disk is full" in await response.text()
        monkeypatch.setattr(context.checkpoint, "commit", real)
        async with client.post(urls(system)[0], data=LINES, headers=headers) as response:
            assert (await response.json())["taken"] == 3
    system = await start()
    async with ClientSession() as client, client.post(urls(system)[0], data=LINES, headers=headers) as response:
        assert (await response.json())["taken"] == 3
    assert counted(system) == WANT


async def test_a_time_ahead_of_the_clock_is_refused_and_closes_nothing(start):
    system = await start()
    now = int(SystemClock().wall())
    body = b"%d\t5.1\t3\n%d\t5.1\t3\n%d\t5.1\t3\n" % (now, now + 7200, now)
    async with ClientSession() as client, client.post(urls(system)[0], data=body) as response:
        answer = await response.json()
    assert (answer["taken"], answer["late"], answer["refused_count"]) == (2, 0, 1)
    assert [(r["line"], r["reason"]) for r in answer["refused"]] == [(2, "future")]
    assert system._feeds[0].stream.state.newest_s == now


def test_the_oldest_keys_are_forgotten_and_what_the_disk_did_not_take_is_put_again():
    answers = Answers()
    for n in range(KEYS_REMEMBERED + 2):
        answers.add(str(n), Answer(n, 0, 0, []))
    puts, gone = answers.changes()
    assert (len(puts), gone, answers.get("1")) == (KEYS_REMEMBERED, ["key/0", "key/1"], None)
    answers.not_written(gone)
    assert answers.changes() == (puts, gone)
    assert Answers(puts).get("2") == Answer(2, 0, 0, [])


@given(line=st.integers(4097, 20_000), piece=st.integers(1, 5000))
def test_a_line_that_is_too_long_is_one_bad_line_however_it_comes(line, piece):
    data = b"1\t5.1\t3\n" + b"x" * line + b"\n2\t5.1\t3\n"
    splitter = LineSplitter()
    lines = [found for i in range(0, len(data), piece) for found in splitter.feed(data[i : i + piece])]
    assert [len(found) <= 4096 for found in lines] == [True, False, True]


async def test_a_token_is_asked_for_on_both_ways_in(start, tmp_path):
    (tmp_path / "token").write_text("secret\n")
    system = await start(token_file=str(tmp_path / "token"))
    url, port = urls(system)
    async with ClientSession() as client:
        for given, status in [(None, 401), ("Bearer wrong", 401), ("Basic secret", 401), ("Bearer secret", 200)]:
            headers = {"Authorization": given} if given else {}
            async with client.post(url, data=LINES, headers=headers) as response:
                assert response.status == status, given
    for first, end in [(b"AUTH wrong\n", WANT), (b"AUTH secret\n", {("5.1", 3): 4, ("5.2", -4): 2})]:
        await send(port, first + LINES)
        assert counted(system) == end


async def send(port, data):
    """Send by TCP, and wait until the other side has read all of it and hung up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    writer.write_eof()
    await reader.read()
    writer.close()
    await writer.wait_closed()


async def test_tcp_lines_count_in_pieces_and_without_a_last_newline(start):
    system = await start()
    _, port = urls(system)
    await send(port, LINES[:-1])
    assert counted(system) == WANT


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content-Type": "application/json"}, 400),
        (b"\xff\xfe", {"Content-Type": "application/json"}, 400),
        (LINES, {"Idempotency-Key": "k" * 201}, 400),
        (b"x" * (33 << 20), {}, 413),
    ],
    ids=["no-array", "no-json", "long-key", "too-large"],
)
async def test_a_body_that_cannot_be_is_refused_as_a_whole(start, body, headers, status):
    system = await start()
    url, _ = urls(system)
    async with ClientSession() as client, client.post(url, data=io.BytesIO(body), headers=headers) as response:
        assert response.status == status
    assert counted(system) == {}


async def test_more_than_the_allowed_rate_is_told_to_wait(start):
    system = await start(max_records_per_s=2)
    url, _ = urls(system)
    async with ClientSession() as client:
        statuses = []
        for _ in range(2):
            async with client.post(url, data=LINES) as response:
                statuses.append(response.status)
        assert statuses == [200, 429]
        assert int(response.headers["Retry-After"]) >= 1


async def test_what_is_told_is_good_exposition_text(start):
    system = await start(builds=["5.1", "5.2"], codes=[3])
    url, _ = urls(system)
    async with ClientSession() as client, client.post(url, data=LINES):
        pass
    text = "".join(Renderer().render(system.collect(), openmetrics=False))
    assert 'tidewatch_release_errors_total{source="app",build="5.1",code="3"} 2\n' in text
    assert 'tidewatch_release_errors_total{source="app",build="5.2",code="3"} 0\n' in text
    assert 'tidewatch_release_baseline_info{source="app",build="5.1"} 1\n' in text


@pytest.mark.parametrize(
    ("options", "want"),
    [({}, "nothing to read"), ({"http": "8095"}, "not host:port"), ({"tcp": "127.0.0.1:x"}, "not host:port")],
)
def test_a_source_that_cannot_be_is_refused(tmp_path, options, want):
    with pytest.raises(ConfigError, match=want):
        System([Source(source="app", **options)], Context(tmp_path, SystemClock()))


def test_the_openapi_document_tells_the_fields_that_there_are():
    schemas = json.loads(OPENAPI.read_text())["components"]["schemas"]
    for name, kind in (("Record", JsonRecord), ("Answer", Answer)):
        fields = [field.encode_name for field in msgspec.structs.fields(kind)]
        assert list(schemas[name]["properties"]) == schemas[name]["required"] == fields
    refused = schemas["Answer"]["properties"]["refused"]
    assert refused["maxItems"] == REFUSED_TOLD
    assert refused["items"]["required"] == [field.encode_name for field in msgspec.structs.fields(Refused)]
