"""Exported rules do in promtool (Debian's 2.42) what the unit tests of those that ship say, under other names.

As they are: every word of the expectation, with the job renamed. At a scrape a minute time is stretched, and the rules
that became longer begin later and go on longer: asked is whether what fires does so at any time, with which labels.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import _jsonnet
import pytest
import yaml

from alerts.export import formats
from alerts.export.rewrite import exported
from alerts.export.site import DEFAULT_JOBS, OPTIONAL_JOBS, Site
from alerts.receiver import runbooks
from alerts.rulefiles import UNIT_TESTS, every_alert, rule_files
from foundation.grammar import duration_s

pytestmark = pytest.mark.slow
FILES = {path.stem: file for path, file in rule_files().items()}
STEMS = sorted(path.stem for path in UNIT_TESTS.glob("*.yml"))
TEMPLATES = {alert.alert: alert.annotations for alert in every_alert()}
NEW_JOBS = {job: f"new-{job}" for job in (*DEFAULT_JOBS, *OPTIONAL_JOBS)}
RUNBOOKS, GRAFANA = "https://wiki.example/alerts", "https://grafana.example"
ALL = "TIDEWATCH_EVERY_CASE" in os.environ
"""Every case of every file takes minutes; without this, some files, and of each alert the first case of a kind."""
SCRAPE_S = 61  # about a minute, and on no edge of a window

GROWS = re.compile(
    r"(?!tidewatch_hosting_sla)\w+(_total|_bucket|_sum|_count|timestamp_seconds|(state|downtime)_seconds)\b"
)
"""What has a value that grows with time."""

AS_LONG_AS_EVER = {
    "ProcessRestarting",  # three restarts in a quarter of an hour, which become three in two hours
    "RangeTooShort",  # scrapes of two minutes, which a range of eight holds
    "StoreReportSlow",  # nine of ten exactly, which scaling rounds
}


def site(scrape_interval_s):
    return Site(jobs=NEW_JOBS, source=None, runbooks=RUNBOOKS, grafana=GRAFANA, scrape_interval_s=scrape_interval_s)


def unit_tests(stem, kinds):
    """One file of unit tests, with the first case of these kinds of each alert."""
    file = yaml.load((UNIT_TESTS / f"{stem}.yml").read_text(), yaml.CSafeLoader)
    first = {}
    for number, case in enumerate(file["tests"]):
        alert, kind = re.match(r"(\w+): (\w+)", case["name"]).groups()
        first.setdefault((alert, number if ALL else kind), (kind, case))
    return file | {"tests": [case for kind, case in first.values() if ALL or kind in kinds]}


def with_new_jobs(value, template=""):
    """Series, labels and texts with the new names; in a text, where its template takes the job from the labels."""
    for old, new in NEW_JOBS.items():
        value = value.replace(f'job="{old}"', f'job="{new}"')
        if "$labels.job" in template:
            value = re.sub(rf"(?<![\w-]){old}(?![\w-])", new, value)
    return value.replace("http://127.0.0.1:8094/runbooks", RUNBOOKS).replace("http://127.0.0.1:3000", GRAFANA)


def new_labels(labels):
    return {name: NEW_JOBS.get(value, value) if name == "job" else value for name, value in labels.items()}


def renamed(file):
    """The unit tests with other names of jobs, links and groups."""
    for case in file["tests"]:
        for series in case["input_series"]:
            series["series"] = with_new_jobs(series["series"])
        for check in case["alert_rule_test"]:
            templates = TEMPLATES[check["alertname"]]
            for alert in check["exp_alerts"]:
                alert["exp_labels"] = new_labels(alert["exp_labels"])
                texts = alert["exp_annotations"].items()
                alert["exp_annotations"] = {name: with_new_jobs(text, templates[name]) for name, text in texts}
    return file


def stretched(file):
    """The (renamed) unit tests with a sample every SCRAPE_S: the rates stay, all times grow.

    A gap or a fault that was too short to alarm grows as well, beyond what the rules wait for; such cases are left out.
    """
    cases = [case for case in file["tests"] if is_kept(case)]
    for case in cases:
        factor = SCRAPE_S / duration_s(case["interval"])
        case["interval"] = f"{SCRAPE_S}s"
        for series in case["input_series"]:
            if GROWS.match(series["series"]):
                series["values"] = " ".join(scaled(word, factor) for word in series["values"].split())
        checks = case.pop("alert_rule_test")
        times_s = [int(factor * duration_s(check["eval_time"], zero=True)) for check in checks]
        case["promql_expr_test"] = [
            firing(
                check["alertname"],
                alert["exp_labels"],
                f"max_over_time(ALERTS{{}}[{max(times_s) + 600}s])",
                1,
                max(times_s) + 600,
            )
            for check in checks
            for alert in check["exp_alerts"]
        ] or [firing(checks[0]["alertname"], {}, f"max_over_time(ALERTS{{}}[{max(times_s)}s])", 0, max(times_s))]
    return file | {"evaluation_interval": f"{SCRAPE_S}s", "tests": cases}


def is_kept(case):
    """Whether a stretched case means the same: what fires, and what is silent though nothing in it changes."""
    changes = any(len(series["values"].split()) > 1 for series in case["input_series"])
    return case["name"].partition(":")[0] not in AS_LONG_AS_EVER and (not changes or ": fires " in case["name"])


def firing(alert, labels, expr, count, at_s):
    """Asks `expr` for the alerts of this name and these labels."""
    asked = ", ".join(
        f'{name}="{value}"' for name, value in ({"alertname": alert, "alertstate": "firing"} | labels).items()
    )
    whole = f"count({expr.replace('{}', f'{{{asked}}}')}) or vector(0)"
    return {"expr": whole, "eval_time": f"{at_s}s", "exp_samples": [{"labels": "{}", "value": count}]}


def scaled(word, factor):
    """`0+7x20` with both numbers times `factor`."""
    first, step, times = re.fullmatch(r"(_|stale|-?[\d.]+)([+-][\d.]+)?(x\d+)?", word).groups(default="")
    first = first if first in {"_", "stale"} else f"{float(first) * factor:.6f}"
    return f"{first}{f'{float(step) * factor:+.6f}' if step else ''}{times}"


def promtool(folder, *arguments):
    done = subprocess.run(
        ["promtool", *arguments], cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    return done.returncode, done.stdout + done.stderr


def write(folder, scrape_interval_s):
    for name, text in formats.rules(exported(FILES, site(scrape_interval_s)).files).items():
        (folder / name).write_text(text)


def run(folder, stem, file):
    """Runs one file of unit tests against the exported rules."""
    stems = [path.removeprefix("../rules/") for path in file["rule_files"]]
    groups = [f"tidewatch.{group.name}" for name in stems for group in FILES[name.removesuffix(".yml")].groups]
    in_order = sorted(groups, key=lambda name: name.endswith(".alerts"))  # else promtool takes any
    beside = {"rule_files": stems, "group_eval_order": in_order}
    (folder / f"test-{stem}.yaml").write_text(yaml.dump(file | beside, Dumper=yaml.CSafeDumper))
    return promtool(folder, "test", "rules", f"test-{stem}.yaml")


@pytest.mark.parametrize("scrape_interval_s", [2, 60])
def test_exported_rules_load(tmp_path, scrape_interval_s):
    write(tmp_path, scrape_interval_s)
    code, said = promtool(
        tmp_path, "check", "rules", "--lint=all", "--lint-fatal", *(p.name for p in tmp_path.iterdir())
    )
    assert code == 0, said


def test_a_kubernetes_resource_holds_rules_that_load(tmp_path):
    for name, text in formats.prometheusrules(exported(FILES, site(60)).files).items():
        (tmp_path / name).write_text(yaml.dump(yaml.load(text, yaml.CSafeLoader)["spec"]))
    code, said = promtool(
        tmp_path, "check", "rules", "--lint=all", "--lint-fatal", *(p.name for p in tmp_path.iterdir())
    )
    assert code == 0, said


@pytest.mark.timeout(700)  # weeks of simulated time, as long as promtool itself may take
@pytest.mark.parametrize("stem", STEMS if ALL else ["tidewatch-itself", "prometheus-meta"])
def test_the_unit_tests_pass_under_other_names(tmp_path, stem):
    write(tmp_path, 2)
    code, said = run(tmp_path, stem, renamed(unit_tests(stem, {"fires"})))
    assert code == 0, said


@pytest.mark.parametrize("stem", STEMS if ALL else ["site-log", "site-stats", "generator", "tidewatch-itself"])
def test_the_unit_tests_pass_at_a_scrape_a_minute(tmp_path, stem):
    write(tmp_path, 60)
    code, said = run(tmp_path, stem, stretched(renamed(unit_tests(stem, {"fires", "silent"}))))
    assert code == 0, said


def test_the_commands_of_the_docs_run_as_written(tmp_path):
    section = runbooks().partition("## In your own Prometheus")[2].partition("\n## ")[0]
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    assert commands.count("alerts export") == 4
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["bash", "-ec", commands],
        cwd=tmp_path,
        env={"PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "SUCCESS: 2 rule files found" in done.stdout

    def load(folder, name):
        return folder + name, (tmp_path / folder / name).read_bytes()

    snippet = "(import 'tidewatch.jsonnet').prometheusRules"
    mixin = json.loads(_jsonnet.evaluate_snippet("test", snippet, import_callback=load))
    asked = {rule["record"]: rule["expr"] for group in mixin["groups"] for rule in group["rules"]}
    assert '{job="tidewatch", source=~"shop"}' in asked["source_code:tidewatch_http_requests:rate1m"]
