"""Report jobs: rows of the database, processed one at a time, that outlive the process.

A job's row is on disk before its id is returned. An unfinished job of an earlier process is done again; after three
ended processes it has failed. Equal requests on equal data are one job.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections import Counter, OrderedDict
from typing import Any, NamedTuple

import msgspec

from exporter.stores.calendar import AsOf
from exporter.stores.engine import Policy
from exporter.stores.report import ReportColumns, Reporter, resolve_as_of, to_csv
from exporter.stores.state import Database
from foundation.clock import Clock
from foundation.errors import StoreError, TidewatchError

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
MAX_WAITING = 100
BODIES_KEPT = 4
"""Reports kept in memory, about a megabyte each for 14,000 stores; the others are read from disk when asked for."""
DURATION_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Asked(NamedTuple):
    """The settings of all reports of a server."""

    policy: Policy = Policy()
    as_of: AsOf = "max"
    columns: ReportColumns = "official"
    official_typo: bool = False
    keep_reports_s: float = 7 * 86400.0


class Job(msgspec.Struct, kw_only=True):
    """A job's row, without the report itself. Times are microseconds since 1970."""

    report_id: str
    question: str
    status: str  # running, complete, failed
    attempts: int
    as_of_us: int
    asked_us: int
    done_us: int | None = None
    reason: str | None = None


class Bodies(NamedTuple):
    """A report in both formats."""

    csv: bytes
    json: bytes


class TooManyJobs(TidewatchError):  # noqa: N818, it is the caller's fault
    """More reports wait than a server accepts."""


