"""Site traffic: is the site well, is all of its traffic seen, who fails, how slow is it, what is firing."""

from alerts.slo.model import read_service_levels
from dashboards import service_levels, style
from dashboards.style import Text, query

SITE = 'source=~"$source"'
LOGGED = 'tidewatch_http_requests_total{source=~"$source"}'
LOGGED_5XX = 'tidewatch_http_requests_total{source=~"$source", code=~"5.."}'
FROM_PLAN = 'trafficgen_request_duration_seconds_bucket{source=~"$source", from="plan"}'
COUNTED = 'tidewatch_stats_responses_total{source=~"$source"}'
FIRING = 'ALERTS{alertstate="firing", severity!="none"}'  # severity none is the watchdog, which always fires
NO_TIMES = "the access log has no times (format tab); use tab-timed, json or a format with a duration."

SHARE_OF_5XX = (  # `> 0` keeps a quiet site from dividing by zero; `or` makes "no request failed" a 0, not a hole
    f"(sum(rate({LOGGED_5XX}[$window])) or 0 * sum(rate({LOGGED}[$window]))) / (sum(rate({LOGGED}[$window])) > 0)"
)


def board() -> style.Board:
    """The table of contents."""
    return style.Board(
        uid="tidewatch-site",
        title="Site traffic",
        description="One site's traffic: planned and sent, seen by the log and the stats page, and what of it fails.",
        variables=[
            style.label_variable("source", "Site", '{__name__=~"tidewatch_http_requests_total|tidewatch_stats_up"}'),
            style.window_variable(),
        ],
        rows=[
            style.Row(
                "Now",
                [
                    request_rate(),
                    share_of_server_errors(),
                    slowest_hundredth(),
                    response_bytes_rate(),
                    last_line_age(),
                    alerts_firing(),
                ],
            ),
            *service_levels.rows(read_service_levels()),
            style.Row("Is all of the traffic seen?", [planned_sent_logged_counted(), not_sent_by_reason()]),
            style.Row(
                "What are the answers?", [rate_by_code(), requests_by_route(), share_of_errors(), errors_by_route()]
            ),
            style.Row("How long do they take?", [latency_from_plan_and_send(), latency_by_log(), latency_spread()]),
            style.Row("What is firing?", [alerts_over_time(), alerts_now()]),
        ],
        unused=range(8, 13),
    )


def request_rate() -> style.PanelBuilder:
    """Requests a second, from the log."""
    return style.stat(
        Text("Requests", "Requests a second in the access log. A sudden fall means no visitors, or no monitoring."),
        query(f"sum(rate({LOGGED}[$window]))", "requests"),
        unit="reqps",
    )


def share_of_server_errors() -> style.PanelBuilder:
    """The share of requests that the site failed to serve."""
    return style.stat(
        Text("Server errors", "Share of requests answered 5xx. Any at all is a reason to look at the panels below."),
        query(SHARE_OF_5XX, "5xx"),
        unit="percentunit",
        steps=((None, "green"), (0.0001, "orange"), (0.01, "red")),
    )


def slowest_hundredth() -> style.PanelBuilder:
    """p99 as the clients saw it."""
    return style.stat(
        Text(
            "p99 latency",
            "99 of 100 requests were answered within this time, counted from when each was planned to be sent.",
            "no traffic generator is scraped.",
        ),
        query(
            f"histogram_quantile(0.99, sum by (le) (rate({FROM_PLAN}[$window])))",
            "p99",
        ),
        unit="s",
    )


def response_bytes_rate() -> style.PanelBuilder:
    """Bytes served a second."""
    return style.stat(
        Text("Served", "Response bytes a second, as the access log gives them."),
        query('sum(rate(tidewatch_http_response_bytes_total{source=~"$source"}[$window]))', "bytes"),
        unit="Bps",
    )


def last_line_age() -> style.PanelBuilder:
    """How fresh everything above is."""
    return style.stat(
        Text(
            "Last line read", "Seconds since a line was read from the log; when this grows, the rates above are stale."
        ),
        query('time() - max(tidewatch_log_last_line_timestamp_seconds{source=~"$source"})', "age"),
        unit="s",
        steps=((None, "green"), (60, "orange"), (300, "red")),
        spark=False,
    )


def alerts_firing() -> style.PanelBuilder:
    """How many alerts want attention."""
    return style.stat(
        Text("Alerts firing", "Alerts that want attention now; which ones stands at the end of this board."),
        query(f"count({FIRING}) or vector(0)", "alerts"),
        unit="short",
        steps=((None, "green"), (1, "red")),
    )


def planned_sent_logged_counted() -> style.PanelBuilder:
    """The four measures of the same traffic: where two lines part, requests are lost between them."""
    return style.timeseries(
        Text(
            "Planned, sent, logged and counted",
            "Four measures of one traffic: the generator's plan, what it sent, the access log, the stats page. "
            "They lie on each other; where two lines part, requests are lost, or uncounted, between them.",
        ),
        query(f"sum(rate({COUNTED}[$window]))", "counted by the stats page"),
        query(f"sum(rate({LOGGED}[$window]))", "in the access log"),
        query(f"sum(rate(trafficgen_sent_requests_total{{{SITE}}}[$window]))", "sent"),
        query(f"sum(rate(trafficgen_planned_requests_total{{{SITE}}}[$window]))", "planned"),
        unit="reqps",
        width=16,
        height=10,
        colours={
            "counted by the stats page": "purple",
            "in the access log": "blue",
            "sent": "green",
            "planned": "orange",
        },
        looks={  # four lines on each other stay visible: wide and pale below, thin and dashed on top
            "counted by the stats page": {"lineWidth": 7, "fillOpacity": 0},
            "in the access log": {"lineWidth": 4, "fillOpacity": 0},
            "sent": {"lineWidth": 2, "fillOpacity": 0},
            "planned": {"lineWidth": 1, "fillOpacity": 0, "lineStyle": {"fill": "dash", "dash": [8, 6]}},
        },
    )


