"""The panels of service levels have the limits of slo.yml."""

import pytest

from alerts.slo.model import Indicator, Objective, ServiceLevels, read_service_levels
from alerts.slo.rules import group
from dashboards import style
from dashboards.boards import site
from dashboards.service_levels import rows

SITE = Objective(name="quick", objective=99.5, window=7 * 86_400, indicator=Indicator(kind="latency", threshold=0.25))
LEVELS = ServiceLevels(
    objectives=(
        *read_service_levels().objectives,
        SITE,
        Objective(name="hosts", indicator=Indicator(kind="availability", from_="hosting")),
    )
)


def panels(levels):
    return style.to_json(style.Board("tidewatch-test", "Test", "For a test.", [], rows(levels)))["panels"]


def test_each_objective_of_sites_has_its_row_and_no_other():
    found = panels(LEVELS)
    assert [panel["title"] for panel in found if panel["type"] == "row"] == [
        "Service level: 99.9 % within 30 days (site-availability)",
        "Service level: 99.5 % within 7 days (quick)",
    ]
    assert [sum(panel["gridPos"]["w"] for panel in found[at + 1 : at + 5]) for at in range(0, len(found), 5)] == [
        24,
        24,
    ]


def test_ids_of_panels_are_the_same_whatever_is_promised(monkeypatch):
    """They are in the links of alerts, and in people's bookmarks."""

    def ids(*objectives):
        monkeypatch.setattr(site, "read_service_levels", lambda: ServiceLevels(objectives=objectives))
        found = {panel["id"]: panel["title"] for panel in style.to_json(site.board())["panels"]}
        assert len(found) == len(style.to_json(site.board())["panels"])
        return found

    committed = ids(*read_service_levels().objectives)
    more = ids(*reversed(LEVELS.objectives))
    assert committed.items() <= more.items()
    assert len(more) == len(committed) + 5
    assert ids(LEVELS.objectives[-1]).items() <= committed.items()


def test_the_alerts_of_an_objective_of_sites_open_its_panels():
    _, _, left, burn, _ = [panel["id"] for panel in panels(ServiceLevels(objectives=(SITE,)))]
    links = {r["alert"]: r["annotations"]["dashboard_url"] for r in group(SITE)["rules"] if "alert" in r}
    for alert, link in links.items():
        assert f"?viewPanel={burn if alert.startswith('SloBurn') else left}&var-site=" in link


def test_thresholds_are_those_of_the_objective():
    _, bad, left, burn, worst = panels(ServiceLevels(objectives=(SITE,)))
    steps = [
        [(step["value"], step["color"]) for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        for panel in (bad, left, worst)
    ]
    budget = [(None, "red"), (0, "orange"), (0.25, "green")]
    assert steps == [[(None, "green"), (0.005, "red")], budget, budget]
    assert "99.5 % within 7 days" in bad["description"]
    assert {target["expr"].rpartition("/ ")[2] for target in burn["targets"]} == {"0.005"}


@pytest.mark.parametrize("objective", [o for o in LEVELS.objectives if o.indicator.measures != ("hosting",)])
def test_panels_ask_what_the_rules_record(objective):
    recorded = {rule["record"] for rule in group(objective)["rules"] if "record" in rule}
    asked = [
        target["expr"] for panel in panels(ServiceLevels(objectives=(objective,)))[1:] for target in panel["targets"]
    ]
    assert {expr[expr.index("slo_source") :].partition("{")[0] for expr in asked} <= recorded
