"""The `probe` part of the configuration: which pages may be fetched, and their metrics."""

import re
from typing import Annotated, Literal

import msgspec

from exporter.catalogue import Metric
from exporter.sources.address import MAX_PAGE_BYTES
from exporter.stats.targets import PATTERN, Pattern, allowed, parse_target
from exporter.stats.template import compile_pointer, compile_template
from foundation.keys import duration, size

__all__ = ["Credentials", "Field", "Module", "Probe", "allowed", "parse_target"]

_LABEL = re.compile(r"[a-z][a-z0-9_]*")
RESERVED_PREFIX = "tidewatch_"
UNITS: dict[str, tuple[float, float, str]] = {  # unit: times, divided by, and what the metric's name must end in
    "ns": (1, 1e9, "_seconds"),
    "us": (1, 1e6, "_seconds"),
    "ms": (1, 1e3, "_seconds"),
    "s": (1, 1, "_seconds"),
    "min": (60, 1, "_seconds"),
    "h": (3600, 1, "_seconds"),
    "B": (1, 1, "_bytes"),
    "KB": (10**3, 1, "_bytes"),
    "MB": (10**6, 1, "_bytes"),
    "GB": (10**9, 1, "_bytes"),
    "KiB": (2**10, 1, "_bytes"),
    "MiB": (2**20, 1, "_bytes"),
    "GiB": (2**30, 1, "_bytes"),
    "percent": (1, 100, "_ratio"),
}


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One metric from a page: by `key`, the name before the colon, or by JSON `pointer`; both may have placeholders.

    metric: the metric's name.
    type: the metric's type.
    help: the metric's help text.
    key: the name before the colon; placeholders such as `{code:d}` become labels.
    pointer: a JSON pointer; placeholders become labels.
    labels: labels with one fixed value.
    unit: the page's unit; the metric has the base unit.
    values: numbers for texts.
    required: whether finding nothing is a failure.
    """

    metric: str
    type: Literal["counter", "gauge"] = "gauge"
    help: str = ""
    key: str | None = None
    pointer: str | None = None
    labels: dict[str, str] = {}
    unit: str | None = None
    values: dict[str, float] = {}
    required: bool = True

    def __post_init__(self) -> None:
        """Raises ValueError for invalid values, which the configuration reports with their place."""
        if (self.key is None) == (self.pointer is None):
            raise ValueError("give either key (`{code:d}s`) or pointer (`/queue/length`)")
        if self.metric.startswith(RESERVED_PREFIX):
            raise ValueError(f"{self.metric}: names that begin with {RESERVED_PREFIX} are reserved for the exporter")
        if wrong := [name for name in self.labels if not _LABEL.fullmatch(name)]:
            raise ValueError(f"{self.metric}: {wrong[0]!r} is not a label name: expected, for example, pool_name")
        if twice := set(self.labels).intersection(self.placeholders):
            raise ValueError(f"{self.metric}: the label {min(twice)} is a duplicate: it is a placeholder and in labels")
        self._check_unit()
        self.declaration()

    def _check_unit(self) -> None:
        if self.unit is None:
            return
        if self.unit not in UNITS:
            raise ValueError(f"{self.metric}: unknown unit {self.unit}; known are {', '.join(UNITS)}")
        if not self.metric.removesuffix("_total").endswith(ending := UNITS[self.unit][2]):
            raise ValueError(
                f"{self.metric}: the value is converted from {self.unit}, so the name must end in {ending}"
            )

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Labels that come from the page."""
        if self.key is not None:
            return compile_template(self.key).labels
        return tuple(label for step in compile_pointer(self.pointer or "") for label in step.labels)

    def declaration(self) -> Metric:
        """The metric this field feeds."""
        labels = tuple(sorted((*self.labels, *self.placeholders)))
        return Metric(self.metric, self.type, self.help or f"From the page: {self.key or self.pointer}.", labels)


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The credentials of a module for the pages in `targets`, and for no others. Passwords and tokens are in files.

    targets: patterns of addresses that may see them.
    username: the user, with password_file.
    password_file: the file with the password.
    token_file: the file with a bearer token, instead of user and password.
    """

    targets: Annotated[list[Annotated[Pattern, PATTERN]], msgspec.Meta(min_length=1)]
    username: str | None = None
    password_file: str | None = None
    token_file: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError unless there is either a user with a password, or a token."""
        basic = self.username is not None and self.password_file is not None
        if basic == (self.token_file is not None) or (self.username is None) != (self.password_file is None):
            raise ValueError("give either username and password_file, or token_file")


class Module(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to read one kind of page. Without `metrics`, its counts of responses by status code are read.

    timeout_s: how long a page may take; cut to what the scrape leaves.
    max_bytes: the largest page.
    credentials: for the pages.
    metrics: the metrics to read.
    """

    timeout_s: Annotated[float, duration(most_s=60)] = 5.0
    max_bytes: Annotated[int, size(least_bytes=1, most_bytes=64 << 20)] = MAX_PAGE_BYTES
    credentials: Credentials | None = None
    metrics: list[Field] = []

    def __post_init__(self) -> None:
        """Raises ValueError when two fields mean different metrics by one name."""
        declared: dict[str, Metric] = {}
        for field in self.metrics:
            mine = field.declaration()
            other = declared.setdefault(field.metric, mine)
            if (other.type, other.labels) != (mine.type, mine.labels):
                raise ValueError(f"{field.metric} is a duplicate with another type or other labels")


class Probe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`/probe`: pages that match none of `targets` are never asked.

    targets: patterns of addresses that may be asked.
    modules: how to read pages, by the name that a scrape gives as `module`.
    """

    targets: Annotated[list[Annotated[Pattern, PATTERN]], msgspec.Meta(min_length=1)]
    modules: dict[str, Module] = {}
