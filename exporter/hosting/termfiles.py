"""The files of plans and of maintenance windows, by the names of their columns."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import NamedTuple

from exporter.hosting.maintenance import Maintenance
from exporter.hosting.termrows import Refusals, rows_of
from exporter.hosting.terms import TASK, Plans, Terms, checked, read_percent, read_tiers
from exporter.tables import Column, Layout, read_instant
from exporter.timeline import Interval
from foundation.grammar import duration_s, time_zone

MAX_WINDOW_S = 400 * 86_400  # the longest cycle; a longer window has a wrong year
EVERYONE = frozenset({"all", "*", "everyone", "everything", "any"})

_ACCOUNT = ("account_id", "accountid", "accounts", "customer", "customer_id", "customerid")
_SERVER = ("server_id", "serverid", "servers", "node", "host")
_SUBJECT = ("scope", "target", "applies_to", "affects", "affected", "what", "for")
_START = ("begin", "from", "starts", "begins", "starts_at", "start_at", "start_time", "begin_time", "window_start")
_END = ("until", "to", "ends", "finish", "stop", "ends_at", "end_at", "end_time", "window_end")
_PROMISE = ("promise_percent", "promised", "uptime", "availability", "sla", "slo", "target")
_ZONE = ("tz", "timezone", "time_zone")
_CREDITS = ("credit_tiers", "tiers", "credit", "service_credits")


class WindowRow(NamedTuple):
    """One row of a file of maintenance, as text."""

    server: str
    account: str
    subject: str
    id: str
    start: str
    end: str
    duration: str
    zone: str
    reason: str


class PlanRow(NamedTuple):
    """One row of a file of plans, as text."""

    account: str
    plan: str
    promise: str
    credits: str
    zone: str
    language: str


WINDOWS = Layout(
    "windows",
    (
        Column("server", _SERVER, required=False),
        Column("account", _ACCOUNT, required=False),
        Column("subject", _SUBJECT, required=False),
        Column("id", ("subject_id", "target_id"), required=False),
        Column("start", _START),
        Column("end", _END, required=False),
        Column("duration", ("length", "lasts"), required=False),
        Column("zone", _ZONE, required=False),
        Column("reason", ("note", "comment", "description", "why"), required=False),
    ),
    closed=True,
)
PLANS = Layout(
    "plans",
    (
        Column("account", _ACCOUNT, required=False),
        Column("plan", ("plan_name", "contract"), required=False),
        Column("promise", _PROMISE, required=False),
        Column("credits", _CREDITS, required=False),
        Column("zone", _ZONE, required=False),
        Column("language", ("lang", "locale"), required=False),
    ),
    closed=True,
)


def read_maintenance(path: str, zone: tzinfo) -> Maintenance:
    """The windows in a file; times without a zone are in `zone`. Raises ConfigError, SourceError."""
    refusals = Refusals(path)
    found: dict[str, dict[int, list[Interval]]] = {"all": {}, "server": {}, "account": {}}
    for number, cells in rows_of(path, WINDOWS, refusals):
        row = WindowRow(*cells)
        window = refusals.attempt(number, lambda row=row: _window(row, zone))  # type: ignore[misc]
        subjects = refusals.attempt(number, lambda row=row: _subjects(row))  # type: ignore[misc]
        if window and subjects:
            for kind, key in subjects:
                found[kind].setdefault(key, []).append(window)
    refusals.end()
    return Maintenance(found["all"].get(0, []), found["server"], found["account"])


def read_plans(path: str, default: Terms = TASK) -> Plans:
    """The terms in a file; `default` for accounts that no row names. Raises ConfigError, SourceError."""
    refusals = Refusals(path)
    rows = [(number, PlanRow(*cells)) for number, cells in rows_of(path, PLANS, refusals)]
    plans: dict[str, Terms] = {}
    for number, row in rows:
        if not row.account:
            terms = refusals.attempt(number, lambda row=row: _terms_of_plan(row, plans))  # type: ignore[misc]
            if terms:
                plans[row.plan] = terms
    by_account: dict[int | None, Terms] = {}
    for number, row in rows:
        if row.account:
            refusals.attempt(number, lambda row=row: _take_account(row, plans, by_account))  # type: ignore[misc]
    refusals.end()
    unused = plans.keys() - {row.plan for _, row in rows if row.account}
    default = by_account.pop(None, plans.get("default", default))
    return Plans(default, {key: one for key, one in by_account.items() if key is not None}, tuple(unused - {"default"}))


def _window(row: WindowRow, zone: tzinfo) -> Interval:
    zone = time_zone(row.zone) if row.zone else zone
    start_s = _second(row.start, "start", zone)
    if row.end:
        end_s = _second(row.end, "end", zone)
    elif row.duration:
        end_s = start_s + round(duration_s(row.duration))
    else:
        raise ValueError("the window has no end: expected an end or a duration, for example 2026-11-01 04:00:00")
    if end_s <= start_s:
        raise ValueError(f"the window ends at {row.end or row.duration!r}, not after its start at {row.start!r}")
    if end_s - start_s > MAX_WINDOW_S:
        raise ValueError(f"the window from {row.start!r} to {row.end!r} is longer than 400 days")
    return start_s, end_s


def _second(text: str, what: str, zone: tzinfo) -> int:
    if not text:
        raise ValueError(f"the window has no {what}")
    found = read_instant(text, zone)
    if found.doubtful:
        raise ValueError(f"{text!r}: this time occurs twice or not at all in {zone}; expected a time with its offset")
    return round(found.us / 1_000_000)


def _subjects(row: WindowRow) -> list[tuple[str, int]]:
    """The subjects of a window: ("all", 0), or servers and accounts by id."""
    found = [("server", text) for text in _listed(row.server)] + [("account", text) for text in _listed(row.account)]
    if row.subject and row.id:
        found += [(row.subject.lower(), text) for text in _listed(row.id)]
    else:
        for text in _listed(row.subject):
            kind, _, key = text.lower().replace(":", " ").replace("=", " ").replace("-", " ", 1).partition(" ")
            found.append((kind, key.strip()) if key else ("", text))
    if not found:
        raise ValueError("the window has no subject: expected a server, an account, or all")
    return [_subject(kind, text) for kind, text in found]


def _subject(kind: str, text: str) -> tuple[str, int]:
    if text.lower() in EVERYONE or (not kind and text.lower() in EVERYONE):
        return "all", 0
    word = {"accounts": "account", "servers": "server", "customer": "account", "node": "server"}.get(kind, kind)
    if word not in {"server", "account"}:
        raise ValueError(f"invalid subject {text!r}: expected all, server ID or account ID, for example server 3")
    return word, _id(text.lower().removeprefix(word).lstrip(" :=#-") if text.lower().startswith(word) else text)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.replace(";", ",").replace("|", ",").split(",") if part.strip()]


def _id(text: str) -> int:
    try:
        number = int(text) if text.isascii() and "_" not in text else None
    except ValueError:
        number = None
    if number is None or not -(2**63) <= number < 2**63:
        raise ValueError(f"invalid id {text!r}: expected the whole number that the log has, for example 3")
    return number


def _terms_of_plan(row: PlanRow, plans: Mapping[str, Terms]) -> Terms:
    if not row.plan:
        raise ValueError("it names neither an account nor a plan")
    if row.plan in plans:
        raise ValueError(f"duplicate plan {row.plan!r}")
    return _terms(row, None)


def _take_account(row: PlanRow, plans: Mapping[str, Terms], into: dict[int | None, Terms]) -> None:
    base = plans.get(row.plan)
    if row.plan and base is None and not (row.promise or row.credits):
        raise ValueError(f"the plan {row.plan!r} has no row that can be read, and the account has no promise")
    terms = _terms(row, base)
    for text in _listed(row.account):
        account = None if text.lower() in EVERYONE | {"default"} else _id(text)
        if account in into:
            raise ValueError(f"duplicate account {text}")
        into[account] = terms


def _terms(row: PlanRow, base: Terms | None) -> Terms:
    """A row's terms, completed by its plan. Without a promise, the threshold of the highest credit is used."""
    tiers = read_tiers(row.credits) if row.credits else base.tiers if base else ()
    if row.promise:
        promise = read_percent(row.promise)
    elif base and not row.credits:
        promise = base.promise
    elif tiers:
        promise = tiers[0].below
    else:
        raise ValueError("it has neither a promise nor credits: expected per cent, for example 99.9")
    if row.zone:
        time_zone(row.zone)
    return checked(
        Terms(
            promise,
            tiers,
            row.plan or None,
            row.zone or (base.zone if base else None),
            row.language or (base.language if base else None),
        )
    )
