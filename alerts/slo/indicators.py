"""Indicators to PromQL: how many events there were in five minutes, and how many of them were bad. Pure.

Both expressions give one series for each budget, with the labels `by`; the events of nothing that is measured are no
series, and "no bad event" is 0. What is not an event by itself (time up and down) is counted in what one observation
stands for, so that the bound against chance in `rules` means the same for all of them.
"""

from typing import NamedTuple
from zlib import crc32

from alerts.slo.counters import Counter, Matcher, parse_counter
from alerts.slo.model import Indicator, Objective
from foundation.grammar import format_duration

EVENTS = "{events}"
HEARTBEAT_S = 60  # hosting: servers log one a minute
POLL_S = 3600  # stores: polled by the hour
STALE_S = 9000  # stores: as StoreIngestStale, past which the last hour is outdated


class Events(NamedTuple):
    """What the rules are made of.

    by: the labels of each budget.
    events, bad: PromQL; bad may contain EVENTS, which means the recording of the former.
    failed: what bad ones did, after a percentage.
    board: the dashboard's uid.
    burn_panel, budget_panel: the ids of its panels that show how quickly the budget goes, and what is left; 0: none.
    pages: whether short windows mean anything.
    budget: PromQL of the share that is left of a billing cycle's budget, where the exporter reckons one.
    promises: what that budget is by, the selector of each account's promised availability.
    """

    by: tuple[str, ...]
    events: str
    bad: str
    failed: str
    board: str
    burn_panel: int = 0
    budget_panel: int = 0
    pages: bool = True
    budget: str = ""
    promises: str = ""


def site_panels(objective: Objective) -> range:
    """The ids of an objective's row on the board of sites, and of its panels: the same whatever the others are."""
    first = 1000 + 10 * (crc32(objective.name.encode()) % 100_000)
    return range(first, first + 5)


def events_of(objective: Objective) -> Events:
    """The events of an objective."""
    indicator = objective.indicator
    if indicator.kind == "ratio":
        return _ratio(indicator)
    if indicator.kind == "latency" or set(indicator.measures) & _REQUESTS.keys():
        _, _, budget, burn, _ = site_panels(objective)
        of_site = _latency(indicator) if indicator.kind == "latency" else _availability(indicator)
        return of_site._replace(burn_panel=burn, budget_panel=budget)
    if indicator.measures == ("hosting",):
        return _hosting(indicator)
    return _stores(indicator)


def good_and_total(indicator: Indicator) -> tuple[Counter, Counter, bool]:
    """For other people's tools: (good or bad, total, whether the first is good), of the first measure."""
    if indicator.kind == "ratio":
        return parse_counter(indicator.good or indicator.bad), parse_counter(indicator.total), bool(indicator.good)
    if indicator.kind == "latency":
        total = _site(indicator, "tidewatch_http_request_duration_seconds_count")
        return _bucket(indicator), total, True
    measure = indicator.measures[0]
    if measure == "hosting":
        of_time = _where(indicator, "tidewatch_hosting_account_state_seconds")
        known = of_time.where(Matcher("state", "!~", "unknown|maintenance"))
        return _where(indicator, "tidewatch_hosting_account_downtime_seconds"), known, False
    if measure == "stores":
        known = _store_time(indicator)
        return known.where(Matcher("state", "=", "down")), known.where(Matcher("state", "=~", "up|down")), False
    total = _site(indicator, _REQUESTS[measure])
    return total.where(Matcher("code", "=~", indicator.codes)), total, False


_REQUESTS = {"log": "tidewatch_http_requests_total", "stats": "tidewatch_stats_responses_total"}


def gained(counter: Counter, whole: Counter, by: tuple[str, ...], *, or_zero: bool) -> str:
    """By how much counters grew in five minutes, summed.

    increase() cannot see a series that is born above 0, so one that was not there five minutes ago, though its target
    already had others of `whole`, counts as it stands. A restart of the exporter or of Prometheus is no such birth.

    Args:
        counter: whose growth it is.
        whole: the counter that it is a part of.
        by: the labels kept.
        or_zero: whether it is 0 where there is only the whole.
    """
    witness = ", ".join(dict.fromkeys(("job", "instance", *by)))
    born = f"({counter} unless {counter} offset 5m)\n      and on ({witness})\n        {whole} offset 5m"
    parts = [f"    (\n        {born}\n    )", f"    increase({counter}[5m])"]
    if or_zero:
        parts.append(f"    0 * increase({whole}[5m])")
    return f"sum by ({', '.join(by)}) (\n" + "\n  or\n".join(parts) + "\n)"


