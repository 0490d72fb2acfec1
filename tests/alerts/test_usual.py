"""What a site usually does, learned by the recordings of `site-log.yml`, one by one, over days."""

import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow
RULES = Path(__file__).resolve().parents[2] / "alerts" / "rules" / "site-log.yml"
SITE = "source:tidewatch_site"
HTTP = "source:tidewatch_http_requests"


def disagreement(tmp_path, recorded, interval_m, series, answers):
    """What promtool has against the answers, with nothing but some recordings of the file at work; None for nothing.

    Args:
        tmp_path: for its files.
        recorded: names of the recordings, in the order of the file.
        interval_m: minutes from sample to sample, and from evaluation to evaluation.
        series: samples by name, as promtool writes them.
        answers: the value of the last of `recorded` by the time, None for no value.
    """
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"] if rule.get("record") in recorded]
    assert [rule["record"] for rule in rules] == list(recorded)
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "usual", "rules": rules}]}))
    last = recorded[-1]
    wanted = [
        {
            "expr": last,
            "eval_time": time,
            "exp_samples": [] if value is None else [{"labels": f'{last}{{source="site"}}', "value": value}],
        }
        for time, value in answers.items()
    ]
    test = {
        "interval": f"{interval_m}m",
        "input_series": [{"series": f'{name}{{source="site"}}', "values": values} for name, values in series.items()],
        "promql_expr_test": wanted,
    }
    path = tmp_path / "test.yml"
    given = {"rule_files": ["rules.yml"], "evaluation_interval": f"{interval_m}m", "tests": [test]}
    path.write_text(yaml.safe_dump(given))
    done = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert ("SUCCESS" in said) == (done.returncode == 0), said
    return said if done.returncode else None


@pytest.mark.parametrize(
    ("dead_days", "after"),
    [(1, {"3d20h": 84_000, "5d2h": 600}), (4, {"6d2h": 84_000, "6d20h": 84_000, "8d2h": 600})],
    ids=["a day", "four days"],
)
def test_a_long_outage_leaves_the_usual_pause_as_it_was_until_a_new_day_is_known(tmp_path, dead_days, after):
    day = 72  # samples of twenty minutes
    dead = dead_days * day
    series = {
        f"{HTTP}:pause_healthy_seconds": f"84000x{2 * day - 1} _x{dead} 600x{4 * day}",
        f"{SITE}:healthy": f"1x{2 * day - 1} 0x{dead - 1} 1x{4 * day}",
        f"{SITE}:healthy1h": f"1x{2 * day - 1} _x{dead + 3} 1x{4 * day}",
        f"{SITE}:known": f"1x{8 * day}",
    }
    recorded = (f"{SITE}:unhealthy2d", f"{HTTP}:pause_usual_seconds")
    assert disagreement(tmp_path, recorded, 20, series, {"1d": 84_000, **after}) is None


@pytest.mark.parametrize(
    ("early", "tonight", "answers"),
    [
        (0, 10, {"8d": None, "8d10m": None}),
        (1, 10, {"7d23h50m": None, "8d": None}),
        (0, 2, {"8d": 2, "8d10m": 2}),
    ],
    ids=["as ever", "ten minutes early", "less than ever"],
)
def test_the_end_of_a_shift_is_no_drop_after_a_day_of_three_times_as_much(tmp_path, early, tonight, answers):
    """Nights have a tenth of what days have; the last day and night had three times as much as all before."""
    half = 72  # samples of ten minutes
    days = f"10x{half - 1} 100x{half - 1} " * 7 + f"30x{half - 1} "
    length = 8 * 2 * half + 20
    series = {
        f"{HTTP}:rate_healthy": f"10 {days} 300x{half - 1}",  # learned ten minutes late
        f"{HTTP}:rate_now": f"{days} 300x{half - 1 - early} {tonight}x20",
        f"{HTTP}:rate_low": f"30x{length}",
        f"{HTTP}:rate_spread": f"0x{length}",
        f"{HTTP}:samples5m": f"5x{length}",
    }
    recorded = (
        f"{HTTP}:rate_usual_weeks",
        f"{HTTP}:rate_low_weeks",
        f"{HTTP}:rate_usual",
        f"{HTTP}:rate_dropped",
    )
    assert disagreement(tmp_path, recorded, 10, series, answers) is None


def test_what_is_usual_is_the_median_of_this_hour_in_the_last_weeks(tmp_path):
    """Half an hour after the busy shift began, neither the last hour is a measure nor the odd day a week ago."""
    half = 72  # samples of ten minutes
    days = [f"{10 * odd}x{half - 1} {100 * odd}x{half - 1}" for odd in [1] * 14 + [3] + [1] * 7]
    series = {name: " ".join(days) for name in (f"{HTTP}:rate_healthy", f"{HTTP}:rate_now")}
    recorded = (f"{HTTP}:rate_usual_weeks", f"{HTTP}:rate_usual")
    answers = {"21d6h30m": 10, "21d12h30m": 100}
    assert disagreement(tmp_path, recorded, 10, series, answers) is None
