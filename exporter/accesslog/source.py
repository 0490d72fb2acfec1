"""The configuration of one access log (one item of `accesslog:` in the file)."""

from typing import Annotated, Literal, TypeAlias

import msgspec

from exporter.accesslog.formats import Format, UserPaths, find_format
from exporter.accesslog.formats.envelope import EnvelopeSetting, chain
from exporter.accesslog.routes import Router, compile_template
from foundation.keys import Name, duration

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Prometheus' usual bounds and three below them, as a page from a cache takes less than 5 ms."""

_LONGEST_S = 1e6  # the longest time that a line may have

Code = Annotated[int, msgspec.Meta(ge=0, le=999)]
Method = Annotated[
    str,
    msgspec.Meta(pattern=r"^[A-Z][A-Z-]{0,19}\Z", extra={"words": "a method in capitals, for example GET"}),
]
TimeUnit: TypeAlias = Literal["s", "ms", "us", "ns"]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Bucket = Annotated[float, duration(most_s=_LONGEST_S)]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many values a label may have, and a metric series; what comes later folds into `other` and is counted."""

    methods: Positive = 16
    routes: Positive = 200
    codes: Positive = 64
    series: Positive = 5000


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Lines of the log, and the samples that they make: `name{label="value"}` to a number.

    A sample stands for the sum of the series that have its labels; labels may be left out.
    """

    lines: tuple[str, ...]
    samples: dict[str, float]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One access log: where it is, how its lines read, and which series are known beforehand.

    paths: files and globs.
    format: a format's name, the server's own format string, or a regex with named groups.
    envelope: what the lines are in; `auto` finds it out, but for own regexes.
    fields: where JSON and logfmt lines have what, if their names are not found by themselves.
    time_unit: what the log's durations are in, if not in the format's usual unit.
    from_: where to begin in a file that was there before the first start; files that appear later are read whole.
    routes: templates, in order; see `routes.Router`.
    undeclared: what becomes of a path that no template takes: keep its shape, or fold it into `other`.
    codes, methods: born at 0 for each declared route, so that the first 500 is seen as an increase.
    buckets: upper bounds of the duration histogram, in seconds.
    tests: what `exporter check` tries.
    """

    source: Name
    paths: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    format: str = "tab"
    envelope: EnvelopeSetting = "auto"
    fields: UserPaths | None = None
    time_unit: TimeUnit | None = None
    from_: Literal["start", "end"] = msgspec.field(name="from", default="start")
    routes: tuple[str, ...] = ()
    undeclared: Literal["keep", "fold"] = "keep"
    codes: tuple[Code, ...] = ()
    methods: tuple[Method, ...] = ("GET",)
    buckets: Annotated[tuple[Bucket, ...], msgspec.Meta(min_length=1)] = BUCKETS_S
    limits: Limits = Limits()
    tests: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        self.parsed_format()
        chain(self.envelope)
        for template in self.routes:
            compile_template(template)
        if not all(a < b <= _LONGEST_S for a, b in zip((0.0, *self.buckets), self.buckets, strict=False)):
            raise ValueError("buckets must be above 0 and rise, as 0.1, 0.5, 1 do; the last one comes by itself")
        if not all(self.paths):
            raise ValueError("paths must not have an empty one")

    def parsed_format(self) -> Format:
        """The format. Raises ValueError."""
        return find_format(self.format, fields=self.fields, time_unit=self.time_unit)

    def router(self) -> Router:
        """Finds the routes of this source's targets."""
        return Router(self.routes, only_declared=self.undeclared == "fold")

    def declared_codes(self) -> tuple[str, ...]:
        """The codes as label values."""
        return tuple(f"{code:03}" for code in self.codes)
