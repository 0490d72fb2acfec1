"""Site traffic: is the site well, is all of its traffic seen, is it usual, who fails, how slow is it, what is firing.

An access log alone answers all of it. What a site has no log for comes from its stats page, and else from the load
generator; a site that has a log never falls back, or the choice of a route would show the traffic of all routes.
"""

from alerts.slo.model import read_service_levels
from dashboards import service_levels, style
from dashboards.measures import SITE, four_lines
from dashboards.style import Text, query

ROUTE = 'source=~"$site", route=~"$route"'
LOGGED = f"tidewatch_http_requests_total{{{ROUTE}}}"
LOGGED_5XX = f'tidewatch_http_requests_total{{{ROUTE}, code=~"5.."}}'
LOGGED_TIMES = f"tidewatch_http_request_duration_seconds_bucket{{{ROUTE}}}"
FROM_PLAN = f'trafficgen_request_duration_seconds_bucket{{{SITE}, from="plan"}}'
COUNTED = f"tidewatch_stats_responses_total{{{SITE}}}"
WITHOUT_TIMES = f"unless on () group(tidewatch_http_request_duration_seconds_count{{{SITE}}})"
ONE_ROUTE = style.Detail("Only this route", "tidewatch-site", "route", "route", keep=("site", "window"))
NO_TIMES = (
    "no request came in the window, or the access log has no times (format tab): use tab-timed, json or a format with "
    "a duration."
)
AGO_WEEKS = {"now": "", "a week ago": "1w", "two weeks ago": "2w", "three weeks ago": "3w"}
AGO_DAYS = {"now": "", "a day ago": "1d", "two days ago": "2d"}
WINDOWS = {"10s": "10 s", "1m": "1 min", "10m": "10 min"}
NO_LOG = "no access log is read."
NO_REQUESTS = "no request came in the window."
SOURCES = "by the access log, or else the stats page"


def traffic(*by: str, codes: str = "", over: str = "$window", ago: str = "") -> str:
    """PromQL of requests per second by `source` and other labels, each source's by the first measure that it has.

    Args:
        by: labels that all three measures have: `code`.
        codes: a regex of the codes that count; all without it.
        over: the range.
        ago: how much earlier, such as 1w.
    """
    then, labels = f" offset {ago}" if ago else "", ", ".join(("source", *by))
    chosen = f', code=~"{codes}"' if codes else ""

    def rates(metric: str, matchers: str) -> str:
        """PromQL: the metric's rate, summed by `labels`."""
        return f"sum by ({labels}) (rate({metric}{{{matchers}{chosen}}}[{over}]{then}))"

    logged, counted = (
        f"group by (source) ({metric}{{{SITE}}}{then})"
        for metric in ("tidewatch_http_requests_total", "tidewatch_stats_up")
    )
    return (
        f"{rates('tidewatch_http_requests_total', ROUTE)}"
        f" or ({rates('tidewatch_stats_responses_total', SITE)} unless on (source) {logged})"
        f" or ({rates('trafficgen_responses_total', SITE)} unless on (source) ({logged} or {counted}))"
    )


def share(codes: str, *by: str) -> str:
    """PromQL of the share of requests with these codes; a quiet site divides by nothing, and has none."""
    failed, every = f"sum by ({', '.join(by)}) ({traffic(*by, codes=codes)})", f"sum({traffic()})"
    if by:
        return f"{failed} / on () group_left () ({every} > 0)"
    return f"(sum({traffic(codes=codes)}) or 0 * {every}) / ({every} > 0)"


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
                ids=range(1, 7),
            ),
            *service_levels.rows(read_service_levels()),
            style.Row("Is all of the traffic seen?", [four_lines(24)], ids=(13, 14)),
            style.Row(
                "Is it the usual traffic?",
                [weeks_before(), days_before(), change(), three_windows()],
                ids=range(25, 30),
            ),
            style.Row(
                "What are the answers?",
                [rate_by_code(), requests_by_route(), share_of_errors(), errors_by_route()],
                ids=range(16, 21),
            ),
            style.Row("How long do they take?", [latency_by_log(), latency_spread()], ids=(21, 23, 24)),
        ],
    )


