"""The rules that objectives make."""

import math
import re
import subprocess
from decimal import Decimal

import pytest
import scipy
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from alerts.cli import main
from alerts.rulefiles import HERE
from alerts.slo.model import Indicator, Objective, ServiceLevels, read_service_levels
from alerts.slo.rules import TIERS, group, is_current, rendered, threshold, write
from foundation.errors import StoreError

OBJECTIVES = st.floats(1, 99.9999).map(
    lambda o: Objective(name="o", objective=o, indicator=Indicator(kind="availability"))
)
TIER = st.sampled_from(TIERS)
KINDS = ServiceLevels(
    objectives=(
        Objective(
            name="slow", objective=99, indicator=Indicator(kind="latency", threshold=1.0, sources="shop", routes="/a")
        ),
        Objective(
            name="stores", objective=90, window=7 * 86_400, indicator=Indicator(kind="availability", from_="stores")
        ),
        Objective(
            name="each",
            objective=90,
            indicator=Indicator(kind="availability", from_="stores", per_store=True, except_sources="test"),
        ),
        Objective(
            name="rolling", window=86_400, objective=99, indicator=Indicator(kind="availability", from_="hosting")
        ),
        Objective(
            name="jobs",
            indicator=Indicator(kind="ratio", total="jobs_total", bad='jobs_total{end="failed"}', by=("job", "queue")),
        ),
        Objective(name="all", indicator=Indicator(kind="ratio", total="a_total", good='a_total{ok="yes"}')),
    )
)


def test_the_committed_rules_are_what_the_objectives_make():
    assert is_current(read_service_levels()), "run `python -m alerts slo generate` and commit alerts/rules/slo.yml"


def told(bad, all_, objective, tier):
    """Whether as many bad events of as many in the long window alert, as the rule says."""
    share, allowed = bad / all_, float(objective.allowed)
    evidence = all_ * (share * math.log(share / allowed) - share + allowed)
    return share > threshold(objective, tier) and evidence > -math.log(tier.chance)


def test_the_rule_reckons_as_this_test_does():
    expr = next(
        rule["expr"] for rule in group(read_service_levels().objectives[0])["rules"] if rule.get("alert") == "SloBurn14"
    )
    flat = " ".join(expr.replace("slo_source:tidewatch_slo_", "").replace('{slo="site-availability"}', "").split())
    assert flat == (
        "bad_events:ratio1h > 0.0144 and bad_events:ratio5m > 0.0144 and events:whole1h * (bad_events:ratio1h * "
        "ln(bad_events:ratio1h / 0.001) - bad_events:ratio1h + 0.001) > 13.82"
    )


def test_an_account_of_a_billing_cycle_burns_by_its_own_promise_at_the_lower_limit():
    """Above either limit is above the lower one; at the rate of 1 there is no other."""
    rules = group(Objective(name="h", indicator=Indicator(kind="availability", from_="hosting")))["rules"]
    exprs = {rule["alert"]: rule["expr"] for rule in rules if "alert" in rule}
    flat = {
        alert: " ".join(expr.replace("slo_source_account_id:tidewatch_slo_", "").replace('{slo="h"}', "").split())
        for alert, expr in exprs.items()
    }
    evidence = "and events:whole{0} * (ratio{0} * ln(ratio{0} / allowed:ratio) - ratio{0} + allowed:ratio) > {1}"
    over = "( ratio{0} > {1} * allowed:ratio or ratio{0} > (1 + allowed:ratio) / 2 )"
    assert flat["SloBurn6"].replace("bad_events:", "") == " ".join(
        [over.format("6h", 6), "and", over.format("30m", 6), evidence.format("6h", 13.82)]
    )
    assert flat["SloBurn1"].replace("bad_events:", "") == " ".join(
        ["ratio3d > allowed:ratio and ratio6h > allowed:ratio", evidence.format("3d", 6.91)]
    )


def test_accounts_over_rolling_days_burn_by_the_objective():
    [rolling] = [objective for objective in KINDS.objectives if objective.name == "rolling"]
    exprs = [rule["expr"] for rule in group(rolling)["rules"]]
    assert not [expr for expr in exprs if "promise" in expr or "allowed:ratio" in expr]
    assert [expr for expr in exprs if "> 0.144\n" in expr]


