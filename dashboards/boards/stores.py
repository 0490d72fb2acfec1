"""Stores: which are down in their business hours, how well they did, and how much of that is observed."""

from dashboards import style
from dashboards.style import Text, query

SOURCE = 'source=~"$source"'
WINDOW = f'{SOURCE}, window="$span"'


def board() -> style.Board:
    """The table of contents."""
    return style.Board(
        uid="tidewatch-stores",
        title="Stores",
        description="Uptime of stores within their business hours, from hourly polls, and the evidence behind it.",
        variables=[
            style.label_variable("source", "Stores", "tidewatch_store_polls_total"),
            style.choice_variable("span", "Last", ("hour", "day", "week"), "day"),
            style.window_variable(),
        ],
        rows=[
            style.Row("Now", [offline(), silent(), uptime(), coverage(), ingest_age(), reports_running()]),
            style.Row("Which stores are down?", [states(), longest(), by_zone()]),
            style.Row("How well did they do?", [bands(), time_by_state()]),
            style.Row("Can it be believed?", [poll_rows(), fallbacks(), newest()]),
            style.Row("Are reports made?", [reports(), durations(), inbox()]),
        ],
    )


def offline() -> style.PanelBuilder:
    """Stores that are down for sure."""
    return style.stat(
        Text("Stores offline", "Open stores that two polls in a row found inactive; the table names the worst."),
        query(f"sum(tidewatch_stores_offline{{{SOURCE}}})", "stores"),
        unit="short",
        steps=((None, "green"), (1, "orange")),
    )


def silent() -> style.PanelBuilder:
    """Stores that nobody polls."""
    return style.stat(
        Text("Stores not polled", "Open stores that should have been polled in the last two and a half hours."),
        query(f"sum(tidewatch_stores_silent{{{SOURCE}}})", "stores"),
        unit="short",
        steps=((None, "green"), (1, "orange")),
    )


def uptime() -> style.PanelBuilder:
    """The fleet's uptime."""
    return style.stat(
        Text("Uptime", "Uptime of all stores over their known business time, in the span chosen above."),
        query(f"min(tidewatch_store_uptime_ratio{{{WINDOW}}})", "uptime"),
        unit="percentunit",
        steps=((None, "red"), (0.9, "orange"), (0.95, "green")),
    )


def coverage() -> style.PanelBuilder:
    """How much is observed."""
    return style.stat(
        Text("Observed", "Share of business time within 90 minutes of a poll; the rest is assumed or unknown."),
        query(f"min(tidewatch_store_coverage_ratio{{{WINDOW}}})", "observed"),
        unit="percentunit",
        steps=((None, "red"), (0.8, "orange"), (0.9, "green")),
    )


def ingest_age() -> style.PanelBuilder:
    """How long nothing came."""
    return style.stat(
        Text("Last new polls", "Time since polls came in that were new. They come every hour."),
        query(f"time() - min(tidewatch_store_last_ingest_timestamp_seconds{{{SOURCE}}})", "ago"),
        unit="s",
        steps=((None, "green"), (4500, "orange"), (9000, "red")),
    )


def reports_running() -> style.PanelBuilder:
    """Who waits."""
    return style.stat(
        Text("Reports wanted", "Reports that were asked for and are not made yet."),
        query(f"sum(tidewatch_store_reports_running{{{SOURCE}}})", "reports"),
        unit="short",
        steps=((None, "green"), (10, "orange")),
    )


def states() -> style.PanelBuilder:
    """How many are open, and up."""
    return style.timeseries(
        Text(
            "Stores by state",
            "All stores. Closed ones are outside their business hours; of unknown ones no poll tells.",
        ),
        query(f"sum by (state) (tidewatch_stores{{{SOURCE}}})", "{{state}}"),
        unit="short",
        colours={"up": "green", "down": "red", "unknown": "purple", "closed": "text"},
        width=8,
    )


