"""Labels of all series of a source of `logs:`, and those from the names of its files."""

import re

import pytest
from click.testing import CliRunner

from exporter.logs.cli import logs
from exporter.logs.selftest import check_source
from exporter.logs.source import Example, Label, Rule, Source
from exporter.logs.whole import WholeFiles
from exporter.sources.linefile import LineFile

PODS = "/var/log/containers/{pod}_{namespace}_{container}-*.log"
PATH = "/var/log/containers/web-1_shop_app-0a1b.log"
COUNTER = Rule(counter="app_events_total", labels={"event": "{event}", "namespace": "{namespace}"})


def source(*rules, paths=(PODS,), **more):
    return Source(source="app", paths=paths, metrics=rules, **more)


@pytest.mark.parametrize(
    ("rules", "more", "samples"),
    [
        ((COUNTER,), {}, {'app_events_total{event="a",namespace="shop"}': 2}),
        (
            (COUNTER,),
            {"static_labels": {"team": "web"}},
            {'app_events_total{event="a",namespace="shop",team="web"}': 2},
        ),
        ((Rule(counter="a_total", labels={"where": "{namespace}/{container}"}),), {}, {'a_total{where="shop/app"}': 2}),
        (
            (Rule(counter="a_total", labels={"pod": Label("pod", match="(.*)-.*", replace=r"\1")}),),
            {},
            {'a_total{pod="web"}': 2},
        ),
        ((Rule(counter="a_total", match={"container": "app"}, labels={"x": "{pod}"}),), {}, {'a_total{x="web-1"}': 2}),
        (
            (Rule(counter="a_total", match={"pod": "^w"}), Rule(counter="b_total", unless={"pod": "^w"})),
            {},
            {"a_total": 2},
        ),
        # what the file is called goes before what a line says of itself
        ((Rule(counter="a_total", labels={"pod": "{pod}"}),), {}, {'a_total{pod="web-1"}': 2}),
        ((Rule(counter="a_total", labels={"n": "{namespace}"}),), {"format": "line"}, {'a_total{n="shop"}': 2}),
    ],
)
def test_what_a_files_name_says_are_fields(rules, more, samples):
    lines = ('{"event":"a","pod":"liar"}',) * 2
    tests = (Example(lines=lines, samples=samples, path=PATH),)
    assert check_source(source(*rules, tests=tests, **more)) == []


def test_a_whitelist_is_born_with_the_static_labels():
    rule = Rule(counter="a_total", labels={"event": Label("event", values=("a", "b"))})
    tests = (Example(lines=(), samples={'a_total{event="b",team="web"}': 0}),)
    assert check_source(source(rule, static_labels={"team": "web"}, tests=tests)) == []


@pytest.mark.parametrize(
    ("rules", "more", "said"),
    [
        ((COUNTER,), {"static_labels": {"event": "x"}}, "app_events_total: the label event is in static_labels too"),
        (
            (COUNTER,),
            {"static_labels": {"a": "{pod}"}},
            "static_labels: a: invalid value '{pod}': expected a fixed text",
        ),
        ((COUNTER,), {"static_labels": {"a": ""}}, "static_labels: a: invalid value ''"),
        ((COUNTER,), {"static_labels": {"a": 201 * "x"}}, f"static_labels: a: invalid value '{20 * 'x'}...': expected"),
        ((COUNTER,), {"static_labels": {"source": "x"}}, "labels: source: the label name is already used"),
        ((COUNTER,), {"static_labels": {"a-b": "x"}}, "labels: a-b: a label's name has letters"),
        ((COUNTER,), {"paths": ("/{a}{b}",)}, "paths: /{a}{b}: expected text between {a} and {b}"),
        ((COUNTER,), {"format": "(?P<event>.*) (?P<pod>.*)"}, "paths: {pod}: the format has a field of that name"),
        ((COUNTER,), {"format": "(?P<event>.*)", "paths": ("/{x}",)}, "no field namespace; it has event, line, x"),
        ((COUNTER,), {"format": "line", "paths": ("/{line}",)}, "paths: {line}: the format has a field of that name"),
        ((COUNTER,), {"paths": ("/{line}",)}, "paths: {line}: the whole line has that name"),
        ((COUNTER,), {"paths": ("/a", "/b\0c")}, r"paths: '/b\x00c': a path cannot contain a null character"),
    ],
)
def test_a_source_that_cannot_work_is_refused_with_the_reason(rules, more, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        source(*rules, **more)


@pytest.mark.slow
def test_several_processes_know_which_file_is_which(tmp_path):
    rule = Rule(counter="a_total", labels={"x": "{x}"})
    names = ("a.log", "b.log.1", "b.log")
    for name in names:
        (tmp_path / name).write_bytes(b"{}\n" * 3)
    found = []
    for processes in (0, 2):
        files = [LineFile(str(tmp_path / name)) for name in names]
        with WholeFiles(source(rule, paths=(f"{tmp_path}/{{x}}.log",)), files, processes=processes) as whole:
            whole.read()
        series = whole.state.metrics["a_total"].series
        found.append({labels: one.numbers[0] for labels, one in series.items()})
    assert found == [{("a",): 3, ("b",): 6}] * 2


def test_the_tools_say_that_a_file_has_another_name(tmp_path):
    config, log = tmp_path / "e.yml", tmp_path / "other"
    config.write_text(
        f"logs:\n- source: app\n  paths: ['{tmp_path}/{{x}}.log']\n"
        "  metrics: [{counter: a_total, labels: {x: '{x}'}}]\n"
    )
    log.write_text("{}\n")
    log.with_name("b.log").write_text("{}\n")
    for command in ("summary", "explain"):
        done = CliRunner().invoke(logs, [command, str(log), "--config.file", str(config)])
        assert f"exporter: {log}: matches none of the paths, so {{x}} are empty\n" in done.stderr
    done = CliRunner().invoke(logs, ["summary", str(log), str(log.with_name("b.log")), "--config.file", str(config)])
    assert done.stdout == 'a_total{source="app",x=""} 1\na_total{source="app",x="b"} 1\n'
