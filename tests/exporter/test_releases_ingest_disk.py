"""What is acknowledged is on disk, also where that is in trouble; nothing is counted twice."""

import asyncio
import json

import msgspec
import pytest
from aiohttp import ClientSession
from ingesting import LINES, WANT, counted, live, send, urls
from lifetime import until

from exporter.checkpoint import Changes, Checkpoint
from exporter.releases.compare.settings import Settings
from exporter.releases.pieces import Pieces
from exporter.releases.state import Limits, StreamState
from exporter.releases.stream import Stream
from foundation.clock import SystemClock

KEY = {"Idempotency-Key": "batch-1"}
TAKEN = {"taken": 3, "late": 0, "refused_count": 0}


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr("exporter.keeper.RETRY_S", 0.01)


def disk(system):
    return system._makers["app"].args[2]


async def post(system, body=LINES, headers=None):
    """Status and text of an answer; of one that is no refusal, what it has taken."""
    async with ClientSession() as client, client.post(urls(system)[0], data=body, headers=headers or KEY) as response:
        text = await response.text()
        return response.status, text if response.status != 200 else json.loads(text)["taken"]


@pytest.mark.parametrize("fault", ["full", "write", "locked", "damaged"])
async def test_a_disk_in_trouble_is_told_and_the_same_request_again_counts_once(start_releases, fault):
    system = await start_releases()
    disk(system).faults.append(fault)
    status, text = await post(system)
    assert (status, f"injected: {fault}" in text, "send the same again under the same key" in text) == (503, True, True)
    assert await post(system) == (200, 3)
    system = await start_releases()
    assert await post(system) == (200, 3)
    assert counted(system) == WANT


async def test_what_was_refused_once_is_put_again_by_itself(start_releases):
    """Also if nothing more comes, and the process is killed after that."""
    system = await start_releases()
    disk(system).faults.append("full")
    assert (await post(system))[0] == 503
    await until(lambda: live(system).trouble() is None)
    disk(system).killed = True
    system = await start_releases()
    assert counted(system) == WANT
    assert await post(system) == (200, 3)
    assert counted(system) == WANT


async def test_a_request_is_answered_only_once_the_disk_has_taken_it(start_releases, monkeypatch):
    system = await start_releases()
    real, begun, go_on = disk(system).commit, asyncio.Event(), asyncio.Event()

    async def slow(*args, **options):
        begun.set()
        await go_on.wait()
        await real(*args, **options)

    monkeypatch.setattr(disk(system), "commit", slow)
    sending = [asyncio.create_task(post(system)), asyncio.create_task(send(urls(system)[1], LINES))]
    await begun.wait()
    done, _ = await asyncio.wait(sending, timeout=0.05)
    assert not done
    go_on.set()
    assert await asyncio.gather(*sending) == [(200, 3), TAKEN]


async def test_what_is_acknowledged_outlives_a_power_cut_and_what_a_scrape_shows_need_not(start_releases):
    system = await start_releases()
    assert disk(system).synced_writes == 0
    for number, sending in enumerate((post(system), send(urls(system)[1], LINES), post(system)), 1):
        assert await sending in ((200, 3), TAKEN)
        assert disk(system).synced_writes == number
    writes = disk(system).writes
    await system.written()
    assert (disk(system).writes - writes, disk(system).synced_writes) == (1, number)


async def test_tcp_is_acknowledged_only_once_the_disk_has_taken_it(start_releases):
    system = await start_releases()
    disk(system).killed = True
    sending = asyncio.create_task(send(urls(system)[1], LINES))
    await until(lambda: disk(system).problems["write"] >= 3)
    assert not sending.done()
    disk(system).killed = False
    assert await sending == TAKEN


async def test_no_write_sees_half_of_a_request(start_releases, monkeypatch):
    """Else a sender that repeats a request after a kill would have half of it counted twice."""
    monkeypatch.setattr("exporter.releases.live.PIECE_LINES", 1)  # others get their turn after each line
    system = await start_releases()
    real, seen = disk(system).commit, set()

    async def watched(scope, changes, **options):
        answered = sum(key.startswith("key/big") for key in changes.puts)
        seen.add((msgspec.msgpack.decode(changes.puts["stream"], type=StreamState).accepted % 100, bool(answered)))
        await real(scope, changes, **options)

    monkeypatch.setattr(disk(system), "commit", watched)
    line = b"0:00:01\t5.1\t3\n"

    async def post_once(body, key):
        assert await post(system, body, {"Idempotency-Key": key}) == (200, body.count(b"\n"))

    await asyncio.gather(post_once(line * 1_001, "big"), *(post_once(line * 100, f"small-{n}") for n in range(10)))
    assert (1, True) in seen
    assert seen <= {(1, True), (0, False), (1, False)}


async def test_while_the_disk_takes_nothing_nothing_more_is_counted(start_releases):
    system = await start_releases()
    disk(system).killed = True
    for want in ("counted, but not on disk yet", "nothing was taken"):
        async with ClientSession() as client, client.post(urls(system)[0], data=LINES) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            assert want in await response.text()
    assert counted(system) == WANT
    assert live(system).requests == {503: 2}


async def test_a_batch_that_is_known_is_acknowledged_only_once_the_disk_has_taken_it(start_releases):
    system = await start_releases()
    disk(system).killed = True
    for _ in range(3):
        assert (await post(system))[0] == 503
    disk(system).killed = False
    await until(lambda: live(system).trouble() is None)
    assert await post(system) == (200, 3)
    assert counted(system) == WANT


async def test_an_error_in_counting_acknowledges_nothing_and_the_same_again_counts_once(start_releases, monkeypatch):
    """Those who wait for the disk are told at once, and not when the source has ended by it."""
    monkeypatch.setattr("exporter.supervisor._FIRST_WAIT_S", 0.0)
    system = await start_releases()
    assert await post(system, b"0:00:01\t5.0\t7\n", {"Idempotency-Key": "before"}) == (200, 1)
    disk(system).killed, broken = True, live(system)
    waiting = asyncio.create_task(send(urls(system)[1], LINES))
    await until(lambda: disk(system).problems["write"] > 1)
    monkeypatch.setattr(broken.stream, "close", lambda _: 1 // 0)
    started_s = asyncio.get_running_loop().time()
    assert await send(urls(system)[1], LINES) is None
    assert await waiting is None
    assert asyncio.get_running_loop().time() - started_s < 4  # a drain takes five seconds
    disk(system).killed = False
    await until(lambda: system._runners.get("app") not in {None, broken} and live(system).begun.is_set())
    assert counted(system) == {("5.0", "7"): 1}
    assert await post(system) == (200, 3)
    assert counted(system) == WANT | {("5.0", "7"): 1}
    assert system.failures == {"app": 1}


async def test_bins_that_are_due_when_the_exporter_ends_are_closed_by_the_next(start_releases, tmp_path):
    """It was killed in the middle of a replay."""
    stream = Stream(Settings(), Limits())
    stream.take({(second, build, "3"): 1 for second in range(1200) for build in ("5.1", "5.2")}, 0)
    assert stream.behind() > 100
    with Checkpoint(tmp_path / "exporter.db", SystemClock()) as checkpoint:
        checkpoint.commit_now("releases/app", Changes(Pieces(stream).changes()[0], everything=True))
    source = live(await start_releases())
    await source._room.wait()
    assert (source.stream.behind(), source.stream.state.closed_to_s) == (0, 1160)
