"""Metrics of the exporter itself."""

from exporter.catalogue._model import Metric
from foundation.web.metrics import REFUSED, RELOAD_SUCCESS, RELOAD_TIME

BUILD_INFO = Metric("tidewatch_build_info", "gauge", "Always 1; the version is in the label.", ("version", "python"))
SYSTEM_UP = Metric(
    "tidewatch_system_up", "gauge", "1 if this system could expose its metrics at this scrape, else 0.", ("system",)
)
SYSTEM_COLLECT_SECONDS = Metric(
    "tidewatch_system_collect_duration_seconds", "gauge", "Time the system took to collect its metrics.", ("system",)
)
CONFIG_RELOAD_SUCCESS = Metric(
    "tidewatch_config_last_reload_successful", "gauge", "1 if the configuration was last read without error, else 0."
)
CONFIG_RELOAD_TIME = Metric(
    "tidewatch_config_last_reload_success_timestamp_seconds",
    "gauge",
    "When the configuration was last read without error.",
)
WEB_CONFIG_RELOAD_SUCCESS = Metric(f"tidewatch_{RELOAD_SUCCESS[0]}", "gauge", RELOAD_SUCCESS[1], ("file",))
WEB_REFUSED = Metric(f"tidewatch_{REFUSED[0]}_total", "counter", REFUSED[1], ("reason",))
WEB_CONFIG_RELOAD_TIME = Metric(f"tidewatch_{RELOAD_TIME[0]}", "gauge", RELOAD_TIME[1], ("file",))
CONNECTIONS = Metric("tidewatch_connections", "gauge", "Open connections, by the address of the server.", ("server",))
CONNECTIONS_LIMIT = Metric(
    "tidewatch_connections_limit",
    "gauge",
    "Maximum number of connections of all servers together; above it, the one silent longest is closed.",
)
CONNECTIONS_CUT = Metric(
    "tidewatch_connections_cut_total",
    "counter",
    "Connections that were closed because of the client, or to make room for others (limit), by reason.",
    ("server", "reason"),
)
SOURCE_FAILURES = Metric(
    "tidewatch_source_failures_total",
    "counter",
    "Unexpected errors in a source; after each one it continues from its last commit.",
    ("system", "source"),
)
CHECKPOINT_PROBLEMS = Metric(
    "tidewatch_checkpoint_problems_total",
    "counter",
    "State on disk that was damaged and set aside, deleted while in use, or could not be written, by reason.",
    ("reason",),
)
CHECKPOINT_TIME = Metric(
    "tidewatch_checkpoint_last_commit_timestamp_seconds",
    "gauge",
    "When counters and log positions were last saved; 0 before the first time.",
)
