"""The report as text, and the rows that its page has too. `-` means not measured. Pure."""

from collections.abc import Iterable

from foundation.terminal import printable
from trafficgen.report.report import AddressReport, Report, TargetReport, Times
from trafficgen.report.verdict import describe

FAR_APART_S = 1.0  # a second of the plan: rates by second are added up
MAX_ROWS = 20  # of the table of targets; more are in the other forms of the report
TARGET_COLUMNS = ("target", "requests", "unexpected", "no answer", "dropped", "p50", "p95", "p99", "codes")
PROTOCOLS = {"h2": "HTTP/2 over TLS", "h2c": "HTTP/2 without TLS"}
CAUSES = {
    "target": "the target, which held every connection",
    "processor": "the processor of the generator, which was used up: more --workers, or a lower rate",
    "wakeups": "other processes, which had the processor when the generator should have woken up",
    "no_descriptor": "too many open files: raise the limit (ulimit -n), or fewer --connections",
    "no_port": "no free port on this machine: keep connections alive, or widen net.ipv4.ip_local_port_range",
    "no_buffer": "no memory of the system for another connection",
}


def render_text(report: Report) -> str:
    """The closing summary, as printed on stdout."""
    rows = list(summary(report))
    if report.saturated:
        rows.append(("INVALID", describe_invalid(report)))
    rows += [("expected", describe(verdict)) for verdict in report.expectations]
    rows += [("FAILED", text) for text in report.failed]
    width = max(len(name) for name, _ in rows)
    text = "".join(f"{name:<{width}}  {printable(value)}\n" for name, value in rows)
    return text + "".join(f"{line}\n" for line in _by_target(report.by_target))


def _by_target(targets: list[TargetReport]) -> Iterable[str]:
    """A table of the targets, those with the most requests first; none for a single target."""
    if len(targets) < 2:
        return
    shown = sorted(targets, key=lambda target: -target.requests)[:MAX_ROWS]
    rows = [TARGET_COLUMNS, *(target_row(target) for target in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(TARGET_COLUMNS))]
    yield ""
    for first, *middle, last in rows:
        cells = "  ".join(f"{cell:>{width}}" for cell, width in zip(middle, widths[1:-1], strict=True))
        yield f"{first:<{widths[0]}}  {cells}  {last}"
    if len(targets) > MAX_ROWS:
        yield f"... and {len(targets) - MAX_ROWS} more targets: --report json has all"


def target_row(target: TargetReport) -> tuple[str, ...]:
    """The cells of a target under `TARGET_COLUMNS`."""
    counts = (target.requests, target.unexpected, target.no_answer, target.dropped)
    times = (format_seconds(target.latency_from_plan_s[name]) for name in ("p50", "p95", "p99"))
    return printable(target.target), *(f"{count:,}" for count in counts), *times, counted(target.codes)


def summary(report: Report) -> Iterable[tuple[str, str]]:
    """What was planned, and what became of it."""
    ratios = report.ratios
    yield "planned", f"{report.planned:,} requests in {report.seconds:,.2f} s, {_rate(report.planned_per_s)}"
    yield "sent", f"{report.sent:,} ({_rate(report.rate_per_s)})"
    yield "answered", _with_parts(report.answered, counted(report.codes))
    yield "server errors", _of_answers(report.server_errors, ratios["http_5xx_ratio"])
    if report.unexpected != report.server_errors:
        yield "unexpected", f"{report.unexpected:,} answers with codes that their targets do not expect"
    yield "client errors", _of_answers(report.client_errors, ratios["http_4xx_ratio"])
    yield "no answer", _failed(report.no_answer, ratios["no_answer_ratio"])
    yield "dropped", _failed(report.dropped, ratios["dropped_ratio"])
    if report.retried:
        count = sum(report.retried.values())
        yield (
            "sent again",
            f"{count:,} that the server gave back unserved ({counted(report.retried)}); each counts once",
        )
    for name, counts in report.sessions.items():
        yield "sessions", f"{name}: {counted(counts)}"
    for why, count in list(report.session_failures.items())[:MAX_ROWS]:
        yield "failed", f"{count:,} x {why}"
    yield "received", f"{report.received_bytes:,} bytes"
    for name, values in times(report).items():
        yield name, _times(values)
    if report.protocol in PROTOCOLS:
        yield "protocol", f"{PROTOCOLS[report.protocol]}, connections made: {report.connects:,}"
    if len(report.addresses) > 1:
        yield "addresses", ", ".join(_share(name, counts, report.sent) for name, counts in report.addresses.items())
    if report.late:
        yield "late", describe_lateness(report)
    if report.own_fault and not report.saturated:
        yield "own fault", _blamed(report.own_fault)
    yield "seed", str(report.seed)
    if report.parts > 1:
        yield "part", f"{report.part} of {report.parts}: trafficgen merge adds up their JSON reports"
    yield from _parts(report)
    if report.replayed:
        kept = report.send_lateness_s
        half, most = format_seconds(kept["p50"]), format_seconds(kept["p99"])
        yield "replayed", report.replayed
        yield "timing kept", f"within {half} of the log's times for half, {most} for 99 %"
    if report.results:
        yield "results", report.results
    if report.stopped_early:
        yield "stopped", "before the end of the plan"


