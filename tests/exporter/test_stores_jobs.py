"""Report jobs: how often one is tried, which requests share one, how many wait, and how long they are kept."""

import asyncio
import itertools
from contextlib import asynccontextmanager

import pytest

from exporter.stores import jobs as module
from exporter.stores.engine import Policy
from exporter.stores.jobs import MAX_ATTEMPTS, Asked, Jobs, TooManyJobs
from exporter.stores.report import make_report
from foundation.clock import SystemClock
from foundation.errors import StoreError

ROW = """
INSERT INTO reports (report_id, question, status, attempts, as_of_us, asked_us) VALUES (?, 'q', 'running', ?, 0, 0)
"""


@pytest.fixture(scope="module")
def world(stores_worlds):
    """A database with one store."""
    made = stores_worlds()
    made.load(status=["a,active,2023-01-23 10:00:00 UTC"])
    return made


@pytest.fixture(scope="module")
def report(world):
    return make_report(world.database, Policy(), world.moment("2023-01-23 12:00"))


@pytest.fixture
def database(world):
    """The same one for each test, without reports."""
    with world.database.noting() as cursor:
        cursor.execute("DELETE FROM reports")
    return world.database


class Reporter:
    """Gives the report that it has, or raises it."""

    def __init__(self, *found):
        self.found = itertools.cycle(found)

    def make(self, *_):
        found = next(self.found)
        if isinstance(found, Exception):
            raise found
        return found


class Clock(SystemClock):
    wall_s = 1_700_000_000.0

    def wall(self):
        return self.wall_s


@asynccontextmanager
async def working(jobs):
    task = asyncio.create_task(jobs.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def work_off(jobs, count=1):
    """Run the jobs until so many more of them have ended."""
    want = jobs.ended.total() + count
    async with working(jobs), asyncio.timeout(20):
        while jobs.ended.total() < want:  # noqa: ASYNC110, what a scrape sees is the barrier
            await asyncio.sleep(0.002)


@pytest.mark.parametrize(("attempts", "status"), [(MAX_ATTEMPTS - 1, "complete"), (MAX_ATTEMPTS, "failed")])
async def test_a_report_is_tried_three_times_and_not_a_fourth(database, report, attempts, status):
    """An attempt that is on disk and did not end is one of which the process died."""
    with database.noting() as cursor:
        cursor.execute(ROW, ["one", attempts])
    jobs = Jobs(database, Reporter(report), Asked(), Clock())
    await work_off(jobs)
    found = jobs.find("one")
    assert (found.status, found.attempts, found.reason is None) == (status, attempts + 1, status == "complete")


async def test_a_fault_costs_its_own_report(database, report, caplog):
    caplog.set_level("CRITICAL")
    jobs = Jobs(database, Reporter(StoreError("the disk is full"), ZeroDivisionError(), report), Asked(), Clock())
    reports = []
    for _ in range(3):
        reports.append(await jobs.trigger())
        await work_off(jobs)
    told = [(jobs.find(one).status, jobs.find(one).reason) for one in reports]
    assert told == [("failed", "the disk is full"), ("failed", "ZeroDivisionError"), ("complete", None)]
    assert (dict(jobs.ended), sum(jobs.durations)) == ({"failed": 2, "complete": 1}, 3)
    again = Jobs(database, Reporter(), Asked(), Clock())
    assert [again.find(one).status for one in reports] == ["failed", "failed", "complete"]
    assert await again.bodies(reports[2]) == await jobs.bodies(reports[2])


async def test_one_question_is_one_job_until_it_fails(database, report):
    jobs = Jobs(database, Reporter(StoreError("no"), report), Asked(), Clock())
    first = await jobs.trigger()
    assert await jobs.trigger() == first
    await work_off(jobs)
    second = await jobs.trigger()
    assert second != first
    await work_off(jobs)
    assert await jobs.trigger() == second
    other = Jobs(database, Reporter(report), Asked(columns="all"), Clock())
    assert await other.trigger() not in (first, second)


async def test_no_more_jobs_wait_than_a_server_takes_on(database, report, monkeypatch):
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    with database.noting() as cursor:
        cursor.execute(ROW, ["one", 0])
    jobs = Jobs(database, Reporter(report), Asked(), Clock())
    await jobs.trigger()
    other = Jobs(database, Reporter(report), Asked(official_typo=True), Clock())
    with pytest.raises(TooManyJobs, match="2 reports are already waiting"):
        await other.trigger()
    await work_off(jobs, 2)
    assert [job.status for job in map(jobs.find, jobs._jobs)] == ["complete", "complete"]


async def test_a_report_is_kept_for_its_time_and_not_longer(database, report):
    clock = Clock()
    jobs = Jobs(database, Reporter(report), Asked(keep_reports_s=100.0), clock)
    one = await jobs.trigger()
    await work_off(jobs)
    clock.wall_s += 100
    await jobs.forget_old()
    assert jobs.find(one) is not None
    clock.wall_s += 1
    await jobs.forget_old()
    assert jobs.find(one) is None
    with pytest.raises(StoreError, match="does not exist any more"):
        await jobs.bodies(one)
    assert Jobs(database, Reporter(), Asked(), clock).find(one) is None


async def test_bodies_beyond_those_kept_are_read_again(database, report, monkeypatch):
    monkeypatch.setattr(module, "BODIES_KEPT", 1)
    with database.noting() as cursor:
        for name in ("one", "two"):
            cursor.execute(ROW, [name, 0])
    jobs = Jobs(database, Reporter(report), Asked(), Clock())
    await work_off(jobs, 2)
    one, two = [await jobs.bodies(name) for name in ("one", "two")]
    assert one == two
    assert one.csv.startswith(b"store_id,uptime_last_hour(in minutes)")
    assert len(jobs._bodies) == 1
