"""Logs: is every line of other logs read, and which values do the user's rules produce?"""

from dashboards import style
from dashboards.style import Text, query

LOG = 'source=~"$log"'
METRIC = f'{LOG}, metric=~"$metric"'
NO_RULES = "no `logs:` is configured, or none of its lines made a metric yet."


def board() -> style.Board:
    """The table of contents."""
    return style.Board(
        uid="tidewatch-logs",
        title="Logs",
        description="Custom metrics from any log: whether its lines are read, and which values the rules produce.",
        variables=[
            style.label_variable("log", "Log", "tidewatch_logs_lines_total", "source"),
            style.label_variable("metric", "Metric", 'tidewatch_logs_series{source=~"$log"}'),
            style.window_variable(),
        ],
        head=style.Head("logs", {"source": "Log", "metric": "Metric", "label": "Label"}, chosen='source=~"$log|"'),
        rows=[
            style.Row("Now", [lines_now(), behind(), share_of_bad_lines(), values_failed_now()]),
            style.Row("What do the lines make?", [counters(), gauges(), means(), metrics()]),
            style.Row("Is every line read?", [lines_read(), bytes_behind(), readable()]),
            style.Row("What is not counted as it stands?", [bad_lines(), values_failed(), folded()]),
        ],
    )


def lines_now() -> style.PanelBuilder:
    """How much there is to read."""
    return style.stat(
        Text("Lines", "Lines per second that were read, good and bad.", "no log of `logs:` is read."),
        query(f"sum(rate(tidewatch_logs_lines_total{{{LOG}}}[$window]))", "lines"),
        unit="cps",
        width=6,
    )


def behind() -> style.PanelBuilder:
    """The furthest that any log is behind."""
    return style.stat(
        Text(
            "Not read yet", "Bytes of the log that is furthest behind. When this keeps growing, the reader is too slow."
        ),
        query(f"max(tidewatch_logs_lag_bytes{{{LOG}}})", "lag"),
        unit="bytes",
        steps=((None, style.GOOD), (10e6, style.WARNING), (100e6, style.BAD)),
        width=6,
    )


def share_of_bad_lines() -> style.PanelBuilder:
    """How many lines do not fit."""
    return style.stat(
        Text("Bad lines", "Share of the lines that do not fit their format.", "no line was read in the window."),
        query(
            f"(sum(rate(tidewatch_logs_lines_failed_total{{{LOG}}}[$window])) or vector(0)) "
            f"/ (sum(rate(tidewatch_logs_lines_total{{{LOG}}}[$window])) > 0)",
            "bad",
        ),
        unit="percentunit",
        steps=((None, style.GOOD), (0.0001, style.WARNING), (0.1, style.BAD)),
        width=6,
    )


def values_failed_now() -> style.PanelBuilder:
    """Values that a metric lacks."""
    return style.stat(
        Text(
            "Values not used",
            "Values in the last 10 min that a metric could not take; it is too low by these lines.",
            NO_RULES,
        ),
        query(
            f"sum(increase(tidewatch_logs_values_failed_total{{{METRIC}}}[10m])) "
            f"or 0 * count(tidewatch_logs_series{{{METRIC}}})",
            "bad",
        ),
        unit="none",
        steps=((None, style.GOOD), (1, style.WARNING)),
        width=6,
    )


def counters() -> style.PanelBuilder:
    """The counters of the rules."""
    return style.timeseries(
        Text(
            "Counters",
            "Rates of the chosen counters per second, by all their labels; choose one in the box `Metric`.",
            NO_RULES,
        ),
        query(of_rules(f"rate({named(chosen('', '_total'))}[$window:5s])", "sum"), "__auto"),
        unit="short",
        width=12,
    )


def gauges() -> style.PanelBuilder:
    """The gauges of the rules."""
    return style.timeseries(
        Text("Gauges", "The last value of the chosen gauges.", "no chosen metric is a gauge."),
        query(of_rules(named(chosen("", "") + ', __name__!~".+_total"'), "max"), "__auto"),
        unit="short",
        width=12,
    )


def means() -> style.PanelBuilder:
    """The histograms of the rules."""
    sums, counts = (
        of_rules(f"rate({named(chosen(part, ''), f'(.+){part}')}[$window:5s])", "sum") for part in ("_sum", "_count")
    )
    return style.timeseries(
        Text(
            "Histograms, mean", "The mean of what the chosen histograms observed.", "no chosen metric is a histogram."
        ),
        query(f"{sums} / ({counts} > 0)", "__auto"),
        unit="short",
        width=12,
    )


