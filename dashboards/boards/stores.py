"""Stores: which are down in their business hours, how well they did, and how much of that is observed."""

from dashboards import style
from dashboards.style import Text, query

SOURCE = 'source=~"$source"'
WINDOW = f'{SOURCE}, window="$span"'
STATES = {1: ("up", "green"), 2: ("down", "red"), 3: ("unknown", "purple"), 4: ("closed", "text")}
BANDS = ("0 %", "below 50 %", "50 to 90 %", "90 to 99 %", "99 to 100 %", "100 %", "none")
WORST = 20  # stores a panel; more rows than this are not read
NO_SINGLE = "single stores are exposed only with `per_store: true`."


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
            style.Row("Single stores", [single(), report_rows()]),
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
            "For how long. `exporter stores report --explain STORE` shows the polls behind it.",
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
        *(
            query(f'sum(tidewatch_stores_by_uptime{{{WINDOW}, band="{band}"}})', band, instant=True)
            for band in BANDS  # one by one, as Prometheus would put 100 % before 50 %
        ),
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


def single() -> style.PanelBuilder:
    """The worst stores over time."""
    state = style.state_number(
        "tidewatch_store_state", [name for name, _ in STATES.values()], by="source, store_id", matchers=SOURCE
    )
    # `@ end()`: the same stores at every step.
    down = f'max by (source, store_id) (tidewatch_store_state_seconds{{{WINDOW}, state="down"}} @ end())'
    return style.status_history(
        Text("The worst stores", f"State of the {WORST} stores with the most downtime in the span.", NO_SINGLE),
        query(f"{state} and on (source, store_id) topk({WORST}, {down})", "{{store_id}}"),
        states=STATES,
        height=10,
    )


def report_rows() -> style.PanelBuilder:
    """The CSV, as far as it is read."""

    def time(state: str, window: str) -> str:
        chosen = f'{SOURCE}, state="{state}", window="{window}"'
        return f"max by (source, store_id) (tidewatch_store_state_seconds{{{chosen}}})"

    worst = f"topk({WORST}, {time('down', 'week')})"
    columns = [(state, window) for state in ("up", "down") for window in ("hour", "day", "week")]
    headings = [f"{state.capitalize()}, last {window}" for state, window in columns]
    return style.table(
        Text("Their report", f"The {WORST} stores with the most downtime in the last week.", NO_SINGLE),
        *(
            query(f"{time(*column)} and on (source, store_id) {worst}", instant=True, form="table")
            for column in columns
        ),
        columns={"store_id": "Store", **{f"Value #{chr(65 + n)}": heading for n, heading in enumerate(headings)}},
        units=dict.fromkeys(headings, "s"),
        height=10,
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
