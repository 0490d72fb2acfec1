"""Pages to metric families: the last reading of a source, or by a module. Pure: no I/O, no clock."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from exporter.catalogue import Family, LabelValues, Metric, Value, stats
from exporter.stats.modules import UNITS, Field, Module
from exporter.stats.parse import counts_by_code, parse_page, parse_stats, to_number
from exporter.stats.template import Template, compile_pointer, compile_template
from foundation.terminal import printable

MAX_SERIES = 1000  # of one field; a page that has more is not what the module was written for

MISSING, NOT_A_NUMBER, NEGATIVE, TWICE, TOO_MANY = "missing", "not_a_number", "negative", "twice", "too_many"
REASONS = (MISSING, NOT_A_NUMBER, NEGATIVE, TWICE, TOO_MANY)


class Reading(NamedTuple):
    """The result of one fetch; `counts` is None if it failed."""

    counts: dict[str, int] | None
    duration_s: float


def families(readings: Mapping[str, Reading]) -> Iterator[Family]:
    """The result of the last fetch of each source."""
    yield stats.UP.family({(name,): int(reading.counts is not None) for name, reading in readings.items()})
    yield stats.FETCH_DURATION.family({(name,): reading.duration_s for name, reading in readings.items()})
    yield stats.RESPONSES.family(
        {
            (name, code): count
            for name, reading in readings.items()
            for code, count in sorted((reading.counts or {}).items())
        }
    )


class Extraction(NamedTuple):
    """The values of a page. `failures` counts by (metric, reason)."""

    families: list[Family]
    failures: Counter[tuple[str, str]]


def extract(body: bytes, module: Module, source: str) -> Extraction:
    """Read the values of `module` from a page. Raises BadRecord when the page as a whole cannot be read."""
    if not module.metrics:
        counts = counts_by_code(parse_stats(body))
        return Extraction(
            [stats.RESPONSES.family({(source, code): n for code, n in sorted(counts.items())})], Counter()
        )
    page = parse_page(body)
    declared: dict[str, Metric] = {}
    series: dict[str, dict[LabelValues, Value]] = {}
    failures: Counter[tuple[str, str]] = Counter()
    for field in module.metrics:
        metric = declared.setdefault(field.metric, field.declaration())
        found = series.setdefault(field.metric, {})
        for reason in _take(page, field, metric, found):
            failures[field.metric, reason] += 1
    return Extraction([declared[name].family(found) for name, found in series.items()], failures)


def _take(page: Any, field: Field, metric: Metric, found: dict[LabelValues, Value]) -> Iterator[str]:
    """Add the values of one field to `found`; yields a reason for each that is not one."""
    values = _by_pointer(page, compile_pointer(field.pointer)) if field.pointer else _by_key(page, field.key or "")
    number_found = 0
    for labels, raw in values:
        number_found += 1
        if number_found > MAX_SERIES:
            yield TOO_MANY
            return
        value = _convert(raw, field)
        key = tuple(printable({**field.labels, **labels}[name]) for name in metric.labels)
        if value is None:
            yield NOT_A_NUMBER
        elif field.type == "counter" and value < 0:
            yield NEGATIVE
        elif key in found:
            yield TWICE
        else:
            found[key] = value
    if not number_found and field.required:
        yield MISSING


def _by_key(page: Any, key: str) -> Iterator[tuple[dict[str, str], Any]]:
    template = compile_template(key)
    for name, value in page.items() if isinstance(page, dict) else ():
        if (labels := template.match(name)) is not None:
            yield labels, value


def _by_pointer(node: Any, steps: tuple[Template, ...]) -> Iterator[tuple[dict[str, str], Any]]:
    if not steps:
        yield {}, node
        return
    if isinstance(node, dict):
        members = ((name, value) for name, value in node.items())
    elif isinstance(node, list):
        members = ((str(number), value) for number, value in enumerate(node))
    else:
        return
    for name, value in members:
        if (labels := steps[0].match(name)) is not None:
            for more, found in _by_pointer(value, steps[1:]):
                yield {**labels, **more}, found


def _convert(raw: Any, field: Field) -> float | None:
    if isinstance(raw, str) and raw in field.values:
        return field.values[raw]
    value = int(raw) if isinstance(raw, bool) else to_number(raw)
    if value is None or field.unit is None:
        return value
    times, divided_by, _ = UNITS[field.unit]
    return to_number(float(value) * times / divided_by)
