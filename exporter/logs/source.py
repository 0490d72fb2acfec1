"""The configuration of one source of `logs:`: where its lines are, how they read, and which metrics they make."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Annotated, Literal

import msgspec

from exporter.accesslog.formats import find_format
from exporter.accesslog.formats.envelope import EnvelopeSetting, chain
from exporter.accesslog.own_labels import MAX_LABEL_CHARS, Label, Positive, check_label, check_name, check_static
from exporter.logs.grok import expanded, is_grok
from exporter.logs.matching import check_replace, compiled, groups
from exporter.logs.records import ACCESS_FIELDS, LINE
from exporter.logs.values import UNITS
from exporter.regexes.texts import is_regex
from exporter.sources.place import Place

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STRUCTURED = ("json", "logfmt", "line")

_TEMPLATE_FIELD = re.compile(r"\{([^{}]+)\}")
_METRIC_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN_PREFIXES = ("tidewatch_", "process_", "python_", "scrape_")
_TAKEN_SUFFIXES = ("_bucket", "_count", "_sum", "_created", "_info")
_OTHER_UNITS = {
    **dict.fromkeys(("ms", "milliseconds", "us", "microseconds", "ns", "nanoseconds"), "seconds"),
    **dict.fromkeys(("kb", "kilobytes", "mb", "megabytes", "kib", "mib", "bits"), "bytes"),
    **dict.fromkeys(("secs", "minutes", "hours", "days"), "seconds"),
    **dict.fromkeys(("percent", "percentage"), "ratio"),
}
"""Units that Prometheus' conventions do not use in names, and their replacements."""

