"""The load generator: does what was planned arrive, where is it lost, and is the generator or the site the limit?"""

from dashboards import style
from dashboards.measures import COUNTED, LOGGED, PLANNED, SENT, SITE, SKEW_RATIO, four_lines
from dashboards.style import Text, query

NOT_NOW = "no load generator is scraped now."
NOT_ON_THE_SITE = "the site has no access log or no stats page that is read; then what it would show is not known."


def board() -> style.Board:
    """The table of contents."""
    return style.Board(
        uid="tidewatch-generator",
        title="Load generator",
        description="Planned, sent, logged and counted side by side; what is lost between them; who is the limit.",
        head=style.Head("generator", {"source": "Site", "job": "Job"}, chosen='source=~"$site|"'),
        variables=[style.label_variable("site", "Site", "trafficgen_planned_rate", "source"), style.window_variable()],
        rows=[
            style.Row(
                "Does what was planned arrive?",
                [
                    rate("Planned", PLANNED, "Requests per second that were due by the plan."),
                    rate("Sent", SENT, "Requests per second that were written to a connection."),
                    rate("Logged", LOGGED, "Requests per second in the site's access log.", NOT_ON_THE_SITE),
                    rate("Counted", COUNTED, "Responses per second on the site's stats page.", NOT_ON_THE_SITE),
                    not_sent(),
                    missing("Not logged", LOGGED, "the log does not show"),
                    missing("Not counted", COUNTED, "the stats page does not count"),
                    saturated_now(),
                    four_lines(12),
                    differences(),
                ],
            ),
            style.Row("Does the rate follow the plan?", [rate_against_plan(), jitter(), phases()]),
            style.Row("What is lost, and why?", [dropped(), unanswered(), answers()]),
            style.Row("Is the generator the limit?", [lateness(), saturated(), own_fault(), connections()]),
            style.Row("How long do answers take?", [latency(), spread()]),
        ],
    )


def rate(title: str, expr: str, description: str, may_be_empty: str = "") -> style.PanelBuilder:
    """One of the four measures, as a figure."""
    return style.stat(
        Text(title, description, may_be_empty or NOT_NOW), query(expr, title.lower()), unit="reqps", width=6
    )


def not_sent() -> style.PanelBuilder:
    """The share of the plan that was not sent; both rates are of one scrape, so that there is no skew."""
    return style.stat(
        Text("Not sent", "Share of the plan that was not sent: the generator's fault.", NOT_NOW),
        query(f"1 - {SENT} / ({PLANNED} > 0)", "not sent"),
        unit="percentunit",
        steps=((None, style.INFO), (-0.001, style.GOOD), (0.001, style.WARNING), (0.01, style.BAD)),
        width=6,
    )


def missing(title: str, part: str, which: str) -> style.PanelBuilder:
    """What was sent and is not in another's measure, as a figure."""
    return style.stat(
        Text(
            title,
            f"Share of what was sent that {which}; below 0, other clients send too. With a window of 1 minute, up to "
            f"{SKEW_RATIO:.0%} either way is scrapes at different moments; 10 minutes show smaller losses.",
            NOT_ON_THE_SITE,
        ),
        query(f"1 - {part} / ({SENT} > 0)", title.lower()),
        unit="percentunit",
        steps=((None, style.INFO), (-SKEW_RATIO, style.GOOD), (SKEW_RATIO, style.WARNING), (2 * SKEW_RATIO, style.BAD)),
        width=6,
    )


def saturated_now() -> style.PanelBuilder:
    """Can the run be believed?"""
    return style.stat(
        Text(
            "Saturated",
            "Share of the window in which the generator itself was the limit; discard what was measured in it.",
            NOT_NOW,
        ),
        query(f"max(avg_over_time(trafficgen_saturated{{{SITE}}}[$window]))", "saturated"),
        unit="percentunit",
        steps=((None, style.GOOD), (0.01, style.WARNING), (0.5, style.BAD)),
        width=6,
    )


def differences() -> style.PanelBuilder:
    """The same four, each less the one before it."""
    return style.timeseries(
        Text(
            "Lost between them",
            "Requests per second that one measure has and the next has not. Short spikes either way are scrapes at "
            "different moments; a line that stays above 0 is a loss, below 0 somebody else sends, too.",
            NOT_ON_THE_SITE,
        ),
        query(f"{PLANNED} - {SENT}", "planned, not sent"),
        query(f"{SENT} - {LOGGED}", "sent, not logged"),
        query(f"{SENT} - {COUNTED}", "sent, not counted"),
        query(f"{LOGGED} - {COUNTED}", "logged, not counted"),
        unit="reqps",
        height=10,
        colours={
            "planned, not sent": style.WARNING,
            "sent, not logged": style.LOGGED,
            "sent, not counted": style.COUNTED,
            "logged, not counted": style.BAD,
        },
    )


def rate_against_plan() -> style.PanelBuilder:
    """The plan of each second, and what came of it."""
    return style.timeseries(
        Text(
            "Rate against plan",
            "The rate drawn for each second, and what was sent over the window: the first, smoothed.",
        ),
        query(f"sum(trafficgen_planned_rate{{{SITE}}})", "planned for this second"),
        query(SENT, "sent over the window"),
        unit="reqps",
        width=8,
        colours={"planned for this second": style.PLANNED, "sent over the window": style.SENT},
    )


