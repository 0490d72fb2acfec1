"""The front page: is each system well, since when, what fires, and where to look."""

from dashboards import measures, style, systems
from dashboards.firing import SYSTEM_PX, TITLES, TO_BOARD, firing_now
from dashboards.style import Text, query

TRAFFIC = "sum by (source) (rate({}[$__rate_interval]))"
LOGGED, COUNTED = "tidewatch_http_requests_total", "tidewatch_stats_responses_total"


def board() -> style.Board:
    """The table of contents."""
    return style.Board(
        uid="tidewatch",
        title="Tidewatch",
        description="The front page: each system, whether it is well, since when, what fires, and where to look.",
        variables=[],
        rows=[
            style.Row("Is everything well, and since when?", [states_now(), states_over_time()]),
            style.Row("What fires?", [firing_now(systems.OURS, width=24, height=9)]),
            style.Row(
                "The figure to know of each",
                [
                    failed_requests(),
                    unsent_requests(),
                    promises_broken(),
                    stores_down(),
                    codes_worse(),
                    targets_down(),
                ],
            ),
        ],
    )


def states_now() -> style.PanelBuilder:
    """One row a system."""
    return style.table(
        Text(
            "Systems",
            "The worst that fires decides the state. Silent: it was measured within a day and is not now. No rules: "
            "its rules are not loaded, so nobody would know. Absent: this Prometheus has no series of it. "
            "What no alert ended is counted for a day at most. A name opens the system's board.",
            "without rules nobody knows since when.",
        ),
        query(systems.state(), instant=True, form="table"),
        query(systems.since(), instant=True, form="table"),
        query(systems.firing(), instant=True, form="table"),
        columns={
            "system": style.Column("System", states=TITLES, opens=TO_BOARD, least=SYSTEM_PX),
            "Value #A": style.Column("State", states=systems.STATES, cell=style.PILL, width=90),
            "Value #B": style.Column("For", style.AGE, width=style.AGE_PX),
            "Value #C": style.Column("Alerts", width=70),
        },
        sort=(("State", True), ("System", False)),
        width=10,
        height=9,
    )


def states_over_time() -> style.PanelBuilder:
    """When was which system well?"""
    return style.state_timeline(
        Text("Systems over time", "One band a system, in the state that it was in."),
        query(systems.titled(systems.state()), "{{title}}"),
        states=systems.STATES,
        width=14,
        height=9,
    )


def failed_requests() -> style.PanelBuilder:
    """Of the sites."""
    failed = TRAFFIC.format(f'{LOGGED}{{code=~"5.."}}'), TRAFFIC.format(f'{COUNTED}{{code=~"5.."}}')
    every = TRAFFIC.format(LOGGED), TRAFFIC.format(COUNTED)
    of_source = [f"({bad} or 0 * {all_of})" for bad, all_of in zip(failed, every, strict=True)]
    return style.stat(
        Text(
            "Site: server errors",
            "Share of requests answered with a 5xx, of all sites together, by log or stats page.",
            "no request came lately.",
        ),
        query(f"sum({' or '.join(of_source)}) / (sum({' or '.join(every)}) > 0)", "failed"),
        unit="percentunit",
        steps=((None, style.GOOD), (0.0001, style.WARNING), (0.01, style.BAD)),
    )


def unsent_requests() -> style.PanelBuilder:
    """Of the traffic generator."""
    return style.stat(
        Text(
            "Generator: not sent",
            "Share of the planned requests that the load generator did not send.",
            "no load generator is scraped.",
        ),
        query(
            "1 - sum(rate(trafficgen_sent_requests_total[$__rate_interval])) "
            "/ (sum(rate(trafficgen_planned_requests_total[$__rate_interval])) > 0)",
            "not sent",
        ),
        unit="percentunit",
        steps=((None, style.GOOD), (0.001, style.WARNING), (0.01, style.BAD)),
    )


def promises_broken() -> style.PanelBuilder:
    """Of the web hosts."""
    return style.stat(
        Text(
            "Hosting: promises broken",
            "Accounts with more downtime in the billing cycle than is allowed.",
            "no web host is followed.",
        ),
        query('sum(tidewatch_hosting_sla_accounts{verdict="violated"})', "accounts"),
        unit="none",
        steps=((None, style.GOOD), (1, style.BAD)),
    )


def stores_down() -> style.PanelBuilder:
    """Of the stores."""
    return style.stat(
        Text("Stores: offline", "Stores that are down within their business hours.", "no stores are followed."),
        query("sum(tidewatch_stores_offline)", "stores"),
        unit="none",
        steps=((None, style.GOOD), (1, style.BAD)),
    )


def codes_worse() -> style.PanelBuilder:
    """Of the releases."""
    return style.stat(
        Text(
            "Releases: codes worse",
            "Error codes of which the evidence says that the candidate build has more, and neither bursts nor a common "
            "rise explain it.",
            "no error stream is read.",
        ),
        query(f"{measures.codes_worse('evidence')} or 0 * sum(tidewatch_release_records_total)", "codes"),
        unit="none",
        steps=((None, style.GOOD), (1, style.BAD)),
    )


def targets_down() -> style.PanelBuilder:
    """Of the monitoring."""
    return style.stat(
        Text("Itself: targets down", "Targets that Prometheus could not scrape last time."),
        query("count(up == 0) or 0 * count(up)", "targets"),
        unit="none",
        steps=((None, style.GOOD), (1, style.BAD)),
    )
