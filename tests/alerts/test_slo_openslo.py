"""OpenSLO documents are read and written; what cannot be taken is refused with its reason."""

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.cli import main
from alerts.slo.model import BUCKETS_S, DAY_S, Indicator, Objective, ServiceLevels
from alerts.slo.openslo import MOST_REASONS, _parts, documents, read_texts
from alerts.slo.written import text_of
from foundation.config import parse_config
from foundation.errors import ConfigError

NOT_SLICES = "budgetingMethod Timeslices: budgets count requests, not slices of time; expected Occurrences"
SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout, displayName: Checkout}
spec:
  service: shop
  description: |
    Orders that
    went through.
  budgetingMethod: Occurrences
  timeWindow: [{duration: 4w, isRolling: true}]
  indicator:
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(orders_total{end="paid"}[5m]))'}}}
        total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(orders_total[5m]))'}}}
  objectives: [{target: 0.995}]
"""


QUICK = 'sum by (shop) (rate(took_seconds_bucket{le="0.25"}[5m]))'


def read(*texts):
    return read_texts({f"{number}.yml": text for number, text in enumerate(texts)})


def query(text):
    return f"{{metricSource: {{spec: {{query: '{text}'}}}}}}"


def changed(**spec):
    tree = yaml.safe_load(SLO)
    tree["spec"] = {key: value for key, value in {**tree["spec"], **spec}.items() if value is not None}
    return yaml.safe_dump(tree)


def ratio(text):
    return changed(indicator={"spec": {"ratioMetric": yaml.safe_load(text)}})


def test_an_slo_of_anybodys_counters_is_read():
    levels, notes = read(SLO)
    [objective] = levels.objectives
    assert notes == []
    assert objective == Objective(
        name="checkout",
        description="Orders that went through.",
        objective=99.5,
        window=28 * DAY_S,
        service="shop",
        indicator=Indicator(kind="ratio", total="orders_total", good='orders_total{end="paid"}'),
    )


def test_several_documents_with_services_indicators_and_several_targets_are_read():
    service = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: shop}\nspec: {}\n"
    sli = (
        "---\napiVersion: openslo/v1\nkind: SLI\nmetadata: {name: quick}\nspec:\n  ratioMetric:\n"
        f"    good: {query(QUICK)}\n"
        f"    total: {query('sum by (shop) (rate(took_seconds_count[5m]))')}\n"
    )
    policy = "---\napiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {name: wake}\nspec: {}\n"
    slo = changed(indicator=None, indicatorRef="quick", objectives=[{"targetPercent": 99}, {"target": 0.5}])
    levels, notes = read(service + sli + policy, slo)
    assert [(o.name, o.objective, o.indicator.by) for o in levels.objectives] == [
        ("checkout-1", 99, ("shop",)),
        ("checkout-2", 50, ("shop",)),
    ]
    assert levels.objectives[0].indicator.good == 'took_seconds_bucket{le="0.25"}'
    assert notes == ["0.yml: document 3 (AlertPolicy wake): not needed: each objective has alerts of its own"]


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        (f"{{bad: {query('bad_total')}, total: {query('all_total')}}}", "", "bad_total"),
        (f"{{raw: {query('rate(ok_total[5m]) / rate(all_total[5m])')}, rawType: success}}", "ok_total", ""),
        (f"{{raw: {query('sum(bad_total) / sum(all_total)')}, rawType: failure}}", "", "bad_total"),
    ],
)
def test_bad_events_and_quotients_are_read(text, good, bad):
    [objective] = read(ratio(text))[0].objectives
    assert objective.indicator == Indicator(kind="ratio", total="all_total", good=good, bad=bad)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            changed(budgetingMethod="Timeslices"),
            "budgetingMethod Timeslices: budgets count requests, not slices of time",
        ),
        (
            changed(timeWindow=[{"duration": "1M", "isRolling": False}]),
            "timeWindow of 1M: expected a rolling one of whole days",
        ),
        (changed(timeWindow=[{"duration": "36h", "isRolling": True}]), "window 1d12h: expected whole days"),
        (changed(timeWindow=[]), "timeWindow: expected one, for example [{duration: 30d, isRolling: true}]"),
        (changed(timeWindow=None), "missing key timeWindow"),
        (changed(objectives=[{}]), "expected target or targetPercent"),
        (changed(objectives=[{"target": 0.9, "targetPercent": 90}]), "expected target or targetPercent"),
        (changed(objectives=[{"target": 99.9}]), "$.spec.objectives[0].target"),
        (changed(objectives=[{"target": 0.9999999}]), "expected a percentage from 1 to 99.9999"),
        (changed(indicator=None), "no ratioMetric: expected good or bad and total"),
        (changed(indicator=None, indicatorRef="x"), "indicatorRef x: no SLI of this name among the documents"),
        (
            changed(indicator={"spec": {"thresholdMetric": yaml.safe_load(query("a"))}}),
            "for latency a bucket and its count",
        ),
        (ratio(f"{{total: {query('a')}}}"), "expected total, and one of good and bad"),
        (ratio(f"{{raw: {query('job:ok:ratio')}, rawType: success}}"), "a ratio without its counts can't be weighted"),
        (ratio(f"{{raw: {query('a / b')}}}"), "raw without rawType"),
        (ratio(f"{{counter: false, good: {query('a')}, total: {query('b')}}}"), "a gauge has no increase"),
        (ratio(f"{{good: {query('avg(a)')}, total: {query('b')}}}"), "invalid query avg(a): expected a counter"),
        (ratio(f"{{good: {query('sum by (x) (a)')}, total: {query('b')}}}"), "expected the same labels"),
        (changed(objectives=[{"target": 0.9, "indicatorRef": "x"}]), "expected one indicator for all of the SLO"),
        (
            SLO.replace("{name: checkout", "{annotations: {tidewatch/indicator: '[['}, name: checkout"),
            "remove it, and the queries count",
        ),
        (
            SLO.replace("{name: checkout", "{annotations: {tidewatch/indicator: '{}'}, name: checkout"),
            "missing key kind",
        ),
        (SLO.replace("Prometheus", "Datadog"), "metricSource of type Datadog: expected Prometheus"),
        (SLO.replace("openslo/v1", "openslo/v1alpha"), "apiVersion openslo/v1alpha: expected openslo/v1"),
        (SLO.replace("kind: SLO", "kind: Slo"), "kind Slo: expected SLO, SLI or Service"),
        (SLO.replace("name: checkout", "name: Check Out"), "a name of at most 63 small letters"),
        ("- 1\n", "0.yml:1: "),
        ("a: [", "not YAML"),
        ("", "no document of kind SLO"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_the_reason(text, reason):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert reason in str(caught.value)


def test_all_reasons_are_given_at_once_with_their_lines():
    with pytest.raises(ConfigError) as caught:
        read(SLO + "---\n" + SLO.replace("timeWindow", "window"), changed(budgetingMethod="Timeslices"))
    assert [line.partition(": $")[0] for line in str(caught.value).splitlines()] == [
        "0.yml: document 2:22",
        f"1.yml: document 1 (SLO checkout): {NOT_SLICES}",
    ]


def test_many_documents_take_time_by_their_number_and_not_by_its_square():
    """Each in the memory of its own lines; and the first reasons are still seen."""
    with pytest.raises(ConfigError) as caught:
        read("---\na: 1\n" * 300)
    reasons = str(caught.value).splitlines()
    assert len(reasons) == MOST_REASONS + 1
    assert reasons[1] == "0.yml:4: $: missing key apiVersion"
    assert reasons[-1] == f"and {300 - MOST_REASONS} more"
    assert sum(len(part.text) for part in _parts("0.yml", "---\na: 1\n" * 300)) < 300 * len("---\na: 1\n")


def test_an_alert_policy_of_an_slo_is_noted():
    assert read(changed(alertPolicies=[{"alertPolicyRef": "wake"}]))[1] == [
        "0.yml: document 1 (SLO checkout): alertPolicies not needed: each objective has alerts of its own"
    ]


def test_a_changed_query_wins_over_the_annotation():
    levels = ServiceLevels(objectives=(Objective(name="a", indicator=Indicator(kind="availability")),))
    text = documents(levels).replace('code=~"5.."', 'code="500"')
    [objective] = read(text)[0].objectives
    assert objective.indicator == Indicator(
        kind="ratio",
        total="tidewatch_http_requests_total",
        bad='tidewatch_http_requests_total{code="500"}',
        by=("source",),
    )


REGEXES = st.sampled_from((".+", "a|b", "/x.*", "5[0-9]\\.1"))
SITES = {"sources": REGEXES, "except_sources": st.sampled_from(("", "test-.*"))}
COUNTERS = st.sampled_from(("a_total", 'b_total{x="1"}', 'c_total{x=~"\\\\d+", y!="\\""}'))
INDICATORS = st.one_of(
    st.builds(Indicator, kind=st.just("availability"), from_=st.just("log"), codes=REGEXES, routes=REGEXES, **SITES),
    st.builds(
        Indicator,
        kind=st.just("availability"),
        from_=st.sampled_from(("stats", ("log", "stats"))),
        codes=REGEXES,
        **SITES,
    ),
    st.builds(Indicator, kind=st.just("availability"), from_=st.just("hosting"), **SITES),
    st.builds(Indicator, kind=st.just("availability"), from_=st.just("stores"), per_store=st.booleans(), **SITES),
    st.builds(Indicator, kind=st.just("latency"), threshold=st.sampled_from(BUCKETS_S), routes=REGEXES, **SITES),
    st.builds(Indicator, kind=st.just("ratio"), total=COUNTERS, good=COUNTERS, by=st.sampled_from(((), ("x", "y")))),
    st.builds(Indicator, kind=st.just("ratio"), total=COUNTERS, bad=COUNTERS),
)
NAMES = st.sampled_from(("a", "9", "a-b", "site-availability", "x" * 63))
LINES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=30).filter(lambda t: "{{" not in t)
PROMISES = st.builds(
    Objective,
    name=NAMES,
    description=LINES,
    objective=st.floats(1, 99.9999),
    window=st.integers(1, 366).map(lambda days: days * DAY_S),
    service=NAMES,
    indicator=INDICATORS,
)
CYCLES = st.builds(
    Objective, name=NAMES, description=LINES, indicator=st.just(Indicator(kind="availability", from_="hosting"))
)
LEVELS = st.lists(PROMISES | CYCLES, min_size=1, max_size=4, unique_by=lambda objective: objective.name).map(
    lambda found: ServiceLevels(objectives=tuple(found))
)


@pytest.mark.slow
@settings(max_examples=40)
@given(LEVELS)
def test_what_is_written_is_read_back_as_the_same(levels):
    assert read(documents(levels)) == (levels, [])
    assert parse_config(text_of(levels), ServiceLevels) == levels


def test_export_then_import_on_the_command_line_is_the_same_file(tmp_path):
    path = tmp_path / "openslo.yml"
    assert CliRunner().invoke(main, ["slo", "export", "--output", str(path)]).exit_code == 0
    done = CliRunner().invoke(main, ["slo", "import", str(path)])
    assert (done.exit_code, done.stderr) == (0, "")
    assert [o["name"] for o in yaml.safe_load(done.stdout)["objectives"]] == [
        "site-availability",
        "hosting-availability",
    ]


def test_import_writes_nothing_when_a_document_is_refused(tmp_path):
    good, bad, out = tmp_path / "good.yml", tmp_path / "bad.yml", tmp_path / "slo.yml"
    good.write_text(SLO)
    bad.write_text(changed(budgetingMethod="Timeslices"))
    done = CliRunner().invoke(
        main, ["slo", "import", str(good), str(bad), str(tmp_path / "none.yml"), "--output", str(out)]
    )
    assert done.exit_code != 0
    assert not out.exists()
