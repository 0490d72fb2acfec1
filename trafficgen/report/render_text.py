"""The report as text, and the rows that its page has too. `-` stands for what was not measured. Pure."""

from collections.abc import Iterable

from foundation.terminal import printable
from trafficgen.report.report import Report, Times
from trafficgen.report.verdict import describe


def render_text(report: Report) -> str:
    """The closing summary, as printed on stdout."""
    rows = list(summary(report))
    if report.saturated:
        rows.append(("INVALID", "the generator was the limit, not the target: more --workers, or a lower rate"))
    rows += [("expected", describe(verdict)) for verdict in report.expectations]
    rows += [("FAILED", text) for text in report.failed]
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:<{width}}  {printable(value)}\n" for name, value in rows)


def summary(report: Report) -> Iterable[tuple[str, str]]:
    """What was planned, and what became of it."""
    ratios = report.ratios
    yield "planned", f"{report.planned:,} requests in {report.seconds:,.2f} s, {_rate(report.planned_per_s)}"
    yield "sent", f"{report.sent:,} ({_rate(report.rate_per_s)})"
    yield "answered", _with_parts(report.answered, counted(report.codes))
    yield "server errors", _of_answers(report.server_errors, ratios["http_5xx_ratio"])
    yield "client errors", _of_answers(report.client_errors, ratios["http_4xx_ratio"])
    yield "no answer", _failed(report.no_answer, ratios["no_answer_ratio"])
    yield "dropped", _failed(report.dropped, ratios["dropped_ratio"])
    yield "latency from plan", _times(report.latency_from_plan_s)
    yield "latency from send", _times(report.latency_from_send_s)
    yield "send lateness", _times(report.send_lateness_s)
    yield "seed", str(report.seed)
    if report.replayed:
        kept = report.send_lateness_s
        half, most = format_seconds(kept["p50"]), format_seconds(kept["p99"])
        yield "replayed", report.replayed
        yield "timing kept", f"within {half} of the log's times for half, {most} for 99 %"
    if report.stopped_early:
        yield "stopped", "before the end of the plan"


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
