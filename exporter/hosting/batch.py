"""From log files to a report in one call, for batch tools."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

from exporter import memory
from exporter.hosting.bulk import Log, read_logs
from exporter.hosting.caveats import nothing_read
from exporter.hosting.contract import Contract
from exporter.hosting.cycle import FROM_THE_LOG, CycleResult, Step, Wanted, Zone, account_cycle, choose_window
from exporter.hosting.downs import Downs, account_downs
from exporter.hosting.engine import DuckEngine, Engine
from exporter.hosting.extent import find_extent
from exporter.hosting.parse import Times
from exporter.hosting.report import Report, make_report
from exporter.hosting.routing import Routing, analyse
from exporter.hosting.rows import SetAside
from foundation.errors import NothingJudgedError

MAX_WORKERS = 8  # each holds some blocks of lines; more wait for the thread that takes what they read


class Options(NamedTuple):
    """The settings of the calculation."""

    step: Step
    zone: Zone
    cycle: Wanted = FROM_THE_LOG
    engine: str = "duckdb"
    contract: Contract = Contract()


class Findings(NamedTuple):
    """The report, and the data of its pictures."""

    report: Report
    result: CycleResult
    routing: Routing
    contract: Contract
    downs: Downs


def find(
    paths: Sequence[str],
    options: Options,
    *,
    keep: Callable[[SetAside], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Findings:
    """Read, calculate, test. `keep` is called with bad lines, `progress` with the number of lines read.

    Raises TidewatchError; NothingJudgedError without a cycle: no line could be read, or none is a heartbeat.
    """
    paths, again = _once(paths)
    with ExitStack() as stack:
        engine, log = _open(paths, options, keep, progress, stack)
        log = log._replace(copies=(*again, *log.copies))
        if not log.events:
            raise NothingJudgedError(f"nothing was judged: {nothing_read(log)}")
        extent = find_extent(engine.extent(), options.cycle.start_s, options.cycle.end_s)
        window = choose_window(extent, options.step, options.zone, options.cycle)
        result = account_cycle(engine, window)
    routing = analyse(result.choices, result.segments, result.servers)
    downs = account_downs(result, options.contract.maintenance.stepped(window.step_s))
    made = make_report(result, routing, log, extent, options.contract, downs=downs)
    return Findings(made, result, routing, options.contract, downs)


def _once(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Paths of different files, and further paths of the same files."""
    found: dict[object, str] = {}
    again = []
    for path in paths:
        try:
            status = Path(path).stat()
            key: object = (status.st_dev, status.st_ino)
        except (OSError, ValueError):  # standard input, or a file of a cluster
            key = path
        if key in found:
            again.append(path)
        else:
            found[key] = path
    return list(found.values()), again


def _open(
    paths: Sequence[str],
    options: Options,
    keep: Callable[[SetAside], None],
    progress: Callable[[int], None],
    stack: ExitStack,
) -> tuple[Engine, Log]:
    if options.engine == "spark":
        from exporter.hosting import spark  # noqa: PLC0415, an extra that few have

        return spark.load(paths, options.zone, keep, wanted=options.cycle)
    heartbeat_s, overload = options.cycle.heartbeat_s, options.cycle.overload
    workers = _workers()
    engine = stack.enter_context(closing(DuckEngine(workers=workers)))
    log = read_logs(
        paths,
        Times(options.zone),
        engine.take,
        heartbeat_s=heartbeat_s,
        overload=overload,
        workers=workers,
        keep=keep,
        progress=progress,
    )
    return engine, log


def _workers() -> int:
    """A thread for each core that this process may use; only one if addresses are limited."""
    if memory.left().address_bytes is not None:
        return 1
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return min(MAX_WORKERS, len(cores))
