"""Site traffic: is the site well, is all of its traffic seen, who fails, how slow is it, what is firing."""

from alerts.slo.model import read_service_levels
from dashboards import service_levels, style
from dashboards.style import Text, query

SITE = 'source=~"$site"'
ROUTE = 'source=~"$site", route=~"$route"'
LOGGED = f"tidewatch_http_requests_total{{{ROUTE}}}"
LOGGED_5XX = f'tidewatch_http_requests_total{{{ROUTE}, code=~"5.."}}'
FROM_PLAN = f'trafficgen_request_duration_seconds_bucket{{{SITE}, from="plan"}}'
COUNTED = f"tidewatch_stats_responses_total{{{SITE}}}"
ONE_ROUTE = style.Detail("Only this route", "tidewatch-site", "route", "route", keep=("site", "window"))
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
            style.site_variable(),
            style.label_variable(
                "route",
                "Route",
                f"tidewatch_http_requests_total{{{SITE}}}",
                all_value=".*",
                may_be_empty="no access log is read.",
            ),
            style.window_variable(),
        ],
        head=style.Head("site", {"source": "Site", "slo": "Service level", "code": "Code"}, chosen='source=~"$site|"'),
        rows=[
            style.Row(
                "Now",
                [
                    request_rate(),
                    share_of_server_errors(),
                    slowest_hundredth(),
                    response_bytes_rate(),
                    last_line_age(),
                ],
            ),
            *service_levels.rows(read_service_levels()),
            style.Row("Is all of the traffic seen?", [planned_sent_logged_counted(), not_sent_by_reason()]),
            style.Row(
                "What are the answers?", [rate_by_code(), requests_by_route(), share_of_errors(), errors_by_route()]
            ),
            style.Row("How long do they take?", [latency_from_plan_and_send(), latency_by_log(), latency_spread()]),
        ],
        unused=range(7, 13),
    )


def request_rate() -> style.PanelBuilder:
    """Requests a second, from the log."""
    return style.stat(
        Text("Requests", "Requests a second in the access log. A sudden fall means no visitors, or no monitoring."),
        query(f"sum(rate({LOGGED}[$window]))", "requests"),
        unit="reqps",
        width=5,
    )


def share_of_server_errors() -> style.PanelBuilder:
    """The share of requests that the site failed to serve."""
    return style.stat(
        Text("Server errors", "Share of requests answered 5xx. Any at all is a reason to look at the panels below."),
        query(SHARE_OF_5XX, "5xx"),
        unit="percentunit",
        steps=((None, style.GOOD), (0.0001, style.WARNING), (0.01, style.BAD)),
        width=5,
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
        width=5,
    )


def response_bytes_rate() -> style.PanelBuilder:
    """Bytes served a second."""
    return style.stat(
        Text("Served", "Response bytes a second, as the access log gives them."),
        query(f"sum(rate(tidewatch_http_response_bytes_total{{{ROUTE}}}[$window]))", "bytes"),
        unit="Bps",
        width=5,
    )


def last_line_age() -> style.PanelBuilder:
    """How fresh everything above is."""
    return style.stat(
        Text(
            "Last line read", "Seconds since a line was read from the log; when this grows, the rates above are stale."
        ),
        query(f"time() - max(tidewatch_log_last_line_timestamp_seconds{{{SITE}}})", "age"),
        unit="dtdurations",
        steps=((None, style.GOOD), (60, style.WARNING), (300, style.BAD)),
    )


def planned_sent_logged_counted() -> style.PanelBuilder:
    """The four measures of the same traffic: where two lines part, requests are lost between them."""
    return style.timeseries(
        Text(
            "Planned, sent, logged and counted",
            "Four measures of one traffic: the generator's plan, what it sent, the access log, the stats page. "
            "They lie on each other; where two lines part, requests are lost, or uncounted, between them. "
            "Always of all routes: nobody else knows them.",
        ),
        query(f"sum(rate({COUNTED}[$window]))", "counted by the stats page"),
        query(f"sum(rate(tidewatch_http_requests_total{{{SITE}}}[$window]))", "in the access log"),
        query(f"sum(rate(trafficgen_sent_requests_total{{{SITE}}}[$window]))", "sent"),
        query(f"sum(rate(trafficgen_planned_requests_total{{{SITE}}}[$window]))", "planned"),
        unit="reqps",
        width=16,
        height=10,
        colours={
            "counted by the stats page": style.COUNTED,
            "in the access log": style.LOGGED,
            "sent": style.SENT,
            "planned": style.PLANNED,
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
        detail=ONE_ROUTE,
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
            f'sum by (code) (rate(tidewatch_http_requests_total{{{ROUTE}, code=~"[45].."}}[$window])) '
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
        detail=ONE_ROUTE,
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
                f"(rate(tidewatch_http_request_duration_seconds_bucket{{{ROUTE}}}[$window])))",
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
