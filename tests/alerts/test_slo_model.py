"""What slo.yml may say, and what is said of the rest."""

import re
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.export.site import literal
from alerts.receiver import runbooks
from alerts.slo.counters import Counter, Matcher, parse_counter, parse_quotient, parse_sum
from alerts.slo.model import BUCKETS_S, Indicator, ServiceLevels, read_service_levels
from exporter.accesslog.source import BUCKETS_S as OF_THE_EXPORTER
from foundation.config import parse_config
from foundation.errors import ConfigError

LATENCY = "{kind: latency, from: log, threshold: %s}"


def levels(indicator="{kind: availability}", rest="", more=""):
    return parse_config(
        f"objectives:\n  - name: one\n    indicator: {indicator}\n{rest}{more}", ServiceLevels, name="slo.yml"
    )


def test_out_of_the_box_each_site_has_three_nines_over_thirty_days():
    site = read_service_levels().objectives[0]
    assert (site.indicator.measures, site.indicator.sources, site.allowed, site.window_words) == (
        ("log", "stats"),
        ".+",
        Decimal("0.001"),
        "30 days",
    )


def test_the_example_of_the_docs_is_taken():
    section = runbooks().partition("\n## Service levels")[2].partition("\n## ")[0]
    (example,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    (checkout,) = parse_config(example, ServiceLevels).objectives
    assert (checkout.indicator.threshold, checkout.window_words, checkout.allowed_words) == (0.25, "28 days", "1 %")


OF_A_KEY = {
    "codes": "429|5..",
    "sources": "shop",
    "except_sources": "test",
    "routes": "/cart",
    "per_store": "true",
    "threshold": "250ms",
    "total": "a_total",
    "good": "'a_total{ok=\"yes\"}'",
    "bad": "'a_total{ok=\"no\"}'",
    "by": "[queue]",
}
INDICATORS = dict(
    re.findall(r"^\| `(kind: [^`]+)` \|.*\| ([^|]+) \|$", runbooks().partition("| indicator |")[2], re.MULTILINE)
)


def test_every_key_of_an_indicator_has_a_value_here():
    assert OF_A_KEY.keys() == {field.name for field in msgspec.structs.fields(Indicator)} - {"kind", "from_"}
    assert len(INDICATORS) == 7


@pytest.mark.parametrize("key", OF_A_KEY)
@pytest.mark.parametrize("indicator", INDICATORS)
def test_an_indicator_has_the_keys_of_the_table_in_the_docs_and_no_other(indicator, key):
    asked = {"latency": ["threshold"], "ratio": ["total", "bad" if key == "bad" else "good"]}
    keys = {key, *asked.get(indicator.partition(",")[0].removeprefix("kind: "), ())}
    text = "{" + ", ".join([indicator, *(f"{name}: {OF_A_KEY[name]}" for name in sorted(keys))]) + "}"
    if f"`{key}`" in INDICATORS[indicator]:
        assert levels(text).objectives
    else:
        with pytest.raises(ConfigError, match=f"{key} does not apply to "):
            levels(text)


def test_the_bounds_are_those_of_the_exporter():
    assert BUCKETS_S == OF_THE_EXPORTER


def test_a_bound_of_ones_own_may_be_a_threshold():
    assert levels(LATENCY % "300ms", more="buckets: [0.3, 3]\n").objectives[0].indicator.threshold == 0.3


@pytest.mark.parametrize(
    ("indicator", "rest", "message"),
    [
        (
            "{kind: availability}",
            "    objective: 100\n",
            "slo.yml:4: $.objectives[0].objective: expected a percentage from 1 to",
        ),
        (
            "{kind: availability}",
            "    objective: 0\n",
            "expected a percentage from 1 to 99.9999, for example 99.9",
        ),
        (
            "{kind: availability}",
            "    window: 36h\n",
            "$.objectives[0]: window 1d12h: expected whole days, for example 30d",
        ),
        ("{kind: availability}", "    window: 5m\n", "expected at least 1d"),
        ("{kind: availability}", '    description: "{{ $x }}"\n', "expected one line of text without {{"),
        (
            LATENCY % "300ms",
            "",
            "objective one: threshold 0.3 s is not a bound of the histogram; expected one of 0.001, ",
        ),
        ("{kind: latency}", "", "$.objectives[0].indicator: missing key threshold: expected the longest good time"),
        ("{kind: latency, from: stats, threshold: 1s}", "", "latency has no measure stats; expected log"),
        ("{kind: availability, from: [log, hosting]}", "", "from: expected one measure, or [log, stats]"),
        ("{kind: availability, from: [log, log]}", "", "from: expected each measure once"),
        (
            "{kind: availability, from: stats, routes: /a}",
            "",
            "routes does not apply to availability from stats; known here: codes",
        ),
        ("{kind: availability, codes: '5(?=0)'}", "", "codes: invalid regex '5(?=0)': invalid perl operator: (?="),
        ("{kind: availability, codes: '5('}", "", "codes: invalid regex '5('"),
        (
            "{kind: availability, sources: 'a++'}",
            "",
            "sources: invalid regex 'a++': bad repetition operator: ++; expected",
        ),
        (
            "{kind: availability, except_sources: 'a{999999999}'}",
            "",
            "except_sources: invalid regex 'a{999999999}'",
        ),
        ("{kind: ratio, total: 'a{b=~\"c++\"}', bad: b}", "", "invalid regex 'c++': bad repetition operator: ++"),
        ("{kind: ratio, total: a_total}", "", "expected total, and one of good and bad, each a counter"),
        (
            "{kind: ratio, total: a_total, good: b, bad: c}",
            "",
            "expected total, and one of good and bad, each a counter",
        ),
        (
            "{kind: ratio, total: 'rate(a[5m])', good: b}",
            "",
            "invalid counter rate(a[5m]): expected a metric and its labels",
        ),
        (
            "{kind: availability, from: hosting}",
            "    objective: 99\n",
            "exporter.yml has what accounts are promised in a billing cycle; expected objective 99.9",
        ),
        ("{kind: speed}", "", "expected availability or latency or ratio, got speed"),
        ("{kind: availability, source: a}", "", "unknown key source"),
    ],
)
def test_what_cannot_be_is_refused_with_what_could(indicator, rest, message):
    with pytest.raises(ConfigError) as caught:
        levels(indicator, rest)
    assert message in str(caught.value)


def test_two_objectives_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="duplicate objective one"):
        levels(more="  - name: one\n    indicator: {kind: availability}\n")


