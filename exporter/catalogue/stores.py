"""Metrics of stores: uptime within business hours over the fleet; one series per store only on request.

`window` is hour, day or week, up to `tidewatch_store_as_of_timestamp_seconds`.
"""

from exporter.catalogue._model import Metric

_SOURCE = ("source",)

STORES = Metric(
    "tidewatch_stores",
    "gauge",
    "Stores by state now (up, down, unknown, closed) and zone.",
    ("source", "state", "timezone"),
)
BY_UPTIME = Metric(
    "tidewatch_stores_by_uptime",
    "gauge",
    "Stores by their share of uptime in the known business time of the window; none: without any.",
    ("source", "window", "band"),
)
UPTIME = Metric(
    "tidewatch_store_uptime_ratio",
    "gauge",
    "Uptime of all stores as a share of their known business time in the window.",
    ("source", "window"),
)
COVERAGE = Metric(
    "tidewatch_store_coverage_ratio",
    "gauge",
    "Share of all business time in the window that is within reach of a poll.",
    ("source", "window"),
)
TIME = Metric(
    "tidewatch_store_time_seconds",
    "gauge",
    "Business time of all stores in the window, by state; assumed is the part of up and down that is out of reach.",
    ("source", "window", "state"),
)
OFFLINE = Metric("tidewatch_stores_offline", "gauge", "Open stores that were down in two polls in a row.", _SOURCE)
OFFLINE_SECONDS = Metric(
    "tidewatch_store_offline_seconds",
    "gauge",
    "Time since such a store went down, for the stores that are down longest.",
    ("source", "store_id"),
)
SILENT = Metric(
    "tidewatch_stores_silent", "gauge", "Open stores that should have been polled by now and were not.", _SOURCE
)
STATE_SECONDS = Metric(
    "tidewatch_store_state_seconds",
    "gauge",
    "Business time of each store in the window, by state; only with per_store.",
    ("source", "store_id", "window", "state"),
)
STATE = Metric(
    "tidewatch_store_state",
    "gauge",
    "1 for the state that each store is in now (up, down, unknown, closed), 0 for the others; only with per_store.",
    ("source", "store_id", "state"),
)
LAST_POLL = Metric(
    "tidewatch_store_last_poll_timestamp_seconds",
    "gauge",
    "Time of each store's last poll that is evidence; only with per_store.",
    ("source", "store_id"),
)
REPORT_ROWS = Metric(
    "tidewatch_store_report_rows", "gauge", "Stores in the report from which these metrics come.", _SOURCE
)
FALLBACK = Metric(
    "tidewatch_store_config_fallback",
    "gauge",
    "Stores with default hours or zone, or whose hours or zone are not known.",
    ("source", "reason"),
)
POLLS = Metric(
    "tidewatch_store_polls_total",
    "counter",
    "Rows of polls, by result; late rows are also counted as new.",
    ("source", "result"),
)
INGESTED = Metric("tidewatch_store_last_ingest_timestamp_seconds", "gauge", "When new polls were last loaded.", _SOURCE)
NEWEST_POLL = Metric("tidewatch_store_newest_poll_timestamp_seconds", "gauge", "Time of the newest poll.", _SOURCE)
AS_OF = Metric(
    "tidewatch_store_as_of_timestamp_seconds", "gauge", "The time for which these metrics are calculated.", _SOURCE
)
REPORTS = Metric("tidewatch_store_reports_total", "counter", "Reports that ended, by status.", ("source", "status"))
RUNNING = Metric("tidewatch_store_reports_running", "gauge", "Reports that were requested and have not ended.", _SOURCE)
DURATION = Metric(
    "tidewatch_store_report_duration_seconds", "histogram", "Duration of reports, from their start.", _SOURCE
)
INBOX = Metric("tidewatch_store_inbox_files_total", "counter", "Files of the inbox, by result.", ("source", "result"))
ERRORS = Metric(
    "tidewatch_store_errors_total", "counter", "Failures of the database, by operation.", ("source", "work")
)
