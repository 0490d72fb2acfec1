"""Every panel of every board of a running Grafana, asked through its API as its own page would ask at a width.

The data sources first: where one fails, what asks it is not asked. Then each board: the source and the values that its
variables open with, the list of other boards, and panel by panel the data, the points against what the panel can draw,
and the unit.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import aiohttp
import msgspec

from dashboards import asking
from dashboards.grafana_api import DataSource, Found, Grafana, Result, Settings
from dashboards.grafana_log import Said
from dashboards.grafana_panels import (
    chosen_source,
    counted,
    dropdown_fault,
    limit,
    panel_px,
    range_s,
    readable,
    source_of,
    unit,
    unit_fault,
)
from dashboards.model import MAY_BE_EMPTY, Board, Panel, Target
from dashboards.outcomes import in_columns
from dashboards.preview.marks import POINTS as ANNOTATION_POINTS
from dashboards.promql import Span, built_in, span, step_s, substitute
from foundation.errors import BadRecord, ConfigError, SourceError
from foundation.jsonread import why_not_json
from foundation.secret import read_secret, shown_url

Status = Literal["ok", "may be empty", "not asked", "empty", "unit", "too many points", "error"]
_SOURCES = "(data source)"  # where other findings have their board
_LOG = "(log)"
_MOST_LOGGERS = 5  # that are named
MOST_MARKS = 50  # series of one annotation; more paint the panels over
_GOOD = frozenset({"ok", "may be empty", "not asked"})
_ASKED = frozenset({"prometheus", "alertmanager"})  # kinds of data sources whose health is asked for
_LEFT_TO_GRAFANA = {name: f"${name}" for name in built_in(Span(0, 60, 60), 15)} | {"__from": "$__from", "__to": "$__to"}


class Finding(NamedTuple):
    """What one panel, or one other thing of a board or of Grafana, gave."""

    board: str
    panel: str
    status: Status
    detail: str = ""
    kind: str = ""
    series: int = 0
    points: int = 0
    limit: int | None = None
    unit: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing needs to be done."""
        return self.status in _GOOD


class LookedAt(NamedTuple):
    """One board. rows: how high it is, in rows of the grid."""

    uid: str
    provisioned: bool
    rows: int
    findings: list[Finding]


class Looked(NamedTuple):
    """What was found in a Grafana, and what it said of itself."""

    url: str
    settings: Settings
    boards: list[LookedAt]
    findings: list[Finding]


class _View(NamedTuple):
    """How a board is looked at. range_s: None where each has its own."""

    width_px: int
    range_s: int | None
    now_s: float


class _Open(NamedTuple):
    """A board as it opens: its data sources, and the values of its variables."""

    uid: str
    dashboard: dict[str, Any]
    sources: Sequence[DataSource]
    source: DataSource
    texts: dict[str, str]
    range_s: int


class _Asked(NamedTuple):
    """What a panel asks, of what, in how many points."""

    source: DataSource
    points: int
    range_s: int


async def look(url: str, token_file: Path | None, uids: Sequence[str], *, width_px: int, range_s: int | None) -> Looked:
    """Look at the boards of a Grafana. Raises ConfigError, SourceError where it cannot be asked at all."""
    headers = {"Authorization": f"Bearer {read_secret(token_file)}"} if token_file else {}
    async with aiohttp.ClientSession(trust_env=False, headers=headers) as session:
        grafana = Grafana(url, session, token_from=f"--token-file {token_file}" if token_file else "")
        settings = await grafana.settings()
        boards = await grafana.boards()
        if unknown := set(uids) - {board.uid for board in boards}:
            raise ConfigError(f"--board {min(unknown)}: no such board; there are {_some([b.uid for b in boards])}")
        if not boards:
            raise SourceError(
                f"Grafana at {grafana.shown} shows no boards to this user: expected some, provisioned"
                " (dashboards/grafana/provisioning) or imported, in a folder that the user may see"
            )
        wanted = [board for board in boards if not uids or board.uid in uids]
        health = await asyncio.gather(*(_health(grafana, one) for one in settings.sources if one.type in _ASKED))
        failing = {finding.panel for finding in health if not finding.good}
        view = _View(width_px, range_s, time.time())
        seen = await asyncio.gather(*(_board(grafana, board, settings.sources, failing, view) for board in wanted))
        return Looked(grafana.url, settings, seen, [*health, *(one for board in seen for one in board.findings)])


async def _health(grafana: Grafana, source: DataSource) -> Finding:
    """Whether a data source answers. Alertmanager's plugin has no check in Grafana, which says so."""
    try:
        fault = await grafana.fault_of(source)
    except SourceError as exc:
        fault = str(exc)
    if fault and source.type == "alertmanager":
        return Finding(_SOURCES, source.name, "not asked", f"Grafana cannot check it: {fault}", source.type)
    return Finding(_SOURCES, source.name, "error" if fault else "ok", fault, source.type)