@given(OBJECTIVES, TIER.filter(lambda tier: tier.severity == "page"), st.integers(1, 10**7))
def test_one_bad_event_never_pages_whatever_the_traffic(objective, tier, all_):
    """Nor as increase() may see it, a quarter larger than it is."""
    assert not told(min(1.25, all_), all_, objective, tier)


@given(OBJECTIVES, TIER)
def test_a_total_outage_alerts_at_any_objective(objective, tier):
    assert threshold(objective, tier) < 1
    assert told(10**8, 10**8, objective, tier)


@given(OBJECTIVES, TIER, st.integers(1, 5000), st.data())
def test_what_alerts_is_not_explained_by_chance(objective, tier, all_, data):
    """The bound is on the safe side of the exact probability that the objective is kept and this is seen."""
    bad = data.draw(st.integers(1, all_))
    if told(bad, all_, objective, tier):
        assert scipy.stats.binom.sf(bad - 1, all_, float(objective.allowed)) <= tier.chance


@given(OBJECTIVES)
def test_a_lower_rate_has_a_lower_limit(objective):
    limits = [threshold(objective, tier) for tier in TIERS]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] >= min(objective.allowed, Decimal(1))


def test_stores_that_are_polled_by_the_hour_have_no_alert_on_minutes():
    rules = {o.name: {rule.get("alert") for rule in group(o)["rules"]} - {None} for o in KINDS.objectives}
    slow = {"SloBurn3", "SloBurn1", "SloBudgetLow", "SloBudgetSpent"}
    assert (rules["stores"], rules["each"]) == (slow, slow)
    assert rules["slow"] == slow | {"SloBurn14", "SloBurn6"}


@pytest.mark.parametrize(
    "more", [{"from_": "log"}, {"from_": "stats"}, {"from_": "hosting"}, {"from_": "stores"}, {"threshold": 0.5}]
)
def test_an_objective_of_some_sources_reads_no_other(more):
    kind = "latency" if "threshold" in more else "availability"
    indicator = Indicator(kind=kind, sources="shop-.*", except_sources="shop-test", **more)
    rules = group(Objective(name="o", indicator=indicator))["rules"]
    exprs = " ".join(rule["expr"] for rule in rules if "record" in rule)
    read = set(re.findall(r"\b(tidewatch_(?:http|stats|hosting|store)_\w+)(\{[^}]*\})?", exprs))
    others = {name for name, matchers in read if 'source=~"shop-.*", source!~"shop-test"' not in matchers}
    assert others <= {"tidewatch_store_last_ingest_timestamp_seconds"}
    assert len(read) > len(others)


def test_a_group_is_the_same_whatever_the_others_are():
    [first, *_] = yaml.safe_load(rendered(KINDS))["groups"]
    alone = yaml.safe_load(rendered(ServiceLevels(objectives=KINDS.objectives[:1])))["groups"]
    assert alone == [first]


def test_check_names_the_stale_file_and_exits_1(tmp_path):
    path = tmp_path / "slo.yml"
    arguments = ["slo", "generate", "--slo", str(HERE / "slo.yml"), "--output", str(path)]
    got = CliRunner().invoke(main, [*arguments, "--check"])
    assert (got.exit_code, path.exists()) == (1, False)
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert CliRunner().invoke(main, [*arguments, "--check"]).exit_code == 0


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"more"], ids=["empty", "garbage", "longer"])
def test_check_takes_another_content_for_stale_whatever_it_is(tmp_path, content):
    path = tmp_path / "rules.yml"
    path.write_bytes((rendered(KINDS).encode() if content == b"more" else b"") + content)
    assert not is_current(KINDS, path)


def test_what_cannot_be_checked_is_one_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=f"^{tmp_path}/file/rules.yml: Not a directory$"):
        is_current(KINDS, tmp_path / "file" / "rules.yml")
    done = CliRunner().invoke(main, ["slo", "generate", "--check", "--output", "-"])
    assert done.exit_code == 2
    assert "--check compares a file" in done.stderr


