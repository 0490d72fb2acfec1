"""The SLA report as data: who had how much downtime of which cause, against what was promised.

The promise: a customer's site is down for less than 0.1 % of the cycle, so more than 0.1 % violates it, exactly 0.1 %
doesn't. The share of the customer's own lifetime stands beside it: an account of an hour can't use up a month's
allowance. Minutes are rounded to a millionth, ratios to 12 digits; verdicts are made from whole seconds.
"""

from collections import Counter
from collections.abc import Sequence

import msgspec

from exporter.hosting.bulk import Log
from exporter.hosting.caveats import caveats
from exporter.hosting.cycle import CycleResult, Outage, SessionTime, Step, utc
from exporter.hosting.extent import Extent
from exporter.hosting.parse import ALLOWED_PER_MILLE
from exporter.hosting.routing import Answer, Routing, RoutingTest
from exporter.timeline import intersect, union


class CycleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What was accounted, and how. Times are UTC."""

    start: str
    end: str
    allowed_downtime_minutes: float
    step: str = msgspec.field(name="accounting")
    observed_until: str


class AccountRow(msgspec.Struct, frozen=True, kw_only=True):
    """One customer that lived in the cycle; without name and creation where the log has no createAccount of it."""

    account_id: int
    account_name: str | None
    created: str | None
    deleted: str | None
    downtime_minutes: float
    overload_minutes: float
    silent_minutes: float
    unrouted_minutes: float
    unknown_minutes: float
    lifetime_minutes: float
    downtime_ratio_of_cycle: float
    downtime_ratio_of_lifetime: float | None
    violates_cycle: bool
    violates_lifetime: bool


class NotJudged(msgspec.Struct, frozen=True):
    """An account that the log knows and that did not live in the cycle, or of which nothing is known in it."""

    account_id: int
    account_name: str | None
    reason: str
    downtime_minutes: float | None


class ServerRow(msgspec.Struct, frozen=True):
    """One server's downtime in the observed part of the cycle."""

    server_id: int
    down_minutes: float
    overload_minutes: float
    silent_minutes: float


class InputInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What was read; `lines` = `events` + `set_aside`."""

    lines: int
    events: int
    set_aside: int
    set_aside_reasons: dict[str, int]
    oddities: dict[str, int]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report, in the order of its JSON."""

    cycle: CycleInfo
    accounts: list[AccountRow]
    servers: list[ServerRow]
    routing_tests: list[RoutingTest]
    input: InputInfo
    routing: list[Answer]
    not_judged: list[NotJudged]
    judged: int
    caveats: list[str]


class AccountOutage(msgspec.Struct, frozen=True):
    """A stretch of one account's downtime: `[start_s, end_s)` on a server that was down for `cause`."""

    start_s: int
    end_s: int
    server_id: int
    cause: str


def make_report(result: CycleResult, routing: Routing, log: Log, extent: Extent) -> Report:
    """Put together what was accounted and tested."""
    start_s, end_s, observed_s, step_s = result.window[:4]
    judged: dict[int, list[SessionTime]] = {}
    other: dict[int, list[SessionTime]] = {}
    for session in result.sessions:
        into = judged if _lived(session, start_s, end_s) else other
        into.setdefault(session.account_id, []).append(session)
    return Report(
        cycle=CycleInfo(
            start=utc(start_s),
            end=utc(end_s),
            allowed_downtime_minutes=_minutes(end_s - start_s, ALLOWED_PER_MILLE / 1000),
            step=Step(step_s).name.lower(),
            observed_until=utc(observed_s),
        ),
        accounts=[_account_row(sessions, end_s - start_s) for _, sessions in sorted(judged.items())],
        servers=[_server_row(server, result.outages) for server in result.servers],
        routing_tests=routing.tests,
        input=InputInfo(
            lines=log.lines,
            events=log.events,
            set_aside=log.set_aside.total(),
            set_aside_reasons=dict(sorted(log.set_aside.items())),
            oddities={kind: n for kind, n in result.oddities.items() if n},
        ),
        routing=routing.answers,
        not_judged=_not_judged({key: row for key, row in other.items() if key not in judged}, result),
        judged=sum(any(session.known_s for session in sessions) for sessions in judged.values()),
        caveats=caveats(result, log, extent),
    )


