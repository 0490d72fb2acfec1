"""`alerts/slo.yml`: what is promised, of what, over which time. Shapes and their checks, no PromQL of rules.

An objective says how many of the events in its window must be good. Its indicator says what the events are:

    availability  requests that were not answered with a server error (from: log, stats), minutes in which an account
                  of a web host was up (hosting), business hours in which stores were up (stores)
    latency       requests that took no longer than `threshold` (from: log)
    ratio         any two counters of events: `total`, and `good` or `bad`
"""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec

from alerts.re2 import check_regex
from alerts.slo.counters import parse_counter
from foundation.config import read_config
from foundation.grammar import format_duration
from foundation.keys import duration

HERE = Path(__file__).parents[1]
SLO_FILE = HERE / "slo.yml"
DAY_S = 86_400
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The bounds that the exporter gives to histograms, where exporter.yml says nothing else."""

Measure: TypeAlias = Literal["log", "stats", "hosting", "stores"]
Label = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,60}\Z", extra={"words": "a label's name"})]
Slug = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z",
        extra={"words": "a name of at most 63 small letters, digits and hyphens, for example site-availability"},
    ),
]
Text = Annotated[
    str,
    msgspec.Meta(pattern=r"^(?!.*\{\{)[^\x00-\x1f\x7f]{0,1050}\Z", extra={"words": "one line of text without {{"}),
]
Percent = Annotated[
    float, msgspec.Meta(ge=1, le=99.9999, extra={"words": "a percentage from 1 to 99.9999, for example 99.9"})
]

_MEANINGFUL: dict[tuple[str, str], frozenset[str]] = {
    ("availability", "log"): frozenset({"codes", "sources", "except_sources", "routes"}),
    ("availability", "stats"): frozenset({"codes", "sources", "except_sources"}),
    ("availability", "hosting"): frozenset({"sources", "except_sources"}),
    ("availability", "stores"): frozenset({"sources", "except_sources", "per_store"}),
    ("latency", "log"): frozenset({"threshold", "sources", "except_sources", "routes"}),
    ("ratio", ""): frozenset({"total", "good", "bad", "by"}),
}
"""Kind and measure to the other keys that they have."""


class Indicator(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the events are, and which of them are good.

    kind: availability, latency, or a ratio of two counters.
    from_: where the events come from; of several, each source has the first one that knows it. By default `log`.
    codes: a regex of the status codes that are bad.
    threshold: the longest time that is good; a bound of the histogram.
    sources: a regex of the sources that count.
    except_sources: a regex of sources that do not count.
    routes: a regex of the routes that count.
    per_store: whether each store has a budget of its own; needs per_store in exporter.yml.
    total: the counter of all events.
    good: the counter of good events, in the place of `bad`.
    bad: the counter of bad events, in the place of `good`.
    by: the labels of these counters that have a budget each.
    """

    kind: Literal["availability", "latency", "ratio"]
    from_: Measure | tuple[Measure, ...] | None = msgspec.field(name="from", default=None)
    codes: str = "5.."
    threshold: Annotated[float, duration()] | None = None
    sources: str = ".+"
    except_sources: str = ""
    routes: str = ".+"
    per_store: bool = False
    total: str = ""
    good: str = ""
    bad: str = ""
    by: tuple[Label, ...] = ()

    def __post_init__(self) -> None:
        measures = self.measures or ("",)
        if self.from_ == () or len(set(measures)) < len(measures):
            raise ValueError("from: expected each measure once, for example log or [log, stats]")
        if len(measures) > 1 and not set(measures) <= {"log", "stats"}:
            raise ValueError("from: expected one measure, or [log, stats]: others measure different things")
        for measure in measures:
            self._check_keys(measure)
        for key in ("codes", "sources", "except_sources", "routes"):
            try:
                check_regex(getattr(self, key))
            except ValueError as exc:
                raise ValueError(f"{key}: {exc}") from exc
        if self.kind == "latency" and self.threshold is None:
            raise ValueError("missing key threshold: expected the longest good time, for example 250ms")
        if self.kind == "ratio":
            if not self.total or bool(self.good) == bool(self.bad):
                raise ValueError("expected total, and one of good and bad, each a counter")
            for key in ("total", "good", "bad"):
                if getattr(self, key):
                    parse_counter(getattr(self, key))
            if "slo" in self.by or len(set(self.by)) < len(self.by):
                raise ValueError("by: expected different labels, none of them slo")

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Where the events come from, the first choice first; none for counters that the user names."""
        if self.from_ is None:
            return () if self.kind == "ratio" else ("log",)
        return self.from_ if isinstance(self.from_, tuple) else (self.from_,)

    def _check_keys(self, measure: str) -> None:
        meant = _MEANINGFUL.get((self.kind, measure))
        if meant is None:
            known = sorted(other for kind, other in _MEANINGFUL if kind == self.kind and other)
            raise ValueError(f"{self.kind} has no measure {measure}; expected {' or '.join(known) or 'no key from'}")
        for field in msgspec.structs.fields(Indicator):
            given = getattr(self, field.name) != field.default
            if field.name not in {"kind", "from_"} and given and field.name not in meant:
                raise ValueError(
                    f"{field.name} does not apply to {self.kind}{f' from {measure}' if measure else ''}; "
                    f"known here: {', '.join(sorted(meant))}"
                )


class Objective(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One promise.

    name: the name of the objective.
    description: what is promised, in words.
    objective: per cent of events that must be good.
    window: whole days; by default 30 days, for hosting the billing cycle that exporter.yml names.
    service: whose promise it is, in OpenSLO.
    indicator: what the events are.
    """

    name: Slug
    description: Text = ""
    objective: Percent = 99.9
    window: Annotated[int, duration(least_s=DAY_S, most_s=366 * DAY_S, whole=True)] | None = None
    service: Slug = "tidewatch"
    indicator: Indicator

    def __post_init__(self) -> None:
        if self.window is not None and self.window % DAY_S:
            raise ValueError(f"window {format_duration(self.window)}: expected whole days, for example 30d")

    @property
    def allowed(self) -> Decimal:
        """The share of events that may be bad."""
        return (100 - Decimal(repr(float(self.objective)))) / 100

    @property
    def allowed_words(self) -> str:
        """`0.1 %`."""
        return f"{(self.allowed * 100).normalize():f} %"

    @property
    def promise(self) -> str:
        """The description, with figures, as one sentence."""
        said = self.description.rstrip(".") or self.name
        share = "as much as the account is promised" if self.by_cycle else f"{self.objective:g} %"
        return f"{said}: {share} within {self.window_words}."

    @property
    def by_cycle(self) -> bool:
        """Whether the budget is that of hosting's billing cycle, which the exporter reckons."""
        return self.window is None and self.indicator.measures == ("hosting",)

    @property
    def window_s(self) -> int:
        """The window; a billing cycle is taken for 30 days, where its length is needed."""
        return 30 * DAY_S if self.window is None else self.window

    @property
    def window_words(self) -> str:
        """`30 days`, `1 day`, `the billing cycle`."""
        days = self.window_s // DAY_S
        return "the billing cycle" if self.by_cycle else f"{days} day{'s' if days > 1 else ''}"


