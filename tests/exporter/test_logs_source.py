"""What a rule may be: held to Prometheus' conventions before the first line is read."""

import re

import pytest

from exporter.logs import Source, check_sources
from exporter.logs.source import Label, Limits, Rule
from exporter.systems import read
from foundation.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "expected one of counter, gauge, histogram"),
        ({"counter": "a_total", "gauge": "a"}, "expected one of counter, gauge, histogram"),
        ({"counter": "app_logins"}, "counters, and only counters, end in _total"),
        ({"gauge": "app_total", "value": "{n}"}, "counters, and only counters, end in _total"),
        ({"counter": "App-logins_total"}, "lower-case letters"),
        ({"counter": "job:logins_total"}, "lower-case letters"),
        ({"counter": "tidewatch_logins_total"}, "names that begin with tidewatch_ are reserved"),
        ({"gauge": "app_queue_count", "value": "{n}"}, "_count are reserved for the series of histograms"),
        ({"histogram": "app_wait_ms", "value": "{n}"}, "name it app_wait_seconds, and set unit:"),
        ({"counter": "app_sent_kb_total", "value": "{n}"}, "name it app_sent_bytes_total, and set unit:"),
        ({"histogram": "app_wait", "value": "{n}", "unit": "ms"}, "name it app_wait_seconds"),
        ({"counter": "app_busy_total", "value": "{n}", "unit": "ms"}, "name it app_busy_seconds_total"),
        ({"gauge": "app_queue_length"}, "a gauge needs a value, for example value: '{took}'"),
        ({"histogram": "app_wait_seconds", "value": "took"}, "one field in braces"),
        ({"histogram": "app_wait_seconds", "value": "{n}", "buckets": (1.0, 0.5)}, "expected ascending numbers"),
        ({"histogram": "app_wait_seconds", "value": "{n}", "buckets": ()}, "expected ascending numbers"),
        ({"counter": "a_total", "labels": {"__x": "a"}}, "a label's name has letters"),
        ({"counter": "a_total", "labels": {"source": "a"}}, "the label name is already used"),
        ({"counter": "a_total", "labels": {"a": Label("f", match="(")}}, "does not compile"),
        ({"counter": "a_total", "labels": {"a": Label("f", replace="x")}}, "replace needs match"),
        ({"counter": "a_total", "labels": {"a": Label("f", match="(.)", replace=r"\2")}}, "replace"),
        ({"counter": "a_total", "match": {"line": "(?P<x>"}}, "does not compile"),
        (
            {"counter": "a_total", "match": {"event": ()}},
            "a_total: match: event: expected a text, or a list of at least",
        ),
        ({"counter": "a_total", "unless": {"event": ()}}, "a_total: unless: event: expected a text, or a list of"),
        ({"counter": "a_total", "labels": {"a": 201 * "x"}}, "labels: a: 'xxxxxxxxxxxxxxxxxxxx'... has more than 200"),
    ],
)
def test_what_breaks_the_conventions_is_refused_with_what_would_be_right(given, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Rule(**given)


POWERS = {"A0": "x", **{f"A{n}": 10 * f"%{{A{n - 1}}}" for n in range(1, 9)}}


def rule(**more):
    return Rule(**{"counter": "app_lines_total"} | more)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"format": r"(?P<a>\w+)", "metrics": (rule(labels={"x": "{b}"}),)},
            "the format has no field b; it has a, line",
        ),
        ({"format": "combined", "metrics": (rule(labels={"x": "{host}"}),)}, "the format has no field host"),
        ({"format": "line", "metrics": (rule(match={"level": "x"}),)}, "the format has no field level; it has line"),
        ({"format": "(?P<a>", "metrics": (rule(),)}, "does not compile"),
        ({"format": "%{WORD:a} %{NOSUCH:b}", "metrics": (rule(),)}, "the grok pattern NOSUCH is not known"),
        ({"format": "%{A:x}", "patterns": {"A": "%{A}"}, "metrics": (rule(),)}, "refers to itself"),
        ({"format": "%{NOSUCH:b}", "metrics": (rule(),)}, "the grok pattern NOSUCH is not known"),
        (
            {"format": "%{A8:x}", "patterns": POWERS, "metrics": (rule(),)},
            "is longer than 100,000 characters as a regex",
        ),
        ({"format": "w3c", "metrics": (rule(),)}, "a log in w3c names its fields itself"),
        ({"format": "csv", "metrics": (rule(),)}, "a log in csv names its fields itself"),
        ({"format": "nosuch", "metrics": (rule(),)}, "format 'nosuch' is not known"),
        ({"metrics": (rule(), rule(labels={"x": "a"}))}, "has the labels none in one rule and x in another"),
        (
            {"metrics": (rule(labels={"x": Label("f", values=tuple(range(1001)))}),)},
            "1001 series would be created at once",
        ),
    ],
)
def test_a_source_that_cannot_work_is_refused_with_the_reason(given, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Source(**{"source": "app", "paths": ("/x",)} | given)


def test_sources_agree_on_what_a_metric_is():
    one = Source(source="a", paths=("/x",), metrics=(rule(),))
    check_sources([one, Source(source="b", paths=("/x",), metrics=(rule(match={"a": "b"}),))])
    with pytest.raises(ValueError, match="app_lines_total: has the labels none in one rule and x in another"):
        check_sources([one, Source(source="b", paths=("/x",), metrics=(rule(labels={"x": "{y}"}),))])


def test_an_error_of_the_file_names_its_line_and_key(tmp_path):
    file = tmp_path / "e.yml"
    file.write_text("logs:\n  - source: app\n    paths: [/x]\n    metrics:\n      - counter: app_logins\n")

    with pytest.raises(ConfigError, match=r"e.yml.*logs\[0\].metrics\[0\].*app_logins: counters"):
        read(file)


def test_declared_values_are_born_and_a_gauge_is_not():
    labels = {"how": Label("how", values=("ok", "bad")), "zone": "a"}
    assert list(rule(labels=labels).born()) == [("ok", "a"), ("bad", "a")]
    assert list(rule().born()) == [()]
    assert list(rule(labels={"how": "{how}"}).born()) == []
    assert list(Rule(gauge="app_length", value="{n}").born()) == []
    assert Limits().series >= 1
