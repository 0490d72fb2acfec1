"""The results of a run, as numbers: None where nothing was measured. Pure."""

import json
import re
from typing import Annotated, TypeAlias

import msgspec

from foundation.jsontext import escape_json
from foundation.version import VERSION
from trafficgen.meter.bins import MAX_BINS, Bins
from trafficgen.meter.histogram import Histogram, middle_s
from trafficgen.meter.meter import DROP_REASONS, NO_ANSWER_REASONS, SATURATED_SHARE, Meter
from trafficgen.meter.stored import StoredMeter
from trafficgen.report.verdict import Verdict

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
SCHEMA_VERSION = 1  # of the JSON: raised when a field is removed, or changes its type or meaning
STATISTICS = ("mean", *QUANTILES, "max")

UnixTime: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=2.4e11)]
"""What a calendar has a date for, also after `Seconds` more: files of other machines are merged."""
Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e10)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
"""What a chart can draw and a float has exactly."""
Counts: TypeAlias = dict[str, Count]
Times: TypeAlias = dict[str, Seconds | None]
"""By the names of `STATISTICS`; None if nothing was measured."""
BucketReport: TypeAlias = tuple[
    Annotated[float, msgspec.Meta(ge=1e-12, le=1e10)], Annotated[int, msgspec.Meta(ge=1, le=2**53)]
]
"""The middle of a bucket of a histogram in seconds, and how many values it has."""

_HISTOGRAM = re.compile(r"\[\n\s+\[\n\s+[-\d.e]+,\s+\d+\s+\](?:,\s+\[\s+[-\d.e]+,\s+\d+\s+\])*\s+\]")
"""In indented JSON. No string has it: a line feed in one is escaped, and each of these has some."""


class TargetReport(msgspec.Struct, frozen=True, kw_only=True):
    """The account of one target. requests = answered + no answer + dropped."""

    target: str
    requests: Count
    answered: Count
    unexpected: Count  # answers with a code that it should not give: 5xx, if it does not say so
    no_answer: Count
    dropped: Count
    codes: Counts
    latency_from_plan_s: Times


class AddressReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one address of the target had: requests sent to it, and connects to it that failed."""

    sent: Count
    failed_connects: Count


class PartSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What a merged report says of each part."""

    part: int
    url: str
    started_at: UnixTime  # by the clock of its machine
    seconds: Seconds
    planned: Count
    sent: Count
    saturated: bool
    stopped_early: bool


class BinReport(msgspec.Struct, frozen=True, kw_only=True):
    """What ended in a part of the run."""

    planned: Count
    sent: Count
    answered: Count
    unexpected: Count
    server_errors: Count
    client_errors: Count
    no_answer: Count
    dropped: Count
    latency_from_plan_s: list[BucketReport]  # those that have values, the shortest first


class OverTime(msgspec.Struct, frozen=True, kw_only=True):
    """The run in at most 64 bins of equal width from its start on; the last one may be shorter."""

    width_s: Annotated[int, msgspec.Meta(ge=1, le=10**8)]
    bins: Annotated[list[BinReport], msgspec.Meta(max_length=MAX_BINS)]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The closing account of a run. planned = sent + dropped; sent = answered + no answer."""

    schema_version: int = SCHEMA_VERSION
    url: str
    seed: int
    planned: Count
    sent: Count
    answered: Count
    dropped: Counts  # reasons with a count above 0 only, as in `no_answer`
    no_answer: Counts
    server_errors: Count  # answers with 5xx
    client_errors: Count  # answers with 4xx
    codes: Counts
    unexpected: Count  # answers with a code that their target should not give
    targets: dict[str, Counts]  # codes by target
    by_target: list[TargetReport]
    addresses: dict[str, AddressReport]  # of the target
    sessions: dict[str, Counts]  # by name: started, completed, failed, cut
    session_failures: Counts  # in words
    ratios: dict[str, float | None]  # see `_ratios`
    seconds: Seconds  # from the start to the last due request, or to the stop
    rate_per_s: float | None  # sent / seconds
    planned_per_s: float | None
    send_lateness_s: Times  # of requests sent
    latency_from_plan_s: Times  # of all that were due: until the answer, or until given up or dropped
    latency_from_send_s: Times  # of requests sent: until the answer, or until they were given up
    over_time: OverTime
    late: Counts  # sent over 0.1 s late, by cause: `target`, or a cause of `own_fault`
    own_fault: Counts  # late by over 0.1 s, or never sent, because the generator was the limit: by cause
    saturated: bool
    started_at: UnixTime
    received_bytes: Count  # of answers, heads included, decrypted
    version: str = VERSION  # of this program
    command: str = ""  # without what is secret; empty for a run from Python
    plan: str = ""  # see `plan_digest`: equal for runs, and for parts of a run, that send the same plan
    plan_seconds: float | None = None  # None: without end
    part: int = 1  # of `parts`
    parts: int = 1
    start_at: float | None = None  # Unix time that was asked for
    stopped_early: bool = False
    windows: list[dict[str, str | float | None]] = []  # phases and faults, seconds since the start
    expectations: list[Verdict] = []
    replayed: str = ""  # the log, and what was left out of it
    results: str = ""  # --results: how many rows in which file, or why there are none
    protocol: str = "http/1.1"  # or `h2`, HTTP/2 over TLS; `h2c`, HTTP/2 without
    connects: Count = 0  # connections made
    retried: Counts = {}  # given back by the server unserved, and sent again: each counts once in `sent`
    failed: list[str] = []  # limits (--fail-if) that were exceeded
    merged: list[PartSummary] = []  # the parts that this report is of
    missing: list[int] = []  # parts that it is not of
    start_skew_s: float | None = None  # from the first to the last start of the parts, by their own clocks
    meter: StoredMeter | None = None  # of one of several parts: what `trafficgen merge` adds up

    def to_json(self) -> str:
        """One indented JSON object, in ASCII; a histogram is one line."""
        text = json.dumps(msgspec.to_builtins(self, str_keys=True), indent=2)
        return escape_json(_HISTOGRAM.sub(lambda found: re.sub(r"\s+", "", found[0]), text)) + "\n"


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
    protocol: str = "http/1.1",
) -> Report:
    """The report of a finished run. `plan_s` is the plan's own length, which catching up may exceed by a second."""
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
            address: AddressReport(sent=sent, failed_connects=meter.shares.failed[address])
            for address, sent in sorted(meter.shares.sent.items())
        },
        ratios=_ratios(meter),
        seconds=round(seconds, 6),
        rate_per_s=round(meter.sent / seconds, 3) if seconds else None,
        planned_per_s=round(meter.planned / planned_s, 3) if planned_s else None,
        send_lateness_s=_times(meter.lateness),
        latency_from_plan_s=_times(meter.from_plan),
        latency_from_send_s=_times(meter.from_send),
        over_time=_over_time(meter.bins),
        late=_some(meter.late_by),
        own_fault=_some(meter.own_fault),
        saturated=is_saturated(meter),
        started_at=round(started_at, 3),
        received_bytes=meter.received_bytes,
        plan_seconds=plan_s,
        stopped_early=stopped_early,
        protocol=protocol,
        connects=meter.connects,
        retried=_some(meter.retried),
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


def _over_time(bins: Bins) -> OverTime:
    return OverTime(
        width_s=bins.width_s,
        bins=[
            BinReport(
                **one.counts._asdict(),
                latency_from_plan_s=[(float(f"{middle_s(at):.5g}"), count) for at, count in sorted(one.times.items())],
            )
            for one in bins.rows()
        ],
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