class Jobs:
    """The jobs of one database.

    Attributes:
        ended: how many jobs ended in this process, by status.
        durations: a histogram's counts over DURATION_BOUNDS, and the sum of seconds.
    """

    def __init__(self, database: Database, reporter: Reporter, asked: Asked, clock: Clock) -> None:
        """Reads the rows; call it off the event loop. Raises StoreError."""
        self._database = database
        self._reporter = reporter
        self._asked = asked
        self._clock = clock
        self._lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._bodies: OrderedDict[str, Bodies] = OrderedDict()
        self.ended: Counter[str] = Counter()
        self.durations = [0] * (len(DURATION_BOUNDS) + 1)
        self.duration_sum_s = 0.0
        with database.reading() as cursor:
            rows = cursor.execute(
                "SELECT report_id, question, status, attempts, as_of_us, asked_us, done_us, reason "
                "FROM reports ORDER BY asked_us"
            ).fetchall()
        jobs = (Job(**dict(zip(Job.__struct_fields__, row, strict=True))) for row in rows)
        self._jobs = {job.report_id: job for job in jobs}

    def find(self, report_id: str) -> Job | None:
        """The job of that id."""
        return self._jobs.get(report_id)

    def running(self) -> list[Job]:
        """Jobs that have not ended, the oldest first."""
        return [job for job in self._jobs.values() if job.status == "running"]

    async def trigger(self) -> str:
        """Ask for a report; its id, once its row is on disk. Raises StoreError, and TooManyJobs."""
        async with self._lock:
            as_of_us, version = await asyncio.to_thread(
                resolve_as_of, self._database, self._asked.as_of, self._now_us() // 60_000_000 * 60_000_000
            )
            question = (
                f"{version} {as_of_us} {self._asked.policy.text()} {self._asked.columns} {self._asked.official_typo}"
            )
            for job in self._jobs.values():
                if job.question == question and job.status != "failed":
                    return job.report_id
            if len(self.running()) >= MAX_WAITING:
                raise TooManyJobs(f"{MAX_WAITING} reports are already waiting")
            job = Job(
                report_id=str(uuid.uuid4()),
                question=question,
                status="running",
                attempts=0,
                as_of_us=as_of_us,
                asked_us=self._now_us(),
            )
            await asyncio.to_thread(self._insert, job)
            self._jobs[job.report_id] = job
            self._wake.set()
            return job.report_id

    async def bodies(self, report_id: str) -> Bodies:
        """The report of a job that is complete. Raises StoreError."""
        if report_id not in self._bodies:
            self._remember(report_id, await asyncio.to_thread(self._read, report_id))
        self._bodies.move_to_end(report_id)
        return self._bodies[report_id]

    async def run(self) -> None:
        """Work off the jobs until cancelled; a report that is in progress then is made again by the next process."""
        while True:
            self._wake.clear()
            for job in self.running():
                await self._work(job)
            await self._wake.wait()

    async def forget_old(self) -> None:
        """Delete reports older than they are kept. Raises StoreError."""
        before_us = self._now_us() - int(self._asked.keep_reports_s * 1e6)
        old = [job.report_id for job in self._jobs.values() if (job.done_us or self._now_us()) < before_us]
        if old:
            await asyncio.to_thread(self._delete, old)
            for report_id in old:
                del self._jobs[report_id]
                self._bodies.pop(report_id, None)

    async def _work(self, job: Job) -> None:
        started_s = time.monotonic()
        try:
            bodies = await self._attempt(job)
            job.done_us = self._now_us()
            done = msgspec.structs.replace(job, status="complete")
            await asyncio.to_thread(self._update, done, bodies.csv)
            self._remember(job.report_id, bodies)
            job.status = "complete"
        except Exception as exc:
            if not isinstance(exc, TidewatchError):
                log.exception("the report %s failed", job.report_id)
            job.status, job.reason, job.done_us = "failed", str(exc) or type(exc).__name__, self._now_us()
            await self._note_failure(job)
        took_s = time.monotonic() - started_s
        self.ended[job.status] += 1
        self.durations[sum(took_s > bound for bound in DURATION_BOUNDS)] += 1
        self.duration_sum_s += took_s

    async def _attempt(self, job: Job) -> Bodies:
        """Make the report; that it is tried is on disk before."""
        job.attempts += 1
        try:
            await asyncio.to_thread(self._update, job, None)
            return await asyncio.to_thread(self._make, job)
        except asyncio.CancelledError:  # an orderly end of the process is not a failed attempt
            job.attempts -= 1
            with contextlib.suppress(StoreError):
                self._update(job, None)
            raise

    async def _note_failure(self, job: Job) -> None:
        try:
            await asyncio.to_thread(self._update, job, None)
        except Exception as exc:  # the next process finds it running, and tries again
            unexpected = not isinstance(exc, StoreError)
            log.error(  # noqa: TRY400
                "the failure of report %s cannot be written down: %s", job.report_id, exc, exc_info=unexpected
            )

    def _make(self, job: Job) -> Bodies:
        if job.attempts > MAX_ATTEMPTS:
            raise StoreError(f"the process ended {MAX_ATTEMPTS} times while the report was made")
        report = self._reporter.make(self._asked.policy, job.as_of_us)
        return _bodies(to_csv(report, columns=self._asked.columns, official_typo=self._asked.official_typo))

    def _read(self, report_id: str) -> Bodies:
        with self._database.reading() as cursor:
            row = cursor.execute("SELECT csv FROM reports WHERE report_id = ?", [report_id]).fetchone()
        if row is None or row[0] is None:
            raise StoreError(f"the report {report_id} does not exist any more")
        return _bodies(bytes(row[0]).decode())

    def _insert(self, job: Job) -> None:
        with self._database.noting() as cursor:
            cursor.execute(
                "INSERT INTO reports (report_id, question, status, attempts, as_of_us, asked_us) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [job.report_id, job.question, job.status, job.attempts, job.as_of_us, job.asked_us],
            )

    def _update(self, job: Job, csv: bytes | None) -> None:
        values: list[Any] = [job.status, job.attempts, job.done_us, job.reason, csv, job.report_id]
        with self._database.noting() as cursor:
            cursor.execute(
                "UPDATE reports SET status = ?, attempts = ?, done_us = ?, reason = ?, csv = ? WHERE report_id = ?",
                values,
            )

    def _delete(self, report_ids: list[str]) -> None:
        with self._database.noting() as cursor:
            cursor.execute("DELETE FROM reports WHERE report_id IN (SELECT unnest(?))", [report_ids])

    def _remember(self, report_id: str, bodies: Bodies) -> None:
        self._bodies[report_id] = bodies
        while len(self._bodies) > BODIES_KEPT:
            self._bodies.popitem(last=False)

    def _now_us(self) -> int:
        return int(self._clock.wall() * 1e6)


def _bodies(csv: str) -> Bodies:
    return Bodies(csv.encode(), msgspec.json.encode({"status": "Complete", "data": csv}))
