"""Expressions, texts and flags of the export; what comes out is parsed by the 3.x grammar."""

import re
from typing import Any

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from promql_parser import MatrixSelector, SubqueryExpr, VectorSelector

from alerts.export.promql import Matcher, rewritten, selectors
from alerts.export.rewrite import LEAST_SCRAPES, exported, notes
from alerts.export.site import DEFAULT_JOBS, Site, literal, parse_jobs, parse_link, parse_source, quoted
from alerts.export.words import reworded, words
from alerts.rulefiles import every_rule, rule_files

FILES = {path.stem: file for path, file in rule_files().items()}
EXPRS = sorted({rule.expr for rule in every_rule()})
RUNBOOKS, GRAFANA = "https://wiki.example/alerts", "https://grafana.example"


def site(*, scrape_interval_s=60.0, source=None, **jobs):
    return Site(
        jobs=DEFAULT_JOBS | jobs,
        source=source,
        runbooks=RUNBOOKS,
        grafana=GRAFANA,
        scrape_interval_s=scrape_interval_s,
    )


def rules(files):
    return [rule for file in files.values() for group in file.groups for rule in group.rules]


def nodes(expr, kind):
    found = []
    promql_parser.walk(promql_parser.parse(expr), found.append)
    return [node for node in found if isinstance(node, kind)]


@pytest.mark.parametrize(
    ("expr", "want"),
    [
        ("up", 'up{x="y"}'),
        ("rate(a[1m])", 'rate(a{x="y"}[2m])'),
        ("a offset 1m", 'a{x="y"} offset 2m'),
        ("a offset -1m", 'a{x="y"} offset -2m'),
        ("max_over_time(a[1h:1m])", 'max_over_time(a{x="y"}[1h:1m])'),
        ("sum by (a, b) (c)", 'sum by (a, b) (c{x="y"})'),
        ("sum(c) by (a)", 'sum(c{x="y"}) by (a)'),
        ("a{b='c', d=~\"e{2}\"}", 'a{x="y"}'),
        ("a / on (b) group_left () c", 'a{x="y"} / on (b) group_left () c{x="y"}'),
        ("a:b:c unless on (d) e", 'a:b:c{x="y"} unless on (d) e{x="y"}'),
        ('label_replace(a, "b", "$1 [1m] c", "d", "(.*)")', 'label_replace(a{x="y"}, "b", "$1 [1m] c", "d", "(.*)")'),
        ("topk(3, a) > bool 1e3 # d", 'topk(3, a{x="y"}) > bool 1e3 # d'),
        ("time() - 60 > bool 0.5", "time() - 60 > bool 0.5"),
        ('{__name__="a"}', '{x="y"}'),
        ("a == 0 and b >= 5", 'a{x="y"} == 0 and b{x="y"} >= 5'),
    ],
)
def test_selectors_and_durations_change_and_nothing_else(expr, want):
    got = rewritten(expr, matchers=lambda _: (Matcher("x", "=", "y"),), duration=lambda s: max(s, 120))
    assert got == want
    assert promql_parser.parse(got)


def test_what_is_to_stay_stays_to_the_letter():
    for expr in EXPRS:
        assert rewritten(expr, matchers=lambda selector: selector.matchers, duration=lambda s: s) == expr


def test_the_selectors_are_those_that_the_grammar_finds():
    for expr in EXPRS:
        got = [(s.metric, len(s.matchers)) for s in selectors(expr)]
        want = [(node.name, len(node.matchers.matchers)) for node in nodes(expr, VectorSelector)]
        assert sorted(got) == sorted(want), expr
        assert sum(s.over_range for s in selectors(expr)) == len(nodes(expr, MatrixSelector | SubqueryExpr)), expr


@pytest.mark.slow
def test_an_export_differs_in_matchers_and_durations_alone():
    """Without what was added, and with durations too short to grow, every expression is as it ships."""
    got = rules(
        exported(
            FILES, site(scrape_interval_s=0.1, source="s", timeserver="timeserver", **{"stats-probe": "stats-probe"})
        ).files
    )
    for old, new in zip(rules(FILES), got, strict=True):
        added = re.compile(r'(source=~"s"|job="exporter")(, )?')
        as_shipped, as_exported = (added.sub("", rule.expr).replace("{}", "").strip("\n") for rule in (old, new))
        assert as_exported == as_shipped
        assert (new.for_, new.keep_firing_for, new.labels) == (old.for_, old.keep_firing_for, old.labels)


NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@pytest.mark.slow
@given(NAMES)
def test_every_series_of_the_exporter_is_of_the_job_whatever_its_name(job):
    for rule in rules(exported({"tidewatch-itself": FILES["tidewatch-itself"]}, site(exporter=job)).files):
        for node in nodes(rule.expr, VectorSelector):
            jobs = [m for m in node.matchers.matchers if m.name == "job"]
            if node.name.startswith("tidewatch_") or node.name in {"up", "process_start_time_seconds"}:
                assert [(str(m.op), m.value) for m in jobs] == [("MatchOp.Equal", job)]


@pytest.mark.slow
@given(NAMES)
def test_a_literal_matches_its_text_alone(text):
    assert re.fullmatch(literal(text), text)
    assert not re.fullmatch(literal(text), text + "x")
    tree: Any = promql_parser.parse(f'up{{job="{quoted(text)}"}}')
    assert tree.matchers.matchers[0].value == text


def test_sources_are_asked_of_every_series_that_has_them():
    for rule in rules(exported(FILES, site(source="shop|api-.+")).files):
        for node in nodes(rule.expr, VectorSelector):
            got = [m.value for m in node.matchers.matchers if m.name == "source"]
            if ":" in node.name or node.name.startswith("tidewatch_http_") or node.name == "tidewatch_hosting_readable":
                assert got == ["shop|api-.+"], (rule.expr, node.name)
            if node.name in {"up", "tidewatch_system_up", "tidewatch_config_last_reload_successful"}:
                assert got == []


def asked(expr):
    """Its selectors, as they are written."""
    return set(re.findall(r"up{[^}]*}", expr))


def test_targets_of_others_are_not_asked_for():
    """The demo's other jobs only where somebody says that they have them."""
    itself = {"tidewatch-itself": FILES["tidewatch-itself"]}
    found = {r.alert: r.expr for r in rules(exported(itself, site(exporter="mine")).files)}
    assert asked(found["TargetDown"]) == {'up{job="mine"}'}
    assert found["TargetMissing"] == 'absent(up{job="mine"})'
    found = {r.alert: r.expr for r in rules(exported(itself, site(exporter="a.b", timeserver="web")).files)}
    assert asked(found["TargetDown"]) == {r'up{job=~"a\\.b|web"}'}


def adapts(rule):
    return rule.alert == "LogStalled" or rule.record in {r.record for r in group_of("site.now").rules}


def group_of(name):
    return next(group for file in FILES.values() for group in file.groups if group.name == name)


@pytest.mark.parametrize("scrape_interval_s", [2, 15, 60, 61, 300])
def test_ranges_and_offsets_hold_four_scrapes(scrape_interval_s):
    """But for those that are chosen by the scrapes there are, as long as one of them holds four."""
    got = exported(FILES, site(scrape_interval_s=scrape_interval_s))
    held = [rule for rule in rules(got.files) if scrape_interval_s > 75 or not adapts(rule)]
    ranges = [node.range for rule in held for node in nodes(rule.expr, MatrixSelector)]
    offsets = [node.offset for rule in held for node in nodes(rule.expr, VectorSelector) if node.offset]
    assert min(r.total_seconds() for r in ranges) >= LEAST_SCRAPES * scrape_interval_s
    assert min(o.total_seconds() for o in offsets) >= LEAST_SCRAPES * scrape_interval_s
    waits = [r.for_ for r in rules(got.files) if r.alert in {"TargetDown", "TargetMissing", "LogUnreadable"}]
    assert min(promql_parser.parse_duration(wait).total_seconds() for wait in waits) >= 2 * scrape_interval_s


def test_what_chooses_its_range_keeps_it():
    got = exported(FILES, site(scrape_interval_s=60))
    now = next(group for group in got.files["site-log"].groups if group.name == "tidewatch.site.now")
    lengths = {node.range.total_seconds() for rule in now.rules for node in nodes(rule.expr, MatrixSelector)}
    assert {60, 150, 300} <= lengths


