"""The SLA report as values for its page, `templates/report.html`."""

from collections.abc import Sequence
from typing import Any

from exporter.hosting.batch import Findings
from exporter.hosting.cycle import utc
from exporter.hosting.downs import AccountOutage
from exporter.hosting.render import picture
from exporter.hosting.render.text import (
    SERVER_HEADER,
    days,
    number,
    optional_columns,
    p_value,
    percent,
    plain,
    promise,
    routing_rows,
    server_rows,
    unobserved,
    verdict,
)
from exporter.hosting.report import AccountRow, down_together
from exporter.hosting.routing import QUESTIONS
from foundation.page import render

MAX_OUTAGES = 500  # rows per customer; nobody reads a page of more

_ACCOUNT_HEADER = (
    *("id", "customer", "created", "deleted", "down min", "overload", "silent", "unrouted", "unknown"),
    *("of cycle", "of lifetime"),
)


def to_html(findings: Findings) -> str:
    """The whole page."""
    report, result = findings.report, findings.result
    cycle, routing, read = report.cycle, findings.routing, report.input
    accounts = sorted(report.accounts, key=_concern)
    broken = [row for row in accounts if row.violates_cycle]
    maintenance = findings.contract.maintenance.stepped(result.window.step_s)
    more = optional_columns(report, findings.contract.plans)
    unknown = f" {words}." if (words := unobserved(report)) else ""
    times = f"{cycle.start} to {cycle.end} ({days(report)}), accounted by the {cycle.step}; times are UTC.{unknown}"
    return render(
        "exporter.hosting",
        "report.html",
        title=f"Service levels {cycle.start[:10]} to {cycle.end[:10]}",
        times=times,
        verdict=verdict(report),
        caveats=report.caveats,
        nothing=not report.judged,
        overload=f"{result.window.overload:.10g}" if result.window.overload % 1 else f"{result.window.overload:.1f}",
        promise=promise(report, findings.contract.plans),
        downtime_bars=picture.downtime_bars(report.accounts, cycle.allowed_downtime_minutes),
        account_header=_with(list(_ACCOUNT_HEADER), [name for name, _ in more]),
        accounts=[_with(_account(row), [cell(row) for _, cell in more]) for row in accounts],
        violated=set(range(len(broken))),
        not_judged=report.not_judged,
        broken=[_customer(row, findings.downs.of(row.account_id)) for row in broken],
        maintenance=report.maintenance,
        server_timeline=picture.server_timeline(result.servers, result.outages, result.window, maintenance),
        server_header=SERVER_HEADER if report.maintenance else SERVER_HEADER[:-1],
        servers=server_rows(report),
        answers=_answers(findings),
        routing_rows=routing_rows(report),
        decisions=(
            f"{routing.decisions:,} decisions; {routing.kept_in_place:,} re-routes left the account where it was;"
            f" {routing.unseen:,} chose a server that had not logged the minute before."
        ),
        read=f"{read.lines:,} lines: {read.events:,} events, {read.set_aside:,} set aside.",
        notes={kind: f"{count:,}" for kind, count in {**read.set_aside_reasons, **read.oddities}.items()},
    )


def _concern(row: AccountRow) -> tuple[bool, float, int]:
    """The most important first: broken promises, then the most downtime."""
    return not row.violates_cycle, -row.downtime_minutes, row.account_id


def _with(cells: list[str], more: list[str]) -> list[str]:
    """The columns of the contract beside the downtime."""
    at = _ACCOUNT_HEADER.index("down min") + 1
    return [*cells[:at], *more, *cells[at:]]


def _account(row: AccountRow) -> list[str]:
    return [
        str(row.account_id),
        plain(row.account_name),
        _short_time(row.created or ""),
        _short_time(row.deleted or ""),
        number(row.downtime_minutes),
        number(row.overload_minutes),
        number(row.silent_minutes),
        number(row.unrouted_minutes),
        number(row.unknown_minutes),
        percent(row.downtime_ratio_of_cycle),
        percent(row.downtime_ratio_of_lifetime) + (" *" if row.violates_lifetime else ""),
    ]


def _customer(row: AccountRow, outages: Sequence[AccountOutage]) -> dict[str, Any]:
    """A customer above the allowance, with the outages that caused it."""
    seen = down_together(outages)
    outage = "1 outage" if seen == 1 else f"{seen} outages"
    return {
        "head": f"{plain(row.account_name)} ({row.account_id}): {number(row.downtime_minutes)} minutes in {outage}",
        "outages": [
            [
                _short_time(utc(o.start_s)),
                _short_time(utc(o.end_s)),
                number((o.end_s - o.start_s) / 60),
                str(o.server_id),
                o.cause,
            ]
            for o in outages[:MAX_OUTAGES]
        ],
        "more": max(0, len(outages) - MAX_OUTAGES),
    }


def _answers(findings: Findings) -> list[dict[str, Any]]:
    """The results of the routing tests for each question."""
    found = []
    for answer in findings.report.routing:
        drawn = findings.routing.pictures.get(answer.question)
        found.append(
            {
                "question": QUESTIONS[answer.question],
                "says": answer.says,
                "n": answer.n,
                "p": p_value(answer.p_adjusted),
                "pictures": [picture.rank_bars(drawn), picture.shift_histogram(drawn)] if drawn else [],
                "odds_ratio": answer.detectable_odds_ratio,
            }
        )
    return found


def _short_time(text: str) -> str:
    return text.replace("T", " ").removesuffix("Z").removesuffix(":00")