def _availability(indicator: Indicator) -> Events:
    events, bad = [], []
    for measure in indicator.measures:
        total = _site(indicator, _REQUESTS[measure])
        failed = total.where(Matcher("code", "=~", indicator.codes))
        events.append(gained(total, total, ("source",), or_zero=False))
        bad.append(gained(failed, total, ("source",), or_zero=True))
    chosen = "\nor on (source)\n"
    return Events(("source",), chosen.join(events), chosen.join(bad), "of requests failed", "tidewatch-site")


def _latency(indicator: Indicator) -> Events:
    """Without the bucket, their durations are unknown, so there is no series either."""
    total = _site(indicator, "tidewatch_http_request_duration_seconds_count")
    quick = gained(_bucket(indicator), total, ("source",), or_zero=False)
    return Events(
        ("source",),
        gained(total, total, ("source",), or_zero=False),
        f"{EVENTS}\n- on (source)\n{quick}",
        f"of requests took longer than {format_duration(indicator.threshold or 0)}",
        "tidewatch-site",
    )


def _hosting(indicator: Indicator) -> Events:
    """Times are gauges, as a late line restates them; at a new cycle they fall, and the events of that are negative."""
    by = "source, account_id"
    down, known, _ = good_and_total(indicator)
    return Events(
        ("source", "account_id"),
        f"sum by ({by}) (delta({known}[5m])) / {HEARTBEAT_S} > 0",
        f"sum by ({by}) (delta({down}[5m])) / {HEARTBEAT_S}\nand on ({by})\n{EVENTS}",
        "of the time down",
        "tidewatch-hosting",
        burn_panel=17,
        budget_panel=9,
        budget=f"min by ({by}) ({_where(indicator, 'tidewatch_hosting_sla_budget_remaining_ratio')})",
        promises=str(_where(indicator, "tidewatch_hosting_sla_promise_ratio")),
    )


def _stores(indicator: Indicator) -> Events:
    """The last hour counts for five minutes by a twelfth, as long as polls come: silence is not uptime."""
    by = ("source", "store_id") if indicator.per_store else ("source",)
    down, known, _ = good_and_total(indicator)
    fresh = f"time() - max by (source) (tidewatch_store_last_ingest_timestamp_seconds) < {STALE_S}"
    share = POLL_S * 12
    return Events(
        by,
        f"sum by ({', '.join(by)}) ({known}) / {share}\nand on (source)\n{fresh}",
        f"sum by ({', '.join(by)}) ({down}) / {share}\nand on ({', '.join(by)})\n{EVENTS}",
        "of business time down",
        "tidewatch-stores",
        burn_panel=17 if indicator.per_store else 14,
        budget_panel=17 if indicator.per_store else 14,
        pages=False,
    )


def _ratio(indicator: Indicator) -> Events:
    part, total, is_good = good_and_total(indicator)
    by = indicator.by
    is_bucket = any(matcher.label == "le" for matcher in part.matchers)  # a bound that no bucket has: nothing is known
    counted = gained(part, total, by, or_zero=not is_bucket)
    bad = f"{EVENTS}\n- on ({', '.join(by)})\n{counted}" if is_good else counted
    return Events(by, gained(total, total, by, or_zero=False), bad, "of events were bad", "tidewatch-site")


def _where(indicator: Indicator, metric: str) -> Counter:
    matchers = []
    if indicator.sources != ".+":
        matchers.append(Matcher("source", "=~", indicator.sources))
    if indicator.except_sources:
        matchers.append(Matcher("source", "!~", indicator.except_sources))
    return Counter(metric, tuple(matchers))


def _site(indicator: Indicator, metric: str) -> Counter:
    counter = _where(indicator, metric)
    return counter if indicator.routes == ".+" else counter.where(Matcher("route", "=~", indicator.routes))


def _bucket(indicator: Indicator) -> Counter:
    """The bucket up to the threshold. Of a whole number there are two spellings: 3.x makes 1.0 of 1."""
    bound = repr(float(indicator.threshold or 0))
    le = Matcher("le", "=~", f"{bound[:-2]}|{bound[:-2]}\\.0") if bound.endswith(".0") else Matcher("le", "=", bound)
    return _site(indicator, "tidewatch_http_request_duration_seconds_bucket").where(le)


def _store_time(indicator: Indicator) -> Counter:
    metric = "tidewatch_store_state_seconds" if indicator.per_store else "tidewatch_store_time_seconds"
    return _where(indicator, metric).where(Matcher("window", "=", "hour"))
