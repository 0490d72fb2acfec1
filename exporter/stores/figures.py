"""A report's figures of a range as a table, by store or by group, and the notes beside them. Pure.

Percentages are of business time, so that up, down and unknown make 100; availability is of the time that is known.
Coverage is the share of business time that a poll observes, which the rest is only assumed from or unknown.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exporter.stores.calendar import WINDOWS
from exporter.stores.render import stamp
from exporter.stores.report import PARTS, UNITS, Report, ReportColumns, header, rounded
from exporter.stores.zones import find_zone, zone_label
from foundation.errors import ConfigError, NothingJudgedError
from foundation.terminal import printable

LOW_COVERAGE = 0.8
"""Below this share of observed business time, a figure is based on assumptions; as in the alert StoreCoverageLow."""
SET_ASIDE = 0.01
"""A larger share of rows that could not be read is shown beside the verdict."""
NO_GROUP = "(none)"
ZONES = "timezone"
"""The label that each store has."""
HOUR_US = 3_600_000_000

Numbers = npt.NDArray[np.float64]


class Column(NamedTuple):
    """A column of texts or, with so many decimals, of numbers; NaN where there is no value."""

    name: str
    values: Sequence[Any] | npt.NDArray[Any]
    digits: int | None = None


Table = list[Column]


class Summary(NamedTuple):
    """All stores together, in microseconds of business time. A store is judged when anything of it is known."""

    stores: int
    judged: int
    business_us: int
    up_us: int
    down_us: int
    assumed_us: int

    @property
    def known_us(self) -> int:
        """Up or down."""
        return self.up_us + self.down_us

    @property
    def coverage(self) -> float:
        """The share of business time that polls observe; 0 where there is none."""
        return (self.known_us - self.assumed_us) / self.business_us if self.business_us else 0.0

    @property
    def availability(self) -> float | None:
        """The share of the known time that is up."""
        return self.up_us / self.known_us if self.known_us else None


def summarize(report: Report, window: str = "week") -> Summary:
    """The sums of a range or, of a report of windows, of the one named."""
    up, down, assumed, business = (report.rows[f"{part}_{window}"] for part in ("up", "down", "assumed", "business"))
    sums = (int(values.sum()) for values in (business, up, down, assumed))
    return Summary(len(up), int(np.count_nonzero(up + down)), *sums)


def require_judged(report: Report) -> None:
    """Raises NothingJudgedError if no store is known to be up or down in any of the requested time."""
    if any(summarize(report, window).judged for window in WINDOWS):
        return
    stores = len(report.rows["store_id"])
    asked = f"the last week before {stamp(report.as_of_us)}" if report.within is None else report.within.text()
    why = "no store is known" if not stores else f"no poll covers any business time of {stores} stores"
    raise NothingJudgedError(f"nothing was judged: {why} in {asked} (polls up to {stamp(report.as_of_us)} count)")


def caveats(report: Report) -> Iterator[str]:
    """The notes beside the figures, a sentence each."""
    for window in WINDOWS if report.within is None else WINDOWS[-1:]:
        found = summarize(report, window)
        what = f"the last {window}" if report.within is None else report.within.text()
        if not found.business_us or not found.judged:
            continue
        unknown = found.business_us - found.known_us
        told = [
            f"{_percent(part, found.business_us)} {words}"
            for part, words in (
                (found.assumed_us, "assumed from polls more than 90 minutes away"),
                (unknown, "unknown"),
            )
            if part
        ]
        if told:
            low = "low coverage: " if found.coverage < LOW_COVERAGE else ""
            yield f"{low}of the business time of {what}, {' and '.join(told)}"
    if unknown_hours := int((report.rows["doubt_week"] > 0).sum()):
        told_of = f": {'; '.join(report.doubts)}" if report.doubts else ""
        yield f"hours or zone of {unknown_hours} of {len(report.rows['store_id'])} stores are not known{told_of}"
    if (apart := report.apart) is not None:
        polls = "1 poll lies" if apart.polls == 1 else f"{apart.polls} polls lie"
        first = f"the first at {stamp(apart.first_us)} of store {printable(apart.store_id)}"
        otherwise = f"where that is wrong, name --as-of {stamp(apart.others_us)}"
        yield f"{polls} more than 30 days after all others ({first}); {otherwise}"
    for kind, (read, invalid) in report.loaded.items():
        if invalid > SET_ASIDE * read:
            share = _percent(invalid, read)
            yield f"{invalid} of {read} rows of {kind} ({share}) could not be read and were set aside: see `quarantine`"


def defaults(report: Report) -> Iterator[str]:
    """For how many stores a default is used, a sentence each."""
    for reason, words in (
        ("hours_missing", "have no hours, and count as always open"),
        ("timezone_missing", "have no time zone, and count as America/Chicago"),
    ):
        if number := report.fallbacks[reason]:
            yield f"{number} of {len(report.rows['store_id'])} stores {words}"


def store_table(report: Report) -> Table:
    """One row a store, with its labels."""
    zones = report.rows["timezone"].tolist()
    edges = {name: _edges(report, name) for name in set(zones)}
    return [
        Column("store_id", report.rows["store_id"].tolist()),
        Column("timezone", zones),
        *(Column(name, keys_of(report, name)) for name in report.labels),
        *(Column(name, [edges[zone][n] for zone in zones]) for n, name in enumerate(("from", "to"))),
        *_measures({part: report.rows[f"{part}_week"] for part in ("up", "down", "assumed", "business")}),
    ]


def group_table(report: Report, label: str) -> Table:
    """One row a group of stores: their sums. Raises ConfigError for a label that no store has."""
    keys = keys_of(report, label)
    names, numbers = np.unique(np.array(keys, dtype=object).astype(str), return_inverse=True)
    sums = {
        part: np.bincount(numbers, weights=report.rows[f"{part}_week"].astype(np.float64), minlength=len(names))
        for part in ("up", "down", "assumed", "business")
    }
    known = (report.rows["up_week"] + report.rows["down_week"] > 0).astype(np.float64)
    judged = np.bincount(numbers, weights=known, minlength=len(names))
    return [
        Column(label, names.tolist()),
        Column("stores", np.bincount(numbers, minlength=len(names)), 0),
        Column("stores_judged", judged, 0),
        *_measures(sums),
    ]


def windows_table(report: Report, *, columns: ReportColumns = "official", official_typo: bool = False) -> Table:
    """The table of the three windows that `to_csv` writes, as numbers."""
    names = header(columns=columns, official_typo=official_typo)
    parts = PARTS if columns == "all" else PARTS[:2]
    by_window = {window: rounded(report.rows, window) for window in WINDOWS}
    numbers = [(by_window[w][part] / 10 ** UNITS[w][2], UNITS[w][2]) for part in parts for w in WINDOWS]
    first = Column(names[0], report.rows["store_id"].tolist())
    return [first, *(Column(name, *found) for name, found in zip(names[1:], numbers, strict=True))]


def keys_of(report: Report, label: str) -> list[str]:
    """Each store's group, in the order of the report. Raises ConfigError for a label that no store has."""
    if label == ZONES:
        return [zone_label(name) for name in report.rows["timezone"].tolist()]
    if label not in report.labels:
        raise ConfigError(f"no store has a label {label!r}: expected one of {', '.join((ZONES, *report.labels))}")
    return [value or NO_GROUP for value in report.labels[label].tolist()]


