"""The SLA report as text for a terminal or a mail, as JSON and as CSV."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import msgspec

from exporter.hosting.report import AccountRow, OutageRow, Report
from exporter.hosting.routing import QUESTIONS, RoutingTest
from exporter.hosting.terms import Plans
from foundation.csvtext import csv_text
from foundation.jsontext import json_text
from foundation.terminal import printable

MAX_NOT_JUDGED = 20  # lines of text; JSON has them all


def to_json(report: Report) -> str:
    """The report as indented JSON."""
    return json_text(report, indent=2) + "\n"


def to_csv(report: Report, *, raw: bool = False) -> str:
    """The accounts as CSV under the names of the JSON; an empty cell is none. `raw`: text as it came."""
    rows = (
        [str(cell).lower() if isinstance(cell, bool) else cell for cell in msgspec.structs.astuple(row)]
        for row in report.accounts
    )
    return csv_text([AccountRow.__struct_fields__, *rows], raw=raw)


def to_text(report: Report, plans: Plans = Plans()) -> str:  # noqa: B008, frozen
    """The report as text."""
    parts = [_head(report, plans), _accounts(report, plans), _verdict(report), _servers(report), _routing(report)]
    parts.append(_input(report))
    return "\n\n".join(part for part in parts if part) + "\n"


def outages_csv(report: Report, *, raw: bool = False) -> str:
    """The outages of all customers as CSV."""
    return csv_text([OutageRow.__struct_fields__, *map(msgspec.structs.astuple, report.outages)], raw=raw)


def days(report: Report) -> str:
    """The cycle's length as text: `29 days`."""
    start, end = (datetime.fromisoformat(moment) for moment in (report.cycle.start, report.cycle.end))
    length = (end - start) / timedelta(days=1)
    return f"{length:.10g} day{'' if length == 1 else 's'}"


def number(value: float) -> str:
    """Minutes as text: whole ones whole, others to two digits."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def plain(name: str | None, most: int = 60) -> str:
    """A name without control characters, cut to the maximum length; a dash if no line has one."""
    if name is None:
        return "-"
    short = name if len(name) <= most else name[: most - 1] + "…"
    return printable(short)


def unobserved(report: Report) -> str:
    """The part of the cycle that is unknown because no server logged; "" without any."""
    cycle = report.cycle
    if cycle.observed_until == cycle.end:
        return ""
    if cycle.observed_until == cycle.start:
        return "Nothing is known of the cycle: no heartbeat lies in it"
    return f"Nothing is known after {cycle.observed_until}, the end of the last heartbeat"


def percent(ratio: float | None) -> str:
    """A ratio as text: `0.081 %`."""
    return "" if ratio is None else f"{100 * ratio:.3f} %"


def p_value(value: float | None) -> str:
    """A p-value as text; below 0.0001 the digits have no meaning."""
    return "" if value is None else "<0.0001" if value < 0.0001 else f"{value:.4f}"


def effect(row: RoutingTest) -> str:
    """A test's effect with its interval as text."""
    if row.effect is None:
        return ""
    if row.effect_low is None or row.effect_high is None:
        return f"{row.effect:.3f}"
    return f"{row.effect:.3f} [{row.effect_low:.3f}, {row.effect_high:.3f}]"


def promise(report: Report, plans: Plans) -> str:
    """The promise to customers without a plan, with a note if others have other terms."""
    share = f"{100 - report.cycle.promise_percent:.10g} % of the cycle"
    words = f"less than {share}, {number(report.cycle.allowed_downtime_minutes)} minutes, of downtime"
    return words + ("; to customers with a plan, what it says" if plans.differ else "")


def verdict(report: Report) -> str:
    """One sentence: whether the promise was kept, and the customers for whom it was not."""
    if not report.judged:
        return "Nothing was judged: nothing is known of any customer in this cycle."
    broken = [row for row in report.accounts if row.violates_cycle]
    alike = all(row.promise_percent == report.cycle.promise_percent for row in report.accounts)
    limit = f"{number(report.cycle.allowed_downtime_minutes)} minutes" if alike else "what their plan allows"
    if not broken:
        return f"The promise was kept: none of {report.judged} customers had more than {limit} of downtime."
    names = ", ".join(f"{plain(row.account_name)} ({row.account_id})" for row in broken)
    return f"{len(broken)} of {report.judged} customers had more than {limit} of downtime: {names}."


