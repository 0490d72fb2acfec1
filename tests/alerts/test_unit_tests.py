"""The promtool unit tests in alerts/tests/ are complete. `python -m alerts check` runs them."""

from collections import defaultdict

import yaml

from alerts.rulefiles import UNIT_TESTS, every_alert, rule_files

KINDS = {"fires", "silent", "missing", "reset"}
WINDOWS_S = (10, 30, 60, 150, 300, 600, 900, 1200, 1800, 3600, 4500, 7200, 21_600, 86_400, 172_800, 259_200)
WINDOWS_S += (2_592_000,)
"""Every range of the rules."""

FILES = {path.name: yaml.load(path.read_text(), yaml.CSafeLoader) for path in sorted(UNIT_TESTS.glob("*.yml"))}
CASES = [case for file in FILES.values() for case in file["tests"]]


def alert_and_kind(case):
    alert, _, text = case["name"].partition(": ")
    return alert, text.split(" ", 1)[0]


def test_every_alert_has_the_four_cases():
    """In the file of tests that has the name of the file of rules, or in that with `-history` after it."""
    for path, rules in rule_files().items():
        alerts = {rule.alert for group in rules.groups for rule in group.rules if rule.alert}
        files = [
            file for name, file in FILES.items() if name.removesuffix(".yml") in {path.stem, f"{path.stem}-history"}
        ]
        have = {alert_and_kind(case) for file in files for case in file["tests"]}
        want = {(alert, kind) for alert in alerts for kind in KINDS}
        want.discard(("Watchdog", "silent"))  # has no "just below"
        assert have == want, path.stem


def test_a_case_asks_what_its_name_says():
    for case in CASES:
        alert, kind = alert_and_kind(case)
        assert {check["alertname"] for check in case["alert_rule_test"]} == {alert}, case["name"]
        fires = any(check["exp_alerts"] for check in case["alert_rule_test"])
        assert {"fires": fires, "silent": not fires}.get(kind, True), case["name"]


def test_no_template_asks_for_a_label_that_the_alert_lacks():
    """An absent label renders as nothing and nobody complains: each one used must be among those expected."""
    templates = defaultdict(str)
    for alert in every_alert():
        templates[alert.alert, alert.labels.get("slo")] += " ".join(alert.annotations.values())
    for case in CASES:
        for check in case["alert_rule_test"]:
            for expected in check["exp_alerts"]:
                template = templates[check["alertname"], expected["exp_labels"].get("slo")]
                used = {part.split()[0] for part in template.split("$labels.")[1:]}
                assert used <= expected["exp_labels"].keys(), case["name"]


def test_samples_do_not_fall_on_the_edge_of_a_window():
    """A closed and a left-open range hold the same samples only if none lies on the edge."""
    steps = {file["evaluation_interval"] for file in FILES.values()} | {case["interval"] for case in CASES}
    assert {step[-1] for step in steps} == {"s"}
    assert [(w, step) for w in WINDOWS_S for step in steps if w % int(step[:-1]) == 0] == []