E_ = '{job="e", instance="e:1", source="%s"%s}'
SERIES = {
    "tidewatch_http_request_duration_seconds_count" + E_ % ("shop", ', route="/a"'): "0+100x40",
    "tidewatch_http_request_duration_seconds_bucket" + E_ % ("shop", ', route="/a", le="1.0"'): "0+60x40",
    "tidewatch_http_request_duration_seconds_count" + E_ % ("other", ', route="/a"'): "0+100x40",
    "tidewatch_store_time_seconds" + E_ % ("s", ', window="hour", state="up"'): "90000x40",
    "tidewatch_store_time_seconds" + E_ % ("s", ', window="hour", state="down"'): "90000x40",
    "tidewatch_store_time_seconds" + E_ % ("s", ', window="hour", state="unknown"'): "900000x40",
    "tidewatch_store_last_ingest_timestamp_seconds" + E_ % ("s", ""): "0x40",
    "tidewatch_hosting_account_state_seconds" + E_ % ("h", ', account_id="7", state="up"'): "0+45x40",
    "tidewatch_hosting_account_state_seconds" + E_ % ("h", ', account_id="7", state="silent"'): "0+15x40",
    "tidewatch_hosting_account_downtime_seconds" + E_ % ("h", ', account_id="7"'): "0+15x40",
    'jobs_total{job="e", queue="a", end="failed"}': "0+1x40",
    'jobs_total{job="e", queue="a", end="done"}': "0+3x40",
    'jobs_total{job="e", queue="b", end="done"}': "0+3x40",
    'jobs_total{job="e", queue="idle", end="done"}': "7x40",
    'a_total{ok="no"}': "0+1x40",
}
WANT: dict[str, dict[str, float]] = {  # the ratio of five minutes, by what has a budget
    'slo_source:tidewatch_slo_bad_events:ratio5m{slo="slow"}': {'{slo="slow", source="shop"}': 0.4},
    'slo_source:tidewatch_slo_bad_events:ratio5m{slo="stores"}': {'{slo="stores", source="s"}': 0.5},
    "slo_source_account_id:tidewatch_slo_bad_events:ratio5m": {'{slo="rolling", source="h", account_id="7"}': 0.25},
    "slo_job_queue:tidewatch_slo_bad_events:ratio5m": {
        '{slo="jobs", job="e", queue="a"}': 0.25,
        '{slo="jobs", job="e", queue="b"}': 0,
        '{slo="jobs", job="e", queue="idle"}': 0,
    },
    "slo:tidewatch_slo_bad_events:ratio5m": {'{slo="all"}': 1},
}


@pytest.mark.slow
def test_every_indicator_reckons_in_prometheus(tmp_path):
    """Slow requests, stores that are down, accounts, counters of others by label, and a part that was never seen."""
    write(KINDS, tmp_path / "rules.yml")
    asked = [
        {
            "expr": f"round({expr}, 0.001)",
            "eval_time": "19m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
        }
        for expr, samples in WANT.items()
    ]
    case = {
        "interval": "29s",
        "input_series": [{"series": series, "values": values} for series, values in SERIES.items()],
        "promql_expr_test": asked,
    }
    test = {"rule_files": ["rules.yml"], "evaluation_interval": "59s", "tests": [case]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    for command in (["check", "rules", "--lint=all", "--lint-fatal", "rules.yml"], ["test", "rules", "test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_total_outage_pages_within_five_minutes_at_any_scrape_interval_and_traffic(tmp_path):
    """And nothing pages before it: at 2 and at 61 seconds, at 0.05 and at 10,000 requests/s."""
    write(read_service_levels(), tmp_path / "rules.yml")
    cases = []
    for scrape_s in (2, 61):
        for rate in (0.05, 10_000):
            times = range(0, 1600, scrape_s)
            counts = {
                200: [int(rate * min(t, 1200)) for t in times],
                500: [int(rate * max(0, t - 1200)) for t in times],
            }
            firing = {"expr": 'count(ALERTS{alertname="SloBurn14"}) or vector(0)'}
            cases.append(
                {
                    "interval": f"{scrape_s}s",
                    "input_series": [
                        {
                            "series": f'tidewatch_http_requests_total{{job="e", source="s", code="{code}"}}',
                            "values": " ".join(map(str, values)),
                        }
                        for code, values in counts.items()
                    ],
                    "promql_expr_test": [
                        {**firing, "eval_time": "20m", "exp_samples": [{"labels": "{}", "value": 0}]},
                        {**firing, "eval_time": "25m30s", "exp_samples": [{"labels": "{}", "value": 1}]},
                    ],
                }
            )
    test = {"rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": cases}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(test))
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