def times(report: Report) -> dict[str, Times]:
    """The times that every report has, by the names of their rows."""
    return {
        "latency from plan": report.latency_from_plan_s,
        "latency from send": report.latency_from_send_s,
        "send lateness": report.send_lateness_s,
    }


def _parts(report: Report) -> Iterable[tuple[str, str]]:
    """What a merged report is of, and what it must not hide."""
    merged = report.merged
    if not merged:
        return
    skew = format_seconds(report.start_skew_s)
    yield "parts", f"{len(merged)} of {len(merged) + len(report.missing)}, begun within {skew} by their own clocks"
    if report.missing:
        yield "missing", f"{part_names(report.missing)}: these figures are not of the whole plan"
    if (report.start_skew_s or 0) > FAR_APART_S:
        yield "apart", "the parts did not run at the same time: rates are calculated as if they had"
    for why, parts in (
        ("INVALID by itself", [one.part for one in merged if one.saturated]),
        ("stopped before the end", [one.part for one in merged if one.stopped_early]),
    ):
        if parts:
            yield "told by", f"{part_names(parts)}: {why}"


def part_names(parts: list[int]) -> str:
    """`part 2`, `parts 2 and 4`, `parts 1, 2 and 4`."""
    if len(parts) == 1:
        return f"part {parts[0]}"
    return f"parts {', '.join(map(str, parts[:-1]))} and {parts[-1]}"


def describe_invalid(report: Report) -> str:
    """Why the figures say nothing about the target."""
    return f"the generator was the limit, not the target: {_blamed(report.own_fault)}"


def describe_lateness(report: Report) -> str:
    """What was late, and why."""
    return f"{sum(report.late.values()):,} of {report.sent:,} sent over 0.1 s late" + (
        f": {_blamed(report.late)}" if report.late else ""
    )


def counted(counts: dict[str, int]) -> str:
    """`200: 90, 500: 10`."""
    return ", ".join(f"{name}: {number:,}" for name, number in counts.items())


def format_seconds(value: float | None) -> str:
    """`0.00123` as `1.23 ms`, None as `-`."""
    if value is None:
        return "-"
    for limit, unit, scale in ((1e-3, "us", 1e6), (1.0, "ms", 1e3)):
        if value < limit:
            return f"{value * scale:.3g} {unit}"
    return f"{value:.3g} s"


def _blamed(counts: dict[str, int]) -> str:
    return "; ".join(f"{count:,} by {CAUSES.get(cause, cause)}" for cause, count in counts.items())


def _share(address: str, one: AddressReport, sent: int) -> str:
    share, failed = _percent(one.sent / sent) if sent else "-", one.failed_connects
    return f"{address}: {one.sent:,} ({share}{f'; {failed:,} connects failed' if failed else ''})"


def _rate(per_s: float | None) -> str:
    return "-" if per_s is None else f"{per_s:,.1f}/s"


def _percent(ratio: float) -> str:
    """One place, or what shows that something was there."""
    return f"{100 * ratio:.1f} %" if ratio >= 0.001 or not ratio else f"{100 * ratio:.2g} %"


def _of_answers(count: int, ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return _with_parts(count, _percent(ratio) if count else "")


def _failed(reasons: dict[str, int], ratio: float | None) -> str:
    if ratio is None:
        return "-"
    return _with_parts(sum(reasons.values()), f"{_percent(ratio)}; {counted(reasons)}" if reasons else "")


def _with_parts(total: int, parts: str) -> str:
    return f"{total:,}" + (f" ({parts})" if parts else "")


def _times(values: Times) -> str:
    if values["max"] is None:
        return "-"
    return "  ".join(f"{name} {format_seconds(value)}" for name, value in values.items())
