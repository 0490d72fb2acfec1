"""Two reports compared: by how much each figure differs, and whether chance alone would do that. Pure.

Requests of a run are not independent of each other: a slow second is slow for all of its requests. So whole blocks of
the run are drawn anew, not requests: a bootstrap of clusters (Davison and Hinkley, Bootstrap Methods and their
Application, 1997, section 3.8). Each run is cut into at most 32 blocks of equal length. 2,000 times as many blocks as a
run has are drawn from it with replacement, and each figure is taken of their sum; the standard deviation s of a figure
over these draws is its standard error. The interval of the difference d is d -+ t x sqrt(s_a^2 + s_b^2), where t is
Student's quantile at the confidence with (number of blocks of the shorter run - 1) degrees of freedom, as blocks are
few. What is slower than a block (a cache that fills for minutes) is not seen by it: only repeated runs show that.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import structs

from foundation.errors import ConfigError, TidewatchError
from foundation.jsonread import JSON_ERRORS, why_not_json
from foundation.terminal import printable
from trafficgen.report.report import SCHEMA_VERSION, STATISTICS, BinReport, Report

CONFIDENCE = 0.99
MAX_BLOCKS, MIN_BLOCKS = 32, 8
DRAWS = 2000
RESOLUTION = 0.01  # of times: two buckets of a histogram; of throughput: the end of a run is not that of a block
LEAST_S = 1e-6  # of a run: reports round to it
SAME_RATE = 0.05  # planned rates that differ by more are other tests

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
RATIOS = {  # of what, the sum of which counts
    "error_ratio": ("sent", ("no_answer", "unexpected")),
    "no_answer_ratio": ("sent", ("no_answer",)),
    "http_5xx_ratio": ("answered", ("server_errors",)),
    "http_4xx_ratio": ("answered", ("client_errors",)),
    "dropped_ratio": ("planned", ("dropped",)),
}
FIGURES = ("p50", "p95", "p99", "mean", *RATIOS, "throughput")

Floats: TypeAlias = npt.NDArray[np.float64]


class NotComparableError(TidewatchError):
    """Two reports whose difference says nothing."""

    exit_code = 7


class Allowance(NamedTuple):
    """How much worse is not worse: the greater of a share of the figure before, and an amount in its own unit."""

    share: float = 0.0
    amount: float = 0.0  # seconds, a ratio, or requests per second


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of both runs; seconds, shares, or requests per second. None: not measured, or not given."""

    figure: str
    before: float | None
    after: float | None
    difference: float | None = None
    low: float | None = None  # the interval of the difference
    high: float | None = None
    verdict: str = "not judged"  # better, worse, no significant difference, not judged
    why: str = ""  # it is not judged


class TargetDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A target that both have; latencies from the plan in seconds. Not judged: reports have no blocks by target."""

    target: str
    requests: tuple[int, int]
    failed_ratio: tuple[float | None, float | None]  # unexpected, no answer or dropped, of the requests
    p50: tuple[float | None, float | None]
    p95: tuple[float | None, float | None]
    p99: tuple[float | None, float | None]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a change: `before` and `after` are the names of the reports."""

    before: str
    after: str
    confidence: float
    blocks: tuple[int, int]
    figures: list[Difference]
    by_target: list[TargetDifference]
    notes: list[str]

    @property
    def is_worse(self) -> bool:
        """Whether any figure is."""
        return any(one.verdict == "worse" for one in self.figures)


class Blocks(NamedTuple):
    """A run in blocks. `times`: (blocks, values) counts of `values`, in seconds; `counts` by name: (blocks,)."""

    values: Floats
    times: Floats
    counts: Mapping[str, Floats]
    seconds: Floats


def read_report(name: str, content: bytes) -> Report:
    """A report in JSON. Raises NotComparableError for another version, ConfigError for what is none."""
    try:
        version = msgspec.json.decode(content, type=dict[str, msgspec.Raw]).get("schema_version")
        found = None if version is None else msgspec.json.decode(version)
        if found != SCHEMA_VERSION:
            raise NotComparableError(f"{name}: has schema_version {found}; expected {SCHEMA_VERSION}")
        return _whole(msgspec.json.decode(content, type=Report))
    except JSON_ERRORS as exc:
        why = printable(why_not_json(exc))
        raise ConfigError(
            f"{name}: not a report of trafficgen ({why}): expected the file of --report json --output FILE"
        ) from exc


