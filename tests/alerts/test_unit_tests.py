"""The promtool unit tests in alerts/tests/ are complete. `python -m alerts check` runs them."""

import yaml

from alerts.rulefiles import UNIT_TESTS, every_alert

KINDS = {"fires", "silent", "missing", "reset"}
WINDOWS_S = (10, 30, 60, 300, 600, 900, 3600)  # every range of the rules

FILES = {path.name: yaml.load(path.read_text(), yaml.CSafeLoader) for path in sorted(UNIT_TESTS.glob("*.yml"))}
CASES = [case for file in FILES.values() for case in file["tests"]]


def alert_and_kind(case):
    alert, _, text = case["name"].partition(": ")
    return alert, text.split(" ", 1)[0]


def test_every_alert_has_the_four_cases():
    have = set(map(alert_and_kind, CASES))
    want = {(a.alert, kind) for a in every_alert() for kind in KINDS}
    want.discard(("Watchdog", "silent"))  # has no "just below"
    assert have == want


def test_a_case_asks_what_its_name_says():
    for case in CASES:
        alert, kind = alert_and_kind(case)
        assert {check["alertname"] for check in case["alert_rule_test"]} == {alert}, case["name"]
        fires = any(check["exp_alerts"] for check in case["alert_rule_test"])
        assert {"fires": fires, "silent": not fires}.get(kind, True), case["name"]


def test_no_template_asks_for_a_label_that_the_alert_lacks():
    """An absent label renders as nothing and nobody complains: each one used must be among those expected."""
    templates = {alert.alert: " ".join(alert.annotations.values()) for alert in every_alert()}
    for case in CASES:
        for check in case["alert_rule_test"]:
            used = {part.split()[0] for part in templates[check["alertname"]].split("$labels.")[1:]}
            for expected in check["exp_alerts"]:
                assert used <= expected["exp_labels"].keys(), case["name"]


def test_samples_do_not_fall_on_the_edge_of_a_window():
    """A closed and a left-open range hold the same samples only if none lies on the edge."""
    steps = {file["evaluation_interval"] for file in FILES.values()} | {case["interval"] for case in CASES}
    assert {step[-1] for step in steps} == {"s"}
    assert [(w, step) for w in WINDOWS_S for step in steps if w % int(step[:-1]) == 0] == []
