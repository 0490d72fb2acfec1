"""A worker process: started by `workers`, which it obeys on stdin and reports to on stdout."""

import asyncio
import sys

from foundation.errors import ConfigError
from trafficgen.meter.meter import Meter
from trafficgen.send.loops import run_loop
from trafficgen.send.processes import READY, Job, Snapshot, pack, unpack
from trafficgen.send.worker import Worker

SNAPSHOT_S = 0.25


async def serve() -> None:
    """Do one job."""
    commands, answers, flushed = await _pipes()
    try:
        await _do_job(commands, answers)
    finally:
        answers.close()
        await flushed.gone.wait()


async def _do_job(commands: asyncio.StreamReader, answers: asyncio.WriteTransport) -> None:
    job: Job = await unpack(commands)
    worker = Worker(job.config, job.plan, number=job.number, of=job.config.workers, records_fd=job.records_fd)
    try:
        await worker.reach()
    except ConfigError as exc:
        answers.write(pack(str(exc)))
        return
    answers.write(pack(READY))
    try:
        command, start_ns = await unpack(commands)
    except asyncio.IncompleteReadError:  # the run was given up
        return
    if command != "start":
        return
    async with asyncio.TaskGroup() as tasks:
        aside = (tasks.create_task(_obey(commands, worker)), tasks.create_task(_report(answers, worker)))
        await worker.work(start_ns)
        for task in aside:
            task.cancel()
    answers.write(pack(_snapshot(worker, worker.meter)._replace(stopped_ns=worker.stopped_ns)))


class _Flushed(asyncio.BaseProtocol):
    """Knows when the pipe is closed, all that was written being through."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Called by the loop: all is written, or the reader has gone."""
        self.gone.set()


async def _pipes() -> tuple[asyncio.StreamReader, asyncio.WriteTransport, _Flushed]:
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    answers, flushed = await loop.connect_write_pipe(_Flushed, sys.stdout)
    return commands, answers, flushed


async def _obey(commands: asyncio.StreamReader, worker: Worker) -> None:
    try:
        while True:
            command, _ = await unpack(commands)
            (worker.stop if command == "stop" else worker.abort)()
    except asyncio.IncompleteReadError:  # nobody is there any more
        worker.abort()


async def _report(answers: asyncio.WriteTransport, worker: Worker) -> None:
    while True:
        await asyncio.sleep(SNAPSHOT_S)
        answers.write(pack(_snapshot(worker, worker.meter.without_series())))


def _snapshot(worker: Worker, meter: Meter) -> Snapshot:
    return Snapshot(meter, worker.planned_rate(), worker.phase(), worker.connections(), worker.records_lost())


if __name__ == "__main__":
    run_loop(serve())