def _whole(report: Report) -> Report:
    """The report, if all its figures are there, be it as null. Raises msgspec.ValidationError."""
    figures = [
        ("latency_from_plan_s", report.latency_from_plan_s, STATISTICS),
        ("latency_from_send_s", report.latency_from_send_s, STATISTICS),
        ("send_lateness_s", report.send_lateness_s, STATISTICS),
        ("ratios", report.ratios, (*RATIOS,)),
    ]
    for number, one in enumerate(report.by_target):
        figures.append((f"by_target[{number}].latency_from_plan_s", one.latency_from_plan_s, STATISTICS))
    for place, values, names in figures:
        if missing := next((name for name in names if name not in values), ""):
            raise msgspec.ValidationError(f"$.{place}: {missing} is missing")
    return report


def compare(
    before: tuple[str, Report], after: tuple[str, Report], *, allowed: Mapping[str, Allowance], seed: int = 1
) -> Comparison:
    """Compare two runs. `allowed`: by figure. Raises NotComparableError."""
    for name, report in (before, after):
        if report.saturated:
            raise NotComparableError(
                f"{name}: INVALID: the generator was the limit; its figures say nothing about the target"
            )
    _check_alike(before, after)
    rng = np.random.default_rng(seed)
    a, b = blocks_of(before[1]), blocks_of(after[1])
    enough = min(len(a.seconds), len(b.seconds)) >= MIN_BLOCKS
    drawn = [bootstrap(one, rng) if enough else {} for one in (a, b)]
    freedom = min(len(a.seconds), len(b.seconds)) - 1
    figures = [
        _judged(
            Difference(figure=name, before=_figure(before[1], name), after=_figure(after[1], name)),
            _error(drawn, name),
            freedom,
            allowed.get(name, Allowance()),
        )
        for name in FIGURES
    ]
    notes = [
        *_other_plans(before, after),
        *(f"{name}: stopped before the end of its plan" for name, one in (before, after) if one.stopped_early),
        *(_allows_nothing(one.figure) for one in figures if one.before == 0 and _is_share(allowed.get(one.figure))),
    ]
    if not enough:
        notes.append(f"a run is shorter than {MIN_BLOCKS} blocks of a second: nothing is judged")
    return Comparison(
        before=before[0],
        after=after[0],
        confidence=CONFIDENCE,
        blocks=(len(a.seconds), len(b.seconds)),
        figures=figures,
        by_target=_by_target(before[1], after[1]),
        notes=notes,
    )


def _check_alike(before: tuple[str, Report], after: tuple[str, Report]) -> None:
    """Refuse what are other tests. Raises NotComparableError."""
    (first, a), (second, b) = before, after
    names = {one.target for one in a.by_target}, {one.target for one in b.by_target}
    if names[0] != names[1]:
        other = printable(min(names[0] ^ names[1]))
        raise NotComparableError(
            f"{first}, {second}: different targets ({other} is in one only): expected the same plan"
        )
    rates = a.planned_per_s or 0.0, b.planned_per_s or 0.0
    if not min(rates):
        raise NotComparableError(f"{first if not rates[0] else second}: nothing was planned")
    if abs(rates[1] / rates[0] - 1) > SAME_RATE:
        raise NotComparableError(
            f"{first}, {second}: different rates, {rates[0]:,.1f} and {rates[1]:,.1f}/s: expected the same plan"
        )


def _other_plans(before: tuple[str, Report], after: tuple[str, Report]) -> Iterator[str]:
    """Why the runs did not send the same requests, or why that is not known."""
    (_, a), (_, b) = before, after
    unknown = [name for name, report in (before, after) if not report.plan]
    if a.seed != b.seed:
        yield f"the seeds are {a.seed} and {b.seed}: the runs did not send the same requests; give both the same --seed"
    elif unknown:
        yield f"{unknown[0]}: the report has no plan: whether both runs sent the same requests is not known"
    elif a.plan != b.plan:
        yield f"the plans differ ({a.plan} and {b.plan}): the runs did not have the same flags, targets or version"


def _is_share(allowed: Allowance | None) -> bool:
    return allowed is not None and allowed.share > 0 and not allowed.amount


def _allows_nothing(figure: str) -> str:
    example = "0.1pp" if figure in RATIOS else "10/s" if figure == "throughput" else "5ms"
    return f"--allow {figure}: a percentage of 0 allows nothing; an amount such as {example} does"