def request_rate() -> style.PanelBuilder:
    """Requests per second, from the log."""
    return style.stat(
        Text(
            "Requests",
            "Requests per second in the access log, or else on the stats page. A sudden fall means no visitors, or no "
            "monitoring.",
        ),
        query(f"sum({traffic()})", "requests"),
        unit="reqps",
        width=5,
    )


def share_of_server_errors() -> style.PanelBuilder:
    """The share of requests that the site failed to serve."""
    return style.stat(
        Text(
            "Server errors",
            "Share of requests answered 5xx. Any at all is a reason to look at the panels below.",
            NO_REQUESTS,
        ),
        query(share("5.."), "5xx"),
        unit="percentunit",
        steps=((None, style.GOOD), (0.0001, style.WARNING), (0.01, style.BAD)),
        width=5,
    )


def slowest_hundredth() -> style.PanelBuilder:
    """p99 as the log has it, or else as the clients saw it."""
    return style.stat(
        Text(
            "p99 latency",
            "99 of 100 requests were answered within this time, by the access log; where it has no times, by the load "
            "generator, since each was planned.",
            NO_TIMES,
        ),
        query(f"{quantile(0.99, LOGGED_TIMES)} or ({quantile(0.99, FROM_PLAN)} {WITHOUT_TIMES})", "p99"),
        unit="s",
        width=5,
    )


def quantile(share: float, buckets: str) -> str:
    """PromQL of a quantile over the window."""
    return style.quantile(share, f"sum by (le) (rate({buckets}[$window]))")


def response_bytes_rate() -> style.PanelBuilder:
    """Bytes served per second."""
    return style.stat(
        Text("Served", "Response bytes per second, as the access log gives them.", NO_LOG),
        query(f"sum(rate(tidewatch_http_response_bytes_total{{{ROUTE}}}[$window]))", "bytes"),
        unit="Bps",
        width=5,
    )


def last_line_age() -> style.PanelBuilder:
    """How fresh everything above is."""
    return style.stat(
        Text(
            "Last line",
            "Seconds since a line was read from the log; when this grows, the rates above are stale.",
            NO_LOG,
        ),
        query(style.age(f"max(tidewatch_log_last_line_timestamp_seconds{{{SITE}}})"), "age"),
        unit="s",
        decimals=0,
        steps=((None, style.GOOD), (60, style.WARNING), (300, style.BAD)),
        width=4,
    )


def weeks_before() -> style.PanelBuilder:
    """The same hours of the weeks before: traffic flows by day and by week."""
    return style.timeseries(
        Text(
            "Now and one, two and three weeks ago",
            f"Requests per second over 10 minutes, {SOURCES}, and the same hours of three weeks before. "
            "Where now leaves "
            "the others, it is not the hour of the day. Usual is what alerts compare with, always of all routes.",
            "a week has not passed since the site is measured; usual takes the rules of site-log.yml.",
        ),
        *(query(f"sum({traffic(over='10m', ago=ago)})", name) for name, ago in AGO_WEEKS.items()),
        query(f"sum(source:tidewatch_http_requests:rate_usual{{{SITE}}})", "usual"),
        unit="reqps",
        colours={"now": style.LOGGED},
        looks={"now": {"lineWidth": 3}, "usual": style.DASHED},
    )


def days_before() -> style.PanelBuilder:
    """Day over day."""
    return style.timeseries(
        Text(
            "Now and one and two days ago",
            f"Requests per second over 10 minutes, {SOURCES}, and at the same time of the two days before.",
            "a day has not passed since the site is measured.",
        ),
        *(query(f"sum({traffic(over='10m', ago=ago)})", name) for name, ago in AGO_DAYS.items()),
        unit="reqps",
        colours={"now": style.LOGGED},
        looks={"now": {"lineWidth": 3}},
    )


