"""What a site usually does, learned by the recordings of `site-log.yml`, one by one, over days."""

import subprocess
from pathlib import Path

import pytest
import yaml

RULES = Path(__file__).resolve().parents[2] / "alerts" / "rules" / "site-log.yml"
USUAL = ("source:tidewatch_site:unhealthy2d", "source:tidewatch_http_requests:pause_usual_seconds")
PAUSE = "source:tidewatch_http_requests:pause_healthy_seconds"
DAY = 144  # samples of 10 minutes


def answer(tmp_path, series, at):
    """The usual pause at each of the times, with nothing but these recordings at work."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"] if rule.get("record") in USUAL]
    assert [rule["record"] for rule in rules] == list(USUAL)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "usual", "rules": rules}]}))
    wanted = [
        {
            "expr": USUAL[1],
            "eval_time": time,
            "exp_samples": [{"labels": f'{USUAL[1]}{{source="site"}}', "value": value}],
        }
        for time, value in at.items()
    ]
    test = {
        "interval": "10m",
        "input_series": [{"series": f'{name}{{source="site"}}', "values": values} for name, values in series.items()],
        "promql_expr_test": wanted,
    }
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "10m", "tests": [test]}))
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("dead_days", "after"),
    [(1, {"3d20h": 84_000, "5d2h": 600}), (4, {"6d2h": 84_000, "6d20h": 84_000, "8d2h": 600})],
    ids=["a day", "four days"],
)
def test_a_long_outage_leaves_the_usual_pause_as_it_was_until_a_new_day_is_known(tmp_path, dead_days, after):
    dead = dead_days * DAY
    healthy = f"1x{2 * DAY - 1} 0x{dead - 1} 1x{4 * DAY}"
    series = {
        PAUSE: f"84000x{2 * DAY - 1} _x{dead} 600x{4 * DAY}",
        "source:tidewatch_site:healthy": healthy,
        "source:tidewatch_site:healthy1h": f"1x{2 * DAY - 1} _x{dead + 6} 1x{4 * DAY}",
        "source:tidewatch_site:known": f"1x{8 * DAY}",
    }
    said = answer(tmp_path, series, {"1d": 84_000, **after})
    assert "SUCCESS" in said, said