async def _board(
    grafana: Grafana, found: Found, sources: Sequence[DataSource], failing: set[str], view: _View
) -> LookedAt:
    try:
        saved = await grafana.board(found.uid)
        board = readable(saved.dashboard)
        long_s = view.range_s or range_s(board.time.since)
    except (SourceError, msgspec.ValidationError, ValueError) as exc:
        return LookedAt(found.uid, False, 0, [Finding(found.uid, "(board)", "error", why_not_json(exc))])
    findings = _head(found.uid, saved.dashboard, sources)
    source = chosen_source(saved.dashboard, "datasource", sources) or source_of(None, {}, sources)
    if source is None or source.name in failing:
        why = f"data source {source.name} fails" if source else "there is no default data source"
        findings.append(Finding(found.uid, "(all panels)", "error", f"not asked: {why}"))
    else:
        findings += await _panels(grafana, _Open(found.uid, saved.dashboard, sources, source, {}, long_s), board, view)
    rows = max((panel.grid_pos.y + panel.grid_pos.h for panel in board.panels), default=0)
    return LookedAt(found.uid, saved.provisioned, rows, findings)


async def _panels(grafana: Grafana, opened: _Open, board: Board, view: _View) -> list[Finding]:
    """What the board's variables offer where that is nothing, and what each of its panels gives."""
    asked = span(view.now_s, opened.range_s, 300, opened.source.scrape_interval_s)
    try:
        resolved = await asking.resolve(grafana.prometheus(opened.source), board, {}, asked, strict=True)
    except (SourceError, BadRecord) as exc:
        return [Finding(opened.uid, "(variables)", "error", str(exc))]
    without = [
        Finding(opened.uid, f"(variable {name})", "empty", "it offers no value")
        for name, offers in resolved.offers.items()
        if not offers
    ]
    opened = opened._replace(texts=resolved.texts | _LEFT_TO_GRAFANA)
    raw = {one.get("id"): one for one in _raw_panels(opened.dashboard)}
    asks = [(panel, raw[panel.id]) for panel in board.every_panel() if raw[panel.id].get("targets")]
    asks += _annotations(opened.dashboard, board)
    panels = await asyncio.gather(*(_panel(grafana, opened, panel, given, view) for panel, given in asks))
    return [*without, *panels]


def _annotations(dashboard: dict[str, Any], board: Board) -> list[tuple[Panel, dict[str, Any]]]:
    """The annotations that are on as the board opens, as if they were panels; each with its JSON."""
    given = {one.get("name"): one for one in (dashboard.get("annotations") or {}).get("list") or []}
    return [
        (
            Panel(
                id=0,
                type="annotation",
                title=f"(annotation {one.name})",
                description=f"{MAY_BE_EMPTY}nothing happened.",
                targets=[Target(expr=one.expr, ref_id="A")],
                max_data_points=ANNOTATION_POINTS,
            ),
            given[one.name],
        )
        for one in board.annotations.queries
        if one.enable and one.expr
    ]


def _raw_panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    outer = dashboard.get("panels") or []
    return [*outer, *(inner for one in outer for inner in one.get("panels") or [])]


def _head(uid: str, dashboard: dict[str, Any], sources: Sequence[DataSource]) -> list[Finding]:
    """The list of other boards, and whether the board opens with the default data source."""
    fault = dropdown_fault(dashboard)
    found = [Finding(uid, "(list of boards)", "error" if fault else "ok", fault)]
    opens_with = chosen_source(dashboard, "datasource", sources)
    default = next((one for one in sources if one.is_default and opens_with and one.type == opens_with.type), None)
    if opens_with and default and opens_with is not default:
        text = f"the board opens with {opens_with.name}; the default of Grafana is {default.name}"
        found.append(Finding(uid, "(data source)", "error", text))
    return found


async def _panel(grafana: Grafana, opened: _Open, panel: Panel, raw: dict[str, Any], view: _View) -> Finding:
    finding = Finding(
        opened.uid, panel.title, "ok", kind=panel.type, limit=limit(panel, view.width_px), unit=unit(panel)
    )
    source = source_of(raw.get("datasource"), opened.dashboard, opened.sources)
    if source is None:
        return finding._replace(status="error", detail=f"no data source {raw.get('datasource')} is in this Grafana")
    if source.type != "prometheus" or not panel.targets:
        return finding._replace(status="not asked", detail=f"it asks {source.type}")
    until_ms = round(view.now_s * 1000)
    try:
        long_s = round(panel.range_s) or opened.range_s
        asked = _Asked(source, panel.max_data_points or panel_px(panel.grid_pos.w, view.width_px), long_s)
        queries = [_query(one, opened.texts, panel, asked) for one in panel.targets]
        results = await grafana.query(queries, until_ms - long_s * 1000, until_ms)
    except ValueError as exc:
        return finding._replace(status="error", detail=f"its own time range is not read: {exc}")
    except KeyError as exc:
        return finding._replace(status="error", detail=f"it uses {exc}, a variable that the board does not have")
    except SourceError as exc:
        return finding._replace(status="error", detail=str(exc))
    return judged(finding, panel, results)


