"""What a program with prometheus-client exposes of its web policy; the exporter's catalogue declares the same."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from foundation.web.policy import WebPolicy

RELOAD_SUCCESS = (
    "web_config_last_reload_successful",
    "1 if the web configuration and the files it names were last read without error, else 0; then the old rules stay.",
)
RELOAD_TIME = (
    "web_config_last_reload_success_timestamp_seconds",
    "When the web configuration in force was read.",
)


def collect(policy: WebPolicy, prefix: str) -> Iterator[Metric]:
    """Families named `prefix`_...: whether the last look at the file went well; none where there is no file."""
    statuses = policy.statuses()
    if not statuses:
        return
    success = GaugeMetricFamily(f"{prefix}_{RELOAD_SUCCESS[0]}", RELOAD_SUCCESS[1], labels=["file"])
    loaded = GaugeMetricFamily(f"{prefix}_{RELOAD_TIME[0]}", RELOAD_TIME[1], labels=["file"])
    for status in statuses:
        success.add_metric([status.file], float(status.ok))
        loaded.add_metric([status.file], status.loaded_s)
    yield success
    yield loaded
