"""What mutes what, as `python -m alerts export --format alertmanager` writes it for somebody else's Alertmanager."""

import re
import shutil
import subprocess

import pytest
import yaml
from click.testing import CliRunner
from programs import ALERTMANAGER, alertmanager, until

from alerts.cli import main
from alerts.export.inhibition import InhibitRule, inhibit_rules
from alerts.export.site import Site, parse_jobs
from alerts.rulefiles import HERE, every_alert

pytestmark = pytest.mark.slow
NAMES = {alert.alert for alert in every_alert()}


def rules(tmp_path, *flags):
    """What is written with these flags, as dicts."""
    folder = str(tmp_path / "out")
    done = CliRunner().invoke(
        main, ["export", "--format", "alertmanager", "--no-runbooks", "--output", folder, *flags], standalone_mode=False
    )
    assert (done.exception, done.stderr) == (None, "")
    return yaml.safe_load((tmp_path / "out" / "inhibit_rules.yml").read_text())["inhibit_rules"]


def sides(rule):
    return rule["source_matchers"], rule["target_matchers"]


def value(matchers, label):
    return next((match[1] for m in matchers if (match := re.fullmatch(rf'{label}=~?"(.*)"', m))), None)


def test_every_rule_of_the_demo_is_there_and_asks_for_the_jobs_that_are_named(tmp_path):
    jobs = ["--job", "my-exporter", "--job", "timeserver=shop"]
    got = rules(tmp_path, *jobs, "--only", "site-log,site-stats,generator,hosting,stores,releases,slo,tidewatch-itself")
    shipped = yaml.safe_load((HERE / "alertmanager.yml").read_text())["inhibit_rules"]
    assert [rule.get("equal") for rule in got] == [rule.get("equal") for rule in shipped]
    assert {value(source, "job") for source, _ in map(sides, got)} == {None, "my-exporter", "shop"}


def test_a_job_that_is_not_named_is_not_asked_for(tmp_path):
    """A job `timeserver` may be another program's."""
    assert {value(source, "job") for source, _ in map(sides, rules(tmp_path))} == {None, "exporter"}


def test_no_alert_of_others_mutes_or_is_muted(tmp_path):
    """Each side asks for alerts of ours by name, for a label that ours alone have, or for the other side's name."""
    for rule in rules(tmp_path, "--job", "timeserver=shop"):
        source, target = (value(side, "alertname") for side in sides(rule))
        asked = [source, source if "alertname" in rule.get("equal", ()) else target]
        if value(rule["target_matchers"], "via") == "exporter":
            asked.pop()
        assert all({name for name in NAMES if re.fullmatch(pattern, name)} for pattern in asked), rule
        assert not any(re.fullmatch(pattern, "SomebodysAlert") for pattern in asked)


def test_both_sides_of_a_rule_are_exported(tmp_path):
    got = rules(tmp_path, "--only", "stores,tidewatch-itself")
    assert {value(source, "alertname") for source, _ in map(sides, got)} == {
        "TargetDown|TargetMissing",
        "StoreIngestStale",
        "CheckpointProblems",
    }


def test_one_of_several_exporters_mutes_only_what_comes_through_it(tmp_path):
    got = [r for r in rules(tmp_path, "--job", "one", "--source", r"shop|api\.eu") if value(sides(r)[0], "job")]
    assert [sides(rule)[1] for rule in got] == [
        ['via="exporter"', r'source=~"shop|api\\.eu"'],
        ['via="exporter"', 'job="one"'],
    ]


def config(folder, got):
    """A configuration of Alertmanager with these rules, and nothing to deliver."""
    whole = {"route": {"receiver": "x", "group_wait": "1h"}, "receivers": [{"name": "x"}], "inhibit_rules": got}
    (folder / "alertmanager.yml").write_text(yaml.dump(whole, allow_unicode=True))
    return folder / "alertmanager.yml"


@pytest.mark.e2e
@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not on PATH")
@pytest.mark.parametrize("job", ["exporter", 'a"b\\c.d', "größe {x}"])
def test_alertmanager_takes_it(tmp_path, job):
    got = rules(tmp_path, "--job", job, "--source", r'shop|"x"|a\.b')
    command = ["amtool", "check-config", str(config(tmp_path, got))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(got)} inhibit rules" in done.stdout


def test_of_one_alert_at_two_severities_only_those_that_have_them_are_named():
    site = Site(jobs=parse_jobs([]), source=None, runbooks=None, grafana=None, scrape_interval_s=60)
    rule = InhibitRule(['severity="page"'], ['severity=~"ticket|info"'], ["alertname", "source"])
    (got,) = inhibit_rules([rule], every_alert(), site)
    assert got.source_matchers == ['severity="page"', 'alertname=~"SiteTrafficDropped|SiteTrafficStopped"']


@pytest.mark.e2e
@pytest.mark.skipif(not ALERTMANAGER, reason="alertmanager is not on PATH")
async def test_an_alertmanager_with_other_names_mutes_what_follows_and_nothing_of_others(tmp_path):
    of_others = [{"alertname": "DiskFull", "severity": severity, "source": "blog"} for severity in ("page", "ticket")]
    ours = {"via": "exporter", "severity": "page"}
    posted = [
        {"alertname": "TargetDown", "job": 'a"b\\c.d', "severity": "page"},
        {"alertname": "LogStalled", "source": "shop", **ours},
        {"alertname": "LogStalled", "source": "wiki", **ours},
        {"alertname": "LogAndStatsDisagree", "source": "wiki", **ours},
        {"alertname": "TargetDown", "job": 'a"bXc.d', "severity": "page"},
        {"alertname": "TargetDown", "job": 'a"b\\c.d', "others": "up", "instance": "b", "severity": "page"},
        *of_others,
    ]
    got = rules(tmp_path, "--job", 'a"b\\c.d', "--source", "shop|blog")

    async def muted():
        found = [alert for alert in await running.alerts() if alert["status"]["inhibitedBy"]]
        return {(alert["labels"]["alertname"], alert["labels"]["source"]) for alert in found}

    async with alertmanager(tmp_path, config(tmp_path, got)) as running:
        await running.post(*((labels, {}) for labels in posted))
        want = {("LogStalled", "shop"), ("LogAndStatsDisagree", "wiki")}
        assert await until(muted, lambda got: len(got) >= len(want)) == want
