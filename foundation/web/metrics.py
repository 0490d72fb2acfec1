"""The metrics of the web policy of a program with prometheus-client; the exporter's catalogue declares the same."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from foundation.web.policy import REASONS, WebPolicy

RELOAD_SUCCESS = (
    "web_config_last_reload_successful",
    "1 if the web configuration and the files it names were last read without error, else 0: the old rules stay.",
)
RELOAD_TIME = (
    "web_config_last_reload_success_timestamp_seconds",
    "When the web configuration in force was read.",
)

REFUSED = (
    "web_refused_requests",
    "Requests that the web policy refused: host, site, type, login, busy (logins that wait) or rate.",
)


def collect(policy: WebPolicy, prefix: str) -> Iterator[Metric]:
    """Families named `prefix`_...: how the file was read, where there is one, and how many requests were refused."""
    refused = CounterMetricFamily(f"{prefix}_{REFUSED[0]}", REFUSED[1], labels=["reason"])
    for reason in REASONS:
        refused.add_metric([reason], policy.refused[reason])
    yield refused
    statuses = policy.statuses()
    success = GaugeMetricFamily(f"{prefix}_{RELOAD_SUCCESS[0]}", RELOAD_SUCCESS[1], labels=["file"])
    loaded = GaugeMetricFamily(f"{prefix}_{RELOAD_TIME[0]}", RELOAD_TIME[1], labels=["file"])
    for status in statuses:
        success.add_metric([status.file], float(status.ok))
        loaded.add_metric([status.file], status.loaded_s)
    yield success
    yield loaded