def _query(target: Target, texts: dict[str, str], panel: Panel, asked: _Asked) -> dict[str, Any]:
    """One query as Grafana's page sends it: Grafana puts its own variables in, such as $__rate_interval."""
    least_s = panel.least_step_s or asked.source.scrape_interval_s
    return {
        "refId": target.ref_id,
        "datasource": {"type": asked.source.type, "uid": asked.source.uid},
        "expr": substitute(target.expr, texts),
        "instant": target.instant,
        "range": not target.instant,
        "format": target.format,
        "interval": target.interval,
        "legendFormat": target.legend_format,
        "maxDataPoints": asked.points,
        "intervalMs": round(step_s(asked.range_s, asked.points, least_s) * 1000),
        "utcOffsetSec": 0,
    }


def judged(finding: Finding, panel: Panel, results: dict[str, Result]) -> Finding:
    """The finding with the results of the panel's queries, and the worst problem of them."""
    by_query = {target.ref_id: counted({"": results.get(target.ref_id, Result())}) for target in panel.targets}
    together = counted(results, rows=panel.type == "table")
    finding = finding._replace(series=together.series, points=together.points)
    errors = [f"{ref}: {result.error}" for ref, result in sorted(results.items()) if result.error]
    empty = [target for target in panel.targets if not by_query[target.ref_id].samples]
    fault = unit_fault(panel)
    if errors:
        return finding._replace(status="error", detail="; ".join(errors))
    if finding.limit is not None and together.points > finding.limit:
        text = f"Grafana shows an error instead: at most {finding.limit} points fit; set maxDataPoints"
        return finding._replace(status="too many points", detail=text)
    if panel.type == "annotation" and together.series > MOST_MARKS:
        text = f"its marks paint the panels over: expected at most {MOST_MARKS} series"
        return finding._replace(status="too many points", detail=text)
    if fault:
        return finding._replace(status="unit", detail=fault)
    if empty and panel.may_be_empty:
        return finding._replace(status="may be empty", detail=panel.may_be_empty)
    if empty:
        return finding._replace(status="empty", detail="; ".join(f"{one.ref_id}: {one.expr}" for one in empty))
    return finding


def of_log(said: Said) -> list[Finding]:
    """What a Grafana's log says of its provisioning, as findings; what is not a log of a Grafana is a finding."""
    if not said.read:
        told = f"{said.lines} lines, none of them of a Grafana's log in the formats text or json"
        return [Finding(_LOG, "(provisioning)", "empty", told)]
    found = [Finding(_LOG, logger, "error", told) for logger, told in said.provisioning]
    others = ", ".join(f"{logger} {count}" for logger, count in said.others.most_common(_MOST_LOGGERS))
    counted = f"{said.lines} lines{f'; errors of others: {others}' if others else ''}"
    return found or [Finding(_LOG, "(provisioning)", "ok", counted)]


def as_table(looked: Looked, width_px: int) -> str:
    """Which Grafana it is, the findings in columns, those that need somebody last, and a line that sums them up."""
    head = ("board", "panel", "kind", "series", "points", "limit", "unit", "status", "")
    ordered = sorted(looked.findings, key=lambda finding: not finding.good)
    lines = in_columns(head, [_row(finding) for finding in ordered])
    bad = sum(not finding.good for finding in looked.findings)
    panels = sum(
        bool(finding.kind) and not finding.panel.startswith("(")
        for board in looked.boards
        for finding in board.findings
    )
    who = "anybody may look" if looked.settings.anonymous_enabled else "a login is needed"
    from_files = sum(board.provisioned for board in looked.boards)
    boards = f"{len(looked.boards)} board{'s' * (len(looked.boards) != 1)}, {from_files} from files"
    return "\n".join(
        [
            f"Grafana {looked.settings.version} at {shown_url(looked.url)}: {boards}; {who}; window of {width_px} px",
            *lines,
            f"{panels} panels, {bad} {'finding needs' if bad == 1 else 'findings need'} attention",
        ]
    )


def _row(one: Finding) -> tuple[str, ...]:
    asked = one.kind and one.status != "not asked" and one.board != _SOURCES
    counts = (str(one.series), str(one.points)) if asked else ("", "")
    bound = "" if one.limit is None else str(one.limit)
    return (one.board, one.panel, one.kind, *counts, bound, one.unit, one.status, one.detail)


def _some(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + more
