"""Stores: which are down in their business hours, how well they did, and how much of that is observed."""

from dashboards import style
from dashboards.style import Text, query

SOURCE = 'source=~"$inbox"'
STORE = 'source=~"$inbox", store_id=~"$store"'
SPAN = 'window="$span"'
WINDOW = f"{SOURCE}, {SPAN}"
STATES = {1: ("up", style.GOOD), 2: ("down", style.BAD), 3: ("unknown", style.ABSENT), 4: ("closed", style.RESTING)}
COLOURS = {"up": style.GOOD, "down": style.BAD, "unknown": style.ABSENT, "closed": style.RESTING}
ONE_STORE = style.Detail("Only this store", "tidewatch-stores", "store", "store_id", keep=("inbox", "span"))
BANDS = ("0 %", "below 50 %", "50 to 90 %", "90 to 99 %", "99 to 100 %", "100 %", "none")
WORST = 20  # stores a panel; more rows than this are not read
FALLBACKS = {
    "hours_unknown": "hours or zone not known",
    "timezone_unknown": "zone does not exist",
    "timezone_missing": "no zone",
    "hours_missing": "no hours: always open",
}
NO_SINGLE = "single stores are exposed only with `per_store: true`."


def board() -> style.Board:
    """The table of contents."""
    return style.Board(
        uid="tidewatch-stores",
        title="Stores",
        description="Uptime of stores within their business hours, from polls, and the evidence behind it.",
        variables=[
            style.inbox_variable(),
            style.label_variable(
                "store",
                "Store",
                f'{{__name__=~"tidewatch_store_state|tidewatch_store_offline_seconds", {SOURCE}}}',
                "store_id",
                may_be_empty=NO_SINGLE,
            ),
            style.choice_variable("span", "Last", ("hour", "day", "week"), "day"),
        ],
        head=style.Head(
            "stores",
            {"source": "Stores of", "store_id": "Store", "slo": "Service level"},
            chosen='source=~"$inbox|", store_id=~"$store|"',
            details={"store_id": ONE_STORE._replace(by="Store")},
        ),
        rows=[
            style.Row("Now", [offline(), silent(), uptime(), coverage(), ingest_age(), reports_running()]),
            style.Row("Which stores are down?", [states(), longest(), by_zone()]),
            style.Row("How well did they do?", [bands(), time_by_state()]),
            style.Row("Single stores", [single(), report_rows()]),
            style.Row(
                "Can it be believed?", [poll_rows(), newest(), hours_and_zones(), unknown()], ids=(18, 19, 21, 20, 26)
            ),
            style.Row("Are reports made?", [reports(), durations(), inbox()], ids=(22, 23, 24, 25)),
        ],
    )


def offline() -> style.PanelBuilder:
    """Stores that are down for sure."""
    return style.stat(
        Text("Stores offline", "Open stores that two polls in a row found inactive; the table names the worst."),
        query(f"sum(tidewatch_stores_offline{{{SOURCE}}})", "stores"),
        unit="none",
        steps=((None, style.GOOD), (1, style.WARNING)),
    )


def silent() -> style.PanelBuilder:
    """Stores that nobody polls."""
    return style.stat(
        Text("Stores not polled", "Open stores that should have been polled in the last two and a half hours."),
        query(f"sum(tidewatch_stores_silent{{{SOURCE}}})", "stores"),
        unit="none",
        steps=((None, style.GOOD), (1, style.WARNING)),
    )


def uptime() -> style.PanelBuilder:
    """The fleet's uptime."""
    return style.stat(
        Text("Uptime", "Uptime of all stores over their known business time, in the span chosen above."),
        query(f"min(tidewatch_store_uptime_ratio{{{WINDOW}}})", "uptime"),
        unit="percentunit",
        steps=((None, style.BAD), (0.9, style.WARNING), (0.95, style.GOOD)),
    )


