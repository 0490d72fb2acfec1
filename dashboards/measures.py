"""PromQL that several boards share: the measures of one traffic, with their panel, and the codes that are worse."""

from dashboards import style
from dashboards.style import Text, query

SITE = 'source=~"$site"'
PLANNED = f"sum(rate(trafficgen_planned_requests_total{{{SITE}}}[$window]))"
SENT = f"sum(rate(trafficgen_sent_requests_total{{{SITE}}}[$window]))"
LOGGED = f"sum(rate(tidewatch_http_requests_total{{{SITE}}}[$window]))"
COUNTED = f"sum(rate(tidewatch_stats_responses_total{{{SITE}}}[$window]))"

SKEW_RATIO = 3 / 60
"""By how much two measures of the same traffic may differ and nothing be lost, with a window of a minute.

Each is scraped at a moment of its own, 2 s apart at most, and a line is read up to 1 s after its request: what began or
ended in these 3 s is in one of the two windows and not in the other.
"""


def four_lines(width: int) -> style.PanelBuilder:
    """Where two lines part, requests are lost between them. width: of 24."""
    return style.timeseries(
        Text(
            "Planned, sent, logged and counted",
            "Four measures of one traffic: the generator's plan, what it sent, the access log, the stats page. "
            "They lie on each other; where two lines part, requests are lost, or not counted, between them. "
            "Always of all routes: nobody else knows them.",
            "what the site has not (a stats page, a load generator) has no line.",
        ),
        query(COUNTED, "counted"),
        query(LOGGED, "logged"),
        query(SENT, "sent"),
        query(PLANNED, "planned"),
        unit="reqps",
        width=width,
        height=10,
        colours={
            "counted": style.COUNTED,
            "logged": style.LOGGED,
            "sent": style.SENT,
            "planned": style.PLANNED,
        },
        looks={  # four lines on each other stay visible: wide and pale below, thin and dashed on top
            "counted": {"lineWidth": 7, "fillOpacity": 0},
            "logged": {"lineWidth": 4, "fillOpacity": 0},
            "sent": {"lineWidth": 2, "fillOpacity": 0},
            "planned": {"lineWidth": 1, "fillOpacity": 0, "lineStyle": {"fill": "dash", "dash": [8, 6]}},
        },
    )


def codes_worse(detector: str, chosen: str = "") -> str:
    """PromQL of how many codes a detector holds to be worse, and neither bursts nor a common rise explain it.

    chosen: matchers of the streams, candidates and codes that count.
    """
    by = "source, candidate, code"
    matchers = ", ".join(filter(None, (chosen, f'detector="{detector}"')))
    held = f"max by ({by}) (tidewatch_release_alert_active{{{matchers}}})"
    explained = f"tidewatch_release_alert_explained{{{chosen}}} == 1"
    return f"sum({held}) - (count({held} == 1 and on ({by}) {explained}) or vector(0))"