class ServiceLevels(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file of service levels.

    objectives: what is promised.
    buckets: the bounds of latency histograms, where exporter.yml sets others than the usual ones.
    """

    objectives: Annotated[tuple[Objective, ...], msgspec.Meta(min_length=1)]
    buckets: tuple[Annotated[float, msgspec.Meta(gt=0)], ...] = BUCKETS_S

    def __post_init__(self) -> None:
        for name, times in Counter(objective.name for objective in self.objectives).items():
            if times > 1:
                raise ValueError(f"duplicate objective {name}: expected a different name for each")
        for objective in self.objectives:
            threshold = objective.indicator.threshold
            if threshold is not None and threshold not in self.buckets:
                bounds = ", ".join(format(bound, "g") for bound in self.buckets)
                raise ValueError(
                    f"objective {objective.name}: threshold {threshold:g} s is not a bound of the histogram; "
                    f"expected one of {bounds}, or buckets as exporter.yml has them"
                )
            if objective.by_cycle and objective.objective != 99.9:
                raise ValueError(
                    f"objective {objective.name}: exporter.yml has what accounts are promised in a billing cycle; "
                    "expected objective 99.9, which applies where it promises nothing, or a window, for example 30d"
                )


def read_service_levels(path: Path = SLO_FILE) -> ServiceLevels:
    """Read the file. Raises ConfigError that says what is wrong, where, and what would be right."""
    return read_config(path, ServiceLevels)
