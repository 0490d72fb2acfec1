import io
import shutil
from concurrent.futures import Future

import pytest
import yaml
from click.testing import CliRunner

from alerts import check
from alerts.cli import main
from alerts.rulefiles import HERE, Rule, every_alert


def test_every_alert_has_its_route_checked():
    calls = [call for call in check.amtool_commands() if "routes" in call]
    assert [next(word for word in call if word.startswith("alertname=")) for call in calls] == [
        f"alertname={alert.alert}" for alert in every_alert()
    ]


def test_without_the_tools_the_checks_are_skipped_and_that_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = CliRunner().invoke(main, ["check"])
    assert done.exit_code == 0
    assert "promtool is not on PATH: its checks are skipped" in done.stderr
    assert "amtool is not on PATH: its checks are skipped" in done.stderr


@pytest.mark.slow
def test_one_failing_check_fails_the_whole_and_shows_its_words(monkeypatch, tmp_path):
    for name, script in (("promtool", "echo bad rule >&2; exit 3"), ("amtool", "exit 0")):
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    done = CliRunner().invoke(main, ["check"])
    assert done.exit_code == 1
    assert "exit 3\nbad rule" in done.stderr


@pytest.mark.parametrize(
    ("is_terminal", "want"),
    [(True, "alerts check: 1 of 2 checks\ralerts check: 2 of 2 checks\r\033[K"), (False, "")],
)
def test_a_terminal_sees_how_many_checks_have_ended(monkeypatch, is_terminal, want):
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: is_terminal)
    monkeypatch.setattr("sys.stderr", shown)
    ended = [Future(), Future()]
    for one in ended:
        one.set_result("")
    check._show_progress(ended)
    assert shown.getvalue() == want


@pytest.mark.slow
def test_a_check_that_takes_too_long_has_failed(monkeypatch):
    monkeypatch.setattr(check, "TIMEOUT_S", 0.05)
    assert check.complaint(["sleep", "60"]) == "sleep 60: no result within 0.05 s"


def test_the_files_ship_with_the_demos_two_second_scrapes():
    """The exact literals that a deployment replaces."""
    text = (HERE / "prometheus.yml").read_text() + (HERE / "alertmanager.yml").read_text()
    ports = (8080, 8089, 8090, 8094, 9090, 9093)
    assert [port for port in ports if f"127.0.0.1:{port}" not in text] == []
    assert yaml.safe_load((HERE / "prometheus.yml").read_text())["global"]["scrape_interval"] == "2s"


def test_no_two_alerts_can_mute_each_other():
    """A cycle of inhibitions would silence both ends of it."""
    rules = yaml.safe_load((HERE / "alertmanager.yml").read_text())["inhibit_rules"]
    labels = [{"alertname": alert.alert, "job": "exporter", **alert.labels} for alert in every_alert()]
    mutes = {
        ((source["alertname"], source["severity"]), (target["alertname"], target["severity"]))
        for rule in rules
        for source in labels
        for target in labels
        if matches(rule["source_matchers"], source) and matches(rule["target_matchers"], target)
        if "alertname" not in rule.get("equal", []) or source["alertname"] == target["alertname"]
    }
    stalled = {"LogStalled", "HostingLogStalled", "ReleaseStreamStalled"}
    assert {("LogUnreadable", name) for name in stalled} <= {(source[0], target[0]) for source, target in mutes}
    reachable = set(mutes)
    for _ in labels:
        reachable |= {(a, d) for a, b in reachable for c, d in mutes if b == c}
    assert [a for a, b in reachable if a == b] == []


def matches(matchers, labels):
    import re

    for matcher in matchers:
        name, operator, value = re.fullmatch(r'(\w+)(=~|!=|=)"(.*)"', matcher).groups()
        have = labels.get(name, "")
        if bool(re.fullmatch(value, have) if operator == "=~" else have == value) == (operator == "!="):
            return False
    return True


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not on PATH")
def test_a_wrong_route_is_found():
    alert = Rule(expr="up", alert="Lost", labels={"severity": "page"})
    assert check.complaint(["amtool", *check.route_test(alert)]) == ""
    call = ["amtool", *check.route_test(alert), "severity=ticket"]
    assert "exit 1" in check.complaint([word for word in call if word != "severity=page"])
