"""Two sites behind one exporter at a scrape a minute, as a stranger exports the rules for them: one dies."""

import shutil
import subprocess

import pytest
import yaml
from click.testing import CliRunner

from alerts.cli import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not on PATH (Debian: prometheus)"),
]
HOURS, DIES = 4, 3
REQUESTS = 'tidewatch_http_requests_total{{job="{job}", instance="a:1", source="{source}", route="/", code="200"}}'
LINES = 'tidewatch_log_lines_total{{job="{job}", instance="a:1", source="{source}"}}'


def growing(of, per_minute, *, dies):
    """A counter of a site of 60 requests a minute, which gets none after DIES hours, or goes on."""
    alive, dead = (DIES * 60, (HOURS - DIES) * 60) if dies else (HOURS * 60, 0)
    values = f"0+{per_minute}x{alive}" + (f" {alive * per_minute}+0x{dead}" if dead else "")
    return {"series": of, "values": values}


def test_only_the_dead_one_pages(tmp_path):
    """`wiki`, which was not exported, and `shop` of another job die as well, and nobody is told of them."""
    flags = "--format rules --only site-log --job mine --source shop|blog --scrape-interval 60s --no-runbooks --output"
    done = CliRunner().invoke(main, ["export", *flags.split(), str(tmp_path)], standalone_mode=False)
    assert done.exception is None
    sites = [("mine", "shop", True), ("mine", "blog", False), ("mine", "wiki", True), ("theirs", "forum", True)]
    series = [
        growing(metric.format(job=job, source=source), 60, dies=dies)
        for job, source, dies in sites
        for metric in (REQUESTS, LINES)
    ]
    pages = 'count by (alertname, source) (last_over_time(ALERTS{severity="page", alertstate="firing"}[4h]))'
    test = {
        "rule_files": ["site-log.yml"],
        "evaluation_interval": "60s",
        "tests": [
            {
                "interval": "60s",
                "input_series": series,
                "promql_expr_test": [
                    {"expr": pages, "eval_time": f"{DIES}h", "exp_samples": []},
                    {
                        "expr": pages,
                        "eval_time": f"{HOURS}h",
                        "exp_samples": [{"labels": '{alertname="SiteTrafficStopped", source="shop"}', "value": 1}],
                    },
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.dump(test))
    promtool = subprocess.run(
        ["promtool", "test", "rules", "test.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert promtool.returncode == 0, promtool.stdout + promtool.stderr
