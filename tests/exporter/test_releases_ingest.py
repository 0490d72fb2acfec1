"""Both ingests over real sockets on loopback."""

import asyncio
import base64
import contextlib
import gzip
import io
import json
import ssl
from pathlib import Path

import bcrypt
import msgspec
import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st

from exporter.checkpoint import Changes, Checkpoint
from exporter.releases import commits
from exporter.releases.compare.settings import Settings
from exporter.releases.ingest.answers import KEYS_REMEMBERED, REFUSED_TOLD, Answer, Answers, Refused
from exporter.releases.ingest.bodies import JsonRecord
from exporter.releases.keeping import Keeper
from exporter.releases.parse import LineSplitter
from exporter.releases.source import Source
from exporter.releases.state import Limits, Stream, StreamState
from exporter.releases.system import System
from exporter.system import Context
from exporter.web.exposition import Renderer
from foundation.clock import SystemClock
from foundation.errors import ConfigError, StoreError
from foundation.grammar import Address
from foundation.listen import connections
from foundation.web import WebPolicy

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

    async def begin(web=None, **options):
        await stop()
        context = Context(tmp_path, SystemClock(), web)
        free = Address("127.0.0.1", 0)
        system = System([Source(**{"source": "app", "http": free, "tcp": free} | options)], context)
        task = asyncio.create_task(system.run())
        running.append((task, context))
        await system.listening()
        return system

    yield begin
    await stop()


def urls(system):
    addresses = system._followers[0].addresses
    return f"http://127.0.0.1:{addresses['http']}/ingest", addresses.get("tcp")


def counted(system):
    totals = system._followers[0].stream.state.totals
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


async def test_a_key_that_comes_again_with_other_records_is_no_repetition(start):
    system = await start()
    headers = {"Idempotency-Key": "batch-1"}
    async with ClientSession() as client:
        for body, want in [(LINES, 200), (LINES + LINES, 422), (LINES, 200)]:
            async with client.post(urls(system)[0], data=body, headers=headers) as response:
                assert response.status == want
        packed = {**headers, "Content-Encoding": "gzip"}
        async with client.post(urls(system)[0], data=gzip.compress(LINES), headers=packed) as response:
            assert response.status == 200
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
    context = system._followers[0]._ctx
    monkeypatch.setattr(commits, "RETRY_S", 0.0)
    real = context.checkpoint.commit

    async def full(scope, changes):
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
    body = b"%d\t5.1\t3\n%d\t5.1\t3\n%d\t5.1\t3\n" % (now, now + 90, now)
    async with ClientSession() as client, client.post(urls(system)[0], data=body) as response:
        answer = await response.json()
    assert (answer["taken"], answer["late"], answer["refused_count"]) == (2, 0, 1)
    assert [(r["line"], r["reason"]) for r in answer["refused"]] == [(2, "future")]
    assert system._followers[0].stream.state.newest_s == now


def test_the_oldest_keys_are_forgotten_and_what_the_disk_did_not_take_is_put_again():
    answers = Answers()
    for n in range(KEYS_REMEMBERED + 2):
        answers.add(str(n), 0, Answer(n, 0, 0, []))
    puts, gone = answers.changes()
    assert (len(puts), gone, answers.get("1")) == (KEYS_REMEMBERED, ["key/0", "key/1"], None)
    answers.not_written(gone)
    assert answers.changes() == (puts, gone)
    assert Answers(puts).get("2").answer == Answer(2, 0, 0, [])


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
    for first, told, end in [
        (b"AUTH wrong\n", None, WANT),
        (b"AUTH secret\n", {"taken": 3, "late": 0, "refused_count": 0}, {("5.1", 3): 4, ("5.2", -4): 2}),
    ]:
        assert await send(port, first + LINES) == told
        assert counted(system) == end


