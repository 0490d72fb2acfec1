"""Records over HTTP, on real sockets of loopback: what is taken, and what each answer says."""

import asyncio
import gzip
import io
import json
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession
from ingesting import LINES, WANT, counted, live, urls

from exporter.releases.ingest.answers import REFUSED_TOLD, Answer, Refused
from exporter.releases.ingest.bodies import JsonRecord
from exporter.releases.state import Limits
from exporter.web.exposition import Renderer
from foundation.clock import SystemClock

OPENAPI = Path(__file__).resolve().parents[2] / "docs" / "openapi-ingest.json"

RECORDS = [
    {"timestamp": "0:00:01", "build_version": "5.1", "error_code": 3},
    {"timestamp": 1, "build_version": "5.1", "error_code": 3},
    {"timestamp": "0:00:02", "build_version": "5.2", "error_code": -4},
]


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
async def test_every_spelling_of_a_body_counts_the_same(start_releases, body, headers):
    system = await start_releases()
    url, _ = urls(system)
    async with ClientSession() as client, client.post(url, data=body, headers=headers) as response:
        assert (response.status, await response.json()) == (
            200,
            {"taken": 3, "late": 0, "refused_count": 0, "refused": []},
        )
    assert counted(system) == WANT


async def test_its_first_page_says_where_records_go(start_releases):
    url, _ = urls(await start_releases())
    async with ClientSession() as client, client.get(url.removesuffix("ingest")) as response:
        assert (response.status, await response.text()) == (200, "Error records are taken by POST /ingest\n")


async def test_refused_lines_are_told_with_number_and_reason_and_the_rest_is_taken(start_releases):
    system = await start_releases()
    url, _ = urls(system)
    async with (
        ClientSession() as client,
        client.post(url, data=b"0:00:01\t5.1\t3\nnonsense\n1\t5.1\t\x01\n") as response,
    ):
        answer = await response.json()
    assert (answer["taken"], answer["refused_count"]) == (1, 2)
    assert [(r["line"], r["reason"]) for r in answer["refused"]] == [(2, "fields"), (3, "code")]


async def test_the_same_idempotency_key_counts_once_also_over_a_restart(start_releases):
    system = await start_releases()
    headers = {"Idempotency-Key": "batch-1"}
    for _ in range(2):
        async with ClientSession() as client, client.post(urls(system)[0], data=LINES, headers=headers) as response:
            assert (await response.json())["taken"] == 3
        assert counted(system) == WANT
        system = await start_releases()
    assert counted(system) == WANT


async def test_without_a_key_what_is_sent_again_counts_again(start_releases):
    system = await start_releases()
    async with ClientSession() as client:
        for _ in range(2):
            async with client.post(urls(system)[0], data=LINES) as response:
                assert (await response.json())["taken"] == 3
    assert counted(system) == {key: 2 * count for key, count in WANT.items()}


async def test_a_key_that_comes_again_with_other_records_is_no_repetition(start_releases):
    system = await start_releases()
    headers = {"Idempotency-Key": "batch-1"}
    async with ClientSession() as client:
        for body, want in [(LINES, 200), (LINES + LINES, 422), (LINES, 200)]:
            async with client.post(urls(system)[0], data=body, headers=headers) as response:
                assert response.status == want
        packed = {**headers, "Content-Encoding": "gzip"}
        async with client.post(urls(system)[0], data=gzip.compress(LINES), headers=packed) as response:
            assert response.status == 200
    assert counted(system) == WANT


async def test_a_key_that_is_in_hand_is_not_counted_twice(start_releases):
    system = await start_releases()
    headers = {"Idempotency-Key": "batch-1"}
    body = b"".join(b"%d\t5.1\t3\n" % second for second in range(8_000))

    async def post(client):
        async with client.post(urls(system)[0], data=body, headers=headers) as response:
            return response.status

    async with ClientSession() as client:
        statuses = await asyncio.gather(*(post(client) for _ in range(3)))
    assert min(statuses) == 200
    assert set(statuses) <= {200, 409}
    assert counted(system) == {("5.1", "3"): 8_000}


async def test_a_time_ahead_of_the_clock_is_refused_and_closes_nothing(start_releases):
    system = await start_releases()
    now = int(SystemClock().wall())
    body = b"%d\t5.1\t3\n%d\t5.1\t3\n%d\t5.1\t3\n" % (now, now + 90, now)
    async with ClientSession() as client, client.post(urls(system)[0], data=body) as response:
        answer = await response.json()
    assert (answer["taken"], answer["late"], answer["refused_count"]) == (2, 0, 1)
    assert [(r["line"], r["reason"]) for r in answer["refused"]] == [(2, "future")]
    assert live(system).stream.state.newest_s == now


async def sent_with_a_pause(system, seconds):
    """Two halves of a bin of some minutes ago, and what was late of the second."""
    time_s = (int(SystemClock().wall()) - 600) // 10 * 10
    halves = [b"".join(b"%d\t5.1\t3\n" % (time_s + second) for second in part) for part in (range(5), range(5, 10))]
    async with ClientSession() as client:
        for half in halves:
            async with client.post(urls(system)[0], data=half) as response:
                late = (await response.json())["late"]
            await asyncio.sleep(seconds)
    return late


