"""What a run comes to, as numbers: None where nothing was measured. Pure."""

import json
from typing import TypeAlias

import msgspec

from foundation.jsontext import escape_json
from trafficgen.meter.histogram import Histogram
from trafficgen.meter.meter import DROP_REASONS, NO_ANSWER_REASONS, SATURATED_SHARE, Meter
from trafficgen.report.verdict import Verdict

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
STATISTICS = ("mean", *QUANTILES, "max")

Times: TypeAlias = dict[str, float | None]
"""Seconds, by the names of `STATISTICS`; None if nothing was measured."""


class TargetReport(msgspec.Struct, frozen=True, kw_only=True):
    """The account of one target. requests = answered + no answer + dropped."""

    target: str
    requests: int
    answered: int
    unexpected: int  # answers with a code that it should not give: 5xx, if it does not say so
    no_answer: int
    dropped: int
    codes: dict[str, int]
    latency_from_plan_s: Times


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The closing account of a run. planned = sent + dropped; sent = answered + no answer."""

    url: str
    seed: int
    planned: int
    sent: int
    answered: int
    dropped: dict[str, int]  # reasons with a count above 0 only, as in `no_answer`
    no_answer: dict[str, int]
    server_errors: int  # answers with 5xx
    client_errors: int  # answers with 4xx
    codes: dict[str, int]
    unexpected: int  # answers with a code that their target should not give
    targets: dict[str, dict[str, int]]  # codes by target
    by_target: list[TargetReport]
    addresses: dict[str, dict[str, int]]  # of the target: requests `sent` and `failed_connects`
    sessions: dict[str, dict[str, int]]  # by name: started, completed, failed, cut
    session_failures: dict[str, int]  # in words
    ratios: dict[str, float | None]  # see `_ratios`
    seconds: float  # from the start to the last due request, or to the stop
    rate_per_s: float | None  # sent / seconds
    planned_per_s: float | None
    send_lateness_s: Times  # of requests sent
    latency_from_plan_s: Times  # of all that were due: until the answer, or until given up or dropped
    latency_from_send_s: Times  # of requests sent: until the answer, or until they were given up
    late: dict[str, int]  # sent over 0.1 s late: by whom (`target`, or a cause of `own_fault`)
    own_fault: dict[str, int]  # late by over 0.1 s, or never sent, because the generator was the limit: by cause
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
    return sum(meter.own_fault.values()) > SATURATED_SHARE * meter.planned


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
        no_answer=_some(meter.no_answer),
        server_errors=meter.answers(500, 999),  # codes that HTTP does not know count as 5xx (RFC 9110, section 15)
        client_errors=meter.answers(400, 499),
        codes=_codes(codes),
        unexpected=sum(meter.unexpected()),
        sessions=meter.sessions,
        session_failures=meter.session_failures,
        by_target=[_target(meter, number) for number in range(len(meter.targets))],
        targets={target: _codes(by_code) for target, by_code in zip(meter.targets, meter.codes, strict=True)},
        addresses={
            address: {"sent": sent, "failed_connects": meter.shares.failed[address]}
            for address, sent in sorted(meter.shares.sent.items())
        },
        ratios=_ratios(meter),
        seconds=round(seconds, 6),
        rate_per_s=round(meter.sent / seconds, 3) if seconds else None,
        planned_per_s=round(meter.planned / planned_s, 3) if planned_s else None,
        send_lateness_s=_times(meter.lateness),
        latency_from_plan_s=_times(meter.from_plan),
        latency_from_send_s=_times(meter.from_send),
        late=_some(meter.late_by),
        own_fault=_some(meter.own_fault),
        saturated=is_saturated(meter),
        started_at=round(started_at, 3),
        stopped_early=stopped_early,
    )


def _target(meter: Meter, number: int) -> TargetReport:
    codes, failed = _codes(meter.codes[number]), meter.by_target.failed[number]
    answered = sum(codes.values())
    no_answer, dropped = (sum(failed.get(reason, 0) for reason in known) for known in (NO_ANSWER_REASONS, DROP_REASONS))
    return TargetReport(
        target=meter.targets[number],
        requests=answered + no_answer + dropped,
        answered=answered,
        unexpected=meter.unexpected()[number],
        no_answer=no_answer,
        dropped=dropped,
        codes=codes,
        latency_from_plan_s=_times(meter.by_target.histogram(number)),
    )


def _some(counts: dict[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if count}


def _codes(counts: dict[int, int]) -> dict[str, int]:
    return {str(code): count for code, count in sorted(counts.items()) if count}


def _ratios(meter: Meter) -> dict[str, float | None]:
    """Shares by the names that limits have for them; None where there is nothing to take a share of."""
    no_answer, server_errors = sum(meter.no_answer.values()), meter.answers(500, 999)
    return {
        "error_ratio": _share(no_answer + sum(meter.unexpected()), meter.sent),
        "no_answer_ratio": _share(no_answer, meter.sent),
        "http_5xx_ratio": _share(server_errors, meter.answered),
        "http_4xx_ratio": _share(meter.answers(400, 499), meter.answered),
        "dropped_ratio": _share(sum(meter.dropped.values()), meter.planned),
        "rate_error": _share(abs(meter.planned - meter.sent), meter.planned),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _times(histogram: Histogram) -> Times:
    quantiles = {name: histogram.quantile_s(q) for name, q in QUANTILES.items()}
    values = {"mean": histogram.mean_s(), **quantiles, "max": histogram.most_s()}
    return {name: None if value is None else float(f"{value:.4g}") for name, value in values.items()}
