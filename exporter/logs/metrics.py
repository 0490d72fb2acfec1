"""The counters of one source as metric families."""

from collections.abc import Iterator

from exporter.catalogue import Family, Metric
from exporter.catalogue import logs as catalogue
from exporter.logs.source import Rule
from exporter.logs.state import Counted, State

REASONS = ("format", "blank", "slow", "too_long")
"""Why a line may be bad; born at 0, so that the first is seen as an increase."""


class OwnMetric(Metric, frozen=True):
    """A metric that the user has named; the configuration has checked it by the conventions for these."""

    def __post_init__(self) -> None:
        """Nothing is left to check: users may choose labels such as `type` and `env`."""


def families(state: State, *, too_long: int = 0) -> Iterator[Family]:
    """What was counted; `too_long` lines were dropped before they could be counted."""
    for counted in state.metrics.values():
        yield _own_family(counted)
    source, totals = (state.name,), state.totals
    failed = {**dict.fromkeys(REASONS, 0), **totals.failed}
    failed["too_long"] += too_long
    yield catalogue.LINES.family({source: totals.lines + too_long})
    yield catalogue.LINES_FAILED.family({(*source, reason): count for reason, count in failed.items()})
    unusable = {(*source, name): totals.unusable.get(name, 0) for name, one in state.metrics.items() if one.rule.value}
    yield catalogue.VALUES_FAILED.family(unusable)
    folded = {
        (*source, name, label): totals.folded.get(name, {}).get(label, 0)
        for name, one in state.metrics.items()
        for label in (*one.labels, "series")
        if one.labels
    }
    yield catalogue.FOLDED.family(folded)
    yield catalogue.SERIES.family({(*source, name): len(one.series) for name, one in state.metrics.items()})


def _own_family(counted: Counted) -> Family:
    rule = counted.rule
    created = None if rule.kind == "gauge" else dict(counted.created)
    return own_metric(rule, counted.labels).family(dict(counted.samples), created)


def samples_text(state: State) -> str:
    """The samples of the rules' metrics, as a scrape has them."""
    from exporter.web.exposition import Renderer  # noqa: PLC0415, with a server, which the daemon alone needs

    families = [_own_family(counted) for counted in state.metrics.values()]
    text = "".join(Renderer().render(families, openmetrics=False))
    return "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("#"))


def own_metric(rule: Rule, labels: tuple[str, ...]) -> Metric:
    """A rule's metric; its source is the first label."""
    what = {"counter": "Counted", "gauge": "Last seen", "histogram": "Observed"}[rule.kind]
    return OwnMetric(rule.name, rule.kind, rule.help or f"{what} in log lines.", ("source", *labels))
