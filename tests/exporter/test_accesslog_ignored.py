"""Requests that `ignore:` takes: the same in both engines as one line at a time says."""

import re
from collections import Counter
from functools import cache

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from test_accesslog_columnar import BUCKETS, BULK, lines_of

from exporter.accesslog.cli import explain_command, summary
from exporter.accesslog.columns import Column
from exporter.accesslog.formats import PRESETS
from exporter.accesslog.ignore import Ignore
from exporter.accesslog.metrics import families
from exporter.accesslog.own_labels import Label
from exporter.accesslog.parse import reader as reader_module
from exporter.accesslog.parse.reader import Reader
from exporter.accesslog.routes import Router
from exporter.accesslog.selftest import check_source
from exporter.accesslog.source import Example, Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import COUNT, Tally

pytest.importorskip("re2", reason="google-re2 is not installed: `make .venv/installed` renews the packages")

NAMED = [
    {"path": "/", "name": "root"},
    {"path": "^/a|[0-9]$", "method": "GET", "name": "some"},
    {"code": 404},
    {"code": "^5", "path": "/.", "name": "errors"},
]
AGENT = [{"user_agent": "(?i)mozilla|curl", "path": "e", "name": "agents"}, {"user_agent": "-"}]


def rules_of(name):
    names = PRESETS[name].names
    return [*NAMED, *AGENT] if names is None or "user_agent" in names else NAMED


def by_hand(name, text):
    """The requests that each rule takes, and the others: one line at a time, by Python's regexes."""
    rules = rules_of(name)
    fields = sorted({field for rule in rules for field in rule} - {"name"})
    reader = Reader(PRESETS[name], BUCKETS, columns=[Column(field, list) for field in fields])
    ignored, counted = {}, 0
    for key, numbers in reader.read(text).hits.items():
        line = dict(zip(fields, (value.decode("utf-8", "replace") for value in key[3:]), strict=True))
        for rule in rules:
            texts = {field: str(value) for field, value in rule.items() if field != "name"}
            if all(
                re.search(value, line[field]) if re.search(r"[\\^$*+?{}\[\]|()]", value) else line[field] == value
                for field, value in texts.items()
            ):
                label = rule.get("name") or ",".join(f"{field}={value}" for field, value in texts.items())
                ignored[label] = ignored.get(label, 0) + numbers[COUNT]
                break
        else:
            counted += numbers[COUNT]
    return ignored, counted


@cache
def readers(name, routed):
    router = Router(["/users/{id}"]) if routed else None
    return tuple(Reader(PRESETS[name], BUCKETS, ignore=Ignore(rules_of(name)), router=router) for _ in range(2))


def alike(tally):
    """A tally whose targets may be others of the same route."""
    router, hits = Router(["/users/{id}"]), Tally()
    for (method, target, code), numbers in tally.hits.items():
        hits.merge(Tally(hits={(method, router.route(target).encode(), code): numbers}))
    return hits.hits


def check(name, text):
    ignored, counted = by_hand(name, text)
    for routed in (False, True):
        scalar, bulk = readers(name, routed)
        for reader in (scalar, bulk):
            reader.go_on_from(None)  # of what the lines before have announced
        one = scalar.read(text)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(reader_module, "BULK_BYTES", 0)
            two = bulk.read(text)
        assert (one.ignored, one.requests) == (ignored, counted)
        assert (two.ignored, two.requests, two.lines, two.failed) == (ignored, counted, one.lines, one.failed)
        assert alike(one) == alike(two)
        assert routed or one.hits == two.hits


@pytest.mark.parametrize("name", ["tab", "combined", "json"])
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_both_engines_ignore_the_same(name, data):
    check(name, data.draw(lines_of(name)))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BULK))
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_both_engines_ignore_the_same_of_much(name, data):
    check(name, data.draw(lines_of(name)))


LINE = '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET {} HTTP/1.1" {} 5 "-" "{}"\n'
CONFIG = """
accesslog:
- source: site
  paths: ['{folder}/a.log']
  format: combined
  codes: [200]
  ignore:
  - {{path: /healthz}}
  - {{user_agent: '(?i)kube-probe|bot', name: probes}}
"""


def source_of(folder, **more):
    return Source(
        source="site",
        paths=(f"{folder}/a.log",),
        format="combined",
        ignore=({"path": "/healthz"}, {"user_agent": "(?i)kube-probe|bot", "name": "probes"}),
        **more,
    )


LINES = "".join(
    LINE.format(*one)
    for one in [("/healthz", 200, "curl"), ("/", 200, "Googlebot/2.1"), ("/", 200, "curl"), ("/healthz?a", 500, "-")]
)


