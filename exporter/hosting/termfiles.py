"""The files of plans and of maintenance windows: tables by the names in their header, or YAML lists of the same names.

A row that cannot be read is never left out, for a window or a promise that is not there changes verdicts: the whole
file is refused, with each such row's number and reason.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import NamedTuple, TypeVar

from exporter.hosting.maintenance import Maintenance
from exporter.hosting.terms import TASK, Plans, Terms, checked, read_percent, read_tiers
from exporter.tables import Bad, Column, Layout, open_table, read_instant
from exporter.timeline import Interval
from foundation.config import read_text
from foundation.errors import BadRecord, ConfigError, SourceError
from foundation.grammar import duration_s, time_zone
from foundation.terminal import printable
from foundation.yamltree import Node, TreeError, read_tree

MAX_TOLD = 5  # bad rows in one message
MAX_WINDOW_S = 400 * 86_400  # as long as a cycle may be; a longer one is a wrong year
EVERYONE = frozenset({"all", "*", "everyone", "everything", "any"})

_ACCOUNT = ("account_id", "accountid", "accounts", "customer", "customer_id", "customerid")
_SERVER = ("server_id", "serverid", "servers", "node", "host")
_SUBJECT = ("scope", "target", "applies_to", "affects", "affected", "what", "for")
_START = ("begin", "from", "starts", "begins", "starts_at", "start_at", "start_time", "begin_time", "window_start")
_END = ("until", "to", "ends", "finish", "stop", "ends_at", "end_at", "end_time", "window_end")
_PROMISE = ("promise_percent", "promised", "uptime", "availability", "sla", "slo", "target")
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
        Column("reason", ("note", "comment", "description", "why"), required=False),
    ),
)
PLANS = Layout(
    "plans",
    (
        Column("account", _ACCOUNT, required=False),
        Column("plan", ("plan_name", "contract"), required=False),
        Column("promise", _PROMISE, required=False),
        Column("credits", _CREDITS, required=False),
        Column("zone", ("tz", "timezone", "time_zone"), required=False),
        Column("language", ("lang", "locale"), required=False),
    ),
)
T = TypeVar("T")


class _Refusals:
    """What is wrong with a file's rows, told together."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._told: list[tuple[int, str]] = []

    def add(self, number: int, text: str) -> None:
        """A row that cannot be read."""
        self._told.append((number, text))

    def attempt(self, number: int, read: Callable[[], T]) -> T | None:
        """What `read` makes of a row; its ValueError or BadRecord is kept."""
        try:
            return read()
        except (ValueError, BadRecord) as exc:
            self.add(number, str(exc))
            return None

    def end(self) -> None:
        """Raises ConfigError if there were any."""
        if self._told:
            told = sorted(self._told)
            lines = [f"{self._path}: row {number}: {printable(text)}" for number, text in told[:MAX_TOLD]]
            if len(told) > MAX_TOLD:
                lines.append(f"and {len(told) - MAX_TOLD} more rows that cannot be read")
            raise ConfigError("\n".join(lines))


def read_maintenance(path: str, zone: tzinfo) -> Maintenance:
    """The windows in a file; times without a zone are in `zone`. Raises ConfigError, SourceError."""
    refusals = _Refusals(path)
    found: dict[str, dict[int, list[Interval]]] = {"all": {}, "server": {}, "account": {}}
    for number, cells in _rows(path, WINDOWS, refusals):
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
    refusals = _Refusals(path)
    rows = [(number, PlanRow(*cells)) for number, cells in _rows(path, PLANS, refusals)]
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


def _rows(path: str, layout: Layout, refusals: _Refusals) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The rows of a table, or of a YAML file, in the order of the layout's columns."""
    if path.endswith((".yml", ".yaml")):
        yield from _yaml_rows(path, layout, refusals)
        return
    blank = [0]
    try:
        with open_table(path, [layout]) as table:
            for row in table:
                if isinstance(row, Bad):
                    refusals.add(row.number, row.text)
                elif any(row.cells):
                    blank = []
                    yield row.number, row.cells
                else:  # spreadsheets leave such rows at the end
                    blank = blank and [row.number]
    except SourceError as exc:
        raise ConfigError(str(exc)) from exc
    if any(blank):
        names = ", ".join(column.name for column in layout.columns)
        refusals.add(blank[0], f"nothing that is known: expected the columns {names}")


def _yaml_rows(path: str, layout: Layout, refusals: _Refusals) -> Iterator[tuple[int, tuple[str, ...]]]:
    try:
        root = read_tree(read_text(Path(path), "is this YAML?"))
    except TreeError as exc:
        raise ConfigError(f"{path}:{exc.line}: {exc}") from exc
    if isinstance(root.value, dict) and len(root.value) == 1:  # the rows under a title
        root = next(iter(root.value.values()))
    if not isinstance(root.value, list):
        raise ConfigError(f"{path}: expected a list of rows, for example - {{{layout.columns[0].name}: 1, ...}}")
    names = {_normal(name): at for at, column in enumerate(layout.columns) for name in (column.name, *column.aliases)}
    for node in root.value:
        cells = [""] * len(layout.columns)
        given = node.value if isinstance(node.value, dict) else {}
        unknown = [name for name in given if _normal(name) not in names]
        if not given or unknown:
            refusals.add(node.line, f"unknown key {unknown[0]!r}" if unknown else "expected a mapping")
            continue
        for name, value in given.items():
            cells[names[_normal(name)]] = _yaml_cell(value)
        yield node.line, tuple(cells)


def _normal(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _yaml_cell(node: Node) -> str:
    """A scalar as written; a list with commas, a mapping as `key:value` with commas."""
    if isinstance(node.value, dict):
        return ",".join(f"{key}:{value.text}" for key, value in node.value.items())
    if isinstance(node.value, list):
        return ",".join(value.text for value in node.value)
    return "" if node.value is None else node.text


def _window(row: WindowRow, zone: tzinfo) -> Interval:
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
        raise ValueError(f"{text!r}: the clocks of {zone} pass it twice or skip it; expected a time with its offset")
    return round(found.us / 1_000_000)


def _subjects(row: WindowRow) -> list[tuple[str, int]]:
    """Whom a window is for: ("all", 0), or servers and accounts by id."""
    found = [("server", text) for text in _listed(row.server)] + [("account", text) for text in _listed(row.account)]
    if row.subject and row.id:
        found += [(row.subject.lower(), text) for text in _listed(row.id)]
    else:
        for text in _listed(row.subject):
            kind, _, key = text.lower().replace(":", " ").replace("=", " ").replace("-", " ", 1).partition(" ")
            found.append((kind, key.strip()) if key else ("", text))
    if not found:
        raise ValueError("the window is for nobody: expected a server, an account, or all")
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
        raise ValueError(f"the plan {row.plan!r} is there twice")
    return _terms(row, None)


def _take_account(row: PlanRow, plans: Mapping[str, Terms], into: dict[int | None, Terms]) -> None:
    base = plans.get(row.plan)
    if row.plan and base is None and not (row.promise or row.credits):
        raise ValueError(f"the plan {row.plan!r} has no row that can be read, and the account no promise of its own")
    terms = _terms(row, base)
    for text in _listed(row.account):
        account = None if text.lower() in EVERYONE | {"default"} else _id(text)
        if account in into:
            raise ValueError(f"the account {text} is there twice")
        into[account] = terms


def _terms(row: PlanRow, base: Terms | None) -> Terms:
    """A row's terms; what it leaves open is its plan's. Without a promise, the highest credit's threshold is it."""
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
