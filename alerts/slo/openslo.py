"""OpenSLO v1 documents (https://github.com/OpenSLO/OpenSLO) to objectives and back.

Read: SLO, with its indicator in place or by `indicatorRef`, SLI and Service. What cannot be taken is refused with its
reason, all reasons at once; what is not needed (alert policies, data sources) is noted. A document that `documents`
wrote also has the indicator as an annotation, which counts as long as the queries are still those that belong to it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

import msgspec
import yaml

from alerts.slo.counters import Sum, parse_quotient, parse_sum
from alerts.slo.indicators import events_of, good_and_total
from alerts.slo.model import BUCKETS_S, DAY_S, Indicator, Objective, ServiceLevels
from alerts.slo.written import keys_of
from foundation.config import parse_config, read_text
from foundation.errors import BadRecord, ConfigError
from foundation.jsonread import read_json
from foundation.output import replacing

T = TypeVar("T")
MOST_REASONS = 20  # on a terminal the first ones are still seen
ANNOTATION = "tidewatch/indicator"
NOT_NEEDED = {
    "DataSource": "queries go to the Prometheus that loads the rules",
    "AlertPolicy": "each objective has alerts of its own",
    "AlertCondition": "each objective has alerts of its own",
    "AlertNotificationTarget": "receivers are in Alertmanager's configuration",
}
_WINDOW = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 168}


class _Open(msgspec.Struct, frozen=True, rename="camel"):
    """A part of a document; keys that are not used are allowed."""


class Metadata(_Open, frozen=True):
    """What a document is called."""

    name: str
    display_name: str = ""
    annotations: dict[str, str] = {}


class Query(_Open, frozen=True):
    """The part of a metric source's specification that Prometheus has."""

    query: str


class MetricSource(_Open, frozen=True):
    """Where a metric comes from."""

    spec: Query
    type: str = "Prometheus"


class Metric(_Open, frozen=True):
    """One of good, bad, total and raw."""

    metric_source: MetricSource


class RatioMetric(_Open, frozen=True):
    """Good or bad and total, or raw and its type."""

    counter: bool = True
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric | None = None
    raw: Metric | None = None
    raw_type: Literal["success", "failure"] | None = None


class IndicatorSpec(_Open, frozen=True):
    """What is measured."""

    ratio_metric: RatioMetric | None = None
    threshold_metric: Metric | None = None


class Inline(_Open, frozen=True):
    """An indicator within an SLO."""

    spec: IndicatorSpec
    metadata: Metadata | None = None


class TimeWindow(_Open, frozen=True):
    """How long the budget is for."""

    duration: str
    is_rolling: bool = False
    calendar: dict[str, str] | None = None


class Unread(_Open, frozen=True):
    """Something whose keys are not looked at."""


class Target(_Open, frozen=True):
    """One objective of an SLO; one with its own indicator makes the SLO a composite."""

    target: Annotated[float, msgspec.Meta(ge=0, lt=1)] | None = None
    target_percent: Annotated[float, msgspec.Meta(ge=0, lt=100)] | None = None
    indicator: Unread | None = None
    indicator_ref: str = ""


class SloSpec(_Open, frozen=True):
    """The body of an SLO."""

    service: str
    objectives: Annotated[tuple[Target, ...], msgspec.Meta(min_length=1)]
    time_window: tuple[TimeWindow, ...]
    description: str = ""
    budgeting_method: str = "Occurrences"
    indicator: Inline | None = None
    indicator_ref: str = ""
    alert_policies: tuple[Unread, ...] = ()


class Head(_Open, frozen=True):
    """What every document has."""

    api_version: str
    kind: str
    metadata: Metadata


class SloDocument(Head, frozen=True):
    """An SLO."""

    spec: SloSpec


class SliDocument(Head, frozen=True):
    """An indicator of several SLOs."""

    spec: IndicatorSpec


class Part(NamedTuple):
    """One document's text, its place in words, and the line of the file that it begins at, from 1."""

    place: str
    text: str
    first_line: int

    def read(self, kind: type[T]) -> T:
        """The document. Raises ConfigError with its place and line."""
        return parse_config(self.text, kind, name=self.place, first_line=self.first_line)


class Document(NamedTuple):
    """A part of a file, and what it is."""

    part: Part
    head: Head


class Refused(ValueError):  # noqa: N818, a document that is refused, not an error of ours
    """What cannot be taken; the text says why."""


def read_files(paths: Iterable[Path]) -> tuple[ServiceLevels, list[str]]:
    """The objectives of all documents, and what was left out. Raises ConfigError with one line for each refused one."""
    return read_texts({str(path): read_text(path, "are these OpenSLO documents?") for path in paths})


