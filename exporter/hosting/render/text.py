"""The SLA report as text for a terminal or a mail, as JSON and as CSV."""

from collections.abc import Sequence

import msgspec

from exporter.hosting.report import AccountRow, Report
from exporter.hosting.routing import QUESTIONS, RoutingTest
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


def to_text(report: Report) -> str:
    """The report for people."""
    parts = [_head(report), _accounts(report), _verdict(report), _servers(report), _routing(report), _input(report)]
    return "\n\n".join(part for part in parts if part) + "\n"


def days(report: Report) -> str:
    """The cycle's length for people: `29 days`."""
    length = report.cycle.allowed_downtime_minutes * 1000 / 60 / 24
    return f"{length:.10g} day{'' if length == 1 else 's'}"


def number(value: float) -> str:
    """Minutes for people: whole ones whole, others to two digits."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def plain(name: str | None) -> str:
    """A name without what a terminal would obey, at most 60 characters; of one that no line has, a dash."""
    if name is None:
        return "-"
    short = name if len(name) <= 60 else name[:59] + "…"
    return printable(short)


def percent(ratio: float | None) -> str:
    """A ratio for people: `0.081 %`."""
    return "" if ratio is None else f"{100 * ratio:.3f} %"


def p_value(value: float | None) -> str:
    """A p-value for people; below 0.0001 the digits say nothing."""
    return "" if value is None else "<0.0001" if value < 0.0001 else f"{value:.4f}"


def effect(row: RoutingTest) -> str:
    """A test's effect with its interval for people."""
    if row.effect is None:
        return ""
    if row.effect_low is None or row.effect_high is None:
        return f"{row.effect:.3f}"
    return f"{row.effect:.3f} [{row.effect_low:.3f}, {row.effect_high:.3f}]"


def verdict(report: Report) -> str:
    """One sentence: whether the promise was kept, and to whom not."""
    if not report.judged:
        return "Nothing was judged: of no customer anything is known in this cycle."
    broken = [row for row in report.accounts if row.violates_cycle]
    limit = f"{number(report.cycle.allowed_downtime_minutes)} minutes"
    if not broken:
        return f"The promise was kept: none of {report.judged} customers had more than {limit} of downtime."
    names = ", ".join(f"{plain(row.account_name)} ({row.account_id})" for row in broken)
    return f"{len(broken)} of {report.judged} customers had more than {limit} of downtime: {names}."


def _head(report: Report) -> str:
    cycle = report.cycle
    lines = [
        f"Service levels, {cycle.start} to {cycle.end} ({days(report)}), accounted by the {cycle.step}",
        f"Allowed downtime: 0.1 % of the cycle = {number(cycle.allowed_downtime_minutes)} minutes",
    ]
    if cycle.observed_until != cycle.end:
        lines.append(f"Nothing is known after {cycle.observed_until}, the last heartbeat")
    return "\n".join(lines)


def _accounts(report: Report) -> str:
    header = ["id", "customer", "created", "deleted", "down min", "overload", "silent", "unrouted", "unknown"]
    header += ["of cycle", "of lifetime", ""]
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
            mark(row),
        ]
        for row in report.accounts
    ]
    return _table(header, rows, left={1, 2, 3, 11})


def mark(row: AccountRow) -> str:
    """A word on the row: broken by the cycle, or only by the lifetime."""
    return "VIOLATED" if row.violates_cycle else "over 0.1 % of lifetime" if row.violates_lifetime else ""


def _verdict(report: Report) -> str:
    lines = [verdict(report), *(f"Note: {printable(caveat)}" for caveat in report.caveats)]
    shown = report.not_judged[:MAX_NOT_JUDGED]
    lines += [f"Not judged: account {row.account_id}, {row.reason}" for row in shown]
    if more := len(report.not_judged) - len(shown):
        lines.append(f"Not judged: {more:,} more accounts; JSON has them all")
    return "\n".join(lines)


def _servers(report: Report) -> str:
    rows = [
        [str(row.server_id), number(row.down_minutes), number(row.overload_minutes), number(row.silent_minutes)]
        for row in report.servers
    ]
    return _table(["server", "down min", "overload", "silent"], rows, left=set())


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
