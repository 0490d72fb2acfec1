"""The published schema of the JSON report is the program's, and real reports are what it says."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, ValidationError

from trafficgen.config import Limits, LoadConfig
from trafficgen.plan.mix import parse_mix
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.report.report import SCHEMA_VERSION
from trafficgen.report.schema import report_schema
from trafficgen.run import run_load
from trafficgen.targets.read import read_targets

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "trafficgen-report.schema.json"
TARGETS = """\
targets: [{path: /, weight: 3}, {path: /missing, expect: 404}]
sessions: [{name: shop, steps: [{path: /fail}, {path: /last}]}]
"""


def validated(text):
    """The report, every field of which the schema knows."""
    report, schema = json.loads(text), json.loads(PUBLISHED.read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(report)
    assert set(report) == set(schema["$defs"]["Report"]["properties"])
    assert report["schema_version"] == SCHEMA_VERSION
    return report


async def sent(site, **settings):
    phases = (Phase(pattern=parse_patterns((), 500.0), duration_s=0.1),)
    return validated((await run_load(LoadConfig(url=site.url, phases=phases, seed=1, **settings))).to_json())


def test_the_published_schema_is_that_of_the_program():
    assert json.loads(PUBLISHED.read_text()) == report_schema(), (
        "python -m trafficgen.report.schema > docs/trafficgen-report.schema.json"
    )


async def test_a_run_with_failures_is_as_the_schema_says(site):
    report = await sent(site, mix=parse_mix("/=5,/fail=3,/missing=2"))
    assert report["server_errors"] > 0


async def test_a_run_without_an_answer_is_as_the_schema_says(site):
    async def hang_up(_reader, writer):
        writer.close()

    site.script["/"] = hang_up
    report = await sent(site, limits=Limits(connections=2))
    assert (report["answered"], report["ratios"]["http_5xx_ratio"]) == (0, None)


async def test_targets_and_sessions_are_as_the_schema_says(site, tmp_path):
    (tmp_path / "t.yml").write_text(TARGETS)
    report = await sent(site, targets=read_targets(tmp_path / "t.yml", {}))
    assert len(report["by_target"]) == 4
    assert report["sessions"]["shop"]["failed"] > 0


@pytest.mark.e2e
async def test_an_invalid_run_is_as_the_schema_says(site):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trafficgen.cli", "--url", site.url, "--metrics-address", "off", "--report", "json",
        "--rps", "2000000", "--duration", "0.2", "--on-behind", "drop", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    report = validated(out)
    assert process.returncode == 4
    assert (report["saturated"], bool(report["own_fault"])) == (True, True)


@pytest.mark.parametrize("field", ["planned", "schema_version", "by_target", "latency_from_plan_s"])
async def test_a_report_without_a_field_is_not(site, field):
    report = await sent(site)
    del report[field]
    with pytest.raises(ValidationError, match=field):
        Draft202012Validator(report_schema()).validate(report)