def _lived(session: SessionTime, start_s: int, end_s: int) -> bool:
    """Whether it is a customer of the cycle: one that was created in it, or of which anything is known in it."""
    if not session.was_created:
        return session.known_s > 0
    return start_s <= session.created_s < end_s or session.lifetime_s > 0


def outages_of(result: CycleResult, account_id: int) -> list[AccountOutage]:
    """When the account's server was down, in order of time; neighbours of one cause and server joined."""
    mine = result.segments["account_id"] == account_id
    by_server: dict[int, list[tuple[int, int]]] = {}
    for server, start, end in zip(
        *(result.segments[column][mine].tolist() for column in ("server_id", "start_s", "end_s")), strict=True
    ):
        by_server.setdefault(server, []).append((start, end))
    found = []
    for server, served in by_server.items():
        for cause in ("overload", "silent"):
            down = [(o.start_s, o.end_s) for o in result.outages if o.server_id == server and o.cause == cause]
            found += [AccountOutage(start, end, server, cause) for start, end in intersect(served, down)]
    return sorted(found, key=lambda outage: (outage.start_s, outage.end_s))


def down_together(outages: Sequence[AccountOutage]) -> int:
    """How many separate outages a customer saw: stretches without an up second between them."""
    return len(union((outage.start_s, outage.end_s) for outage in outages))


def _account_row(sessions: list[SessionTime], cycle_s: int) -> AccountRow:
    """One account's sessions of the cycle in sum; the name and the deletion are the last one's."""
    sums = Counter[str]()
    for session in sessions:
        for part in ("overload_s", "silent_s", "unrouted_s", "unknown_s", "lifetime_s"):
            sums[part] += getattr(session, part)
    down_s, lifetime_s, last = sums["overload_s"] + sums["silent_s"], sums["lifetime_s"], sessions[-1]
    return AccountRow(
        account_id=last.account_id,
        account_name=last.account_name,
        created=utc(sessions[0].created_s) if sessions[0].was_created else None,
        deleted=None if last.deleted_s is None else utc(last.deleted_s),
        downtime_minutes=_minutes(down_s),
        overload_minutes=_minutes(sums["overload_s"]),
        silent_minutes=_minutes(sums["silent_s"]),
        unrouted_minutes=_minutes(sums["unrouted_s"]),
        unknown_minutes=_minutes(sums["unknown_s"]),
        lifetime_minutes=_minutes(lifetime_s),
        downtime_ratio_of_cycle=round(down_s / cycle_s, 12),
        downtime_ratio_of_lifetime=round(down_s / lifetime_s, 12) if lifetime_s else None,
        violates_cycle=down_s * 1000 > cycle_s * ALLOWED_PER_MILLE,
        violates_lifetime=down_s * 1000 > lifetime_s * ALLOWED_PER_MILLE,
    )


def _server_row(server: int, outages: list[Outage]) -> ServerRow:
    spent = Counter[str]()
    for outage in outages:
        if outage.server_id == server and outage.cause != "unknown":
            spent[outage.cause] += outage.end_s - outage.start_s
    return ServerRow(server, _minutes(spent.total()), _minutes(spent["overload"]), _minutes(spent["silent"]))


def _not_judged(other: dict[int, list[SessionTime]], result: CycleResult) -> list[NotJudged]:
    rows = []
    for key, sessions in other.items():
        last = sessions[-1]
        if not last.was_created:
            reason = "no createAccount in the log, and nothing known in the cycle"
        else:
            reason = f"{'created after' if last.created_s >= result.window.end_s else 'deleted before'} the cycle"
        rows.append(NotJudged(key, last.account_name, reason, None))
    return sorted(rows, key=lambda row: row.account_id)


def _minutes(seconds: int, share: float = 1.0) -> float:
    return round(seconds * share / 60, 6)