def test_tests_of_the_configuration_see_what_is_ignored(tmp_path):
    samples = {
        'tidewatch_http_requests_total{code="200"}': 1,
        'tidewatch_http_ignored_requests_total{rule="path=/healthz"}': 2,
        'tidewatch_http_ignored_requests_total{rule="probes"}': 1,
        "tidewatch_log_lines_total": 4,
        "tidewatch_log_lines_failed_total": 0,
    }
    tests = (Example(lines=tuple(LINES.splitlines()), samples=samples),)
    assert check_source(source_of(tmp_path, tests=tests)) == []
    tests = (Example(lines=(), samples={'tidewatch_http_ignored_requests_total{rule="probes"}': 0}),)
    assert check_source(source_of(tmp_path, tests=tests)) == []


def test_a_field_that_the_format_does_not_have_is_refused():
    with pytest.raises(ValueError, match="ignore: the format has no field host; it has method, path, code"):
        Source(source="s", paths=("/x",), format="combined", ignore=({"host": "a"},))
    own = r"(?P<tenant>\S+) (?P<code>\d+)"
    assert Source(source="s", paths=("/x",), format=own, ignore=({"tenant": "a"},)).ignoring().names == ("tenant=a",)


def test_counters_of_rules_go_on_and_old_state_is_read():
    source = source_of("/x")
    traffic = Traffic(source, 1.0, {"totals": b'{"lines":7,"failed":{},"folded":{}}'})
    traffic.add(Tally(lines=3, ignored={"probes": 2}), 2.0)
    saved = {key: msgspec.json.encode(value) for key, value in traffic.changes(everything=True).items()}
    again = Traffic(source, 3.0, saved)
    again.add(Tally(lines=1, ignored={"probes": 1}), 4.0)
    (family,) = [one for one in families(again) if one.metric.name == "tidewatch_http_ignored_requests_total"]
    assert dict(family.series) == {("site", "path=/healthz"): 0, ("site", "probes"): 3}
    assert again.totals.lines == 11


def test_explain_and_summary_say_which_rule_took_a_line(tmp_path):
    config, log = tmp_path / "e.yml", tmp_path / "a.log"
    config.write_text(CONFIG.format(folder=tmp_path))
    log.write_text(LINES)
    options = [str(log), "--config.file", str(config)]
    done = CliRunner().invoke(explain_command, options)
    rule = 'tidewatch_http_ignored_requests_total{source="site",rule="probes"} +1'
    assert (done.exit_code, done.stdout.splitlines()[3]) == (0, f"    ignored  {rule}")
    done = CliRunner().invoke(summary, options)
    assert done.stdout.splitlines() == [
        "requests  bytes  code  method  route",
        "       1      5  200   GET     /",
        "4 lines, 0 bad, 3 ignored (path=/healthz 2, probes 1)",
    ]
    found = msgspec.json.decode(CliRunner().invoke(summary, [*options, "--json"]).stdout)
    assert (found["ignored"], found["other"]) == ({"path=/healthz": 2, "probes": 1}, 0)


SHAPES = {
    "json": '{{"method":"{1}","path":"{0}","status":200}}\n',
    "pino": '{{"level":30,"req":{{"method":"{1}","url":"{0}"}},"res":{{"statusCode":200}},"responseTime":5}}\n',
    "logfmt": "method={1} path={0} status=200\n",
    "combined": '192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "{1} {0} HTTP/1.1" 200 1 "-" "x"\n',
    "$remote_addr $request_method $request_uri $status": "192.0.2.1 {1} {0} 200\n",
}


@pytest.mark.parametrize("bulk_bytes", [0, 1 << 30], ids=["in-bulk", "line-by-line"])
@pytest.mark.parametrize("name", SHAPES)
def test_a_rule_takes_its_own_path_and_no_other_one_of_the_same_route(name, bulk_bytes, monkeypatch):
    """Where only routes matter one target stands for many, but not for those that a rule, or a label, tells apart."""
    monkeypatch.setattr(reader_module, "BULK_BYTES", bulk_bytes)
    source = Source(
        source="site",
        paths=("/x",),
        format=name,
        envelope="none",
        routes=("/{x}",),
        ignore=({"path": "/a"}, {"method": "PUT", "path": "/b", "name": "two"}),
        labels={"first": Label(field="path", match="(/.).*", replace=r"\1")},
    )
    asked = [
        ("/a", "GET"),
        ("/b", "GET"),
        ("/b", "PUT"),
        ("/a", "PUT"),
        ("a", "GET"),
        ("/c", "GET"),
        ("/a?b", "GET"),
    ] * 3
    data = "".join(SHAPES[name].format(*one) for one in asked).encode()
    tally = source.reader(router=source.router()).read(data)
    assert tally.ignored == {"path=/a": 9, "two": 3}
    firsts = Counter(key[3].decode() for key, numbers in tally.hits.items() for _ in range(numbers[0]))
    assert firsts == {"/b": 3, "/c": 3, "other": 3}
