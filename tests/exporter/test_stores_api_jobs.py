"""Reports that are asked for: kept on disk, over restarts, until they are made, have failed or are forgotten."""

import asyncio
import threading

import pytest
from stores_service import POLLS, ask, finished

from exporter.stores import report as report_module
from exporter.stores.jobs import Asked
from foundation.errors import StoreError


@pytest.mark.slow
async def test_a_job_is_on_disk_before_its_id_is_told_and_equal_requests_share_it(serving, stores_world):
    stores_world.load(status=POLLS.splitlines())
    _, session = await serving(run=False)
    ids = {(await ask(session, "POST", "/trigger_report"))[1]["report_id"] for _ in range(3)}
    assert len(ids) == 1
    with stores_world.database.reading() as cursor:
        assert cursor.execute("SELECT report_id, status FROM reports").fetchall() == [(*ids, "running")]
    stores_world.load(status=["c,active,2023-01-25 11:00:00 UTC"])
    _, answer = await ask(session, "POST", "/trigger_report")
    assert answer["report_id"] not in ids
    assert (await ask(session, "GET", f"/get_report/{answer['report_id']}"))[0] == 202


@pytest.mark.slow
async def test_jobs_survive_a_restart_and_reports_stay_as_they_were(serving, stores_world):
    stores_world.load(status=POLLS.splitlines())
    _, session = await serving(run=False)
    _, answer = await ask(session, "GET", "/trigger_report")
    first = answer["report_id"]
    _, session = await serving()
    _, before = await finished(session, first)
    stores_world.load(status=["a,inactive,2023-01-25 09:00:00 UTC"])  # late
    _, session = await serving()
    assert await finished(session, first) == (200, before)
    _, answer = await ask(session, "GET", "/trigger_report")
    _, after = await finished(session, answer["report_id"])
    assert after["data"] != before["data"]


@pytest.mark.slow
async def test_a_report_that_three_processes_died_of_has_failed(serving, stores_world):
    stores_world.load(status=POLLS.splitlines())
    _, session = await serving(run=False)
    _, answer = await ask(session, "GET", "/trigger_report")
    with stores_world.database.noting() as cursor:
        cursor.execute("UPDATE reports SET attempts = 3")
    _, session = await serving()
    status, failed = await finished(session, answer["report_id"])
    assert (status, failed["status"]) == (500, "Failed")
    assert "3 times" in failed["reason"]


@pytest.mark.slow
async def test_an_orderly_end_is_no_attempt_that_failed(serving, stores_world, monkeypatch):
    stores_world.load(status=POLLS.splitlines())
    making, go_on = threading.Event(), threading.Event()
    make_report = report_module.make_report

    def slowly(*given):
        making.set()
        go_on.wait()
        return make_report(*given)

    monkeypatch.setattr(report_module, "make_report", slowly)
    _, session = await serving()
    _, answer = await ask(session, "GET", "/trigger_report")
    await asyncio.to_thread(making.wait)

    def row():
        with stores_world.database.reading() as cursor:
            return cursor.execute("SELECT status, attempts FROM reports").fetchone()

    while row() != ("running", 1):
        await asyncio.to_thread(row)  # the row is the barrier
    await serving(run=False)  # ends the one that is at it
    assert row() == ("running", 0)
    go_on.set()
    _, session = await serving()
    assert (await finished(session, answer["report_id"]))[0] == 200


@pytest.mark.slow
async def test_a_report_that_fails_says_why_and_the_next_request_tries_anew(serving, stores_world, monkeypatch):
    def no_disk(*_):
        raise StoreError("no space left")

    stores_world.load(status=POLLS.splitlines())
    monkeypatch.setattr(report_module, "make_report", no_disk)
    live, session = await serving()
    _, answer = await ask(session, "GET", "/trigger_report")
    status, failed = await finished(session, answer["report_id"])
    assert (status, failed) == (500, {"status": "Failed", "reason": "no space left"})
    monkeypatch.undo()
    _, again = await ask(session, "GET", "/trigger_report")
    assert again["report_id"] != answer["report_id"]
    assert (await finished(session, again["report_id"]))[0] == 200
    assert dict(live.jobs.ended) == {"failed": 1, "complete": 1}


@pytest.mark.slow
async def test_reports_are_forgotten_after_their_time(serving, stores_world):
    stores_world.load(status=POLLS.splitlines())
    live, session = await serving(asked=Asked(keep_reports_s=-1.0))
    _, answer = await ask(session, "GET", "/trigger_report")
    assert (await finished(session, answer["report_id"]))[0] == 200
    await live.jobs.forget_old()
    assert (await ask(session, "GET", f"/get_report/{answer['report_id']}"))[0] == 404
