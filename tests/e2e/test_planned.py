"""The plan that is announced is what the demo's parts do, in the Procfile and in the containers."""

import json
import shlex
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from honcho.environ import parse_procfile
from planned import PLANNED, announcement, as_lines, early

from alerts.planned import Planned, read_planned
from trafficgen.feeds.hosting import parse_fault as parse_hosting
from trafficgen.feeds.releases import parse_regression
from trafficgen.feeds.stores import parse_repeated
from trafficgen.scenario.scenario import read_scenario

ROOT = Path(__file__).resolve().parents[2]
PARTS = parse_procfile((ROOT / "Procfile").read_text()).processes
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
TIMES = {planned.part: (planned.at_s, planned.for_s, planned.every_s) for planned in PLANNED}


def flags(command):
    """Of a command of either file, by name."""
    words = command if isinstance(command, list) else shlex.split(command)
    words = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    return dict(pairwise(words))


@pytest.mark.parametrize(
    "commands", [PARTS, {name: s.get("command") for name, s in SERVICES.items()}], ids=["Procfile", "containers"]
)
def test_the_feeds_fail_when_the_plan_says(commands):
    errors = parse_regression(flags(commands["errors"])["--regression"])
    assert (errors.start_s, errors.stop_s - errors.start_s, errors.every_s) == TIMES["errors"]
    hosting = flags(commands["hosting"])
    fault, minutes = parse_hosting(hosting["--fault"], float(hosting["--speed"])), 60 / float(hosting["--speed"])
    times = (fault.start_m, fault.stop_m - fault.start_m, fault.every_m)
    assert tuple(time * minutes for time in times) == TIMES["hosting"]
    stores = flags(commands["stores"])
    outage = parse_repeated(stores["--fault"], 0, 60)
    assert (outage.start_s, outage.stop_s - outage.start_s, outage.every_s) == TIMES["stores"]
    assert stores["--every"] == "1m", "half an hour has several polls before, in and after it"


def test_the_site_fails_when_the_plan_says():
    scenario = read_scenario("demo")
    (fault,) = scenario.faults
    assert scenario.repeat
    assert (fault.start_s, fault.end_s - fault.start_s, sum(p.duration_s for p in scenario.phases)) == TIMES["traffic"]


def test_faults_come_one_after_the_other_and_none_in_the_first_minutes():
    begins = [planned.at_s for planned in PLANNED]
    assert begins == sorted(begins)
    assert begins[0] >= 480


def test_the_check_has_its_faults_within_its_two_minutes():
    changed = early(PARTS)
    assert {part for part in PARTS if changed[part] != PARTS[part]} == {"errors", "hosting", "stores"}
    assert parse_regression(flags(changed["errors"])["--regression"]).start_s == 45
    assert "--fault" not in changed["hosting"] + changed["stores"]


def test_the_plan_is_announced_on_the_page_and_on_the_terminal(tmp_path):
    path = tmp_path / "planned.json"
    path.write_bytes(json.dumps(announcement(1000.0)).encode())
    read = read_planned(path)
    assert read[0] == Planned(PLANNED[0].what, PLANNED[0].alert, 1480.0, 20.0, 1800.0)
    text = "\n".join(as_lines(1000.0))
    assert all(planned.what in text and planned.alert in text for planned in PLANNED)
