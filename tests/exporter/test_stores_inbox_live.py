"""The inbox of a service that runs: what lands is taken in, put away and in the metrics."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from stores_service import HEADER, POLLS

from exporter.stores import inbox as inboxes
from exporter.stores.calendar import to_us
from exporter.stores.live import Live, Settings
from exporter.web.exposition import Renderer
from foundation.clock import SystemClock


@pytest.mark.slow
async def test_files_in_the_inbox_are_taken_in_and_put_away_with_the_reason_where_they_fail(
    serving, stores_world, tmp_path
):
    folder = tmp_path / "inbox"
    box = inboxes.Inbox(folder)
    assert box.look() == ([], None)  # and makes it
    for name, text in {"p.csv": HEADER + POLLS, "bad.csv": "a,b\n", ".p.csv": "half", "q.csv.part": "half"}.items():
        (folder / name).write_text(text)
    assert box.look() == ([], 0.0)  # they were written just now
    for name in ("p.csv", "bad.csv"):
        inboxes.os.utime(folder / name, (1e9, 1e9))
    resting, again_s = box.look()
    now_us = to_us(datetime(2023, 2, 1, tzinfo=UTC))
    results = {file.name: box.take(file, stores_world.database, now_us).result for file in resting}
    assert (results, again_s) == ({"p.csv": "done", "bad.csv": "failed"}, None)
    left = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert left == [".p.csv", "done/p.csv", "failed/bad.csv", "failed/bad.csv.reason.txt", "q.csv.part"]
    assert "expected the columns store_id, status" in (folder / "failed" / "bad.csv.reason.txt").read_text()


class Bell:
    """A waker that hears of no change: it only notes how long it should wait, and wakes when told."""

    def __init__(self):
        self.asked, self.rung, self.waiting = [], asyncio.Event(), asyncio.Event()

    async def wait(self, timeout_s, paths):
        self.asked.append(timeout_s)
        self.waiting.set()
        await self.rung.wait()
        self.rung.clear()


@pytest.mark.slow
async def test_the_inbox_is_looked_into_every_refresh_also_where_no_change_is_heard(
    stores_world, tmp_path, monkeypatch
):
    monkeypatch.setattr(inboxes, "REST_S", 0.0)
    bell = Bell()
    live = Live(stores_world.database, Settings(inbox=tmp_path / "in", refresh_s=7200.0), SystemClock(), waker=bell)
    task = asyncio.create_task(live.run())
    await bell.waiting.wait()
    (tmp_path / "in" / "p.csv").write_text(HEADER + POLLS)
    async with asyncio.timeout(30):
        while not list((tmp_path / "in" / "done").iterdir()):
            bell.waiting.clear()
            bell.rung.set()  # two hours have gone by
            await bell.waiting.wait()
    task.cancel()
    await asyncio.wait([task])
    assert set(bell.asked) == {7200.0}


@pytest.mark.slow
async def test_the_inbox_and_the_metrics_follow_what_lands(serving, stores_world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    inboxes.Inbox(tmp_path / "inbox").look()
    live, _ = await serving(inbox=Path("inbox"))  # as people write it

    def land(name, text):
        (tmp_path / name).write_text(HEADER + text)
        inboxes.os.utime(tmp_path / name, (1e9, 1e9))
        (tmp_path / name).rename(tmp_path / "inbox" / name)

    def told():
        return "".join(Renderer().render(live.collect(), openmetrics=False))

    want = [
        'tidewatch_store_polls_total{source="stores",result="new"} 2',
        'tidewatch_store_inbox_files_total{source="stores",result="done"} 1',
        'tidewatch_stores{source="stores",state="up",timezone="America/Chicago"} 1',
        'tidewatch_stores{source="stores",state="down",timezone="America/Chicago"} 1',
        'tidewatch_store_config_fallback{source="stores",reason="timezone_missing"} 2',
    ]
    land("p.csv", POLLS)
    async with asyncio.timeout(30):
        while not all(line in told() for line in want):  # noqa: ASYNC110, the metrics are the barrier
            await asyncio.sleep(0.02)
        land("q.csv", "c,active,2023-01-25 11:00:00 UTC\n")  # long before the next hour
        while 'tidewatch_store_polls_total{source="stores",result="new"} 3' not in told():  # noqa: ASYNC110, the same
            await asyncio.sleep(0.02)
