"""Tidewatch itself: can what the other boards show be believed?"""

from collections.abc import Iterable

from dashboards import style
from dashboards.style import Text, query

SOURCE = 'source=~"$source"'
LOST = f"tidewatch_log_lost_bytes_total{{{SOURCE}}}"
LATENESS = f"trafficgen_send_lateness_seconds_bucket{{{SOURCE}}}"
SYSTEMS = {"accesslog": "log", "logs": "logs", "hosting": "hosting", "releases": "release_log"}
"""Those that follow logs, and how their metrics are called."""
WITH_INPUTS = ("accesslog", "logs")
"""Those of them that read syslog, pipes and the journal, too."""
SCRAPED = 'job=~"$job", instance=~"$instance"'


BY_REASON = style.rates_of_what_happened("{0}", "source, reason")
NO_PAGE = "no stats page is read."
NO_PUSH = "nothing is pushed: no `remote_write:` or `otlp:` is configured."


def of_each_system(question: str, metric: str, systems: Iterable[str] = tuple(SYSTEMS)) -> str:
    """`question` of the metric of each system that follows logs, distinguished by the label `system`."""
    asked = {system: question.format(f"{metric.format(SYSTEMS[system])}{{{SOURCE}}}") for system in systems}
    return " or ".join(f'label_replace({one}, "system", "{system}", "", "")' for system, one in asked.items())


def board() -> style.Board:
    """The table of contents."""
    return style.Board(
        uid="tidewatch-itself",
        title="Tidewatch itself",
        description="Whether the monitoring works: targets, how far behind the logs are, what was lost, what it costs.",
        variables=[
            style.label_variable("job", "Job", "up"),
            style.label_variable("instance", "Instance", 'up{job=~"$job"}'),
            style.label_variable(
                "source",
                "Source",
                '{__name__=~"tidewatch_logs?_lines_total|tidewatch_stats_up|tidewatch_(hosting|release_log)_readable"}',
            ),
            style.window_variable(),
        ],
        head=style.Head(
            "itself",
            {"job": "Job", "instance": "Instance", "source": "Source", "part": "Part"},
            chosen='job=~"$job|", instance=~"$instance|", source=~"$source|"',
        ),
        rows=[
            style.Row(
                "Now",
                [
                    targets_down(),
                    systems_silent(),
                    behind(),
                    lost_in_an_hour(),
                    share_of_bad_lines(),
                    alertmanagers_known(),
                ],
            ),
            style.Row("Is everything scraped?", [targets_over_time(), scrape_durations(), samples_per_scrape()]),
            style.Row(
                "Is every line read, and what was counted kept?",
                [
                    lines_read(),
                    lag_by_source(),
                    failed_lines(),
                    ignored_requests(),
                    lost_and_rotated(),
                    logs_readable(),
                    state_kept(),
                ],
            ),
            style.Row(
                "Does what comes by syslog, pipes and the journal arrive?", [messages_dropped(), gaps_and_restarts()]
            ),
            style.Row("Does what is pushed arrive?", [pushed_samples(), push_lag(), push_failures()]),
            style.Row("Is every stats page read?", [stats_pages_over_time(), stats_fetch_durations()]),
            style.Row(
                "Does the traffic generator keep its plan?", [send_lateness(), planned_rate(), generator_saturated()]
            ),
            style.Row("What does it cost?", [cpu_by_job(), memory_by_job(), collect_durations(), versions()]),
        ],
    )


def targets_down() -> style.PanelBuilder:
    """How many targets can't be scraped."""
    return style.stat(
        Text("Targets down", "Targets that Prometheus could not scrape last time; see which in the timeline below."),
        query(f"count(up{{{SCRAPED}}} == 0) or 0 * count(up{{{SCRAPED}}})", "down"),
        unit="none",
        steps=((None, style.GOOD), (1, style.BAD)),
    )


def systems_silent() -> style.PanelBuilder:
    """Systems of the exporter that failed at the last scrape."""
    return style.stat(
        Text("Systems failing", "Systems of the exporter that could not expose their metrics at the last scrape."),
        query(
            f"count(tidewatch_system_up{{{SCRAPED}}} == 0) or 0 * count(tidewatch_system_up{{{SCRAPED}}})", "failing"
        ),
        unit="none",
        steps=((None, style.GOOD), (1, style.BAD)),
    )


def behind() -> style.PanelBuilder:
    """The furthest that any log is behind."""
    return style.stat(
        Text(
            "Log not read yet",
            "Bytes of the log that is furthest behind. When this keeps growing, the reader is too slow.",
        ),
        query(f"max(tidewatch_log_lag_bytes{{{SOURCE}}})", "lag"),
        unit="bytes",
        steps=((None, style.GOOD), (10e6, style.WARNING), (100e6, style.BAD)),
    )


