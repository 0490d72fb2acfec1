"""The SLA report as data: the downtime of each customer by cause, against the promise.

The promise, unless a plan says otherwise: a site is down for less than 0.1 % of the cycle, so more than 0.1 % violates
it, exactly 0.1 % doesn't. Announced maintenance is a separate state, not downtime. The share of the customer's lifetime
is shown beside it: an account of an hour can't use up a month's allowance. Minutes are rounded to a millionth, ratios
to 12 digits; verdicts are made from whole seconds.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

from exporter.hosting.bulk import Log
from exporter.hosting.caveats import caveats
from exporter.hosting.contract import Contract
from exporter.hosting.cycle import CycleResult, SessionTime, Step, utc
from exporter.hosting.downs import CAUSES, AccountOutage, Downs
from exporter.hosting.extent import Extent
from exporter.hosting.maintenance import Maintenance, downtimes, excluded
from exporter.hosting.routing import Answer, Routing, RoutingTest
from exporter.hosting.terms import Plans
from exporter.hosting.window import Window
from exporter.timeline import Interval, intersect, subtract, union

MAX_NAMED = 10  # ids in one note


class CycleInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The cycle, and the settings of the calculation. Times are UTC."""

    start: str
    end: str
    allowed_downtime_minutes: float
    step: str = msgspec.field(name="accounting")
    observed_until: str
    promise_percent: float = 99.9  # of customers without a plan


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
    maintenance_minutes: float = 0.0
    plan: str | None = None
    promise_percent: float = 99.9
    allowed_downtime_minutes: float
    credit_percent: float | None = None  # None: no terms for credits


class NotJudged(msgspec.Struct, frozen=True):
    """An account in the log that did not exist in the cycle, or of which nothing is known in it."""

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
    maintenance_minutes: float = 0.0


class OutageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of one customer's downtime, end exclusive; times are UTC."""

    account_id: int
    account_name: str | None
    start: str
    end: str
    minutes: float
    server_id: int
    cause: str


class WindowRow(msgspec.Struct, frozen=True, kw_only=True):
    """A window of maintenance that touches the cycle, end exclusive; times are UTC."""

    subject: str  # all, server or account
    id: int | None
    start: str
    end: str


class InputInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of lines; `lines` = `events` + `set_aside`."""

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
    maintenance: list[WindowRow]
    outages: list[OutageRow]


def make_report(
    result: CycleResult, routing: Routing, log: Log, extent: Extent, contract: Contract, *, downs: Downs
) -> Report:
    """Build the report from the calculated times and the tests. `downs`: of all accounts, see `account_downs`."""
    start_s, end_s, observed_s, step_s = result.window[:4]
    maintenance = contract.maintenance.stepped(step_s)
    inside = excluded(result, maintenance)
    judged: dict[int, list[SessionTime]] = {}
    other: dict[int, list[SessionTime]] = {}
    for session in result.sessions:
        into = judged if _lived(session, start_s, end_s) else other
        into.setdefault(session.account_id, []).append(session)
    for key in judged.keys() & other.keys():  # also a life of which nothing is known, where another one is judged
        older = [session for session in other[key] if session.lifetime_s]
        judged[key] = sorted([*older, *judged[key]], key=lambda session: session.created_s)
    rows = [_account_row(one, inside, contract.plans, end_s - start_s) for _, one in sorted(judged.items())]
    return Report(
        cycle=CycleInfo(
            start=utc(start_s),
            end=utc(end_s),
            allowed_downtime_minutes=_minutes(contract.plans.default.allowed_s(end_s - start_s)),
            step=Step(step_s).name.lower(),
            observed_until=utc(observed_s),
            promise_percent=float(contract.plans.default.promise),
        ),
        accounts=rows,
        servers=_server_rows(result, maintenance),
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
        caveats=[*caveats(result, log, extent), *_about_nobody(result, contract)],
        maintenance=_windows(contract.maintenance, result.window),
        outages=_outage_rows(rows, downs),
    )


def _lived(session: SessionTime, start_s: int, end_s: int) -> bool:
    """Whether it is a customer of the cycle: one that was created in it, or of which anything is known in it."""
    if not session.was_created:
        return session.known_s > 0
    return start_s <= session.created_s < end_s or session.lifetime_s > 0


def down_together(outages: Sequence[AccountOutage]) -> int:
    """How many separate outages a customer saw: stretches without an up second between them."""
    return len(union((outage.start_s, outage.end_s) for outage in outages))


def _account_row(
    sessions: list[SessionTime], inside: Mapping[tuple[int, int], Counter[str]], plans: Plans, cycle_s: int
) -> AccountRow:
    """One account's sessions of the cycle in sum; the name and the deletion are the last one's."""
    sums = Counter[str]()
    for session in sessions:
        excused = inside[session.account_id, session.created_s]
        for part in ("overload_s", "silent_s", "unrouted_s", "unknown_s"):
            sums[part] += getattr(session, part) - excused[part]
        sums["lifetime_s"] += session.lifetime_s
        sums["maintenance_s"] += excused["maintenance_s"]
    down_s, lifetime_s, last = sums["overload_s"] + sums["silent_s"], sums["lifetime_s"], sessions[-1]
    terms = plans.of(last.account_id)
    verdict = terms.judge(down_s, cycle_s)
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
        violates_cycle=verdict.broken,
        violates_lifetime=terms.broken_by(down_s, lifetime_s),
        maintenance_minutes=_minutes(sums["maintenance_s"]),
        plan=terms.plan,
        promise_percent=float(terms.promise),
        allowed_downtime_minutes=_minutes(verdict.allowed_s),
        credit_percent=None if verdict.credit is None else float(verdict.credit),
    )


def _server_rows(result: CycleResult, maintenance: Maintenance) -> list[ServerRow]:
    down, observed = downtimes(result.outages), [(result.window.start_s, result.window.observed_s)]
    rows = []
    for server in result.servers:
        windows, mine = maintenance.windows(server), down.get(server, {})
        overload_s, silent_s = (_length(subtract(mine.get(cause, []), windows)) for cause in CAUSES)
        rows.append(
            ServerRow(
                server,
                _minutes(overload_s + silent_s),
                _minutes(overload_s),
                _minutes(silent_s),
                _minutes(_length(intersect(windows, observed))),
            )
        )
    return rows


def _length(intervals: Iterable[Interval]) -> int:
    return sum(end - start for start, end in intervals)


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


def _about_nobody(result: CycleResult, contract: Contract) -> list[str]:
    """Notes on plans and windows whose subjects are not in the log."""
    accounts = {session.account_id for session in result.sessions}
    maintenance, window = contract.maintenance, result.window
    outside = sum(
        not (start < window.end_s and window.start_s < end) for _, _, (start, end) in maintenance.all_windows()
    )
    notes = [
        _unknown("accounts of the plans", contract.plans.by_account.keys() - accounts),
        _unknown("accounts under maintenance", maintenance.accounts.keys() - accounts),
        _unknown("servers under maintenance", maintenance.servers.keys() - set(result.servers)),
        f"plans that no account is on: {', '.join(contract.plans.unused)}" if contract.plans.unused else "",
        f"maintenance windows outside of the cycle: {outside:,}" if outside else "",
    ]
    return [note for note in notes if note]


def _unknown(what: str, ids: Collection[int]) -> str:
    shown = ", ".join(map(str, sorted(ids)[:MAX_NAMED])) + (", ..." if len(ids) > MAX_NAMED else "")
    return f"{what} that the log does not have: {shown}" if ids else ""


def _windows(maintenance: Maintenance, window: Window) -> list[WindowRow]:
    return [
        WindowRow(subject=subject, id=key, start=utc(start), end=utc(end))
        for subject, key, (start, end) in maintenance.all_windows()
        if start < window.end_s and window.start_s < end
    ]


def _outage_rows(rows: Sequence[AccountRow], downs: Downs) -> list[OutageRow]:
    at = _Texts()  # accounts share their servers' outages
    return [
        OutageRow(
            account_id=row.account_id,
            account_name=row.account_name,
            start=at[outage.start_s],
            end=at[outage.end_s],
            minutes=_minutes(outage.end_s - outage.start_s),
            server_id=outage.server_id,
            cause=outage.cause,
        )
        for row in rows
        for outage in downs.of(row.account_id)
    ]


class _Texts(dict[int, str]):
    """Unix seconds as text, each made once."""

    def __missing__(self, time_s: int) -> str:
        text = self[time_s] = utc(time_s)
        return text


def _minutes(seconds: int | Fraction) -> float:
    return round(float(seconds / 60), 6)
