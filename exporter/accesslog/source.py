"""The configuration of one access log (one item of `accesslog:` in the file)."""

from collections.abc import Collection, Iterator
from itertools import pairwise, product
from typing import Annotated, Literal, TypeAlias

import msgspec

from exporter.accesslog.columns import Column, Columns
from exporter.accesslog.formats import Format, UserPaths, find_format
from exporter.accesslog.formats.envelope import EnvelopeSetting, chain
from exporter.accesslog.ignore import Ignore, Setting
from exporter.accesslog.measures import FIELDS, TIMES, Kind, Measures, measures_of
from exporter.accesslog.own_labels import (
    Label,
    OfFile,
    Positive,
    check_label,
    check_name,
    check_static,
    column,
    label_of,
)
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.routes import Router, compile_template
from exporter.accesslog.tally import Buckets
from exporter.sources.place import Place
from foundation.keys import duration

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Prometheus' usual bounds and three below them, as a page from a cache takes less than 5 ms."""

LABELS = ("method", "route", "code")
"""The labels of every source; custom labels follow them."""

_LONGEST_S = 1e6  # the longest time that a line may have

SIZE_BUCKETS = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)

Code = Annotated[int, msgspec.Meta(ge=0, le=999)]
Method = Annotated[
    str,
    msgspec.Meta(pattern=r"^[A-Z][A-Z-]{0,19}\Z", extra={"words": "a method in capitals, for example GET"}),
]
TimeUnit: TypeAlias = Literal["s", "ms", "us", "ns"]
Bucket = Annotated[float, duration(most_s=_LONGEST_S)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Maximum numbers of values of labels, and of series; later values become `other` and are counted.

    methods: values of the label method.
    routes: values of the label route.
    codes: values of the label code.
    values: values of each label of `labels`.
    series: series of all labels together.
    """

    methods: Positive = 16
    routes: Positive = 200
    codes: Positive = 64
    values: Positive = 100
    series: Positive = 5000


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines of the log, and the samples that they make.

    lines: lines of the log.
    samples: `name{label="value"}` to a number: the sum of all series that have these labels.
    path: of the file that the lines are in, for the captures of `paths`.
    """

    lines: tuple[str, ...]
    samples: dict[str, float]
    path: str = ""


class Source(Place, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One access log: where it is, how to read its lines, and which series are known beforehand.

    format: a format's name, the server's own format string, or a regex with named groups.
    envelope: what the lines are wrapped in; `auto` detects it, except for regexes.
    fields: the names that JSON and logfmt lines have for fields, if they are not found automatically.
    time_unit: the unit of the log's durations, if not the format's usual one.
    routes: templates, in order; `{name}` stands for one segment of a path.
    undeclared: what becomes of a path that no template matches: `keep` its shape, or `fold` it into `other`.
    codes: status codes that each declared route has at 0 from the start, so that the first 500 is seen as an increase.
    methods: methods that each declared route has from the start, with `codes`.
    static_labels: labels with one fixed value, of all series of requests.
    labels: more labels, by name, from fields of the lines: `{field}`, or a mapping. Captures of `paths` are fields too.
    buckets: upper bounds of the duration histogram, in seconds.
    limits: how many values labels may have.
    ignore: rules for requests that are counted in no metric of requests: fields to texts or regexes, all of which must
        match.
    upstream: whether times of upstream servers are measured; by default where the format has them.
    sizes: which sizes are measured.
    size_buckets: upper bounds of the histograms of sizes, in bytes.
    tests: lines and samples that `exporter check` tries.
    """

    format: str = "tab"
    envelope: EnvelopeSetting = "auto"
    fields: UserPaths | None = None
    time_unit: TimeUnit | None = None
    routes: tuple[str, ...] = ()
    undeclared: Literal["keep", "fold"] = "keep"
    codes: tuple[Code, ...] = ()
    methods: tuple[Method, ...] = ("GET",)
    static_labels: dict[str, str] = msgspec.field(default_factory=dict)
    labels: dict[str, str | Label] = msgspec.field(default_factory=dict)
    buckets: Annotated[tuple[Bucket, ...], msgspec.Meta(min_length=1)] = BUCKETS_S
    limits: Limits = Limits()
    ignore: tuple[Setting, ...] = ()
    upstream: bool | None = None
    sizes: tuple[Literal["request", "response"], ...] = ()
    size_buckets: Annotated[tuple[Positive, ...], msgspec.Meta(min_length=1)] = SIZE_BUCKETS
    tests: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        self.check_place(self.envelope)
        self.parsed_format()
        chain(self.envelope)
        self._check_fields()
        self._check_measures()
        for template in self.routes:
            compile_template(template)
        if not all(a < b <= _LONGEST_S for a, b in zip((0.0, *self.buckets), self.buckets, strict=False)):
            raise ValueError("buckets: expected ascending numbers above 0, for example 0.1, 0.5, 1 (+Inf is added)")
        self._check_labels()

    @property
    def lines_in(self) -> EnvelopeSetting:
        """The envelope to open."""
        return self.opened(self.envelope)

    def _check_labels(self) -> None:
        for name, value in self.static_labels.items():
            check_static(name, value, f"static_labels: {name}", (*LABELS, *self.labels))
        names = self.parsed_format().names or {}
        if taken := next((name for name in self.captures().names if name in names), None):
            raise ValueError(f"paths: {{{taken}}}: the format has a field of that name; give the capture another one")
        for name, label in self.own_labels().items():
            check_name(name, f"labels: {name}", LABELS)
            check_label(label, f"labels: {name}")
            try:
                Columns(self.parsed_format(), self.columns((name,)))
                self.of_file()
            except ValueError as exc:
                text = str(exc)
                raise ValueError(text if text.startswith("labels: ") else f"labels: {name}: {text}") from exc
        births = len(self.routes) * len(self.methods) * len(self.codes) * sum(1 for _ in self.births())
        if self.labels and births > self.limits.series:
            raise ValueError(f"labels: {births} series would be created at once, more than limits: series")

    def parsed_format(self) -> Format:
        """The format. Raises ValueError."""
        measured = (field for fields in FIELDS.values() for field in fields)
        used = {*(field for rule in self.ignore for field in rule), *measured}
        used |= {label.field for label in self._labels(of_files=False).values()} | self.also_used()
        return find_format(self.format, fields=self.fields, time_unit=self.time_unit, used=used)

    def also_used(self) -> set[str]:
        """Fields beside those of its keys that something uses: a group of a regex is misspelled where nothing does."""
        return set()

    def _check_fields(self) -> None:
        columns = self.ignoring().columns
        try:
            Columns(self.parsed_format(), columns)
        except ValueError as exc:
            raise ValueError(f"ignore: {exc}") from exc

    def _check_measures(self) -> None:
        if not all(a < b for a, b in pairwise(self.size_buckets)):
            raise ValueError("size_buckets: expected ascending numbers, for example 100, 1000, 10000 (+Inf is added)")
        found = {measure.kind for measure in self.measures().measures}
        for size in self.sizes:
            if f"{size}_size" not in found:
                raise ValueError(f"sizes: the format has no size of the {size}; it has {self._known_fields()}")
        if self.upstream and not found & {*TIMES}:
            raise ValueError(f"upstream: the format has no time of an upstream server; it has {self._known_fields()}")

    def _known_fields(self) -> str:
        return ", ".join(dict.fromkeys(name for name in self.parsed_format().names or () if name))

    def measures(self) -> Measures:
        """The histograms of requests beside their durations."""
        format_ = self.parsed_format()
        of_sizes: dict[str, Kind] = {"request": "request_size", "response": "response_size"}
        kinds = [of_sizes[size] for size in dict.fromkeys(self.sizes)]
        if self.upstream or (self.upstream is None and format_.names is not None):
            kinds = [*TIMES, *kinds]
        bounds_ns = Buckets(self.buckets).bounds_ns
        found = measures_of(format_, kinds, lambda kind: bounds_ns if kind in TIMES else self.size_buckets)
        return Measures(found, len(self.buckets) + 1)

    def ignoring(self) -> Ignore:
        """The rules for requests that are not counted. Raises ValueError."""
        return Ignore(self.ignore)

    def own_labels(self) -> dict[str, Label]:
        """The labels beside method, route and code, in the order of their values in series. Raises ValueError."""
        return self._labels(of_files=False) | self._labels(of_files=True)

    def _labels(self, *, of_files: bool) -> dict[str, Label]:
        """The labels that the lines of a file have in common, or the others."""
        labels = {name: label_of(name, spec) for name, spec in sorted(self.labels.items())}
        captures = self.captures().names
        return {name: label for name, label in labels.items() if (label.field in captures) == of_files}

    def fields_of_lines(self) -> list[str]:
        """The fields that labels and rules need. Raises ValueError."""
        labelled = (label.field for label in self._labels(of_files=False).values())
        return list(dict.fromkeys([*labelled, *self.ignoring().texts]))

    def of_file(self) -> OfFile | None:
        """What makes the values of those labels that the lines of a file have in common. Raises ValueError."""
        labels = self._labels(of_files=True)
        return OfFile(labels, self.captures()) if labels else None

    def columns(self, names: Collection[str] | None = None) -> tuple[Column, ...]:
        """What makes the values of labels of lines, in their order; or of those of these names. Raises ValueError."""
        labels = self._labels(of_files=False).items()
        return tuple(column(name, label) for name, label in labels if names is None or name in names)

    def births(self) -> Iterator[tuple[str, ...]]:
        """The values of labels with which declared routes and codes are created: where all values are declared."""
        declared = [label.declared for label in self.own_labels().values()]
        yield from product(*declared)

    def reader(
        self,
        kept: bytes | None = None,
        *,
        envelope: EnvelopeSetting | None = None,
        router: Router | None = None,
        timed: bool = True,
        measured: bool = False,
    ) -> Reader:
        """A reader that counts the source's lines by its labels, without the ignored ones.

        Args:
            kept: of an earlier reader of the same log.
            router: where only the routes of targets matter.
            envelope: the source's own if None.
            timed: with the histogram of durations; a line whose duration is not one is bad without it too.
            measured: with the other histograms.

        Raises:
            ValueError: the format does not have a requested field.
            StoreError: `kept` is not the state of a reader.
        """
        format_ = self.parsed_format()
        return Reader(
            format_,
            Buckets(self.buckets if timed else ()),
            kept,
            envelope=self.envelope if envelope is None else envelope,
            router=router,
            columns=self.columns(),
            ignore=self.ignoring(),
            measures=self.measures() if measured else None,
            of_file=self.of_file(),
        )

    def router(self) -> Router:
        """Finds the routes of this source's targets."""
        return Router(self.routes, only_declared=self.undeclared == "fold")

    def declared_codes(self) -> tuple[str, ...]:
        """The codes as label values."""
        return tuple(f"{code:03}" for code in self.codes)


class SourceBy(Source, frozen=True, kw_only=True):
    """A source whose labels were replaced by others. `unused`: fields of those that it had."""

    unused: tuple[str, ...] = ()

    def also_used(self) -> set[str]:
        """The groups that the former labels need are not misspelled."""
        return {*self.unused}