Texts = str | int | tuple[str | int, ...]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Maximum numbers of values of a label beside `other`, and of series of a metric; later ones become `other`.

    values: values of each label.
    series: series of each metric.
    """

    values: Positive = 100
    series: Positive = 1000


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One metric, and the lines that it counts. One of `counter`, `gauge`, `histogram` has its name.

    counter: the name of a counter; it ends in `_total`.
    gauge: the name of a gauge.
    histogram: the name of a histogram.
    help: the metric's help text.
    match: by field, a text, a regex, or several of which one is enough; all fields must match. Named groups of a regex
        are fields too.
    unless: the same for lines that are excluded.
    labels: by name, a text in which `{field}` stands for a field, or a mapping.
    value: the field with the number, as `{field}`; without it, a counter counts lines.
    unit: the unit of the numbers in the line; the metric has the base unit.
    buckets: upper bounds of the histogram, in the metric's unit.
    """

    counter: str | None = None
    gauge: str | None = None
    histogram: str | None = None
    help: str = ""
    match: dict[str, Texts] = {}
    unless: dict[str, Texts] = {}
    labels: dict[str, str | Label] = {}
    value: str | None = None
    unit: Literal["ns", "us", "ms", "s", "m", "h", "B", "kB", "KiB", "MB", "MiB", "GB", "percent"] | None = None
    buckets: tuple[float, ...] = BUCKETS

    def __post_init__(self) -> None:
        kinds = [kind for kind in ("counter", "gauge", "histogram") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError("expected one of counter, gauge, histogram, which names the metric")
        self._check_name()
        self._check_labels()
        if self.kind != "counter" and self.value is None:
            raise ValueError(f"{self.name}: a {self.kind} needs a value, for example value: '{{took}}'")
        if self.value is not None and not _TEMPLATE_FIELD.fullmatch(self.value):
            raise ValueError(f"{self.name}: value: expected one field in braces, for example '{{took}}'")
        if (
            not self.buckets
            or not all(map(math.isfinite, self.buckets))
            or sorted(set(self.buckets)) != [*self.buckets]
        ):
            raise ValueError(
                f"{self.name}: buckets: expected ascending numbers, for example 0.1, 0.5, 1 (+Inf is added)"
            )
        for where, conditions in (("match", self.match), ("unless", self.unless)):
            for field, texts in conditions.items():
                if not texts_of(texts):
                    raise ValueError(f"{self.name}: {where}: {field}: expected a text, or a list of at least one")
                groups(texts_of(texts), f"{self.name}: {where}: {field}")

    def _check_name(self) -> None:
        name = self.name
        if not _METRIC_NAME.fullmatch(name):
            raise ValueError(
                f"{name}: invalid metric name: expected lower-case letters, digits and _, with a letter first"
            )
        if taken := next((prefix for prefix in _TAKEN_PREFIXES if name.startswith(prefix)), None):
            raise ValueError(f"{name}: names that begin with {taken} are reserved; begin with the program's name")
        if (self.kind == "counter") != name.endswith("_total"):
            raise ValueError(f"{name}: counters, and only counters, end in _total")
        if suffix := next((suffix for suffix in _TAKEN_SUFFIXES if name.endswith(suffix)), None):
            raise ValueError(f"{name}: names that end in {suffix} are reserved for the series of histograms")
        base = name.removesuffix("_total")
        if found := next((unit for unit in _OTHER_UNITS if base.endswith(f"_{unit}")), None):
            right = f"{base.removesuffix(found)}{_OTHER_UNITS[found]}{name.removeprefix(base)}"
            raise ValueError(f"{name}: Prometheus' base unit is {_OTHER_UNITS[found]}; name it {right}, and set unit:")
        if self.unit is not None and not base.endswith(wanted := UNITS[self.unit][0]):
            right = f"{base}_{wanted}{name.removeprefix(base)}"
            raise ValueError(f"{name}: with unit {self.unit} it is in {wanted}; name it {right}")

    def _check_labels(self) -> None:
        for label, spec in self.labels.items():
            where = f"{self.name}: labels: {label}"
            check_name(label, where)
            if isinstance(spec, Label):
                check_label(spec, where)
                if spec.match is not None:
                    check_replace(compiled(spec.match, where), spec.replace, where)
            elif sum(len(text) for text, field in parts_of(spec) if field is None) > MAX_LABEL_CHARS:
                raise ValueError(f"{where}: {spec[:20]!r}... has more than {MAX_LABEL_CHARS} characters")

    @property
    def kind(self) -> Literal["counter", "gauge", "histogram"]:
        """The metric's type."""
        return "counter" if self.counter is not None else "gauge" if self.gauge is not None else "histogram"

    @property
    def name(self) -> str:
        """The metric's name."""
        return self.counter or self.gauge or self.histogram or ""

    def fields(self) -> tuple[str, ...]:
        """The fields of a line that the rule needs, without its own groups."""
        own = set(self.groups())
        wanted = [*self.deciding(), *fields_of(self.value or "")]
        return tuple(dict.fromkeys(field for field in wanted if field not in own))

    def label_fields(self) -> tuple[str, ...]:
        """The fields, and groups, that its labels are made of."""
        specs = self.labels.values()
        found = [field for one in specs for field in ([one.field] if isinstance(one, Label) else fields_of(one))]
        return tuple(dict.fromkeys(found))

    def deciding(self) -> tuple[str, ...]:
        """The fields that decide how a line is counted: all but the one with only the number."""
        return (*self.match, *self.unless, *self.label_fields())

    def groups(self) -> tuple[str, ...]:
        """The named groups of its conditions."""
        found = [name for field, texts in self.match.items() for name in groups(texts_of(texts), field)]
        return tuple(dict.fromkeys(found))

    def has_regex(self) -> bool:
        """Whether lines are matched with a user-defined regex."""
        conditions = (*self.match.values(), *self.unless.values())
        specs = [spec for spec in self.labels.values() if isinstance(spec, Label)]
        return any(is_regex(text) for texts in conditions for text in texts_of(texts)) or any(
            one.match for one in specs
        )

    def born(self) -> Iterator[tuple[str, ...]]:
        """The label values that exist at 0 from the start: those of labels whose values are all declared.

        A gauge has no value before a line gives it one.
        """
        if self.kind == "gauge":
            return
        declared = [_declared(spec) for spec in self.labels.values()]
        if all(declared):
            yield from product(*declared)


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines of the log, and the samples that they make.

    lines: lines of the log.
    samples: `name{label="value"}` to a number.
    path: of the file that they are in, for its captures.
    """

    lines: tuple[str, ...]
    samples: dict[str, float]
    path: str = ""


class Source(Place, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One source: a log, and the metrics of its lines.

    format: `json`, `logfmt`, `line` (not split), a regex with named groups, grok patterns, or what `accesslog:`
        takes for one.
    patterns: further grok patterns, by name.
    envelope: what the lines are wrapped in; `auto` detects it.
    metrics: the metrics of the lines; one line may count in several.
    static_labels: labels with one fixed value, of all series of the source.
    limits: how many values labels may have.
    tests: lines and samples that `exporter check` tries.
    """

    format: str = "json"
    patterns: dict[str, str] = msgspec.field(default_factory=dict)
    envelope: EnvelopeSetting = "auto"
    metrics: Annotated[tuple[Rule, ...], msgspec.Meta(min_length=1)]
    static_labels: dict[str, str] = msgspec.field(default_factory=dict)
    limits: Limits = Limits()
    tests: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        chain(self.envelope)
        self.check_place(self.envelope)
        for name, value in self.static_labels.items():
            check_static(name, value, f"static_labels: {name}")
        known = self.known_fields()
        for rule in self.rules:
            if known is not None and (unknown := next((one for one in rule.fields() if one not in known), None)):
                raise ValueError(f"{rule.name}: the format has no field {unknown}; it has {', '.join(known)}")
            if (births := sum(1 for _ in rule.born())) > self.limits.series:
                raise ValueError(f"{rule.name}: {births} series would be created at once, more than limits: series")
        check_metrics(self.rules)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of the lines, with the labels that all have. Raises ValueError for one that a rule has too."""
        if not self.static_labels:
            return self.metrics
        return tuple(_with_labels(rule, self.static_labels) for rule in self.metrics)

    def regex(self) -> str | None:
        """The regex of the lines, where the format is one or grok patterns. Raises ValueError."""
        if self.format in STRUCTURED:
            return None
        if is_grok(self.format, self.patterns):
            text = expanded(self.format, self.patterns)
        elif "(?P<" in self.format:
            text = self.format
        else:
            return None
        compiled(text, "format")
        return text

    def known_fields(self) -> tuple[str, ...] | None:
        """The fields that lines can have; None where each line names its fields. Raises ValueError."""
        captures = self.captures().names
        if (fields := self._fields_of_lines()) is None:
            if LINE in captures:
                raise ValueError(f"paths: {{{LINE}}}: the whole line has that name; give the capture another one")
            return None
        if taken := next((name for name in captures if name in fields), None):
            raise ValueError(f"paths: {{{taken}}}: the format has a field of that name; give the capture another one")
        return (*fields, *captures)

    def _fields_of_lines(self) -> tuple[str, ...] | None:
        if self.format == "line":
            return (LINE,)
        if self.format in STRUCTURED:
            return None
        if regex := self.regex():
            return (*re.compile(regex).groupindex, LINE)
        if find_format(self.format).reshape is not None:
            raise ValueError(
                f"format: a log in {self.format} names its fields itself, which logs: does not support; "
                "use accesslog:, or a regex"
            )
        return (*ACCESS_FIELDS, LINE)

    def gauges(self) -> frozenset[int]:
        """The places of the rules whose later value holds."""
        return frozenset(at for at, rule in enumerate(self.rules) if rule.kind == "gauge")

    def has_regex(self) -> bool:
        """Whether lines are matched with a user-defined regex, whose time must be limited."""
        return self.regex() is not None or any(rule.has_regex() for rule in self.rules)


def check_metrics(rules: tuple[Rule, ...]) -> None:
    """Raises ValueError if rules of one metric differ in its type, labels or buckets."""
    first: dict[str, Rule] = {}
    for rule in rules:
        other = first.setdefault(rule.name, rule)
        if other.kind != rule.kind:
            raise ValueError(f"{rule.name}: is a {other.kind} in one rule and a {rule.kind} in another")
        if set(other.labels) != set(rule.labels):
            one, two = (", ".join(labels) or "none" for labels in (other.labels, rule.labels))
            raise ValueError(f"{rule.name}: has the labels {one} in one rule and {two} in another; give both the same")
        if rule.kind == "histogram" and other.buckets != rule.buckets:
            raise ValueError(f"{rule.name}: has other buckets in another rule; give both the same")


def check_sources(sources: Sequence[Source]) -> None:
    """Raises ValueError if sources differ in the type, labels or buckets of a metric."""
    check_metrics(tuple(rule for source in sources for rule in source.rules))


def _with_labels(rule: Rule, static: Mapping[str, str]) -> Rule:
    if both := next((name for name in static if name in rule.labels), None):
        raise ValueError(f"{rule.name}: the label {both} is in static_labels too; expected it in one place")
    return msgspec.structs.replace(rule, labels={**rule.labels, **static})


def texts_of(texts: Texts) -> tuple[str, ...]:
    """One text or several, as several."""
    return tuple(map(str, texts)) if isinstance(texts, tuple) else (str(texts),)


def fields_of(template: str) -> list[str]:
    """The fields in a text with `{field}` in it."""
    return _TEMPLATE_FIELD.findall(template)


def parts_of(template: str) -> list[tuple[str, str | None]]:
    """The parts of a text: texts, with None, and fields, with their names."""
    texts = _TEMPLATE_FIELD.split(template)  # every second one is a field
    return [(text, text if at % 2 else None) for at, text in enumerate(texts) if text]


def _declared(spec: str | Label) -> tuple[str, ...]:
    if isinstance(spec, str):
        return () if fields_of(spec) else (spec,)
    return tuple(map(str, spec.values))