def lost_in_an_hour() -> style.PanelBuilder:
    """Bytes that nobody can read any more."""
    return style.stat(
        Text(
            "Lost in an hour",
            "Bytes of log that were gone before they were read. Above zero, the log rotates faster than it is read, or "
            "old files are removed while the exporter is down.",
        ),
        query(f"sum(increase({LOST}[1h]))", "lost"),
        unit="bytes",
        steps=((None, style.GOOD), (1, style.BAD)),
    )


def share_of_bad_lines() -> style.PanelBuilder:
    """The share of lines that can't be read."""
    return style.stat(
        Text(
            "Lines not understood",
            "Share of log lines that could not be read; the reasons stand below.",
            "no line was read in the window.",
        ),
        query(
            f"(sum(rate(tidewatch_log_lines_failed_total{{{SOURCE}}}[$window])) or vector(0)) "
            f"/ (sum(rate(tidewatch_log_lines_total{{{SOURCE}}}[$window])) > 0)",
            "bad",
        ),
        unit="percentunit",
        steps=((None, style.GOOD), (0.0001, style.WARNING), (0.01, style.BAD)),
    )


def alertmanagers_known() -> style.PanelBuilder:
    """Whether alerts can leave Prometheus."""
    return style.stat(
        Text(
            "Alertmanagers",
            "Alertmanagers that Prometheus sends alerts to. At zero, no alert is delivered.",
            "this Prometheus does not scrape itself.",
        ),
        query("max(prometheus_notifications_alertmanagers_discovered)", "known"),
        unit="none",
        steps=((None, style.BAD), (1, style.GOOD)),
    )


def targets_over_time() -> style.PanelBuilder:
    """When was which target down?"""
    return style.state_timeline(
        Text("Targets", "One band a target. A gap means that Prometheus did not know the target then."),
        query(f"max by (job, instance) (up{{{SCRAPED}}})", "{{job}} {{instance}}"),
        states=style.GOOD_BAD,
    )


def scrape_durations() -> style.PanelBuilder:
    """How long scrapes take."""
    return style.timeseries(
        Text(
            "Scrape duration",
            "Time each target took to answer. Near the interval (dashed), samples go missing.",
            "the dashed line needs a Prometheus that scrapes itself.",
        ),
        query(f"max by (job) (scrape_duration_seconds{{{SCRAPED}}})", "{{job}}"),
        query('min(prometheus_target_interval_length_seconds{quantile="0.5"})', "interval"),
        unit="s",
        colours={"interval": style.BAD},
        looks={"interval": style.DASHED},
    )


def samples_per_scrape() -> style.PanelBuilder:
    """How much each target says."""
    return style.timeseries(
        Text("Samples per scrape", "Samples in one answer. Steady growth means a label with too many values."),
        query(f"sum by (job) (scrape_samples_scraped{{{SCRAPED}}})", "{{job}}"),
        unit="short",
    )


def lines_read() -> style.PanelBuilder:
    """How fast lines are read."""
    return style.timeseries(
        Text("Lines read", "Log lines per second, good and bad, by source."),
        query(
            of_each_system("sum by (source) (rate({}[$window]))", "tidewatch_{}_lines_total", WITH_INPUTS),
            "{{source}} {{system}}",
        ),
        unit="cps",
    )


def lag_by_source() -> style.PanelBuilder:
    """How far each log is behind."""
    return style.timeseries(
        Text(
            "Bytes behind",
            "Bytes in each log that are not read yet. Peaks after a restart are normal, steady growth is not.",
        ),
        query(
            of_each_system("max by (source) ({})", "tidewatch_{}_lag_bytes"),
            "{{source}} {{system}}",
        ),
        unit="bytes",
    )


def failed_lines() -> style.PanelBuilder:
    """Why lines can't be read."""
    return style.timeseries(
        Text(
            "Lines not understood by reason",
            "Lines per second that could not be read, by reason. One reason for all lines is a wrong `format`.",
            "every line was understood in the range.",
        ),
        query(
            of_each_system(BY_REASON, "tidewatch_{}_lines_failed_total", WITH_INPUTS),
            "{{source}} {{reason}} {{system}}",
        ),
        unit="cps",
        width=8,
    )


def ignored_requests() -> style.PanelBuilder:
    """What rules keep out of all counts."""
    return style.timeseries(
        Text(
            "Requests ignored by rule",
            "Requests per second that a rule of `ignore` took: no other metric of requests has them.",
            "no rule took a request in the range.",
        ),
        query(
            style.rates_of_what_happened(f"tidewatch_http_ignored_requests_total{{{SOURCE}}}", "source, rule"),
            "{{source}} {{rule}}",
        ),
        unit="reqps",
        width=8,
    )


