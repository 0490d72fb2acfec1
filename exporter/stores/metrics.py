"""A report's rows, and the counts of the work on a database, as metric families. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from exporter.catalogue import Family, HistogramValue, LabelValues
from exporter.catalogue import stores as catalogue
from exporter.stores.calendar import WINDOWS
from exporter.stores.jobs import DURATION_BOUNDS, Jobs
from exporter.stores.report import Report
from exporter.stores.zones import zone_label

STATES = ("up", "down", "unknown", "closed")
BANDS = ("0 %", "below 50 %", "50 to 90 %", "90 to 99 %", "99 to 100 %", "100 %")
FALLBACKS = ("hours_missing", "hours_unknown", "timezone_missing", "timezone_unknown")
POLLS_DOWN = 2
"""Number of consecutive polls that must be down before a store counts as offline: one may be a fault of the poll."""

SERIES_PER_STORE = 14  # three states in three windows, four states now, and the last poll

Values = dict[LabelValues, float]


class Show(NamedTuple):
    """How much is exposed of single stores."""

    worst: int = 20
    per_store: bool = False
    max_series: int = 50_000
    silent_after_s: float = 9000.0  # two polls of an hourly poller have failed to come


def families(source: str, report: Report, show: Show) -> list[Family]:
    """The metrics of one report."""
    rows, as_of_us = report.rows, report.as_of_us
    found = [
        catalogue.STORES.family(_states(source, report)),
        catalogue.AS_OF.family({(source,): as_of_us / 1e6}),
        catalogue.REPORT_ROWS.family({(source,): len(rows["store_id"])}),
        catalogue.FALLBACK.family({(source, reason): report.fallbacks[reason] for reason in FALLBACKS}),
        catalogue.SILENT.family({(source,): int(_silent(report, show.silent_after_s).sum())}),
    ]
    offline = np.ma.filled(rows["down_polls"], 0) >= POLLS_DOWN
    worst = _worst(report, offline, show.worst)
    found += [
        catalogue.OFFLINE.family({(source,): int(offline.sum())}),
        catalogue.OFFLINE_SECONDS.family({(source, store): seconds for store, seconds in worst}),
    ]
    times, uptime, coverage, bands = Values(), Values(), Values(), Values()
    for window in WINDOWS:
        up, down, assumed, business = (rows[f"{p}_{window}"] for p in ("up", "down", "assumed", "business"))
        sums = {"up": up.sum(), "down": down.sum(), "assumed": assumed.sum()}
        sums["unknown"] = business.sum() - sums["up"] - sums["down"]
        times |= {(source, window, state): float(us) / 1e6 for state, us in sums.items()}
        known = sums["up"] + sums["down"]
        if known:
            uptime[source, window] = float(sums["up"] / known)
        if business.sum():
            coverage[source, window] = float((known - sums["assumed"]) / business.sum())
        bands |= {(source, window, band): n for band, n in _bands(up, up + down).items()}
    found += [
        catalogue.TIME.family(times),
        catalogue.UPTIME.family(uptime),
        catalogue.COVERAGE.family(coverage),
        catalogue.BY_UPTIME.family(bands),
    ]
    if show.per_store:
        found += _per_store(source, report, show.max_series // SERIES_PER_STORE)
    return found


def work_families(
    source: str,
    *,
    polls: Mapping[str, int],
    inbox: Mapping[str, int],
    errors: Mapping[str, int],
    jobs: Jobs,
    newest_us: int | None,
    taken_us: int | None,
) -> Iterator[Family]:
    """The metrics of the work on the database.

    Args:
        source: its name.
        polls: rows by result.
        inbox: files by result.
        errors: faults by operation.
        jobs: the report jobs.
        newest_us: the newest poll's time, None without polls.
        taken_us: when new polls came in last, None if never.
    """
    yield catalogue.POLLS.family({(source, result): n for result, n in polls.items()})
    yield catalogue.INBOX.family({(source, result): n for result, n in inbox.items()})
    yield catalogue.ERRORS.family({(source, work): n for work, n in errors.items()})
    yield catalogue.REPORTS.family({(source, status): jobs.ended[status] for status in ("complete", "failed")})
    yield catalogue.RUNNING.family({(source,): len(jobs.running())})
    histogram = HistogramValue(DURATION_BOUNDS, tuple(jobs.durations), jobs.duration_sum_s)
    yield catalogue.DURATION.family({(source,): histogram})
    if newest_us is not None:
        yield catalogue.NEWEST_POLL.family({(source,): newest_us / 1e6})
    if taken_us is not None:
        yield catalogue.INGESTED.family({(source,): taken_us / 1e6})


def _states(source: str, report: Report) -> Values:
    names = report.rows["timezone"].tolist()
    zones = {name: zone_label(name) for name in set(names)}
    counts = Counter(zip(_state_now(report), (zones[name] for name in names), strict=True))
    return {(source, state, zone): counts[state, zone] for zone in set(zones.values()) for state in STATES}


def _state_now(report: Report) -> list[str]:
    rows = report.rows
    is_open = ~np.ma.getmaskarray(rows["opened_us"])
    is_known = ~np.ma.getmaskarray(rows["up_now"])
    number = np.where(~is_open, 3, np.where(~is_known, 2, 1 - np.ma.filled(rows["up_now"], 0)))
    return [STATES[n] for n in number.tolist()]


def _silent(report: Report, after_s: float) -> npt.NDArray[np.bool_]:
    """Open stores that were polled before, but neither since they opened nor lately."""
    rows = report.rows
    ever = ~np.ma.getmaskarray(rows["last_evidence_us"])
    is_open = ~np.ma.getmaskarray(rows["opened_us"])
    since = np.maximum(np.ma.filled(rows["last_evidence_us"], 0), np.ma.filled(rows["opened_us"], 0))
    silent: npt.NDArray[np.bool_] = ever & is_open & (report.as_of_us - since > after_s * 1e6)
    return silent


def _worst(report: Report, offline: npt.NDArray[np.bool_], count: int) -> list[tuple[str, float]]:
    """The stores that are offline the longest, and seconds."""
    since = np.ma.filled(report.rows["down_since_us"], report.as_of_us)[offline]
    ids = report.rows["store_id"][offline]
    order = np.argsort(since, kind="stable")[:count]
    return [(str(ids[n]), float(report.as_of_us - since[n]) / 1e6) for n in order]


def _bands(up: npt.NDArray[np.int64], known: npt.NDArray[np.int64]) -> dict[str, int]:
    share = up[known > 0] / known[known > 0]
    edges = (share == 0, share < 0.5, share < 0.9, share < 0.99, share < 1)
    counts = Counter(np.select(edges, range(5), 5).tolist())
    return {**{band: counts[n] for n, band in enumerate(BANDS)}, "none": int((known == 0).sum())}


def _per_store(source: str, report: Report, most: int) -> list[Family]:
    """Every series of the first `most` stores."""
    rows = report.rows
    ids = [str(store) for store in rows["store_id"][:most].tolist()]
    seconds: Values = {}
    for window in WINDOWS:
        up, down = rows[f"up_{window}"], rows[f"down_{window}"]
        for state, times in (("up", up), ("down", down), ("unknown", rows[f"business_{window}"] - up - down)):
            told = zip(ids, times[:most].tolist(), strict=True)
            seconds |= {(source, store, window, state): time_us / 1e6 for store, time_us in told}
    now = list(zip(ids, _state_now(report)[:most], strict=True))
    polled = zip(ids, np.ma.filled(rows["last_evidence_us"], 0)[:most].tolist(), strict=True)
    return [
        catalogue.STATE_SECONDS.family(seconds),
        catalogue.STATE.family({(source, store, word): int(word == state) for store, state in now for word in STATES}),
        catalogue.LAST_POLL.family({(source, store): at_us / 1e6 for store, at_us in polled if at_us}),
    ]