def optional_columns(report: Report, plans: Plans) -> list[tuple[str, Callable[[AccountRow], str]]]:
    """Further columns of customers, shown if they have values: names of columns, and functions of cells."""
    columns: list[tuple[bool, str, Callable[[AccountRow], str]]] = [
        (bool(report.maintenance), "maintenance", lambda row: number(row.maintenance_minutes)),
        (plans.differ, "promised", lambda row: f"{row.promise_percent:.10g} %"),
        (plans.differ, "allowed min", lambda row: number(row.allowed_downtime_minutes)),
        (plans.has_credits, "credit", lambda row: _credit(row.credit_percent)),
    ]
    return [(name, cell) for wanted, name, cell in columns if wanted]


def _credit(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:.10g} %"


def _head(report: Report, plans: Plans) -> str:
    cycle = report.cycle
    lines = [
        f"Service levels, {cycle.start} to {cycle.end} ({days(report)}), accounted by the {cycle.step}",
        f"Allowed downtime: {100 - cycle.promise_percent:.10g} % of the cycle = "
        f"{number(cycle.allowed_downtime_minutes)} minutes" + ("; by plan where one is named" if plans.differ else ""),
    ]
    lines += [words] if (words := unobserved(report)) else []
    return "\n".join(lines)


def _accounts(report: Report, plans: Plans) -> str:
    header = ["id", "customer", "created", "deleted", "down min", "overload", "silent", "unrouted", "unknown"]
    more = optional_columns(report, plans)
    header += ["of cycle", "of lifetime", *(name for name, _ in more), ""]
    rows = [
        [
            str(row.account_id),
            plain(row.account_name),
            (row.created or "")[:16].replace("T", " "),
            (row.deleted or "")[:16].replace("T", " "),
            *(
                number(value)
                for value in (
                    row.downtime_minutes,
                    row.overload_minutes,
                    row.silent_minutes,
                    row.unrouted_minutes,
                    row.unknown_minutes,
                )
            ),
            percent(row.downtime_ratio_of_cycle),
            percent(row.downtime_ratio_of_lifetime),
            *(cell(row) for _, cell in more),
            mark(row),
        ]
        for row in report.accounts
    ]
    return _table(header, rows, left={1, 2, 3, len(header) - 1})


def mark(row: AccountRow) -> str:
    """A word on the row: broken by the cycle, or only by the lifetime."""
    return (
        "VIOLATED"
        if row.violates_cycle
        else f"over {100 - row.promise_percent:.10g} % of lifetime" * row.violates_lifetime
    )


def _verdict(report: Report) -> str:
    lines = [verdict(report), *(f"Note: {printable(caveat)}" for caveat in report.caveats)]
    shown = report.not_judged[:MAX_NOT_JUDGED]
    lines += [f"Not judged: account {row.account_id}, {row.reason}" for row in shown]
    if more := len(report.not_judged) - len(shown):
        lines.append(f"Not judged: {more:,} more accounts; JSON has them all")
    return "\n".join(lines)


SERVER_HEADER = ("server", "down min", "overload", "silent", "maintenance")


def server_rows(report: Report) -> list[list[str]]:
    """Cells of SERVER_HEADER, the last one only where there is maintenance."""
    return [
        [
            str(row.server_id),
            *map(number, (row.down_minutes, row.overload_minutes, row.silent_minutes)),
            *([number(row.maintenance_minutes)] if report.maintenance else []),
        ]
        for row in report.servers
    ]


def _servers(report: Report) -> str:
    header = SERVER_HEADER if report.maintenance else SERVER_HEADER[:-1]
    return _table(header, server_rows(report), left=set())


def routing_rows(report: Report) -> list[list[str]]:
    """The cells of the routing tests: question, test, n, statistic, p, effect with its interval."""
    return [
        [
            row.question,
            row.test,
            str(row.n),
            "" if row.statistic is None else f"{row.statistic:.3f}",
            p_value(row.p_value),
            effect(row),
        ]
        for row in report.routing_tests
    ]


def _routing(report: Report) -> str:
    lines = ["Does routing depend on the workload?"]
    lines += [
        f"  {QUESTIONS[answer.question]}: {answer.says} (n = {answer.n}, p = {p_value(answer.p_adjusted)})"
        for answer in report.routing
    ]
    return (
        "\n".join(lines)
        + "\n\n"
        + _table(["question", "test", "n", "statistic", "p", "effect [95 %]"], routing_rows(report), left={0, 1, 5})
    )


def _input(report: Report) -> str:
    read = report.input
    lines = [f"Read {read.lines:,} lines: {read.events:,} events, {read.set_aside:,} set aside"]
    lines += [f"  {reason}: {n:,}" for reason, n in read.set_aside_reasons.items()]
    lines += [f"  {kind}: {n:,}" for kind, n in read.oddities.items()]
    return "\n".join(lines)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], left: set[int]) -> str:
    """Aligned columns; those in `left` to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in [header, *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)