def change() -> style.PanelBuilder:
    """How much more or less than then."""
    now = f"sum({traffic(over='10m')})"
    return style.timeseries(
        Text(
            "Change against a day and a week ago",
            "Requests per second over 10 minutes against the same time then: 0 % is the same, -100 % is none at all. A "
            "trend lifts the line slowly, an incident at once.",
            "a day, or a week, has not passed since the site is measured.",
        ),
        *(
            query(f"{now} / (sum({traffic(over='10m', ago=ago)}) > 0) - 1", f"against {name}")
            for name, ago in (("a day ago", "1d"), ("a week ago", "1w"))
        ),
        unit="percentunit",
    )


def three_windows() -> style.PanelBuilder:
    """The quick rate and the smooth ones, side by side."""
    return style.timeseries(
        Text(
            "Rates over 10 s, 1 min and 10 min",
            f"The same traffic, {SOURCES}, over three ranges: 10 s shows steps at once, 10 min shows the trend. Where "
            "they part, the traffic is changing.",
            "10 s takes scrapes at most 2.5 s apart, and 1 min at most 15 s.",
        ),
        *(query(f"sum({traffic(over=over)})", f"over {words}") for over, words in WINDOWS.items()),
        unit="reqps",
    )


def rate_by_code() -> style.PanelBuilder:
    """The graph that the site's owner asked for: 200s, 404s and 500s."""
    return style.timeseries(
        Text(
            "200s, 404s and 500s",
            f"Responses per second by status code, {SOURCES}. Any 500 is cause for concern, and so is a drop.",
        ),
        query(f"sum by (code) ({traffic('code')})", "{{code}}"),
        unit="reqps",
        colours=style.CODE_COLOURS,
    )


def requests_by_route() -> style.PanelBuilder:
    """Where the traffic goes."""
    return style.timeseries(
        Text(
            "Requests by route", "Requests per second by route, from the access log; areas add up to the whole.", NO_LOG
        ),
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
            f"Share of all requests answered with each error code, {SOURCES}. A step is a change of the site or of its "
            "visitors, whatever the traffic does.",
            "no request has been answered with an error code since the exporter started.",
        ),
        query(share("[45]..", "code"), "{{code}}"),
        unit="percentunit",
        colours=style.CODE_COLOURS,
    )


def errors_by_route() -> style.PanelBuilder:
    """Which page fails."""
    return style.timeseries(
        Text(
            "Server errors by route",
            "5xx responses per second by route and code: look for the route's own log messages at the time "
            "of the step.",
            "no route has answered 5xx since the exporter started.",
        ),
        query(f"sum by (route, code) (rate({LOGGED_5XX}[$window]))", "{{route}} {{code}}"),
        unit="reqps",
        detail=ONE_ROUTE,
    )


def latency_by_log() -> style.PanelBuilder:
    """Time taken as the server logs it."""
    return style.timeseries(
        Text("Latency by the access log", "Quantiles of the time taken that the access log gives.", NO_TIMES),
        *(query(quantile(share, LOGGED_TIMES), f"p{name}") for share, name in ((0.99, "99"), (0.9, "90"), (0.5, "50"))),
        unit="s",
    )


def latency_spread() -> style.PanelBuilder:
    """All of the distribution: two humps hide in any quantile."""
    return style.heatmap(
        Text(
            "Spread of latency",
            "Requests by time taken, by the access log. Two bands are two kinds of requests, a climbing one a queue.",
            NO_TIMES,  # from no other measure: buckets of other bounds would make a heatmap of neither
        ),
        query(
            f"sum by (le) (increase({LOGGED_TIMES}[$__rate_interval]))",
            "{{le}}",
            form="heatmap",
        ),
        unit="s",
    )