def longest() -> style.PanelBuilder:
    """The worst stores."""
    return style.table(
        Text(
            "Offline the longest",
            "For how long. `exporter stores report --explain STORE` tells the polls behind it.",
            "no store is offline.",
        ),
        query(f"max by (store_id) (tidewatch_store_offline_seconds{{{SOURCE}}})", instant=True, form="table"),
        columns={"store_id": "Store", "Value": "Offline for"},
        units={"Offline for": "s"},
        width=8,
    )


def by_zone() -> style.PanelBuilder:
    """Is it one region?"""
    return style.timeseries(
        Text("Down by zone", "Stores that are down, by time zone: one zone alone hints at a network or a storm."),
        query(f'sum by (timezone) (tidewatch_stores{{{SOURCE}, state="down"}})', "{{timezone}}"),
        unit="short",
        width=8,
    )


def bands() -> style.PanelBuilder:
    """The distribution over stores."""
    return style.bargauge(
        Text("Stores by uptime", "How many stores reached which uptime in the span; none: no business time is known."),
        query(f"sum by (band) (tidewatch_stores_by_uptime{{{WINDOW}}})", "{{band}}", instant=True),
        unit="short",
    )


def time_by_state() -> style.PanelBuilder:
    """Where business time goes."""
    return style.timeseries(
        Text("Business time", "Time of all stores in the span, by state; assumed is a part of up and down."),
        query(f"sum by (state) (tidewatch_store_time_seconds{{{WINDOW}}})", "{{state}}"),
        unit="s",
        colours={"up": "green", "down": "red", "unknown": "purple", "assumed": "blue"},
    )


def poll_rows() -> style.PanelBuilder:
    """What comes in."""
    return style.timeseries(
        Text(
            "Rows of polls", "Rows each second by what became of them; reasons of invalid ones stand in `quarantine`."
        ),
        query(f"sum by (result) (rate(tidewatch_store_polls_total{{{SOURCE}}}[$window]))", "{{result}}"),
        unit="ops",
        width=8,
    )


def fallbacks() -> style.PanelBuilder:
    """Defaults that stand in."""
    return style.bargauge(
        Text("Defaults", "Stores without a zone, with one that does not exist, and without any hours (always open)."),
        query(f"sum by (reason) (tidewatch_store_config_fallback{{{SOURCE}}})", "{{reason}}", instant=True),
        unit="short",
        width=8,
    )


def newest() -> style.PanelBuilder:
    """How old is what is known?"""
    return style.timeseries(
        Text("Age of the newest poll", "By the polls' own times. A line that climbs for more than an hour is a fault."),
        query(f"time() - max by (source) (tidewatch_store_newest_poll_timestamp_seconds{{{SOURCE}}})", "{{source}}"),
        unit="s",
        width=8,
    )


def reports() -> style.PanelBuilder:
    """Do they succeed?"""
    return style.timeseries(
        Text("Reports", "Reports that ended, each second; the reason of a failed one stands in its answer."),
        query(f"sum by (status) (rate(tidewatch_store_reports_total{{{SOURCE}}}[$window]))", "{{status}}"),
        unit="ops",
        colours={"complete": "green", "failed": "red"},
        width=8,
    )


def durations() -> style.PanelBuilder:
    """Are they quick?"""
    buckets = f"sum by (le) (rate(tidewatch_store_report_duration_seconds_bucket{{{SOURCE}}}[$window]))"
    return style.timeseries(
        Text("Time a report takes", "Median and 90th percentile.", "no report was made in the window."),
        query(f"histogram_quantile(0.5, {buckets})", "median"),
        query(f"histogram_quantile(0.9, {buckets})", "90 %"),
        unit="s",
        width=8,
    )


def inbox() -> style.PanelBuilder:
    """What happens to files."""
    return style.timeseries(
        Text("Files of the inbox", "Files each second; one that failed lies in `failed/` beside its reason."),
        query(f"sum by (result) (rate(tidewatch_store_inbox_files_total{{{SOURCE}}}[$window]))", "{{result}}"),
        unit="ops",
        colours={"done": "green", "failed": "red"},
        width=8,
    )
