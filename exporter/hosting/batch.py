"""The batch way from log files to a report, in one call."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from exporter.hosting.bulk import Log, SetAside, read_logs
from exporter.hosting.caveats import nothing_read
from exporter.hosting.contract import Contract
from exporter.hosting.cycle import FROM_THE_LOG, CycleResult, Step, Wanted, Zone, account_cycle, choose_window
from exporter.hosting.engine import DuckEngine, Engine
from exporter.hosting.extent import find_extent
from exporter.hosting.parse import Times
from exporter.hosting.report import Report, make_report
from exporter.hosting.routing import Routing, analyse
from foundation.errors import NothingJudgedError


class Options(NamedTuple):
    """How to account."""

    step: Step
    zone: Zone
    cycle: Wanted = FROM_THE_LOG
    engine: str = "duckdb"
    contract: Contract = Contract()


class Findings(NamedTuple):
    """The report, and what its pictures are drawn from."""

    report: Report
    result: CycleResult
    routing: Routing
    contract: Contract


def find(
    paths: Sequence[str],
    options: Options,
    *,
    keep: Callable[[SetAside], None] = lambda _: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Findings:
    """Read, account, test. `keep` is told of bad lines, `progress` of lines read. Raises TidewatchError.

    NothingJudgedError where there is no cycle to report about: no line could be read, or none is a heartbeat.
    """
    paths, again = _once(paths)
    engine, log = _open(paths, options, keep, progress)
    log = log._replace(copies=(*again, *log.copies))
    if not log.events:
        raise NothingJudgedError(f"nothing was judged: {nothing_read(log)}")
    extent = find_extent(engine.extent(), options.cycle.start_s, options.cycle.end_s)
    window = choose_window(extent, options.step, options.zone, options.cycle)
    result = account_cycle(engine, window)
    routing = analyse(result.choices, result.segments, result.servers)
    made = make_report(result, routing, log, extent, options.contract)
    return Findings(made, result, routing, options.contract)


def _once(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Paths of files that differ, and those that lead to one of them again."""
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
    paths: Sequence[str], options: Options, keep: Callable[[SetAside], None], progress: Callable[[int], None]
) -> tuple[Engine, Log]:
    if options.engine == "spark":
        from exporter.hosting import spark  # noqa: PLC0415, an extra that few have

        return spark.load(paths, options.zone, keep, wanted=options.cycle)
    heartbeat_s, overload = options.cycle.heartbeat_s, options.cycle.overload
    log = read_logs(
        paths, Times(options.zone), heartbeat_s=heartbeat_s, overload=overload, keep=keep, progress=progress
    )
    engine = DuckEngine(log.tables)
    log.tables.clear()  # the engine has them now
    return engine, log
