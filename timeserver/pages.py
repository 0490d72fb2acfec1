"""What the service routes say, and any answer as a page. Pure but for reading the counts they are given."""

import itertools
from collections.abc import Iterable

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from foundation.page import relative, render
from foundation.web import WebPolicy
from foundation.web import metrics as web_metrics
from timeserver.access_log import AccessLog
from timeserver.counters import DURATION_BOUNDS_S, Counters

JSON = "application/json"
_TITLES = {"/": "The time of day", "/stats": "Requests by status code"}
_LINKS = (
    ("/", "the time of day"),
    ("/fail", "an answer of 500"),
    ("/missing", "an answer of 404"),
    ("/stats", "what was answered"),
    ("/metrics", "the same and more for Prometheus"),
)


def stats_text(counters: Counters, unix_s: int) -> str:
    """One `name: value` per line: the time, then counts by code (`200s`) that occurred or are always listed."""
    return "".join(f"{name}: {value}\n" for name, value in _stats(counters, unix_s).items())


def stats_json(counters: Counters, unix_s: int) -> bytes:
    """The same as one JSON object."""
    return msgspec.json.encode(_stats(counters, unix_s)) + b"\n"


def _stats(counters: Counters, unix_s: int) -> dict[str, int]:
    return {"time": unix_s} | {f"{code}s": count for code, count in sorted(counters.by_code.items())}


def wants_json(accept: str, format_parameter: str | None) -> bool:
    """Whether the client asked for JSON, by `?format=json` or by naming it in Accept."""
    return format_parameter == "json" if format_parameter else JSON in accept.lower()


def wants_html(accept: str) -> bool:
    """Whether the client is a browser that opens the address: it alone names this type."""
    return "text/html" in accept


def as_html(route: str, text: str) -> bytes:
    """An answer of plain text as a page."""
    title = _TITLES.get(route, "Time server")
    links = [(path, relative(path, route), about) for path, about in _LINKS]
    return render("timeserver", "page.html", route=route, title=title, text=text.strip(), links=links).encode()


def metrics_page(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The exposition and its content type: OpenMetrics for those who name it in Accept, else text 0.0.4."""
    if "application/openmetrics-text" in accept:
        page: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return page, openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(registry), CONTENT_TYPE_LATEST


class TimeserverCollector(Collector):
    """Makes metric families from the counts at each scrape."""

    def __init__(self, counters: Counters, access_log: AccessLog | None, policy: WebPolicy, version: str) -> None:
        """Remember where the counts are."""
        self._policy = policy
        self._counters = counters
        self._access_log = access_log
        self._version = version

    def describe(self) -> Iterable[Metric]:
        """Nothing: registration needs no scrape."""
        return []

    def collect(self) -> Iterable[Metric]:
        """All families of the time server."""
        info = GaugeMetricFamily("timeserver_build_info", "Always 1; the version is in the label.", labels=["version"])
        info.add_metric([self._version], 1)
        yield info
        yield from self._requests()
        if self._access_log is not None:
            yield from self._log(self._access_log)
        yield from web_metrics.collect(self._policy, "timeserver")

    def _requests(self) -> Iterable[Metric]:
        counters = self._counters
        requests = CounterMetricFamily(
            "timeserver_requests",
            "Requests that were answered, without those for service routes.",
            labels=["method", "code"],
        )
        for (method, code), count in sorted(counters.by_method_and_code.items()):
            requests.add_metric([method, str(code)], count)
        yield requests
        cumulative = itertools.accumulate(counters.duration_counts)
        bounds = [*map(str, DURATION_BOUNDS_S), "+Inf"]
        yield HistogramMetricFamily(
            "timeserver_request_duration_seconds",
            "Time from a request's head to the end of its answer.",
            buckets=list(zip(bounds, cumulative, strict=True)),
            sum_value=counters.duration_sum_s,
        )
        yield GaugeMetricFamily(
            "timeserver_requests_in_flight", "Requests begun and not yet answered.", counters.in_flight
        )

    def _log(self, log: AccessLog) -> Iterable[Metric]:
        counts = log.counts
        yield CounterMetricFamily("timeserver_log_lines", "Lines written to the access log.", counts.lines)
        dropped = CounterMetricFamily(
            "timeserver_log_dropped_lines",
            "Lines that were not written to the access log, by reason.",
            labels=["reason"],
        )
        for reason, count in counts.dropped.items():
            dropped.add_metric([reason], count)
        yield dropped
        errors = CounterMetricFamily(
            "timeserver_log_write_errors", "Failed attempts to open, write or rotate the access log.", labels=["reason"]
        )
        for reason, count in counts.write_errors.items():
            errors.add_metric([reason], count)
        yield errors
        yield CounterMetricFamily("timeserver_log_rotations", "Rotations of the access log.", counts.rotations)
        yield GaugeMetricFamily(
            "timeserver_log_writable", "1 while the access log can be written, else 0.", int(log.writable)
        )
        yield GaugeMetricFamily("timeserver_log_waiting_bytes", "Bytes of lines not written yet.", log.waiting_bytes)
