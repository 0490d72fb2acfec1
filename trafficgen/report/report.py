"""What a run comes to: numbers for machines, a page of text for people. Pure."""

import json

import msgspec

from foundation.jsontext import escape_json
from foundation.terminal import printable
from trafficgen.meter.histogram import Histogram
from trafficgen.meter.meter import SATURATED_SHARE, Meter
from trafficgen.report.verdict import Verdict, describe

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The closing account of a run. planned = sent + dropped; sent = answered + errors."""

    url: str
    seed: int
    planned: int
    sent: int
    answered: int
    dropped: dict[str, int]  # reasons with a count above 0 only, as in `errors`
    errors: dict[str, int]
    codes: dict[str, int]
    targets: dict[str, dict[str, int]]  # codes by target
    seconds: float  # from the start to the last due request, or to the stop
    rate_per_s: float  # sent / seconds
    planned_per_s: float
    send_lateness_s: dict[str, float]
    latency_from_plan_s: dict[str, float]
    latency_from_send_s: dict[str, float]
    saturated: bool
    started_at: float  # Unix time
    stopped_early: bool = False
    windows: list[dict[str, str | float | None]] = []  # phases and faults, seconds since the start
    expectations: list[Verdict] = []
    replayed: str = ""  # the log, and what was left out of it
    failed: list[str] = []  # limits (--fail-if) that were exceeded

    def to_json(self) -> str:
        """One indented JSON object, in ASCII."""
        return escape_json(json.dumps(msgspec.to_builtins(self), indent=2)) + "\n"


def is_saturated(meter: Meter) -> bool:
    """Whether the generator itself was the limit: over 1 % of the plan came late, or was dropped, by its own fault."""
    return meter.own_fault > SATURATED_SHARE * meter.planned


def make_report(
    meter: Meter,
    *,
    url: str,
    seed: int,
    seconds: float,
    plan_s: float | None,
    started_at: float,
    stopped_early: bool = False,
) -> Report:
    """The account of a finished run. `plan_s` is the plan's own length, which catching up may exceed by a second."""
    planned_s = seconds if plan_s is None else min(seconds, plan_s)
    codes: dict[int, int] = {}
    for by_code in meter.codes:
        for code, count in by_code.items():
            codes[code] = codes.get(code, 0) + count
    return Report(
        url=url,
        seed=seed,
        planned=meter.planned,
        sent=meter.sent,
        answered=meter.answered,
        dropped=_some(meter.dropped),
        errors=_some(meter.errors),
        codes=_codes(codes),
        targets={target: _codes(by_code) for target, by_code in zip(meter.targets, meter.codes, strict=True)},
        seconds=round(seconds, 6),
        rate_per_s=round(meter.sent / seconds, 3) if seconds else 0.0,
        planned_per_s=round(meter.planned / planned_s, 3) if planned_s else 0.0,
        send_lateness_s=_quantiles(meter.lateness),
        latency_from_plan_s=_quantiles(meter.from_plan),
        latency_from_send_s=_quantiles(meter.from_send),
        saturated=is_saturated(meter),
        started_at=round(started_at, 3),
        stopped_early=stopped_early,
    )


def _some(counts: dict[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if count}


def _codes(counts: dict[int, int]) -> dict[str, int]:
    return {str(code): count for code, count in sorted(counts.items()) if count}


def _quantiles(histogram: Histogram) -> dict[str, float]:
    values = {name: histogram.quantile_s(q) for name, q in QUANTILES.items()} | {"max": histogram.max_ns / 1e9}
    return {name: float(f"{value:.4g}") for name, value in values.items()}


def render_text(report: Report) -> str:
    """The closing summary, as printed on stdout."""
    rows: list[tuple[str, str]] = [
        ("planned", f"{report.planned:,} requests in {report.seconds:,.2f} s, {report.planned_per_s:,.1f}/s"),
        ("sent", f"{report.sent:,} ({report.rate_per_s:,.1f}/s)"),
        ("answered", _with_parts(report.answered, report.codes)),
        ("errors", _with_parts(sum(report.errors.values()), report.errors)),
        ("dropped", _with_parts(sum(report.dropped.values()), report.dropped)),
        ("latency from plan", _latency(report.latency_from_plan_s)),
        ("latency from send", _latency(report.latency_from_send_s)),
        ("send lateness", _latency(report.send_lateness_s)),
        ("seed", str(report.seed)),
    ]
    if report.replayed:
        kept = report.send_lateness_s
        exactly = (
            f"within {format_seconds(kept['p50'])} of the log's times for half, {format_seconds(kept['p99'])} for 99 %"
        )
        rows += [("replayed", report.replayed), ("timing kept", exactly)]
    if report.stopped_early:
        rows.append(("stopped", "before the end of the plan"))
    if report.saturated:
        rows.append(("INVALID", "the generator was the limit, not the target: more --workers, or a lower rate"))
    rows += [("expected", describe(verdict)) for verdict in report.expectations]
    rows += [("FAILED", text) for text in report.failed]
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name:<{width}}  {printable(value)}\n" for name, value in rows)


def _with_parts(total: int, parts: dict[str, int]) -> str:
    return f"{total:,}" + (f" ({', '.join(f'{name}: {count:,}' for name, count in parts.items())})" if parts else "")


def _latency(values: dict[str, float]) -> str:
    return "  ".join(f"{name} {format_seconds(value)}" for name, value in values.items())


def format_seconds(value: float) -> str:
    """`0.00123` as `1.23 ms`."""
    for limit, unit, scale in ((1e-3, "us", 1e6), (1.0, "ms", 1e3)):
        if value < limit:
            return f"{value * scale:.3g} {unit}"
    return f"{value:.3g} s"