def lost_and_rotated() -> style.PanelBuilder:
    """Rotations, and what they cost."""
    return style.timeseries(
        Text(
            "Rotations and loss",
            "Rotations in the window by kind (left), and bytes lost (right, red). A rename loses nothing, a "
            "truncation may.",
            "no log has been rotated yet.",
        ),
        query(
            f"sum by (source, kind) (increase(tidewatch_log_rotations_total{{{SOURCE}}}[$window]))",
            "{{source}} {{kind}}",
        ),
        query(
            of_each_system("sum by (source) (increase({}[$window]))", "tidewatch_{}_lost_bytes_total"),
            "{{source}} {{system}} lost bytes",
        ),
        unit="short",
        colours={"/lost bytes$/": style.BAD},
        units={"/lost bytes$/": "bytes"},
        width=8,
    ).id(16)


def logs_readable() -> style.PanelBuilder:
    """When could which log be read?"""
    return style.state_timeline(
        Text("Logs that can be read", "One band a log, of every system: whether the file at its path can be opened."),
        query(of_each_system("min by (source) ({})", "tidewatch_{}_readable"), "{{source}} {{system}}"),
        states=style.GOOD_BAD,
        width=12,
    ).id(28)


def state_kept() -> style.PanelBuilder:
    """How old is what a restart begins from?"""
    return style.timeseries(
        Text(
            "Age of the state on disk",
            "Time since counts and positions were last written. While lines are read it stays below a few seconds; "
            "a restart reads again what came since then.",
            "the exporter keeps no state (`state_dir`), or has written none yet.",
        ),
        query(
            style.age(f"max by (instance) (tidewatch_checkpoint_last_commit_timestamp_seconds{{{SCRAPED}}} > 0)"),
            "{{instance}}",
        ),
        unit="s",
    ).id(29)


def messages_dropped() -> style.PanelBuilder:
    """What came and could not be counted."""
    return style.timeseries(
        Text(
            "Messages dropped",
            "Messages per second that came and were dropped, by reason: no room in the kernel, a connection that ended "
            "or broke its framing, a line without its end.",
            "no message was dropped in the range, or no log comes by syslog or a FIFO.",
        ),
        query(
            of_each_system(BY_REASON, "tidewatch_{}_dropped_messages_total", WITH_INPUTS),
            "{{source}} {{reason}} {{system}}",
        ),
        unit="cps",
        width=12,
    ).id(31)


def gaps_and_restarts() -> style.PanelBuilder:
    """How the journal was read."""
    return style.timeseries(
        Text(
            "The journal: gaps and new starts",
            "In the window: starts at which the journal no longer had the last record that was read (red), and ends of "
            "journalctl, after which nothing is lost.",
            "no log comes from systemd's journal.",
        ),
        query(
            of_each_system("sum by (source) (increase({}[$window]))", "tidewatch_{}_gaps_total", WITH_INPUTS),
            "{{source}} {{system}} gaps",
        ),
        query(
            of_each_system(
                "sum by (source) (increase({}[$window]))", "tidewatch_{}_reader_restarts_total", WITH_INPUTS
            ),
            "{{source}} {{system}} new starts",
        ),
        unit="short",
        colours={"/gaps$/": style.BAD},
        width=12,
    ).id(32)


def pushed_samples() -> style.PanelBuilder:
    """What was sent, and what never will be."""
    sent = f"sum by (receiver) (rate(tidewatch_push_samples_sent_total{{{SCRAPED}}}[$window]))"
    dropped = style.rates_of_what_happened(f"tidewatch_push_samples_dropped_total{{{SCRAPED}}}", "receiver, reason")
    return style.timeseries(
        Text(
            "Samples pushed",
            "Samples per second that each receiver took, and those that were dropped (red), by reason.",
            NO_PUSH,
        ),
        query(sent, "{{receiver}}"),
        query(dropped, "{{receiver}} {{reason}} dropped"),
        unit="cps",
        colours={"/dropped$/": style.BAD},
        width=8,
    ).id(33)


def push_lag() -> style.PanelBuilder:
    """How old what waits is."""
    return style.timeseries(
        Text(
            "What waits to be pushed",
            "Age of the oldest sample that waits (left), and the size of the queue (right). A receiver that is away "
            "fills the queue; once it is full, the oldest are dropped.",
            NO_PUSH,
        ),
        query(f"max by (receiver) (tidewatch_push_lag_seconds{{{SCRAPED}}})", "{{receiver}} age"),
        query(f"sum by (receiver) (tidewatch_push_pending_bytes{{{SCRAPED}}})", "{{receiver}} queue"),
        unit="s",
        units={"/queue$/": "bytes"},
        width=8,
    ).id(34)


