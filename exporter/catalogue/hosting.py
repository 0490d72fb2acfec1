"""Metrics of the hosting system.

Times of accounts and servers are gauges, because a late line changes them, downwards too. `state` of a server is up,
overload, silent, unknown (the log had not begun) or maintenance (announced, which is neither up nor down); of an
account also unrouted (no server yet). Its time after the last heartbeat of all servers is unknown, too.
"""

from exporter.catalogue._log import log_metrics
from exporter.catalogue._model import Metric

SERVER_STATE = Metric(
    "tidewatch_hosting_server_state",
    "gauge",
    "1 for the state of the server in the last settled minute, else 0.",
    ("source", "server", "state"),
)
SERVER_WORKLOAD = Metric(
    "tidewatch_hosting_server_workload_ratio",
    "gauge",
    "Workload in the server's last heartbeat; above 1, or the configured overload, the server counts as down.",
    ("source", "server"),
)
SERVER_LAST_HEARTBEAT = Metric(
    "tidewatch_hosting_server_last_heartbeat_timestamp_seconds",
    "gauge",
    "Time of the server's last heartbeat, by the log's clock.",
    ("source", "server"),
)
SERVER_STATE_SECONDS = Metric(
    "tidewatch_hosting_server_state_seconds",
    "gauge",
    "Time in each state in this cycle.",
    ("source", "server", "state"),
)
ACCOUNT_STATE = Metric(
    "tidewatch_hosting_account_state",
    "gauge",
    "1 for the state of the account at the watermark, else 0.",
    ("source", "account_id", "state"),
)
ACCOUNT_STATE_SECONDS = Metric(
    "tidewatch_hosting_account_state_seconds",
    "gauge",
    "Time in each state in this cycle.",
    ("source", "account_id", "state"),
)
ACCOUNT_DOWNTIME = Metric(
    "tidewatch_hosting_account_downtime_seconds",
    "gauge",
    "Downtime in this cycle, of both causes, to the second.",
    ("source", "account_id"),
)
ACCOUNT_INFO = Metric(
    "tidewatch_hosting_account_info",
    "gauge",
    "Always 1; the name is in the label.",
    ("source", "account_id", "account_name"),
)
ACCOUNT_PLAN = Metric(
    "tidewatch_hosting_account_plan_info",
    "gauge",
    "Always 1; the account's plan is in the label, empty without one.",
    ("source", "account_id", "plan"),
)
ACCOUNT_SERVER = Metric(
    "tidewatch_hosting_account_server_info",
    "gauge",
    "Always 1; the account's current server is in the label.",
    ("source", "account_id", "server"),
)
ACCOUNTS = Metric(
    "tidewatch_hosting_accounts", "gauge", "Accounts that exist at the watermark, by state.", ("source", "state")
)
PROMISE = Metric(
    "tidewatch_hosting_sla_promise_ratio",
    "gauge",
    "Availability that was promised to the account, as a share of the cycle.",
    ("source", "account_id"),
)
BUDGET = Metric(
    "tidewatch_hosting_sla_budget_seconds",
    "gauge",
    "Downtime that the account's promise allows in this cycle.",
    ("source", "account_id"),
)
BUDGET_REMAINING = Metric(
    "tidewatch_hosting_sla_budget_remaining_ratio",
    "gauge",
    "Share of the account's budget that is left; below 0 the promise is broken.",
    ("source", "account_id"),
)
CREDIT = Metric(
    "tidewatch_hosting_sla_credit_ratio",
    "gauge",
    "Share of the bill that would be credited now; no series where the account's terms have no credits.",
    ("source", "account_id"),
)
ALLOWED = Metric(
    "tidewatch_hosting_sla_allowed_downtime_seconds",
    "gauge",
    "Allowed downtime of the cycle, for accounts without a plan.",
    ("source",),
)
CONTRACT_READABLE = Metric(
    "tidewatch_hosting_contract_readable",
    "gauge",
    "1 while the files of plans and of maintenance can be read; 0: the last readable version is in force.",
    ("source",),
)
CONTRACT_UNMATCHED = Metric(
    "tidewatch_hosting_contract_unmatched",
    "gauge",
    "Accounts in the plans, and accounts and servers under maintenance, that are not in the logs.",
    ("source", "file"),
)
VERDICTS = Metric(
    "tidewatch_hosting_sla_accounts",
    "gauge",
    "Accounts that existed in this cycle, by whether their downtime is within their budget (kept, violated, unknown).",
    ("source", "verdict"),
)
CYCLE_START = Metric(
    "tidewatch_hosting_sla_cycle_start_timestamp_seconds", "gauge", "When the cycle starts.", ("source",)
)
CYCLE_END = Metric("tidewatch_hosting_sla_cycle_end_timestamp_seconds", "gauge", "When the cycle ends.", ("source",))
WATERMARK = Metric(
    "tidewatch_hosting_watermark_timestamp_seconds",
    "gauge",
    "Time, by the log's clock, up to which everything is calculated.",
    ("source",),
)
DECISIONS = Metric(
    "tidewatch_hosting_routing_decisions_total",
    "counter",
    "Routes by kind (creation, reroute, stay) and the chosen server's rank by workload: 1 is the least loaded.",
    ("source", "kind", "rank"),
)
EVENTS = Metric("tidewatch_hosting_events_total", "counter", "Events read from the logs.", ("source", "event"))
LINES_FAILED = Metric(
    "tidewatch_hosting_lines_failed_total", "counter", "Lines that are not events, by reason.", ("source", "reason")
)
RESTATING = Metric(
    "tidewatch_hosting_restating_events_total",
    "counter",
    "Events that arrived after the watermark had passed them; the time before was calculated again.",
    ("source",),
)
RECOMPUTE_SECONDS = Metric(
    "tidewatch_hosting_accounting_duration_seconds", "gauge", "Duration of the last calculation.", ("source",)
)
ACCOUNTS_HIDDEN = Metric(
    "tidewatch_hosting_accounts_without_series",
    "gauge",
    "Accounts beyond max_accounts, those with most of their budget left; only the totals include them.",
    ("source",),
)
LOG = log_metrics(
    "tidewatch_hosting",
    last_line="When the last line was read, or the reader started (its clock, not the line's).",
)
