"""What the front page says of each system, computed by promtool from series that are set here."""

import re

import pytest

from dashboards import systems
from dashboards.about import about
from dashboards.systems import ABSENT, PAGE, SILENT, TICKET, UNWATCHED, WELL

pytestmark = pytest.mark.slow

MINUTES = 300
ALWAYS = f"1x{MINUTES}"
RULES = {f'system_rules:tidewatch:loaded{{system="{one.name}"}}': ALWAYS for one in systems.SYSTEMS}
LOG = 'tidewatch_log_readable{source="a"}'
NOBODY = dict.fromkeys((one.name for one in systems.SYSTEMS), ABSENT)


def firing(labels, begin, end=MINUTES):
    """An alert that fires from one minute up to another, as Prometheus stores it: active two minutes before."""
    lead = f"_x{begin - 1} " if begin else ""
    length = end - begin
    return {
        f'ALERTS{{alertstate="firing",{labels}}}': f"{lead}1x{length}",
        f"ALERTS_FOR_STATE{{{labels}}}": f"{lead}{(begin - 2) * 60}x{length}",
    }


SITE_PAGE = 'alertname="SiteTrafficStopped",severity="page",system="site",source="a"'
SITE_TICKET = 'alertname="SiteLatencyP90Shift",severity="ticket",system="site",source="a"'
SITE_INFO = 'alertname="SiteNews",severity="info",system="site",source="a"'
UNANSWERED = 'alertname="GeneratorUnanswered",severity="ticket",system="generator",source="a"'
OF_OTHERS = 'alertname="DiskFull",severity="page",system="disk"'
ACCOUNTS = [
    f'alertname="HostingAccountUnrouted",severity="ticket",system="hosting",source="h",account_id="{n}"' for n in (4, 5)
]

CASES = {
    "nothing there": ({}, {}),
    "nothing fires": (RULES | {LOG: ALWAYS}, {"site": WELL}),
    "a stats page alone": (RULES | {'tidewatch_stats_up{source="a"}': ALWAYS}, {"site": WELL}),
    "no rules": ({LOG: ALWAYS}, {"site": UNWATCHED}),
    "rules of another system": (
        {LOG: ALWAYS, 'system_rules:tidewatch:loaded{system="hosting"}': ALWAYS},
        {"site": UNWATCHED},
    ),
    "measured no longer": (RULES | {LOG: "1x200 _x100"}, {"site": SILENT}),
    "a page": (RULES | {LOG: ALWAYS} | firing(SITE_PAGE, 240), {"site": PAGE}),
    "a page before a ticket": (
        RULES | {LOG: ALWAYS} | firing(SITE_TICKET, 10) | firing(SITE_PAGE, 240),
        {"site": PAGE},
    ),
    "a page of what is no longer measured": (RULES | {LOG: "1x200 _x100"} | firing(SITE_PAGE, 202), {"site": PAGE}),
    "tickets": (RULES | firing(ACCOUNTS[0], 100) | firing(ACCOUNTS[1], 200), {"hosting": TICKET}),
    "the site answers nobody": (
        RULES | {'trafficgen_planned_rate{source="a"}': ALWAYS} | firing(UNANSWERED, 240),
        {"generator": TICKET},
    ),
    "info is no ill": (RULES | {LOG: ALWAYS} | firing(SITE_INFO, 100), {"site": WELL}),
    "an alert that has ended": (RULES | {LOG: ALWAYS} | firing(SITE_PAGE, 10, 230), {"site": WELL}),
    "an alert of somebody else": (RULES | {LOG: ALWAYS} | firing(OF_OTHERS, 10), {"site": WELL}),
}
"""Series, and the states that are not ABSENT."""

SINCE_MINUTES = {
    "nothing there": {},
    "nothing fires": {"site": MINUTES - 10},
    "no rules": {},
    "measured no longer": {"site": MINUTES - 10 - 205},  # a series is there for five minutes after its last sample
    "a page": {"site": MINUTES - 10 - 238},
    "a page before a ticket": {"site": MINUTES - 10 - 238},
    "tickets": {"hosting": MINUTES - 10 - 98},
    "an alert that has ended": {"site": MINUTES - 10 - 229},
}
FIRING = {
    "nothing fires": {},
    "a page before a ticket": {"site": 2},
    "tickets": {"hosting": 2},
    "info is no ill": {"site": 1},
}
EXPRS = {
    "state": systems.state(),
    "since": systems.since(),
    "firing": systems.firing(),
    "about": about('ALERTS{alertstate="firing"}'),
}


@pytest.fixture(scope="module")
def answers(computed):
    """Ten minutes before the end."""
    return computed({case: series for case, (series, _) in CASES.items()}, EXPRS, f"{MINUTES - 10}m")


def by_system(samples):
    return {re.search('system="(.+?)"', labels)[1]: value for labels, value in samples.items()}


@pytest.mark.parametrize("case", CASES)
def test_each_system_is_in_the_state_that_the_worst_of_it_makes(answers, case):
    assert by_system(answers[case, "state"]) == NOBODY | CASES[case][1]


@pytest.mark.parametrize("case", SINCE_MINUTES)
def test_since_when_it_is_so(answers, case):
    got = {system: seconds / 60 for system, seconds in by_system(answers[case, "since"]).items()}
    assert got.keys() == SINCE_MINUTES[case].keys()
    assert all(abs(got[system] - want) <= 5 for system, want in SINCE_MINUTES[case].items()), (
        got
    )  # the step of subqueries


@pytest.mark.parametrize("case", FIRING)
def test_how_many_alerts_fire(answers, case):
    assert by_system(answers[case, "firing"]) == NOBODY | FIRING[case]


def test_an_alert_says_what_it_is_about(answers):
    [labels] = answers["a page", "about"]
    assert 'about="a"' in labels
    assert [re.search('about="(.+?)"', one)[1].split() for one in answers["tickets", "about"]] == [
        ["h", "account", "4"],
        ["h", "account", "5"],
    ]