def push_failures() -> style.PanelBuilder:
    """Requests that are made again."""
    return style.timeseries(
        Text(
            "Failed pushes by reason",
            "Requests per second that failed, by reason; those that may succeed later are made again with "
            "growing waits.",
            "no push failed in the range, or nothing is pushed.",
        ),
        query(
            style.rates_of_what_happened(f"tidewatch_push_requests_failed_total{{{SCRAPED}}}", "receiver, reason"),
            "{{receiver}} {{reason}}",
        ),
        unit="reqps",
        width=8,
    ).id(35)


def stats_pages_over_time() -> style.PanelBuilder:
    """When could which stats page be read?"""
    return style.state_timeline(
        Text(
            "Stats pages",
            "One band a page. While a page cannot be read, its counters do not change; the log is still counted.",
            NO_PAGE,
        ),
        query(f"max by (source) (tidewatch_stats_up{{{SOURCE}}})", "{{source}}"),
        states=style.GOOD_BAD,
        width=12,
        height=6,
    ).id(18)


def stats_fetch_durations() -> style.PanelBuilder:
    """How long stats pages take."""
    return style.timeseries(
        Text(
            "Stats page fetch",
            "Time that fetching each stats page took at the scrape; it is part of the scrape's time.",
            NO_PAGE,
        ),
        query(f"max by (source) (tidewatch_stats_fetch_duration_seconds{{{SOURCE}}})", "{{source}}"),
        unit="s",
        height=6,
    )


def send_lateness() -> style.PanelBuilder:
    """How late requests leave."""
    return style.timeseries(
        Text(
            "Send lateness",
            "How long after its planned time a request is sent. Tens of milliseconds mean that the generator's machine "
            "is overloaded, and that its latencies are its own.",
            "no traffic generator is scraped.",
        ),
        *(
            query(style.quantile(quantile, f"sum by (le) (rate({LATENESS}[$window]))"), f"p{name}")
            for quantile, name in ((0.99, "99"), (0.5, "50"))
        ),
        unit="s",
        width=8,
    )


def planned_rate() -> style.PanelBuilder:
    """The plan of this second, and the mean that is kept."""
    return style.timeseries(
        Text(
            "Planned rate",
            "The rate drawn for each second, and what was sent over the window: the first, smoothed.",
            "no traffic generator is scraped.",
        ),
        query(f"sum(trafficgen_planned_rate{{{SOURCE}}})", "planned for this second"),
        query(f"sum(rate(trafficgen_sent_requests_total{{{SOURCE}}}[$window]))", "sent over the window"),
        unit="reqps",
        width=8,
    )


def generator_saturated() -> style.PanelBuilder:
    """When was the generator the limit?"""
    return style.timeseries(
        Text(
            "Generator saturated",
            "Share of the time in which the generator itself was the limit. Discard what was measured in it.",
            "no traffic generator is scraped.",
        ),
        query(f"max by (source) (avg_over_time(trafficgen_saturated{{{SOURCE}}}[$window]))", "{{source}}"),
        unit="percentunit",
        limits=((0.5, style.BAD),),
        most=1,
        width=8,
    ).id(30)


def cpu_by_job() -> style.PanelBuilder:
    """Processor time by job."""
    return style.timeseries(
        Text("Processor", "Cores in use by process. At 1 a Python process is full: give the exporter fewer sources."),
        query(f"sum by (job) (rate(process_cpu_seconds_total{{{SCRAPED}}}[$__rate_interval]))", "{{job}}"),
        unit="short",
    )


def memory_by_job() -> style.PanelBuilder:
    """Memory by job."""
    return style.timeseries(
        Text("Memory", "Resident memory by process. It should be flat; growth comes with the number of series."),
        query(f"sum by (job) (process_resident_memory_bytes{{{SCRAPED}}})", "{{job}}"),
        unit="bytes",
    )


def collect_durations() -> style.PanelBuilder:
    """Which system makes the scrape slow."""
    return style.timeseries(
        Text("Collect duration by system", "Time each system of the exporter took to collect its metrics at a scrape."),
        query(
            f"max by (system) (tidewatch_system_collect_duration_seconds{{{SCRAPED}}})",
            "{{system}}",
        ),
        unit="s",
    )


def versions() -> style.PanelBuilder:
    """What runs where."""
    return style.table(
        Text("Versions", "Which version of the exporter runs where, and on which Python."),
        query(
            f"max by (job, instance, version, python) (tidewatch_build_info{{{SCRAPED}}})",
            instant=True,
            form="table",
        ),
        columns={
            "job": style.Column("Job"),
            "instance": style.Column("Instance"),
            "version": style.Column("Version"),
            "python": style.Column("Python"),
        },
        sort=(("Job", False), ("Instance", False)),
        width=12,
    )
