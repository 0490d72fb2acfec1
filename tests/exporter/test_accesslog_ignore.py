"""`ignore:` of an access log: which rule takes a request, in both engines the same, and how it is counted."""

import re

import pytest

from exporter.accesslog.ignore import Ignore, conditions

pytest.importorskip("re2", reason="google-re2 is not installed: `make .venv/installed` renews the packages")


@pytest.mark.parametrize(
    ("texts", "values", "held"),
    [
        (["/healthz"], ["/healthz", "/healthz/", "/a/healthz", ""], ["0", "", "", ""]),
        (["example.org"], ["example.org", "exampleXorg"], ["0", ""]),
        (["^/health"], ["/healthz", "/a/health"], ["0", ""]),
        (["(?i)kube-probe|bot"], ["Kube-Probe/1.29", "Googlebot/2.1", "curl/8"], ["0", "0", ""]),
        (["a", "^a", "b$"], ["a", "ab", "b", "c"], ["1 0", "1 2", "2", ""]),
        (["^$"], ["", "x"], ["0", ""]),
        (["^.$"], ["é", "\ufffd", "ab"], ["0", "0", ""]),
    ],
)
def test_a_text_is_itself_and_a_regex_is_searched_for(texts, values, held):
    assert conditions(texts, "x")(values) == held


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ([{}], "ignore[0]: expected a field and its text, for example {path: /healthz}"),
        ([{"path": "/a"}, {"name": "x"}], "ignore[1]: expected a field and its text"),
        ([{"path": "", "name": "x"}], "ignore[0]: path: expected a text or a regex"),
        ([{"path": "a\x00", "name": "x"}], "ignore[0]: path: expected a text or a regex"),
        ([{"path": "/a", "name": ""}], "ignore[0]: expected a name of 1 to 100 characters"),
        ([{"path": "/" + "a" * 200}], "ignore[0]: expected a name of 1 to 100 characters"),
        ([{"path": "("}], "ignore: path: invalid regex '(': missing )"),
        ([{"path": "(?=a)"}], "regexes are RE2's, without lookaround and back-references"),
        ([{"path": r"(a)\1"}], r"invalid regex '(a)\\1'"),
        ([{"path": "(a{1000}){1000}"}], "invalid regex"),
        ([{"path": "/a"}] * 101, "ignore: 101 rules; expected at most 100"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_what_would_be_right(settings, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        Ignore(settings)


RULES = [
    {"path": "/healthz"},
    {"user_agent": "(?i)kube-probe|bot", "name": "probes"},
    {"path": "^/a", "code": 404, "method": "GET"},
    {"path": "^/b", "name": "probes"},
]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"path": "/healthz", "user_agent": "bot"}, "path=/healthz"),
        ({"path": "/", "user_agent": "Bot"}, "probes"),
        ({"path": "/b/1"}, "probes"),
        ({"path": "/a/1", "code": "404", "method": "GET"}, "path=^/a,code=404,method=GET"),
        ({"path": "/a/1", "code": "404", "method": "POST"}, None),
        ({"path": "/a/1", "code": "200", "method": "GET"}, None),
        ({}, None),
    ],
)
def test_the_first_rule_takes_a_request_whose_conditions_all_hold(values, rule):
    ignore = Ignore(RULES)
    holding = {
        field: conditions(texts, field)([values.get(field, "")])[0].encode() for field, texts in ignore.texts.items()
    }
    assert ignore.rule_of(holding) == rule
    assert ignore.names == ("path=/healthz", "probes", "path=^/a,code=404,method=GET")


def test_a_regex_takes_no_longer_for_a_text_that_was_made_for_it():
    """By backtracking, 2**60 ways to try."""
    assert conditions(["^(a|a?)+$"], "x")(["a" * 60 + "b"]) == [""]
