"""Metrics of releases: errors by build and code, and how a candidate build compares with the baseline.

`candidate` and `baseline` are builds; a code or build past the caps is `other`.
"""

from exporter.catalogue._log import log_metrics
from exporter.catalogue._model import Metric

_PAIR = ("source", "candidate", "code")

ERRORS = Metric(
    "tidewatch_release_errors_total", "counter", "Errors in the stream, by build and code.", ("source", "build", "code")
)
RECORDS = Metric("tidewatch_release_records_total", "counter", "Records that were counted.", ("source",))
RECORDS_FAILED = Metric(
    "tidewatch_release_records_failed_total",
    "counter",
    "Records that were not counted, by reason; late: their bin was already closed.",
    ("source", "reason"),
)
FOLDED = Metric(
    "tidewatch_release_folded_records_total",
    "counter",
    "Records counted as `other` because of the caps on builds and codes.",
    ("source", "label"),
)
LAST_RECORD = Metric(
    "tidewatch_release_last_record_timestamp_seconds",
    "gauge",
    "When the last record came in (the receiver's clock).",
    ("source",),
)
QUERY_UP = Metric(
    "tidewatch_release_query_up",
    "gauge",
    "1 if the Prometheus whose counter is compared answered the last question, else 0.",
    ("source",),
)
WATERMARK = Metric(
    "tidewatch_release_watermark_timestamp_seconds",
    "gauge",
    "Time, by the records' clock, up to which bins are closed.",
    ("source",),
)
BASELINE = Metric(
    "tidewatch_release_baseline_info", "gauge", "Always 1; the baseline is in the label.", ("source", "build")
)
RATIO = Metric(
    "tidewatch_release_rate_ratio",
    "gauge",
    "Error rate of the candidate over the baseline's, in the window (all: since the start; recent: the last 30 bins).",
    (*_PAIR, "window"),
)
RATIO_LOW = Metric(
    "tidewatch_release_rate_ratio_lower",
    "gauge",
    "Lower end of the 95 % interval of the ratio; exact where the users do not vary.",
    (*_PAIR, "window"),
)
RATIO_HIGH = Metric(
    "tidewatch_release_rate_ratio_upper",
    "gauge",
    "Upper end of the 95 % interval of the ratio; exact where the users do not vary.",
    (*_PAIR, "window"),
)
LOG_EVIDENCE = Metric(
    "tidewatch_release_log_evidence", "gauge", "Natural log of the e-value against equal rates.", _PAIR
)
EVIDENCE_THRESHOLD = Metric(
    "tidewatch_release_log_evidence_threshold", "gauge", "The log evidence at which a code alarms.", ("source",)
)
P_VALUE = Metric(
    "tidewatch_release_p_value",
    "gauge",
    "One-sided p-value since the start; fixed: exact, for one look; anytime: valid at every look.",
    (*_PAIR, "kind"),
)
Q_VALUE = Metric(
    "tidewatch_release_q_value", "gauge", "Benjamini-Hochberg adjusted p-value over the candidate's codes.", _PAIR
)
DISPERSION = Metric(
    "tidewatch_release_dispersion_ratio",
    "gauge",
    "Variance over mean of the candidate's errors in the last 30 bins; far above 1 means storms of retries.",
    _PAIR,
)
ONSET_SCORE = Metric("tidewatch_release_onset_score", "gauge", "CUSUM score of a doubling in mid stream.", _PAIR)
ONSET_THRESHOLD = Metric(
    "tidewatch_release_onset_threshold", "gauge", "The onset score at which a code alarms.", ("source",)
)
MEAN_RATIO = Metric(
    "tidewatch_release_mean_ratio", "gauge", "Value of the mean-threshold rule: noisy, not for paging.", _PAIR
)
ALERT_ACTIVE = Metric(
    "tidewatch_release_alert_active", "gauge", "1 while the detector judges the code to be worse.", (*_PAIR, "detector")
)
ALERTS = Metric(
    "tidewatch_release_alerts_total",
    "counter",
    "Alerts that turned active or inactive.",
    (*_PAIR, "detector", "transition"),
)
ALERT_EXPLAINED = Metric(
    "tidewatch_release_alert_explained",
    "gauge",
    "1 where an alert of the code does not count: its errors come in bursts, all codes rose alike, or its evidence "
    "began in the last bins and is undecided; else 0.",
    (*_PAIR, "reason"),
)
COMMON_RISE = Metric(
    "tidewatch_release_common_rise_ratio",
    "gauge",
    "The common factor by which the candidate's codes rose, as with more users; absent where they did not.",
    ("source", "candidate"),
)
BUILD_SILENT = Metric(
    "tidewatch_release_build_silent",
    "gauge",
    "1 if the build has sent nothing for 5 bins or more, which is improbable at its earlier rate; else 0.",
    ("source", "build"),
)
USERS = Metric(
    "tidewatch_release_users_ratio",
    "gauge",
    "Ratio of candidate users to baseline users in the last bin, where the users are known over time.",
    ("source", "candidate"),
)
USERS_UNKNOWN = Metric(
    "tidewatch_release_users_unknown_bins_total",
    "counter",
    "Bins of a candidate that were not compared, because its users or the baseline's were unknown or 0.",
    ("source", "candidate"),
)
CONNECTIONS = Metric("tidewatch_release_connections", "gauge", "Open TCP connections.", ("source",))
REQUESTS = Metric(
    "tidewatch_release_requests_total", "counter", "Requests to the HTTP ingest, by status code.", ("source", "status")
)
LOG = log_metrics("tidewatch_release_log")
