"""What is acknowledged is on disk, also where that is in trouble; nothing is counted twice."""

import asyncio

import msgspec
from aiohttp import ClientSession
from ingesting import LINES, WANT, counted, send, urls

from exporter.checkpoint import Changes, Checkpoint
from exporter.releases import commits
from exporter.releases.compare.settings import Settings
from exporter.releases.keeping import Keeper
from exporter.releases.state import Limits, Stream, StreamState
from foundation.clock import SystemClock
from foundation.errors import StoreError


async def test_a_full_disk_is_told_and_the_same_request_again_counts_once(start_releases, monkeypatch):
    system = await start_releases()
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
    system = await start_releases()
    async with ClientSession() as client, client.post(urls(system)[0], data=LINES, headers=headers) as response:
        assert (await response.json())["taken"] == 3
    assert counted(system) == WANT


async def test_tcp_is_acknowledged_only_once_the_disk_has_taken_it(start_releases, monkeypatch):
    system = await start_releases()
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


async def test_no_write_sees_half_of_a_request(start_releases, monkeypatch):
    """Else a sender that repeats a request after a kill would have half of it counted twice."""
    system = await start_releases()
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


async def test_while_the_disk_takes_nothing_nothing_more_is_counted(start_releases, monkeypatch):
    system = await start_releases()
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


async def test_bins_that_are_due_when_the_exporter_ends_are_closed_by_the_next(start_releases, tmp_path):
    """It was killed in the middle of a replay."""
    stream = Stream(Settings(), Limits())
    stream.take({(second, build, 3): 1 for second in range(1200) for build in ("5.1", "5.2")}, 0)
    assert stream.behind() > 100
    checkpoint = Checkpoint(tmp_path / "exporter.db", SystemClock())
    checkpoint.commit_now("releases/app", Changes(Keeper(stream, {}).changes()[0], everything=True))
    checkpoint.close()
    (feed,) = (await start_releases())._followers
    await feed._room.wait()
    assert (feed.stream.behind(), feed.stream.state.closed_to_s) == (0, 1160)