def coverage() -> style.PanelBuilder:
    """How much is observed."""
    return style.stat(
        Text("Observed", "Share of business time within 90 minutes of a poll; the rest is assumed or unknown."),
        query(f"min(tidewatch_store_coverage_ratio{{{WINDOW}}})", "observed"),
        unit="percentunit",
        steps=((None, style.BAD), (0.8, style.WARNING), (0.9, style.GOOD)),
    )


def ingest_age() -> style.PanelBuilder:
    """How long nothing came."""
    return style.stat(
        Text("Last new polls", "Time since polls came in that were new, by the hour in most places."),
        query(style.age(f"min(tidewatch_store_last_ingest_timestamp_seconds{{{SOURCE}}})"), "ago"),
        unit="s",
        decimals=0,
        steps=((None, style.GOOD), (4500, style.WARNING), (9000, style.BAD)),
    )


def reports_running() -> style.PanelBuilder:
    """Who waits."""
    return style.stat(
        Text("Reports wanted", "Reports that were asked for and are not made yet."),
        query(f"sum(tidewatch_store_reports_running{{{SOURCE}}})", "reports"),
        unit="none",
        steps=((None, style.GOOD), (10, style.WARNING)),
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
        colours=COLOURS,
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
        query(f"max by (store_id) (tidewatch_store_offline_seconds{{{STORE}}})", instant=True, form="table"),
        columns={
            "store_id": style.Column("Store", detail=ONE_STORE._replace(by="Store")),
            "Value": style.Column(
                "Offline for",
                style.AGE,
                steps=((None, style.WARNING), (7200, style.BAD)),
                cell=style.PILL,
            ),
        },
        sort=(("Offline for", True),),
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
        Text(
            "Business time",
            "Share of the business time of all stores in the span, by state; assumed is a part of up and down.",
        ),
        query(
            f"sum by (state) (tidewatch_store_time_seconds{{{WINDOW}}}) / on () group_left () "
            f'(sum(tidewatch_store_time_seconds{{{WINDOW}, state=~"up|down|unknown"}}) > 0)',
            "{{state}}",
        ),
        unit="percentunit",
        colours=COLOURS | {"assumed": style.INFO},
    )


def single() -> style.PanelBuilder:
    """The worst stores over time."""
    state = style.state_number(
        "tidewatch_store_state", [name for name, _ in STATES.values()], by="source, store_id", matchers=STORE
    )
    # `@ end()`: the same stores at every step.
    down = f'max by (source, store_id) (tidewatch_store_state_seconds{{{STORE}, {SPAN}, state="down"}} @ end())'
    return style.status_history(
        Text("The worst stores", f"State of the {WORST} stores with the most downtime in the span.", NO_SINGLE),
        query(f"{state} and on (source, store_id) topk({WORST}, {down})", "{{store_id}}"),
        states=STATES,
        height=12,
        detail=ONE_STORE,
    )


def report_rows() -> style.PanelBuilder:
    """The CSV, as far as it is read."""

    def time(state: str, window: str) -> str:
        """PromQL: seconds in a state during a window, for each store."""
        chosen = f'{STORE}, state="{state}", window="{window}"'
        return f"max by (source, store_id) (tidewatch_store_state_seconds{{{chosen}}})"

    worst = f"topk({WORST}, {time('down', 'week')})"
    asked = [(state, window) for window in ("hour", "day", "week") for state in ("up", "down")]
    columns = {"store_id": style.Column("Store", detail=ONE_STORE._replace(by="Store"))}
    for letter, (state, window) in zip("ABCDEF", asked, strict=True):
        steps = ((None, style.GOOD), (0.05, style.BAD)) if state == "down" else ()
        unit = "suffix:min" if window == "hour" else "suffix:h"
        heading = f"{state.capitalize()}, last {window}"
        columns[f"Value #{letter}"] = style.Column(heading, unit, decimals=1, steps=steps)
    return style.table(
        Text("Their report", f"The {WORST} stores with the most downtime in the last week.", NO_SINGLE),
        *(
            query(
                f"{time(state, window)} / {60 if window == 'hour' else 3600} and on (source, store_id) {worst}",
                instant=True,
                form="table",
            )
            for state, window in asked
        ),
        columns=columns,
        sort=(("Down, last week", True),),
        height=10,
    )