def chosen(part: str, ending: str) -> str:
    """Matchers of the chosen metrics: of their series that end in `part`, and of the names with this ending."""
    return f'__name__=~"($metric){part}", __name__=~".+{ending}", __name__!~"tidewatch_.+", {LOG}'


def named(matchers: str, name: str = "(.+)") -> str:
    """The series with their name as a label: a rate loses the name, and two metrics may have the same labels."""
    return f'label_replace({{{matchers}}}, "metric", "$1", "__name__", "{name}")'


def of_rules(vector: str, merged: str) -> str:
    """Those of the vector's series that rules of `logs:` make, not all that have a source; of several exporters one."""
    return f"{merged} without (job, instance) ({vector} and on (source, metric) tidewatch_logs_series{{{METRIC}}})"


def metrics() -> style.PanelBuilder:
    """How large each metric is."""
    return style.table(
        Text("Metrics", "Each metric of the rules and how many series it has.", NO_RULES),
        query(f"max by (source, metric) (tidewatch_logs_series{{{METRIC}}})", instant=True, form="table"),
        columns={
            "source": style.Column("Log"),
            "metric": style.Column("Metric"),
            "Value": style.Column(
                "Series", "none", steps=((None, style.GOOD), (500, style.WARNING), (1000, style.BAD))
            ),
        },
        sort=(("Series", True),),
        width=12,
    )


def lines_read() -> style.PanelBuilder:
    """How much of each log is read."""
    return style.timeseries(
        Text("Lines read", "Lines per second that were read, good and bad, by log."),
        query(f"sum by (source) (rate(tidewatch_logs_lines_total{{{LOG}}}[$window]))", "{{source}}"),
        unit="cps",
        width=8,
    )


def bytes_behind() -> style.PanelBuilder:
    """How far each log is behind, and what nobody can read any more."""
    return style.timeseries(
        Text(
            "Bytes behind and lost",
            "Bytes in each log that are not read yet: peaks after a restart are normal, steady growth is "
            "not. And those of the "
            "window that were gone before they were read.",
        ),
        query(f"max by (source) (tidewatch_logs_lag_bytes{{{LOG}}})", "{{source}}"),
        query(f"sum by (source) (increase(tidewatch_logs_lost_bytes_total{{{LOG}}}[$window]))", "{{source}} lost"),
        unit="bytes",
        width=8,
    )


def readable() -> style.PanelBuilder:
    """When could which log be read?"""
    return style.state_timeline(
        Text("Logs that can be read", "One band a log: whether the file at its path can be opened."),
        query(f"min by (source) (tidewatch_logs_readable{{{LOG}}})", "{{source}}"),
        states=style.GOOD_BAD,
        width=8,
    )


def bad_lines() -> style.PanelBuilder:
    """Why lines can't be read."""
    return unused(
        Text("Bad lines by reason", "Lines per second that do not fit.", "every line was understood in the range."),
        f"tidewatch_logs_lines_failed_total{{{LOG}}}",
        ("source", "reason"),
    )


def values_failed() -> style.PanelBuilder:
    """Which metric lacks values."""
    return unused(
        Text(
            "Values not used",
            "Values per second that are no numbers, or that a metric could not take.",
            "every value was a number.",
        ),
        f"tidewatch_logs_values_failed_total{{{METRIC}}}",
        ("source", "metric"),
    )


def folded() -> style.PanelBuilder:
    """Which label has too many values."""
    return unused(
        Text(
            "Folded into other",
            "Lines per second whose label value came after the limit; `series` where the limit on series did it.",
            "no limit was reached in the range.",
        ),
        f"tidewatch_logs_folded_total{{{METRIC}}}",
        ("source", "metric", "label"),
    )


def unused(told: Text, counter: str, labels: tuple[str, ...]) -> style.PanelBuilder:
    """What of the lines is not counted unchanged."""
    legend = " ".join(f"{{{{{label}}}}}" for label in labels)
    return style.timeseries(
        told, query(style.rates_of_what_happened(counter, ", ".join(labels)), legend), unit="cps", width=8
    )