def jitter() -> style.PanelBuilder:
    """How much the plan shakes."""
    drawn = f"trafficgen_planned_rate{{{SITE}}}[$window]"
    mean = f"(avg by (source) (avg_over_time({drawn})) > 0)"
    return style.timeseries(
        Text(
            "Jitter of the plan",
            "How far the drawn rate lies above and below its mean in the window, by site. `--jitter 0.2` stays within "
            "20 %; a window that holds a step of the plan shows the step, too.",
        ),
        query(f"max by (source) (max_over_time({drawn})) / {mean} - 1", "{{source}} highest"),
        query(f"min by (source) (min_over_time({drawn})) / {mean} - 1", "{{source}} lowest"),
        unit="percentunit",
        width=8,
    )


def phases() -> style.PanelBuilder:
    """Which part of the plan was on when?"""
    return style.state_timeline(
        Text("Phases of the plan", "One band a phase, on while the plan is in it."),
        query(f"max by (phase) (trafficgen_phase_info{{{SITE}}})", "{{phase}}"),
        states={0: ("off", style.NEUTRAL), 1: ("on", style.INFO)},
        width=8,
    )


def dropped() -> style.PanelBuilder:
    """Planned and never sent."""
    return style.timeseries(
        Text(
            "Dropped before they were sent",
            "Planned requests that were never sent, by reason: `behind`, `no_descriptor`, `no_port`, `no_buffer` "
            "are the generator, others are the site.",
            "nothing was dropped in the range.",
        ),
        query(style.rates_of_what_happened(f"trafficgen_dropped_requests_total{{{SITE}}}", "reason"), "{{reason}}"),
        unit="reqps",
        width=8,
    )


def unanswered() -> style.PanelBuilder:
    """Sent and never answered."""
    return style.timeseries(
        Text(
            "Sent and not answered",
            "Requests that were sent and got no answer, by reason: look at the site at this time.",
            "every request was answered in the range.",
        ),
        query(style.rates_of_what_happened(f"trafficgen_no_answer_requests_total{{{SITE}}}", "reason"), "{{reason}}"),
        unit="reqps",
        width=8,
    )


def answers() -> style.PanelBuilder:
    """What came back."""
    return style.timeseries(
        Text("Answers by code", "Answers per second by status code, as the generator got them."),
        query(f"sum by (code) (rate(trafficgen_responses_total{{{SITE}}}[$window]))", "{{code}}"),
        unit="reqps",
        width=8,
        colours=style.CODE_COLOURS,
    )


def lateness() -> style.PanelBuilder:
    """How late requests leave."""
    buckets = f"sum by (le) (rate(trafficgen_send_lateness_seconds_bucket{{{SITE}}}[$window]))"
    return style.timeseries(
        Text(
            "Send lateness",
            "How long after its planned time a request is sent. Tens of milliseconds mean that the generator's machine "
            "is overloaded, and that its latencies are its own.",
        ),
        *(query(style.quantile(q, buckets), f"p{name}") for q, name in ((0.99, "99"), (0.5, "50"))),
        unit="s",
        width=6,
    )


def saturated() -> style.PanelBuilder:
    """When was the generator the limit?"""
    return style.timeseries(
        Text(
            "Generator saturated",
            "Share of the time in which the generator itself was the limit. Discard what was measured in it.",
        ),
        query(f"max by (source) (avg_over_time(trafficgen_saturated{{{SITE}}}[$window]))", "{{source}}"),
        unit="percentunit",
        limits=((0.5, style.BAD),),
        width=6,
        most=1,
    )


def own_fault() -> style.PanelBuilder:
    """What the generator has to answer for."""
    return style.timeseries(
        Text(
            "Its own fault",
            "Requests per second that left over 0.1 s late, or not at all, because the generator itself was the limit, "
            "by cause: its processor, late wake-ups, open files, ports, memory.",
            "nothing was its own fault in the range.",
        ),
        query(style.rates_of_what_happened(f"trafficgen_own_fault_requests_total{{{SITE}}}", "cause"), "{{cause}}"),
        unit="reqps",
        width=6,
    )


def connections() -> style.PanelBuilder:
    """What is open, and waited for."""
    return style.timeseries(
        Text(
            "Open and in flight",
            "Open connections, and requests sent and not answered yet. Both climb where the site answers too slowly.",
        ),
        query(f"sum(trafficgen_connections{{{SITE}}})", "connections"),
        query(f"sum(trafficgen_in_flight_requests{{{SITE}}})", "in flight"),
        query(f"sum(rate(trafficgen_connects_total{{{SITE}}}[$window]))", "connected a second"),
        unit="short",
        width=6,
    )


def latency() -> style.PanelBuilder:
    """What visitors feel (from the plan) and what the server takes (from the send)."""
    buckets = f"sum by (le, from) (rate(trafficgen_request_duration_seconds_bucket{{{SITE}}}[$window]))"
    return style.timeseries(
        Text(
            "Latency as clients see it",
            "Quantiles over the window, from the time each request was planned (what a visitor feels) and from when it "
            "was sent. When the two part, requests wait before they are sent.",
        ),
        *(
            query(style.quantile(quantile, buckets), f"p{name} from {{{{from}}}}")
            for quantile, name in ((0.99, "99"), (0.95, "95"), (0.5, "50"))
        ),
        unit="s",
    )


def spread() -> style.PanelBuilder:
    """All of the distribution: two humps hide in any quantile."""
    buckets = f'trafficgen_request_duration_seconds_bucket{{{SITE}, from="plan"}}'
    return style.heatmap(
        Text(
            "Spread of latency",
            "Requests by time taken since planned: two bands are two kinds of requests, a climbing band is a queue.",
        ),
        query(f"sum by (le) (increase({buckets}[$__rate_interval]))", "{{le}}", form="heatmap"),
        unit="s",
    )