def poll_rows() -> style.PanelBuilder:
    """What comes in."""
    return style.timeseries(
        Text(
            "Rows of polls in an hour",
            "Rows in the last hour by what became of them; reasons of invalid ones stand in `quarantine`.",
        ),
        query(f"sum by (result) (increase(tidewatch_store_polls_total{{{SOURCE}}}[1h]))", "{{result}}"),
        unit="short",
        colours={"new": style.GOOD, "duplicate": style.SAME, "conflict": style.WARNING, "invalid": style.BAD},
    )


def hours_and_zones() -> style.PanelBuilder:
    """What is known of the stores themselves?"""
    return style.bargauge(
        Text(
            "Hours and zones",
            "Stores whose hours or zone are not known, so that their time is unknown, and stores without any, "
            "for which a default stands in.",
        ),
        *(
            query(f'sum(tidewatch_store_config_fallback{{{SOURCE}, reason="{reason}"}})', words, instant=True)
            for reason, words in FALLBACKS.items()
        ),
        unit="short",
    )


def unknown() -> style.PanelBuilder:
    """Of which store is nothing known?"""
    time = f'max by (source, store_id) (tidewatch_store_state_seconds{{{STORE}, {SPAN}, state="unknown"}})'
    return style.table(
        Text(
            "Unknown the longest",
            f"Business time of the {WORST} stores of which the least is known in the span: no poll is near, or their "
            "hours or zone cannot be read. `exporter stores report --explain STORE` says which.",
            "no time is unknown, or " + NO_SINGLE,
        ),
        query(f"topk({WORST}, {time} / 3600 > 0)", instant=True, form="table"),
        columns={
            "store_id": style.Column("Store", detail=ONE_STORE._replace(by="Store")),
            "Value": style.Column(
                "Unknown", "suffix:h", steps=((None, style.WARNING), (12, style.BAD)), cell=style.PILL, decimals=1
            ),
        },
        sort=(("Unknown", True),),
        width=12,
    )


def newest() -> style.PanelBuilder:
    """How old is what is known?"""
    return style.timeseries(
        Text(
            "Age of the newest poll",
            "By the polls' own times. A line that climbs for longer than a round of polls is a fault.",
        ),
        query(style.age(f"max by (source) (tidewatch_store_newest_poll_timestamp_seconds{{{SOURCE}}})"), "{{source}}"),
        unit="s",
    )


def reports() -> style.PanelBuilder:
    """Do they succeed?"""
    return style.timeseries(
        Text(
            "Reports in an hour",
            "Reports that ended in the last hour; a failed one's reason stands in its answer.",
        ),
        query(f"sum by (status) (increase(tidewatch_store_reports_total{{{SOURCE}}}[1h]))", "{{status}}"),
        unit="short",
        colours={"complete": style.GOOD, "failed": style.BAD},
        width=8,
    )


def durations() -> style.PanelBuilder:
    """Are they quick?"""
    buckets = f"sum by (le) (rate(tidewatch_store_report_duration_seconds_bucket{{{SOURCE}}}[1h]))"
    return style.timeseries(
        Text(
            "Time a report takes",
            "90th percentile and median of the last hour; it alerts above the line.",
            "no report was made in an hour.",
        ),
        query(style.quantile(0.5, buckets), "median"),
        query(style.quantile(0.9, buckets), "90 %"),
        unit="s",
        limits=((10, style.BAD),),
        width=8,
    )


def inbox() -> style.PanelBuilder:
    """What happens to files."""
    return style.timeseries(
        Text(
            "Files in an hour",
            "Files of the inbox in the last hour; failed ones lie in `failed/` beside the reason.",
        ),
        query(f"sum by (result) (increase(tidewatch_store_inbox_files_total{{{SOURCE}}}[1h]))", "{{result}}"),
        unit="short",
        colours={"done": style.GOOD, "failed": style.BAD},
        width=8,
    )