def with_labels(report: Report, label: str, of_stores: Mapping[str, str]) -> Report:
    """The report with a label, by store_id, that the database does not have."""
    values = [of_stores.get(store_id, "") for store_id in report.rows["store_id"].tolist()]
    return report._replace(labels={**report.labels, label: np.array(values, dtype=object)})


def of_group(report: Report, label: str, group: str) -> Report:
    """The report on the stores of one group alone. Raises ConfigError where there is none."""
    chosen = np.array([key == group for key in keys_of(report, label)], dtype=bool)
    if not chosen.any():
        raise ConfigError(f"no store is in the group {group!r} of {label}")
    rows = {name: values[chosen] for name, values in report.rows.items()}
    missing = {"hours_missing": rows["no_hours"].sum(), "timezone_missing": (rows["timezone"] == "").sum()}
    return report._replace(
        rows=rows,
        fallbacks=Counter({name: int(number) for name, number in missing.items()}),
        doubts=(),
        labels={name: values[chosen] for name, values in report.labels.items()},
    )


def records(table: Table, rows: Iterable[int] | None = None) -> Iterator[dict[str, Any]]:
    """The table's rows, or those of these numbers, by column; None where there is no value."""
    values: list[Any] = [column.values if column.digits is None else _plain(column) for column in table]
    names = [column.name for column in table]
    for row in range(len(values[0])) if rows is None else rows:
        yield dict(zip(names, (column[row] for column in values), strict=True))


def _plain(column: Column) -> list[float | int | None]:
    assert column.digits is not None
    numbers = np.asarray(column.values, dtype=np.float64).round(column.digits).tolist()
    kind: Callable[[float], float | int] = float if column.digits else int
    return [None if number != number else kind(number) for number in numbers]  # noqa: PLR0124, NaN


def _edges(report: Report, timezone: str) -> tuple[str, str]:
    assert report.within is not None
    start_us, end_us = report.within.windows(find_zone(timezone)[0], report.as_of_us).week
    return stamp(start_us), stamp(end_us)


def _measures(parts: Mapping[str, npt.NDArray[Any]]) -> Iterator[Column]:
    """Hours and shares of microseconds up, down, assumed and business; parts are differences of rounded sums."""
    up, down, assumed, business = (parts[part].astype(np.float64) for part in ("up", "down", "assumed", "business"))
    known, observed = up + down, up + down - assumed
    for unit, digits, scale in (("hours", 4, np.full_like(up, HOUR_US)), ("percent", 3, business / 100)):
        if unit == "hours":
            yield Column("business_hours", _over(business, scale, digits), digits)
        shares = [_over(part, scale, digits) for part in (up, known, business)]
        yield Column(f"uptime_{unit}", shares[0], digits)
        yield Column(f"downtime_{unit}", (shares[1] - shares[0]).round(digits), digits)
        yield Column(f"unknown_{unit}", (shares[2] - shares[1]).round(digits), digits)
        yield Column(f"assumed_{unit}", _over(assumed, scale, digits), digits)
    coverage = _over(observed, business, 9)
    yield Column("coverage_percent", (coverage * 100).round(3), 3)
    yield Column("availability_percent", _over(up, known / 100, 3), 3)
    yield Column(
        "note", [_note(*row) for row in zip(business.tolist(), known.tolist(), coverage.tolist(), strict=True)]
    )


def _note(business_us: float, known_us: float, coverage: float) -> str:
    if not business_us:
        return "no business time"
    if not known_us:
        return "nothing known"
    return "low coverage" if coverage < LOW_COVERAGE else ""


def _over(part: Numbers, whole: Numbers, digits: int) -> Numbers:
    """The quotient, NaN where nothing is divided by."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0).round(digits)


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole
    return "less than 0.1 %" if share < 0.1 else f"{share:.1f} %"