COUNTER = Counter("http_requests_total", (Matcher("code", "=~", "5.."), Matcher("job", "=", 'a"b')))


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("%s", ()),
        ("sum(rate(%s[5m]))", ()),
        ("sum by (job, zone) (increase(%s[{{.window}}]))", ("job", "zone")),
        ("sum( rate(%s[5m]) )\n  by (job)", ("job",)),
        ("rate(%s[1h])", ()),
    ],
)
def test_a_counter_is_read_from_what_is_around_it(text, by):
    assert parse_sum(text % str(COUNTER)) == (COUNTER, by)


@pytest.mark.parametrize(
    "text",
    ["", "1 - a", "sum(a) + sum(b)", "avg(rate(a[5m]))", "a{b}", "histogram_quantile(0.9, a)", "sum without (x) (a)"],
)
def test_a_query_that_is_no_count_of_events_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        parse_sum(text)


def test_a_quotient_of_counters_is_read_and_a_bare_ratio_is_not():
    assert parse_quotient('sum(rate(a{path="/x/y"}[5m])) / sum(rate(b[5m]))') == (
        (Counter("a", (Matcher("path", "=", "/x/y"),)), ()),
        (Counter("b"), ()),
    )
    with pytest.raises(ValueError, match="can't be weighted by requests"):
        parse_quotient("job:success:ratio5m")


NAMES = st.sampled_from(("a", "http_requests_total", "_x9"))
VALUES = st.text(max_size=8)
MATCHERS = st.one_of(
    st.builds(Matcher, NAMES, st.sampled_from(("=", "!=")), VALUES),
    st.builds(Matcher, NAMES, st.sampled_from(("=~", "!~")), VALUES.map(literal)),
)


@settings(max_examples=50)
@given(st.builds(Counter, NAMES, st.lists(MATCHERS, max_size=3).map(tuple)))
def test_a_counter_as_text_is_read_back_as_the_same(counter):
    assert parse_counter(str(counter)) == counter