def read_texts(texts: Mapping[str, str]) -> tuple[ServiceLevels, list[str]]:
    """The same of texts by name."""
    reasons: list[str] = []
    documents: list[Document] = []
    for name, text in texts.items():
        for part in _parts(name, text):
            try:
                documents.append(Document(part, part._replace(place=name).read(Head)))
            except ConfigError as exc:
                reasons.append(str(exc))
    notes: list[str] = []
    objectives: list[Objective] = []
    indicators = _indicators(documents, reasons)
    for document in documents:
        place, head = f"{document.part.place} ({document.head.kind} {document.head.metadata.name})", document.head
        try:
            if head.api_version != "openslo/v1":
                raise Refused(f"apiVersion {head.api_version}: expected openslo/v1")
            if head.kind == "SLO":
                parsed = document.part.read(SloDocument)
                objectives += _objectives(parsed, indicators)
                if parsed.spec.alert_policies:
                    notes.append(f"{place}: alertPolicies not needed: {NOT_NEEDED['AlertPolicy']}")
            elif head.kind in NOT_NEEDED:
                notes.append(f"{place}: not needed: {NOT_NEEDED[head.kind]}")
            elif head.kind not in {"SLI", "Service"}:
                raise Refused(f"kind {head.kind}: expected SLO, SLI or Service")
        except ConfigError as exc:
            reasons.append(str(exc))
        except ValueError as exc:
            reasons.append(f"{place}: {exc}")
    if not objectives and not reasons:
        reasons.append(f"{', '.join(texts)}: no document of kind SLO: nothing to import")
    if reasons:
        more = [f"and {len(reasons) - MOST_REASONS} more"] if len(reasons) > MOST_REASONS else []
        raise ConfigError(*reasons[:MOST_REASONS], *more)
    try:
        return ServiceLevels(objectives=tuple(objectives), buckets=_buckets(objectives)), notes
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc


def documents(levels: ServiceLevels) -> str:
    """The objectives as YAML: each service once, then each SLO."""
    services = dict.fromkeys(objective.service for objective in levels.objectives)
    found: list[dict[str, Any]] = [
        {"apiVersion": "openslo/v1", "kind": "Service", "metadata": {"name": name}, "spec": {}} for name in services
    ]
    found += [_document(objective) for objective in levels.objectives]
    return yaml.safe_dump_all(found, sort_keys=False, width=10_000, allow_unicode=True, explicit_start=True)


def write_documents(levels: ServiceLevels, path: Path) -> None:
    """Write the objectives as OpenSLO. Raises StoreError."""
    with replacing(path) as out:
        out.write(documents(levels).encode())


def _document(objective: Objective) -> dict[str, Any]:
    part, total, is_good = good_and_total(objective.indicator)
    by = ", ".join(events_of(objective).by)
    rates = objective.indicator.kind != "availability" or objective.indicator.measures[0] in {"log", "stats"}
    queries = [f"sum by ({by}) (rate({one}[5m]))" if rates else f"sum by ({by}) ({one})" for one in (part, total)]
    window: dict[str, Any] = {"duration": f"{objective.window_s // DAY_S}d", "isRolling": True}
    if objective.by_cycle:
        calendar = {"startTime": "2026-01-01 00:00:00", "timeZone": "UTC"}
        window = {"duration": "1M", "isRolling": False, "calendar": calendar}
    metrics = [{"metricSource": {"type": "Prometheus", "spec": {"query": query}}} for query in queries]
    ratio = {"counter": rates, "good" if is_good else "bad": metrics[0], "total": metrics[1]}
    kept = msgspec.json.encode(keys_of(objective.indicator)).decode()
    return {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": objective.name, "annotations": {ANNOTATION: kept}},
        "spec": {
            "description": objective.description,
            "service": objective.service,
            "indicator": {"metadata": {"name": objective.name}, "spec": {"ratioMetric": ratio}},
            "timeWindow": [window],
            "budgetingMethod": "Occurrences",
            "objectives": [{"targetPercent": objective.objective}],
        },
    }


def _objectives(document: SloDocument, indicators: Mapping[str, IndicatorSpec]) -> Iterator[Objective]:
    """One objective for each target. Raises ValueError with what cannot be taken."""
    spec, name = document.spec, document.metadata.name
    if any(target.indicator or target.indicator_ref for target in spec.objectives):
        raise Refused("objectives with indicators of their own: expected one indicator for all of the SLO")
    if spec.budgeting_method != "Occurrences":
        raise Refused(
            f"budgetingMethod {spec.budgeting_method}: budgets count requests, not slices of time; expected Occurrences"
        )
    measured = _measured(spec, indicators)
    indicator = _kept(document, measured) or _indicator(measured)
    window = _window(spec.time_window, indicator)
    for number, target in enumerate(spec.objectives, start=1):
        yield _checked(
            {
                "name": name if len(spec.objectives) == 1 else f"{name}-{number}",
                "description": _folded(spec.description or document.metadata.display_name),
                "objective": _percent(target),
                "service": spec.service,
                "indicator": keys_of(indicator),
                **({} if window is None else {"window": window}),
            }
        )