def not_sent_by_reason() -> style.PanelBuilder:
    """Planned requests that never got an answer, by reason."""
    return style.timeseries(
        Text(
            "Dropped by the generator",
            "Planned requests that were not answered, by reason. Above zero, the generator or the site is overloaded.",
            "no traffic generator is scraped, or it has dropped nothing yet.",
        ),
        query(f"sum by (reason) (rate(trafficgen_dropped_requests_total{{{SITE}}}[$window]))", "{{reason}}"),
        unit="reqps",
        width=8,
        height=10,
    )


def rate_by_code() -> style.PanelBuilder:
    """The graph that the site's owner asked for: 200s, 404s and 500s."""
    return style.timeseries(
        Text(
            "200s, 404s and 500s",
            "Responses a second by status code, from the stats page. Any 500 is cause for concern, and so is a drop.",
        ),
        query(f"sum by (code) (rate({COUNTED}[$window]))", "{{code}}"),
        unit="reqps",
        colours=style.CODE_COLOURS,
    )


def requests_by_route() -> style.PanelBuilder:
    """Where the traffic goes."""
    return style.timeseries(
        Text("Requests by route", "Requests a second by route, from the access log; areas add up to the whole."),
        query(f"sum by (route) (rate({LOGGED}[$window]))", "{{route}}"),
        unit="reqps",
        stacked=True,
    )


def share_of_errors() -> style.PanelBuilder:
    """Errors relative to traffic."""
    return style.timeseries(
        Text(
            "Share of errors by code",
            "Share of all requests answered with each error code, from the access log. A step here is a change of the "
            "site or of its visitors, whatever the traffic does.",
            "no request has been answered with an error code since the exporter started.",
        ),
        query(
            'sum by (code) (rate(tidewatch_http_requests_total{source=~"$source", code=~"[45].."}[$window])) '
            f"/ on () group_left () (sum(rate({LOGGED}[$window])) > 0)",
            "{{code}}",
        ),
        unit="percentunit",
        colours=style.CODE_COLOURS,
    )


def errors_by_route() -> style.PanelBuilder:
    """Which page fails."""
    return style.timeseries(
        Text(
            "Server errors by route",
            "5xx responses a second by route and code: look for the route's own log messages at the time of the step.",
            "no route has answered 5xx since the exporter started.",
        ),
        query(f"sum by (route, code) (rate({LOGGED_5XX}[$window]))", "{{route}} {{code}}"),
        unit="reqps",
    )


def latency_from_plan_and_send() -> style.PanelBuilder:
    """What visitors feel (from the plan) and what the server takes (from the send)."""
    return style.timeseries(
        Text(
            "Latency as clients see it",
            "Quantiles over the window, from the time each request was planned (what a visitor feels) and from when it "
            "was sent. When the two part, requests wait before they are sent.",
            "no traffic generator is scraped.",
        ),
        *(
            query(
                f"histogram_quantile({quantile}, sum by (le, from) "
                f"(rate(trafficgen_request_duration_seconds_bucket{{{SITE}}}[$window])))",
                f"p{name} from {{{{from}}}}",
            )
            for quantile, name in ((0.99, "99"), (0.5, "50"))
        ),
        unit="s",
        width=8,
    )


def latency_by_log() -> style.PanelBuilder:
    """Time taken as the server logs it."""
    return style.timeseries(
        Text("Latency by the access log", "Quantiles of the time taken that the access log gives.", NO_TIMES),
        *(
            query(
                f"histogram_quantile({quantile}, sum by (le) "
                '(rate(tidewatch_http_request_duration_seconds_bucket{source=~"$source"}[$window])))',
                f"p{name}",
            )
            for quantile, name in ((0.99, "99"), (0.9, "90"), (0.5, "50"))
        ),
        unit="s",
        width=8,
    )


def latency_spread() -> style.PanelBuilder:
    """All of the distribution: two humps hide in any quantile."""
    return style.heatmap(
        Text(
            "Spread of latency",
            "Requests by time taken since planned: two bands are two kinds of requests, a climbing band is a queue.",
            "no traffic generator is scraped.",
        ),
        query(
            f"sum by (le) (increase({FROM_PLAN}[$__rate_interval]))",
            "{{le}}",
            form="heatmap",
        ),
        unit="s",
        width=8,
    )


def alerts_over_time() -> style.PanelBuilder:
    """When did each alert fire?"""
    return style.state_timeline(
        Text(
            "Alerts over time",
            "One band an alert, pending or firing. Watchdog fires always: without its band, alerting itself is down.",
            "no rules are loaded.",
        ),
        query(
            'max by (alertname) (ALERTS{alertstate="firing", severity!="none"} * 2 '
            'or ALERTS{alertstate="pending", severity!="none"} or ALERTS{severity="none"} * 3)',
            "{{alertname}}",
        ),
        states={1: ("pending", "orange"), 2: ("firing", "red"), 3: ("alive", "green")},
        width=14,
    )


def alerts_now() -> style.PanelBuilder:
    """The alerts that fire now."""
    return style.table(
        Text("Firing now", "Alerts that fire at the end of the range, by severity.", "nothing is wrong."),
        query(f"max by (alertname, severity, job) ({FIRING})", instant=True, form="table"),
        columns={"severity": "Severity", "alertname": "Alert", "job": "Job"},
        width=10,
    )
