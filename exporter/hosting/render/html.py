"""The SLA report as one HTML file that can be sent: no script, no font, no address is fetched."""

from collections.abc import Sequence
from html import escape

from exporter.hosting.batch import Findings
from exporter.hosting.cycle import utc
from exporter.hosting.render import picture
from exporter.hosting.render.text import days, number, p_value, percent, routing_rows, verdict
from exporter.hosting.report import AccountOutage, AccountRow, down_together, outages_of
from exporter.hosting.routing import QUESTIONS

MAX_OUTAGES = 500  # rows a customer; a page of more is read by nobody

_STYLE = """
:root { color-scheme: light; --bad: #b3261e; --ok: #1a7f4b; --quiet: #5f6770; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2329; max-width: 980px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 12px; }
th, td { padding: 3px 6px; text-align: right; border-bottom: 1px solid #e3e6ea; }
th { color: var(--quiet); font-weight: 600; } .l { text-align: left; white-space: nowrap; }
.verdict { font-size: 1.1rem; padding: .6rem .9rem; border-left: 5px solid var(--ok); background: #f1f8f4; }
.verdict.broken { border-color: var(--bad); background: #fdf2f1; }
.bad, .bad td { color: var(--bad); font-weight: 600; } .quiet { color: var(--quiet); }
svg { max-width: 100%; height: auto; } svg text { font-size: 12px; fill: #1d2329; }
svg text.bad { fill: var(--bad); } svg text.quiet { fill: var(--quiet); }
.up { fill: #d7eadf; } .overload { fill: #d9822b; } .silent { fill: #7b3fa0; } .bar { fill: #6c8ebf; }
.limit { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 3; }
.observed { stroke: var(--bad); stroke-width: 2; }
.axis { stroke: #c9ced4; } .pair { display: flex; flex-wrap: wrap; gap: 1rem; } .pair svg { flex: 0 1 430px; }
.key { display: inline-block; width: 12px; height: 12px; margin: 0 4px 0 12px; vertical-align: -1px; }
details { margin: .6rem 0; } summary { cursor: pointer; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""

_DOWN = "A site is down while its server's workload is above 1.0 or the server does not log its heartbeat."
_KEY = (
    '<p class="quiet"><span class="key" style="background:#d9822b"></span>overload: workload above 1.0'
    '<span class="key" style="background:#7b3fa0"></span>silent: the heartbeat is missing</p>'
)

_HOW = """
<p>Each route is one decision; what the manager could see is each server's last heartbeat before it. A server that was
silent then is no choice. The model leaves the manager fixed preferences among servers (conditional logit with a
constant for each server) and asks whether, beyond them, the workload of a server changed its chances.</p>
<p><b>Assumptions.</b> Decisions of one second are taken as one. Three tests ask the same. The score test takes
decisions as independent, given the preferences. Within the choice before, each server that was chosen last has
preferences of its own, so that a manager that goes round its servers is not taken for one that looks at workloads. The
shift test compares choices with the workloads of other times, which keeps the order that each has in itself. A daily
rhythm that choices and workloads share would still look like dependence. &ldquo;Depends&rdquo; is said only if all
three reject at 5 %, after Holm's correction for three questions.</p>
<p><b>The paired comparison</b> (workload of the old server minus that of the new one, before each effective re-route)
is the first idea that comes to mind. It shows whether accounts end up on less loaded servers. It can't show that the
workload was the reason: fixed preference for a server that is often idle, or drawing accounts at random (most of them
live on busy servers), moves the mean as well. So it decides nothing here.</p>
"""


def to_html(findings: Findings) -> str:
    """The whole page."""
    report, result = findings.report, findings.result
    cycle = report.cycle
    broken = [row for row in report.accounts if row.violates_cycle]
    unknown = "" if cycle.observed_until == cycle.end else f" Nothing is known after {cycle.observed_until}."
    times = f"{cycle.start} to {cycle.end} ({days(report)}), accounted by the {cycle.step}; times are UTC.{unknown}"
    promise = f"less than 0.1 % of the cycle, {number(cycle.allowed_downtime_minutes)} minutes, of downtime"
    body = [
        f"<h1>Service levels</h1><p class=quiet>{times}</p>",
        f'<p class="verdict{" broken" if broken else ""}">{escape(verdict(report))}</p>',
        f"<p>Promised: {promise}. {_DOWN}</p>",
        "<h2>Downtime against the allowance</h2>",
        _KEY,
        picture.downtime_bars(report.accounts, cycle.allowed_downtime_minutes),
        "<h2>Customers</h2>",
        _accounts(report.accounts),
        _not_judged(findings),
        "<h2>Outages of those above the allowance</h2>" if broken else "",
        *(_outages(row, outages_of(result, row.account_id)) for row in broken),
        "<h2>Servers</h2>",
        picture.server_timeline(result.servers, result.outages, result.window),
        _table(
            ["server", "down min", "overload", "silent"],
            [
                [str(s.server_id), *map(number, (s.down_minutes, s.overload_minutes, s.silent_minutes))]
                for s in report.servers
            ],
        ),
        "<h2>Does routing depend on the workload?</h2>",
        _routing(findings),
        "<h2>What was read</h2>",
        _read(findings),
    ]
    title = f"Service levels {cycle.start[:10]} to {cycle.end[:10]}"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{_STYLE}</style></head>\n<body>\n'
        + "\n".join(part for part in body if part)
        + "\n</body></html>\n"
    )


def _accounts(rows: Sequence[AccountRow]) -> str:
    header = ["-id", "-customer", "-created", "-deleted", "down min", "overload", "silent", "unrouted", "unknown"]
    header += ["of cycle", "of lifetime"]
    return (
        _table(
            header,
            [
                [
                    str(row.account_id),
                    row.account_name,
                    _short_time(row.created),
                    _short_time(row.deleted or ""),
                    number(row.downtime_minutes),
                    number(row.overload_minutes),
                    number(row.silent_minutes),
                    number(row.unrouted_minutes),
                    number(row.unknown_minutes),
                    percent(row.downtime_ratio_of_cycle),
                    percent(row.downtime_ratio_of_lifetime) + (" *" if row.violates_lifetime else ""),
                ]
                for row in rows
            ],
            bad=[row.violates_cycle for row in rows],
        )
        + "<p class=quiet>* more than 0.1 % of the customer's own lifetime, which the promise does not speak of.</p>"
    )


def _not_judged(findings: Findings) -> str:
    rows = findings.report.not_judged
    if not rows:
        return ""
    items = "".join(f"<li>{row.account_id} {escape(row.account_name or '')}: {escape(row.reason)}</li>" for row in rows)
    return f"<details><summary>Not judged: {len(rows)} accounts</summary><ul>{items}</ul></details>"


def _outages(row: AccountRow, outages: Sequence[AccountOutage]) -> str:
    seen = down_together(outages)
    outage = "1 outage" if seen == 1 else f"{seen} outages"
    head = f"{escape(row.account_name)} ({row.account_id}): {number(row.downtime_minutes)} minutes in {outage}"
    shown = [
        [
            _short_time(utc(o.start_s)),
            _short_time(utc(o.end_s)),
            number((o.end_s - o.start_s) / 60),
            str(o.server_id),
            o.cause,
        ]
        for o in outages[:MAX_OUTAGES]
    ]
    more = f"<p>and {len(outages) - MAX_OUTAGES} more</p>" if len(outages) > MAX_OUTAGES else ""
    table = _table(["-from", "-to", "minutes", "server", "-cause"], shown)
    return f"<details open><summary><b>{head}</b></summary>{table}{more}</details>"


def _routing(findings: Findings) -> str:
    report, parts = findings.report, []
    for answer in report.routing:
        parts.append(
            f"<h3>{QUESTIONS[answer.question]}</h3><p><b>{escape(answer.says)}</b> (n = {answer.n},"
            f" p = {p_value(answer.p_adjusted)})</p>"
        )
        if drawn := findings.routing.pictures.get(answer.question):
            parts.append(f'<div class="pair">{picture.rank_bars(drawn)}{picture.shift_histogram(drawn)}</div>')
        if answer.detectable_odds_ratio is not None:
            parts.append(
                f"<p class=quiet>With so many decisions an odds ratio of {answer.detectable_odds_ratio:.3f} per +0.1"
                " workload, or its inverse, would be found 8 times of 10.</p>"
            )
    table = _table(["-question", "-test", "n", "statistic", "p", "effect [95 %]"], routing_rows(report))
    routing = findings.routing
    counts = (
        f"<p class=quiet>{routing.decisions:,} decisions; {routing.kept_in_place:,} re-routes left the account where it"
        f" was; {routing.unseen:,} chose a server that had not logged the minute before.</p>"
    )
    return "".join(parts) + table + counts + _HOW


def _read(findings: Findings) -> str:
    read = findings.report.input
    notes = {**read.set_aside_reasons, **read.oddities}
    items = "".join(f"<li>{escape(kind)}: {n:,}</li>" for kind, n in notes.items())
    counts = f"{read.lines:,} lines: {read.events:,} events, {read.set_aside:,} set aside."
    return f"<p>{counts}</p>" + (f"<ul>{items}</ul>" if items else "")


def _short_time(text: str) -> str:
    return text.replace("T", " ").removesuffix("Z").removesuffix(":00")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], bad: Sequence[bool] = ()) -> str:
    """A table; columns whose header begins with - are aligned left."""
    css = [' class="l"' if name.startswith("-") else "" for name in header]
    head = "".join(f"<th{c}>{escape(name.removeprefix('-'))}</th>" for c, name in zip(css, header, strict=True))
    lines = []
    for i, row in enumerate(rows):
        cells = "".join(f"<td{c}>{escape(cell)}</td>" for c, cell in zip(css, row, strict=True))
        lines.append(f"<tr{' class=bad' if bad and bad[i] else ''}>{cells}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