def test_what_grew_is_said_and_nothing_else():
    assert list(notes(exported(FILES, site(scrape_interval_s=2)).grown, 2)) == []
    said = "\n".join(notes(exported(FILES, site(scrape_interval_s=60)).grown, 60))
    assert "site-stats: 1m is too short for scrapes every 1m: 4m in " in said
    before = {(r.alert, r.expr) for r in rules(FILES)}
    assert "HostingServerOverloaded" not in said
    assert before == {(r.alert, r.expr) for r in rules(FILES)}


@pytest.mark.parametrize("scrape_interval_s", [60, 61, 300])
def test_texts_say_the_durations_of_their_rules(scrape_interval_s):
    """No alert whose minute, or whose ten seconds, grew still speaks of one."""
    got = exported(FILES, site(scrape_interval_s=scrape_interval_s))
    for rule in rules(got.files):
        texts = " ".join(rule.annotations.values())
        assert not re.search(r"(last|a|one) minute\b|10 seconds|30 seconds", texts), rule.alert


@pytest.mark.parametrize(
    ("text", "changes", "want"),
    [
        ("in the last minute", {60: 240}, "in the last 4 minutes"),
        ("one minute after, over a minute", {60: 244}, "244 seconds after, over 244 seconds"),
        ("for 10 seconds", {10: 120}, "for 2 minutes"),
        ("for half a minute, every minute, per minute", {30: 120, 60: 240}, "for 2 minutes, every minute, per minute"),
        ("in 5 minutes or five minutes, not 15 minutes", {300: 1200}, "in 20 minutes or 20 minutes, not 15 minutes"),
        ("a minute, then 4 minutes", {60: 240, 240: 300}, "4 minutes, then 5 minutes"),
        ("an hour", {3600: 7200}, "2 hours"),
        ("minutes of a day", {60: 240}, "minutes of a day"),
        ("a minute", {}, "a minute"),
    ],
)
def test_words_follow_the_durations(text, changes, want):
    assert reworded(text, changes) == want


@pytest.mark.parametrize(
    ("seconds", "want"), [(1, "1 second"), (90, "90 seconds"), (3600, "1 hour"), (172800, "2 days")]
)
def test_a_duration_in_words(seconds, want):
    assert words(seconds) == want


def test_links_follow_the_flags():
    for rule in rules(exported(FILES, site()).files):
        if rule.alert:
            assert rule.annotations["runbook_url"] == f"{RUNBOOKS}#{rule.alert.lower()}"
            assert rule.annotations["dashboard_url"].startswith(f"{GRAFANA}/d/tidewatch-")
    bare = Site(jobs=DEFAULT_JOBS, source=None, runbooks=None, grafana=None, scrape_interval_s=60)
    assert {key for rule in rules(exported(FILES, bare).files) for key in rule.annotations} == {
        "summary",
        "description",
    }


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ((), {}),
        (("mine",), {"exporter": "mine"}),
        (("a=b",), {"exporter": "a=b"}),
        (("exporter=a", "timeserver=web", "prometheus=p"), {"exporter": "a", "timeserver": "web", "prometheus": "p"}),
    ],
)
def test_jobs(given, want):
    assert parse_jobs(given) == DEFAULT_JOBS | want


@pytest.mark.parametrize("given", ["", " ", "timeserver=", "a\nb", "a\x00"])
def test_a_job_without_a_name_is_refused(given):
    with pytest.raises(ValueError, match=r"invalid job .*for example"):
        parse_jobs([given])


def test_a_regex_for_sources_is_taken():
    assert parse_source("shop|api-.+") == "shop|api-.+"


@pytest.mark.parametrize("text", ["", "a\nb", "(", "(?=a)b"])
def test_what_prometheus_refuses_or_matches_no_source_is_refused(text):
    with pytest.raises(ValueError, match=r"(?s)invalid regex .*for example"):
        parse_source(text)


@pytest.mark.parametrize("text", ["https://a.example/x/", "http://a.example:3000", "https://[::1]/y"])
def test_links(text):
    assert parse_link(text) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example",
        "ftp://a.example",
        "https://",
        "https://a b",
        "https://a.example/#x",
        "https://a.example/?x=1",
        "https://a{{ x }}",
        "https://u:p@a.example",
        "http://[::1",
        'https://a"b',
    ],
)
def test_what_no_link_can_begin_with_is_refused(text):
    with pytest.raises(ValueError, match=r"invalid URL .*for example") as caught:
        parse_link(text)
    assert "u:p" not in str(caught.value)