def _measured(spec: SloSpec, indicators: Mapping[str, IndicatorSpec]) -> RatioMetric:
    if spec.indicator_ref and spec.indicator_ref not in indicators:
        raise Refused(f"indicatorRef {spec.indicator_ref}: no SLI of this name among the documents")
    found = indicators[spec.indicator_ref] if spec.indicator_ref else spec.indicator and spec.indicator.spec
    if not found or not found.ratio_metric:
        raise Refused("no ratioMetric: expected good or bad and total; for latency a bucket and its count")
    return found.ratio_metric


def _indicator(ratio: RatioMetric) -> Indicator:
    """Counters of anybody's."""
    part, total, is_good = _sums(ratio)
    if not ratio.counter:
        raise Refused("counter: false: a gauge has no increase; expected counters")
    if part.by != total.by:
        raise Refused(f"sum by ({', '.join(part.by)}) of sum by ({', '.join(total.by)}): expected the same labels")
    good, bad = (str(part.counter), "") if is_good else ("", str(part.counter))
    return Indicator(kind="ratio", total=str(total.counter), good=good, bad=bad, by=total.by)


def _sums(ratio: RatioMetric) -> tuple[Sum, Sum, bool]:
    """The part, the total, and whether the part is good."""
    if ratio.raw:
        if ratio.raw_type is None:
            raise Refused("raw without rawType: expected success or failure")
        return *parse_quotient(_query(ratio.raw)), ratio.raw_type == "success"
    part = ratio.good or ratio.bad
    if not ratio.total or not part or (ratio.good and ratio.bad):
        raise Refused("ratioMetric: expected total, and one of good and bad")
    return parse_sum(_query(part)), parse_sum(_query(ratio.total)), part is ratio.good


def _query(metric: Metric) -> str:
    source = metric.metric_source
    if source.type.lower() != "prometheus":
        raise Refused(f"metricSource of type {source.type}: expected Prometheus")
    return source.spec.query


def _kept(document: SloDocument, ratio: RatioMetric) -> Indicator | None:
    """The indicator of the annotation, unless somebody has changed the queries since it was written."""
    text = document.metadata.annotations.get(ANNOTATION)
    if text is None:
        return None
    try:
        indicator = read_json(text, Indicator)
    except BadRecord as exc:
        raise Refused(f"annotation {ANNOTATION}: {exc}; remove it, and the queries count") from exc
    part, total, is_good = good_and_total(indicator)
    found, whole, found_good = _sums(ratio)
    same = (found.counter, whole.counter, found_good) == (part, total, is_good)
    return indicator if same else None


def _window(windows: tuple[TimeWindow, ...], indicator: Indicator) -> str | None:
    if len(windows) != 1:
        raise Refused("timeWindow: expected one, for example [{duration: 30d, isRolling: true}]")
    [window] = windows
    if not window.is_rolling and window.duration == "1M" and indicator.measures == ("hosting",):
        return None
    match = _WINDOW.fullmatch(window.duration)
    if not window.is_rolling or not match:
        raise Refused(f"timeWindow of {window.duration}: expected a rolling one of whole days, for example 30d or 4w")
    return f"{int(match[1]) * _HOURS[match[2]]}h"


def _folded(text: str) -> str:
    """Lines as one."""
    return " ".join(text.split()) if "\n" in text else text


def _percent(target: Target) -> float:
    if (target.target is None) == (target.target_percent is None):
        raise Refused("objectives: expected target or targetPercent, for example target: 0.999")
    if target.target is not None:
        return float(Decimal(repr(target.target)) * 100)
    return float(target.target_percent or 0)


def _checked(tree: Any) -> Objective:
    """A tree as slo.yml would have it, with that file's errors. Raises Refused."""
    try:
        return parse_config(yaml.safe_dump(tree), Objective, name="")
    except ConfigError as exc:
        raise Refused(str(exc).partition(": ")[2]) from exc


def _buckets(objectives: Iterable[Objective]) -> tuple[float, ...]:
    """The usual bounds, and what latency objectives of other files have as theirs."""
    own = {o.indicator.threshold for o in objectives if o.indicator.threshold is not None}
    return BUCKETS_S if own <= set(BUCKETS_S) else tuple(sorted({*BUCKETS_S, *own}))


def _indicators(found: Iterable[Document], reasons: list[str]) -> dict[str, IndicatorSpec]:
    indicators = {}
    for document in found:
        if document.head.kind == "SLI":
            try:
                indicators[document.head.metadata.name] = document.part.read(SliDocument).spec
            except ConfigError as exc:
                reasons.append(str(exc))
    return indicators


def _parts(name: str, text: str) -> Iterator[Part]:
    """The documents of a text."""
    start, line, number = 0, 1, 0
    marks = [*re.finditer(r"^---(?=\s|\Z)[^\n]*\n?", text, re.MULTILINE), None]
    for mark in marks:
        part = text[start : mark.start() if mark else len(text)]
        if re.sub(r"#[^\n]*", "", part).strip():
            number += 1
            yield Part(f"{name}: document {number}", part, line)
        if mark:
            line += text.count("\n", start, mark.end())
            start = mark.end()