def blocks_of(report: Report) -> Blocks:
    """The run in at most `MAX_BLOCKS` blocks. An unfinished bin at the end is left out, if there are others."""
    width_s, bins = report.over_time.width_s, list(report.over_time.bins)
    whole = int(report.seconds / width_s + 1e-6)
    bins = bins[: max(whole, 1)]
    bunch = max(1, math.ceil(len(bins) / MAX_BLOCKS))
    parts = [bins[at : at + bunch] for at in range(0, len(bins), bunch)]
    if len(parts) > 1 and len(parts[-1]) < bunch:
        parts.pop()
    values = sorted({value for part in parts for one in part for value, _ in one.latency_from_plan_s})
    number_of = {value: number for number, value in enumerate(values)}
    times = np.zeros((len(parts), len(values)))
    for row, part in enumerate(parts):
        for one in part:
            for value, count in one.latency_from_plan_s:
                times[row, number_of[value]] += count
    names = [name for name in BinReport.__struct_fields__ if name != "latency_from_plan_s"]
    counts = {name: np.array([float(sum(getattr(one, name) for one in part)) for part in parts]) for name in names}
    seconds = np.array([float(width_s * len(part)) for part in parts])
    return Blocks(np.array(values), times, counts, seconds)


def bootstrap(blocks: Blocks, rng: np.random.Generator) -> dict[str, Floats]:
    """Each figure of `DRAWS` runs of blocks drawn with replacement; NaN where one has nothing to take it of."""
    number = len(blocks.seconds)
    weights = rng.multinomial(number, np.full(number, 1 / number), size=DRAWS).astype(np.float64)
    return figures_of(blocks, weights)


def figures_of(blocks: Blocks, weights: Floats) -> dict[str, Floats]:
    """Figures of weighted sums of blocks. `weights`: (draws, blocks). Each figure: (draws,)."""
    times = weights @ blocks.times
    below, total = times.cumsum(axis=1), times.sum(axis=1)
    sums = {name: weights @ counts for name, counts in blocks.counts.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {"mean": (times @ blocks.values) / total}
        for name, (whole, parts) in RATIOS.items():
            found[name] = np.add.reduce([sums[part] for part in parts]) / sums[whole]
        found["throughput"] = sums["answered"] / (weights @ blocks.seconds)
    for name, q in QUANTILES.items():
        rank = np.minimum(np.floor(q * total + 1e-9) + 1, total)[:, None]
        at = np.minimum((below < rank).sum(axis=1), max(len(blocks.values) - 1, 0))
        found[name] = np.where(total > 0, blocks.values[at], np.nan) if len(blocks.values) else np.full(len(at), np.nan)
    return found


def _error(drawn: Sequence[Mapping[str, Floats]], name: str) -> float | None:
    """The standard error of the difference; None where a draw has no such figure."""
    if not all(drawn):
        return None
    variance = sum(float(one[name].var(ddof=1)) for one in drawn)
    return math.sqrt(variance) if math.isfinite(variance) else None


def _figure(report: Report, name: str) -> float | None:
    if name in RATIOS:
        return report.ratios[name]
    if name == "throughput":
        return report.answered / report.seconds if report.seconds >= LEAST_S else None
    return report.latency_from_plan_s[name]


def _judged(known: Difference, error: float | None, freedom: int, allowed: Allowance) -> Difference:
    """With its interval and verdict; `error` is the standard error of the difference."""
    from scipy.special import stdtrit  # noqa: PLC0415, slow to import

    if known.before is None or known.after is None:
        return structs.replace(known, why="nothing was measured in one of the runs")
    change = known.after - known.before
    if error is None:
        return structs.replace(known, difference=change, why="too few blocks, or blocks without a value")
    reach = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    low, high = change - reach, change + reach
    verdict = _verdict(known.figure, known.before, (low, high), allowed)
    return structs.replace(known, difference=change, low=low, high=high, verdict=verdict)


def _verdict(name: str, before: float, interval: tuple[float, float], allowed: Allowance) -> str:
    low, high = interval
    if name == "throughput":  # more is better
        low, high = -high, -low
    grain = 0.0 if name in RATIOS else RESOLUTION * before
    if low > max(allowed.share * before, allowed.amount, grain):
        return "worse"
    return "better" if high < -grain else "no significant difference"


def _by_target(a: Report, b: Report) -> list[TargetDifference]:
    others = {one.target: one for one in b.by_target}
    return [
        TargetDifference(
            target=one.target,
            requests=(one.requests, other.requests),
            failed_ratio=(_failed(one), _failed(other)),
            **{name: (one.latency_from_plan_s[name], other.latency_from_plan_s[name]) for name in QUANTILES},
        )
        for one in a.by_target
        for other in [others[one.target]]
    ]


def _failed(target: object) -> float | None:
    requests, *failed = (getattr(target, name) for name in ("requests", "unexpected", "no_answer", "dropped"))
    return sum(failed) / requests if requests else None