async def test_a_sender_that_catches_up_is_not_late_by_pausing(start_releases, monkeypatch):
    monkeypatch.setattr("exporter.releases.live.TICK_S", 0.001)
    assert await sent_with_a_pause(await start_releases(), 0.05) == 0


async def test_a_stream_that_is_quiet_for_longer_than_records_are_late_is_closed(start_releases, monkeypatch):
    monkeypatch.setattr("exporter.releases.live.TICK_S", 0.001)
    system = await start_releases(limits=Limits(lateness_s=0))
    assert await sent_with_a_pause(system, 0.1) == 5
    assert live(system).stream.state.closed_to_s is not None


async def test_too_much_at_once_is_told_to_wait_and_is_not_held(start_releases, monkeypatch):
    monkeypatch.setattr("foundation.web.bodies.MAX_HELD_BYTES", 1000)
    monkeypatch.setattr("foundation.web.bodies.ROOM_S", 0.0)
    system = await start_releases()
    url, _ = urls(system)
    body = b"1\t5.1\t3\n" * 100
    arrived = asyncio.Event()

    async def slow():
        yield body
        arrived.set()
        await refused.wait()
        yield b"2\t5.1\t3\n"

    refused = asyncio.Event()

    async def post(client, data):
        async with client.post(url, data=data) as response:
            return response.status

    async with ClientSession() as client:
        first = asyncio.create_task(post(client, slow()))
        await arrived.wait()
        while (status := await post(client, body)) == 200:
            pass  # the first one's piece is still on its way
        refused.set()
        assert (status, await first, await post(client, body)) == (503, 200, 200)


async def test_a_body_that_does_not_come_is_not_waited_for(start_releases, monkeypatch):
    monkeypatch.setattr("exporter.releases.ingest.http.BODY_S", 0.01)
    system = await start_releases()
    url, _ = urls(system)
    answered = asyncio.Event()

    async def never():
        yield b"1\t5.1\t3\n"
        await answered.wait()

    async with ClientSession() as client, client.post(url, data=never()) as response:
        assert response.status == 408
        answered.set()
    assert counted(system) == {}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content-Type": "application/json"}, 400),
        (b"\xff\xfe", {"Content-Type": "application/json"}, 400),
        (LINES, {"Idempotency-Key": "k" * 201}, 400),
        (gzip.compress(LINES)[:-1], {"Content-Encoding": "gzip"}, 400),
        (LINES, {"Content-Encoding": "gzip"}, 400),
        (LINES, {"Content-Encoding": "br"}, 415),
        (gzip.compress(bytes(100 << 20), 1), {"Content-Encoding": "gzip"}, 413),
        (b"x" * (9 << 20), {}, 413),
    ],
    ids=["no-array", "no-json", "long-key", "cut-gzip", "no-gzip", "brotli", "gzip-bomb", "too-large"],
)
async def test_a_body_that_cannot_be_is_refused_as_a_whole(start_releases, body, headers, status):
    system = await start_releases()
    url, _ = urls(system)
    async with ClientSession() as client, client.post(url, data=io.BytesIO(body), headers=headers) as response:
        assert response.status == status
    assert counted(system) == {}


async def test_more_than_the_allowed_rate_is_told_to_wait(start_releases):
    system = await start_releases(max_records_per_s=2)
    url, _ = urls(system)
    async with ClientSession() as client:
        statuses = []
        for _ in range(2):
            async with client.post(url, data=LINES) as response:
                statuses.append(response.status)
        assert statuses == [200, 429]
        assert int(response.headers["Retry-After"]) >= 1


async def test_what_is_told_is_good_exposition_text(start_releases):
    system = await start_releases(builds=["5.1", "5.2"], codes=[3])
    url, _ = urls(system)
    async with ClientSession() as client, client.post(url, data=LINES):
        pass
    text = "".join(Renderer().render(system.collect(), openmetrics=False))
    assert 'tidewatch_release_errors_total{source="app",build="5.1",code="3"} 2\n' in text
    assert 'tidewatch_release_errors_total{source="app",build="5.2",code="3"} 0\n' in text
    assert 'tidewatch_release_baseline_info{source="app",build="5.1"} 1\n' in text


def test_the_openapi_document_tells_the_fields_that_there_are():
    schemas = json.loads(OPENAPI.read_text())["components"]["schemas"]
    for name, kind in (("Record", JsonRecord), ("Answer", Answer)):
        fields = [field.encode_name for field in msgspec.structs.fields(kind)]
        assert list(schemas[name]["properties"]) == schemas[name]["required"] == fields
    refused = schemas["Answer"]["properties"]["refused"]
    assert refused["maxItems"] == REFUSED_TOLD
    assert refused["items"]["required"] == [field.encode_name for field in msgspec.structs.fields(Refused)]
