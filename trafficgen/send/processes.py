"""Several worker processes: each takes every n-th request of the same plan, and their counts are added up here.

This process speaks to a worker over its stdin (job, start, stop, abort) and hears it on its stdout (ready, or why not;
a snapshot of the meter four times a second; the whole meter at the end). Messages are pickles behind their length. A
worker whose stdin ends ends at once; when a worker is lost, the run is.
"""

import asyncio
import pickle
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from foundation.errors import InputError, StoreError, ungrouped
from foundation.processes import kill
from trafficgen.config import LoadConfig
from trafficgen.meter.meter import Meter
from trafficgen.plan.plan import Plan
from trafficgen.send.worker import Worker

READY = "ready"
_LENGTH = struct.Struct("!I")
_END_S = 2.0  # how long a worker may take to end once its stdin has


class Job(NamedTuple):
    """The first message to a worker."""

    config: LoadConfig
    plan: Plan
    number: int
    records_fd: int | None  # where a record of each request goes, if that is wanted


class Snapshot(NamedTuple):
    """A worker as it is now; the last one of a run has `stopped_ns`."""

    meter: Meter
    planned_rate: float
    phase: str
    connections: int
    records_lost: str
    stopped_ns: int = 0


Command: TypeAlias = tuple[Literal["start", "stop", "abort"], int]


def pack(message: object) -> bytes:
    """A message as it goes through the pipe."""
    body = pickle.dumps(message)
    return _LENGTH.pack(len(body)) + body


async def unpack(reader: asyncio.StreamReader) -> Any:
    """The next message. Raises asyncio.IncompleteReadError when the other side is gone."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))  # noqa: S301, both ends are ours


class Processes:
    """The workers, seen from the process that started them."""

    start_delay_ns = 100_000_000  # time for the start to reach all of them

    def __init__(self, config: LoadConfig, plan: Plan, records_fds: Sequence[int] = ()) -> None:
        """`records_fds`: for each worker, where a record of each of its requests goes; none for none."""
        self._config, self._plan = config, plan
        self._records_fds: Sequence[int | None] = records_fds or [None] * config.workers
        self._meter = merged(plan, ())
        self._latest: dict[int, Snapshot] = {}
        self._processes: list[Process] = []
        self._stopped = False

    async def reach(self) -> None:
        """Start the workers and wait until each has reached the target. Raises ConfigError."""
        # this process tries first: a target that cannot be reached is reported once, before any other is started
        await Worker(self._config, self._plan).reach()
        ready = False
        try:
            for number in range(self._config.workers):
                job = Job(self._config, self._plan, number, self._records_fds[number])
                self._processes.append(await _start(job))
            answers = [await self._receive(number) for number in range(self._config.workers)]
            ready = all(answer == READY for answer in answers)
        finally:
            if not ready:
                await self._end()
        if not ready:
            raise InputError(next(str(answer) for answer in answers if answer != READY))

    async def work(self, start_ns: int) -> None:
        """See `Crew.work`. Raises TidewatchError when a worker is lost."""
        self._command("start", start_ns)
        if self._stopped:
            self._command("stop")
        try:
            with ungrouped():
                async with asyncio.TaskGroup() as tasks:
                    for number in range(len(self._processes)):
                        tasks.create_task(self._follow(number))
        finally:
            await self._end()

    def stop(self) -> None:
        """See `Crew.stop`."""
        self._stopped = True
        self._command("stop")

    def abort(self) -> None:
        """See `Crew.abort`."""
        self._command("abort")

    @property
    def meter(self) -> Meter:
        """The counts of all workers, at most a quarter of a second old."""
        return self._meter

    @property
    def stopped_ns(self) -> int:
        """When the last worker sent its last request."""
        return max((snapshot.stopped_ns for snapshot in self._latest.values()), default=0)

    def planned_rate(self) -> float:
        """See `Crew.planned_rate`; every worker knows the whole plan."""
        return max((snapshot.planned_rate for snapshot in self._latest.values()), default=0.0)

    def phase(self) -> str:
        """See `Crew.phase`."""
        return next((snapshot.phase for snapshot in self._latest.values()), "")

    def connections(self) -> int:
        """See `Crew.connections`."""
        return sum(snapshot.connections for snapshot in self._latest.values())

    def records_lost(self) -> str:
        """See `Crew.records_lost`."""
        return next((snapshot.records_lost for snapshot in self._latest.values() if snapshot.records_lost), "")

    async def _follow(self, number: int) -> None:
        """Add a worker's reports until its last one."""
        done = False
        while not done:
            snapshot: Snapshot = await self._receive(number)
            done = snapshot.stopped_ns > 0
            self._latest[number] = snapshot
            self._meter = merged(self._plan, self._latest.values())

    async def _receive(self, number: int) -> Any:
        process = self._processes[number]
        assert process.stdout is not None
        try:
            return await unpack(process.stdout)
        except asyncio.IncompleteReadError as exc:
            code = await process.wait()
            raise StoreError(f"worker {number} was lost (exit code {code}); the run is invalid") from exc

    def _command(self, name: str, argument: int = 0) -> None:
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(pack((name, argument)))

    async def _end(self) -> None:
        """Close what is left: a worker ends when its stdin does."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._processes:
            try:
                await asyncio.wait_for(process.wait(), _END_S)
            except TimeoutError:
                kill(process)
                await process.wait()
        self._processes.clear()


async def _start(job: Job) -> Process:
    # a separate session: Ctrl-C in a terminal reaches the first process only, which stops the others
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "trafficgen.send.worker_main", stdin=PIPE, stdout=PIPE, start_new_session=True,
        pass_fds=() if job.records_fd is None else (job.records_fd,),
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(pack(job))
    return process


def merged(plan: Plan, snapshots: Iterable[Snapshot]) -> Meter:
    """One meter with the counts of all."""
    total = Meter(plan.targets, expected=plan.expected, sessions=plan.sessions)
    for snapshot in snapshots:
        total.merge(snapshot.meter)
    return total
