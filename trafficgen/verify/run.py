"""One check from its options to its rows: read, drive the traffic, read again, compare."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import ungrouped
from foundation.secret import shown_url
from foundation.web import WebPolicy
from trafficgen.config import LoadConfig
from trafficgen.meter.metrics import MetricsServer
from trafficgen.plan.mix import Fault, Shares
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.report.report import Report
from trafficgen.run import Run, make_run
from trafficgen.verify.alert import Alert
from trafficgen.verify.groups import (
    AccessLogs,
    Counted,
    Group,
    SentInPrometheus,
    Traffic,
    exporter_groups,
    generator_rows,
)
from trafficgen.verify.hosting import Hosting
from trafficgen.verify.peers import PeerError, Peers, open_session
from trafficgen.verify.releases import Releases
from trafficgen.verify.stores import Stores
from trafficgen.verify.table import Codes, Row

CALM: Shares = (("/", 0.97), ("/missing", 0.03))
FAULT: Shares = (("/fail", 0.3),)  # of all requests, while it lasts
LOOK_S = 0.05  # how exactly the time of the first 500 is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to drive, for how long, and where the parts are. URLs have no slash at their end."""

    url: str = "http://127.0.0.1:8080"
    logs: str = ".tidewatch/site/access.log*"
    exporter: str = "http://127.0.0.1:8090"
    prometheus: str = "http://127.0.0.1:9090"
    receiver: str = "http://127.0.0.1:8094"
    metrics_address: tuple[str, int] = ("127.0.0.1", 8089)
    web_config_file: Path | None = None  # of that address
    allowed_hosts: tuple[str, ...] = ()
    hosting_truth: str = ""  # the file that `trafficgen feed hosting` writes; without it, web hosts are left out
    source: str = "site"
    alert: str = "SiteServerErrors"
    rps: float = 500.0
    jitter: float = 0.2
    calm_s: float = 20.0
    fault_s: float = 20.0  # 0: no fault, and no alert is expected
    after_s: float = 80.0
    rotations: int = 3
    agree_s: float = 20.0
    releases_truth: Path | None = None  # None: there is no error stream to compare
    releases_alert: str = "ReleaseCodeIncreased"
    seed: int | None = None
    stores_truth: Path | None = None


async def verify(options: Options, say: Callable[[str], None]) -> list[Row]:
    """Drive the traffic and compare; `say` takes what happens, a line each.

    Raises PeerError, or ConfigError for the target, if a part is not there at the start.
    """
    run = make_run(_load(options))
    policy = WebPolicy(options.web_config_file, options.allowed_hosts)
    async with open_session() as session, MetricsServer(options.metrics_address, run, policy):
        groups = make_groups(options, Peers(session), say)
        for group in groups:
            await group.begin()
        await run.reach()
        say(_announcement(options, run.seed))
        with ungrouped():
            async with asyncio.TaskGroup() as tasks:
                alerts = [group for group in groups if isinstance(group, Alert)]
                watchers = [tasks.create_task(work) for alert in alerts for work in (alert.watch(), _look(run, alert))]
                traffic = _traffic(run, await run.execute())
                say(f"sent {traffic.sent:,}; waiting until every part has reported what it saw")
                rows = await asyncio.gather(*(_rows(group, traffic) for group in groups))
                for watcher in watchers:
                    watcher.cancel()
    return [*generator_rows(traffic), *(row for some in rows for row in some)]


def make_groups(options: Options, peers: Peers, say: Callable[[str], None]) -> list[Group]:
    """The groups of rows, in the order of the table."""

    async def stats() -> Codes:
        """Counts by code, as the time server reports them."""
        return await peers.stats(f"{options.url}/stats")

    prometheus, source, within_s = options.prometheus, options.source, options.agree_s
    groups: list[Group] = [
        SentInPrometheus(peers, prometheus, within_s),
        AccessLogs(options.logs, rotations=options.rotations, within_s=within_s),
        Counted("= counted on /stats", stats, within_s),
        *exporter_groups(peers, exporter=options.exporter, prometheus=prometheus, source=source, within_s=within_s),
    ]
    if options.hosting_truth:
        groups.append(Hosting(peers, options.exporter, options.hosting_truth, within_s))
    if options.releases_truth is not None:
        stream = Releases(
            peers,
            say,
            options.releases_truth,
            exporter=options.exporter,
            receiver=options.receiver if options.fault_s else None,
            alert=options.releases_alert,
            within_s=within_s,
        )
        groups.append(stream)
    if options.stores_truth:
        groups.append(Stores(peers, exporter=options.exporter, truth=options.stores_truth, within_s=within_s))
    if options.fault_s:
        receiver, alert = options.receiver, options.alert
        groups.append(Alert(peers, say, prometheus=prometheus, receiver=receiver, alert=alert, source=source))
    return groups


def _load(options: Options) -> LoadConfig:
    """Calm, a fault, calm again: one rate curve, and a window in which a share of it fails."""
    seconds = options.calm_s + options.fault_s + options.after_s
    phase = Phase(pattern=parse_patterns((), options.rps), duration_s=seconds, jitter=options.jitter, name="check")
    window = Fault(options.calm_s, options.calm_s + options.fault_s, FAULT, "server errors")
    faults = (window,) if options.fault_s else ()
    return LoadConfig(url=options.url, phases=(phase,), mix=CALM, faults=faults, seed=options.seed)


async def _look(run: Run, alert: Alert) -> None:
    """Report each 500 to the alert's group, as soon as it is answered."""
    while True:
        alert.saw_errors(sum(by_code.get(500, 0) for by_code in run.meter.codes))
        await asyncio.sleep(LOOK_S)


async def _rows(group: Group, traffic: Traffic) -> list[Row]:
    try:
        return await group.rows(traffic)
    except PeerError as exc:
        return [Row(group.name, "an answer", str(exc), holds=False)]


def _traffic(run: Run, report: Report) -> Traffic:
    due = sum(len(chunk.due_ns) for chunk in run.plan.chunks())
    codes = {int(code): count for code, count in report.codes.items()}
    dropped = sum(report.dropped.values())
    return Traffic(due=due, planned=report.planned, sent=report.sent, dropped=dropped, codes=codes)


def _announcement(options: Options, seed: int) -> str:
    fault = f"{options.fault_s:g} s with {FAULT[0][1]:.0%} of 500s, " if options.fault_s else ""
    phases = f"{options.calm_s:g} s calm, {fault}{options.after_s:g} s calm"
    return f"{options.rps:g} requests/s to {shown_url(options.url)}: {phases}; seed {seed}"