async def send(port, data, tls=None):
    """Send by TCP, end, and give what is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        writer.write(data)
        with contextlib.suppress(OSError):  # hung up on already
            if writer.can_write_eof():
                writer.write_eof()
        told = await reader.read()
        return json.loads(told) if told else None
    except ConnectionError:
        return None
    finally:
        writer.transport.abort()


async def test_tcp_lines_count_without_a_last_newline_and_are_acknowledged_at_the_end(start):
    system = await start()
    _, port = urls(system)
    assert await send(port, LINES + b"nonsense\n" + LINES[:-1]) == {"taken": 6, "late": 0, "refused_count": 1}
    assert counted(system) == {pair: 2 * count for pair, count in WANT.items()}


async def test_a_header_is_none_of_the_lines_also_after_the_token(start, tmp_path):
    (tmp_path / "token").write_text("secret")
    system = await start(token_file=str(tmp_path / "token"))
    told = await send(urls(system)[1], b"AUTH secret\nTimestamp\tBuild_Version\tError_Code\n" + LINES)
    assert told == {"taken": 3, "late": 0, "refused_count": 0}


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
async def test_a_line_ends_the_records_of_a_side_that_stays_open(start, newline):
    system = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", urls(system)[1])
    writer.write(LINES + b"END" + newline)
    assert json.loads(await reader.read()) == {"taken": 3, "late": 0, "refused_count": 0}
    assert counted(system) == WANT
    writer.close()


@pytest.fixture
def web(tmp_path, certificates):
    """Make the policy of a web configuration."""
    made = []

    def make(text="", *, tls=False):
        cert, key = certificates("ingest")
        path = tmp_path / "web.yml"
        path.write_text(f"tls_server_config: {{cert_file: {cert}, key_file: {key}}}\n{text}" if tls else text)
        path.chmod(0o600)
        made.append(WebPolicy(path))
        return made[-1]

    yield make
    for policy in made:
        policy.close()


def next_lines(system):
    """The event that lines were counted."""
    came, follower = asyncio.Event(), system._followers[0]
    take = follower.take_lines

    def take_lines(lines):
        found = take(lines)
        came.set()
        return found

    follower.take_lines = take_lines
    return came


async def test_lines_and_requests_come_over_tls(start, web, certificates):
    system = await start(web(tls=True))
    url, port = urls(system)
    context = ssl.create_default_context(cafile=certificates("ingest")[0])
    assert await send(port, LINES + b"END\n", context) == {"taken": 3, "late": 0, "refused_count": 0}
    async with (
        ClientSession() as client,
        client.post(url.replace("http", "https"), data=LINES, ssl=context) as response,
    ):
        assert response.status == 200
    assert await send(port, LINES) is None, "without TLS"
    assert counted(system) == {pair: 2 * count for pair, count in WANT.items()}


async def test_over_tls_a_sender_that_just_goes_is_counted(start, web, certificates, caplog):
    system = await start(web(tls=True))
    context = ssl.create_default_context(cafile=certificates("ingest")[0])
    came = next_lines(system)
    _, writer = await asyncio.open_connection("127.0.0.1", urls(system)[1], ssl=context)
    writer.write(LINES)
    writer.close()
    await writer.wait_closed()
    await came.wait()
    assert counted(system) == WANT
    assert caplog.text == ""


async def test_over_tls_the_end_of_the_exporter_is_acknowledged(start, web, certificates):
    system = await start(web(tls=True))
    context = ssl.create_default_context(cafile=certificates("ingest")[0])
    came = next_lines(system)
    reader, writer = await asyncio.open_connection("127.0.0.1", urls(system)[1], ssl=context)
    writer.write(LINES)
    await came.wait()
    told = asyncio.create_task(reader.read())
    await start()
    assert json.loads(await told) == {"taken": 3, "late": 0, "refused_count": 0}
    writer.close()


ALICE = "Basic " + base64.b64encode(b"alice:wonder").decode()


async def test_a_user_is_asked_for_where_no_token_is(start, web, tmp_path):
    hashed = bcrypt.hashpw(b"wonder", bcrypt.gensalt(4)).decode()
    policy = web(f"basic_auth_users: {{alice: {hashed}}}")
    (tmp_path / "token").write_text("secret\n")
    for options, shown, status in [
        ({"tcp": None}, None, 401),
        ({"tcp": None}, ALICE, 200),
        ({"tcp": None}, "Bearer secret", 401),
        ({"token_file": str(tmp_path / "token")}, "Bearer secret", 200),
        ({"token_file": str(tmp_path / "token")}, ALICE, 401),
    ]:
        system = await start(policy, **options)
        headers = {"Authorization": shown} if shown else {}
        async with ClientSession() as client, client.post(urls(system)[0], data=LINES, headers=headers) as response:
            assert response.status == status, (options, shown)


async def test_lines_without_a_token_stand_in_for_no_user(start, web, tmp_path):
    hashed = bcrypt.hashpw(b"wonder", bcrypt.gensalt(4)).decode()
    policy = web()
    system = await start(policy)
    assert await send(urls(system)[1], LINES) == {"taken": 3, "late": 0, "refused_count": 0}
    (tmp_path / "web.yml").write_text(f"basic_auth_users: {{alice: {hashed}}}")
    policy.refresh()
    assert await send(urls(system)[1], LINES) is None
    assert counted(system) == WANT
    with pytest.raises(ConfigError, match=r"releases\[0\]\.tcp: the web configuration has users"):
        await start(policy)


async def test_a_page_of_another_site_counts_nothing(start):
    system = await start()
    headers = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
    async with ClientSession() as client:
        async with client.post(urls(system)[0], data=LINES, headers=headers) as response:
            assert response.status == 403
        for kind in ("text/plain", "application/x-www-form-urlencoded"):  # what curl sends
            async with client.post(urls(system)[0], data=LINES, headers={"Content-Type": kind}) as response:
                assert response.status == 200


async def test_tcp_is_acknowledged_only_once_the_disk_has_taken_it(start, monkeypatch):
    system = await start()
    feed = system._followers[0]
    monkeypatch.setattr(commits, "RETRY_S", 0.0)
    real, failed = feed._ctx.checkpoint.commit, asyncio.Event()

    async def full(scope, changes):
        failed.set()
        raise StoreError("the disk is full")

    monkeypatch.setattr(feed._ctx.checkpoint, "commit", full)
    sending = asyncio.create_task(send(urls(system)[1], LINES))
    await failed.wait()
    failed.clear()
    await failed.wait()
    assert not sending.done()
    monkeypatch.setattr(feed._ctx.checkpoint, "commit", real)
    assert (await sending)["taken"] == 3


async def test_a_connection_that_is_open_when_the_exporter_stops_hears_what_was_counted(start):
    system = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", urls(system)[1])
    writer.write(LINES)
    while not counted(system):  # noqa: ASYNC110, the counts are the barrier
        await asyncio.sleep(0)
    restarting = asyncio.create_task(start())
    assert json.loads(await reader.read()) == {"taken": 3, "late": 0, "refused_count": 0}
    writer.close()
    assert counted(await restarting) == WANT


async def test_who_shows_the_token_gets_in_at_once_and_stays_where_all_others_are_silent(start, tmp_path):
    (tmp_path / "token").write_text("secret")
    system = await start(token_file=str(tmp_path / "token"))
    table, port = connections(), urls(system)[1]
    table.limit = 4
    quiet_reader, quiet = await asyncio.open_connection("127.0.0.1", port)
    quiet.write(b"AUTH secret\n" + LINES)
    while counted(system) != WANT:  # noqa: ASYNC110
        await asyncio.sleep(0)
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
    assert (await send(port, b"AUTH secret\n" + LINES))["taken"] == 3
    table.sweep(asyncio.get_running_loop().time() + 11)
    assert [await reader.read() for reader, _ in silent] == [b""] * 50
    quiet.write_eof()
    assert json.loads(await quiet_reader.read())["taken"] == 3
    for _, writer in (*silent, (None, quiet)):
        writer.transport.abort()


async def test_a_drip_in_place_of_the_token_is_hung_up_on(start, tmp_path):
    (tmp_path / "token").write_text("secret")
    system = await start(token_file=str(tmp_path / "token"))
    reader, writer = await asyncio.open_connection("127.0.0.1", urls(system)[1])
    while not connections().open:  # noqa: ASYNC110
        await asyncio.sleep(0)
    for later_s in (4, 9, 11):
        writer.write(b"A")
        await asyncio.sleep(0)
        assert len(connections().open) == 1
        connections().sweep(asyncio.get_running_loop().time() + later_s)
    with contextlib.suppress(ConnectionError):  # or the end, in order
        assert await reader.read() == b""
    assert connections().cut[f"127.0.0.1:{urls(system)[1]}", "auth"] == 1
    writer.transport.abort()


async def test_no_write_sees_half_of_a_request(start, monkeypatch):
    """Else a sender that repeats a request after a kill would have half of it counted twice."""
    system = await start()
    checkpoint = system._followers[0]._ctx.checkpoint
    real, seen = checkpoint.commit, set()

    async def watched(scope, changes):
        answered = sum(key.startswith("key/big") for key in changes.puts)
        seen.add((msgspec.msgpack.decode(changes.puts["stream"], type=StreamState).accepted % 100, bool(answered)))
        await real(scope, changes)

    monkeypatch.setattr(checkpoint, "commit", watched)
    big = b"0:00:01\t5.1\t3\n" * 12_001

    async def post(client, body, key):
        async with client.post(urls(system)[0], data=body, headers={"Idempotency-Key": key}) as response:
            assert response.status == 200

    async with ClientSession() as client:
        small = (post(client, b"0:00:01\t5.1\t3\n" * 100, f"small-{n}") for n in range(10))
        await asyncio.gather(post(client, big, "big"), *small)
    assert (1, True) in seen
    assert seen <= {(1, True), (0, False), (1, False)}


async def test_while_the_disk_takes_nothing_nothing_more_is_counted(start, monkeypatch):
    system = await start()
    feed = system._followers[0]

    async def full(scope, changes):
        raise StoreError("the disk is full")

    monkeypatch.setattr(feed._ctx.checkpoint, "commit", full)
    async with ClientSession() as client:
        for want in ("counted, but not on disk yet", "nothing was taken"):
            async with client.post(urls(system)[0], data=LINES) as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "1")
                assert want in await response.text()
    assert counted(system) == WANT
    assert feed.requests == {503: 2}


async def test_too_much_at_once_is_told_to_wait_and_is_not_held(start, monkeypatch):
    monkeypatch.setattr("exporter.releases.ingest.http.MAX_HELD_BYTES", 1000)
    system = await start()
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


async def test_a_body_that_does_not_come_is_not_waited_for(start, monkeypatch):
    monkeypatch.setattr("exporter.releases.ingest.http.BODY_S", 0.01)
    system = await start()
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


def test_the_openapi_document_tells_the_fields_that_there_are():
    schemas = json.loads(OPENAPI.read_text())["components"]["schemas"]
    for name, kind in (("Record", JsonRecord), ("Answer", Answer)):
        fields = [field.encode_name for field in msgspec.structs.fields(kind)]
        assert list(schemas[name]["properties"]) == schemas[name]["required"] == fields
    refused = schemas["Answer"]["properties"]["refused"]
    assert refused["maxItems"] == REFUSED_TOLD
    assert refused["items"]["required"] == [field.encode_name for field in msgspec.structs.fields(Refused)]


async def test_bins_that_are_due_when_the_exporter_ends_are_closed_by_the_next(start, tmp_path):
    """It was killed in the middle of a replay."""
    stream = Stream(Settings(), Limits())
    stream.take({(second, build, 3): 1 for second in range(1200) for build in ("5.1", "5.2")}, 0)
    assert stream.behind() > 100
    checkpoint = Checkpoint(tmp_path / "exporter.db", SystemClock())
    checkpoint.commit_now("releases/app", Changes(Keeper(stream, {}).changes()[0], everything=True))
    checkpoint.close()
    (feed,) = (await start())._followers
    await feed._room.wait()
    assert (feed.stream.behind(), feed.stream.state.closed_to_s) == (0, 1160)
