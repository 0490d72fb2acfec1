"""`exporter logs`: whole files, by one process or several, and what became of each line."""

import gzip

import pytest
from click.testing import CliRunner

from exporter.logs.cli import logs
from exporter.logs.metrics import samples_text
from exporter.logs.source import Rule, Source
from exporter.logs.whole import WholeFiles
from exporter.sources.linefile import LineFile

CONFIG = """
logs:
- source: app
  paths: [/x]
  metrics:
  - {counter: app_events_total, match: {event: "^log"}, labels: {event: "{event}"}}
  - {gauge: app_depth, value: "{depth}"}
  - {histogram: app_wait_seconds, value: "{took}", unit: ms, buckets: [0.1]}
"""
RULES = (
    Rule(counter="app_events_total", labels={"event": "{event}"}),
    Rule(gauge="app_depth", value="{n}"),
)


@pytest.mark.slow
def test_several_processes_count_what_one_does(tmp_path):
    lines = [
        b'{"event":"%d","n":%d}\n' % (number % 7, number) if number % 11 else b"junk\n" for number in range(20_000)
    ]
    (tmp_path / "a.log").write_bytes(b"".join(lines[:12_000]))
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(b"".join(lines[12_000:])))
    found = []
    for processes in (0, 2):
        files = [LineFile(str(tmp_path / name), chunk_bytes=1 << 16) for name in ("a.log", "b.log.gz")]
        with WholeFiles(Source(source="s", paths=("/x",), metrics=RULES), files, processes=processes) as whole:
            whole.read()
        found.append((whole.state.totals, samples_text(whole.state), whole.bad.counts, whole.bad.first))
    assert found[0] == found[1]
    totals, samples, bad, first = found[0]
    assert (totals.lines, bad["format"], first["format"].number) == (20_000, 1819, 1)
    assert 'app_depth{source="s"} 19999' in samples.splitlines()


def test_summary_prints_the_samples(tmp_path):
    (tmp_path / "e.yml").write_text(CONFIG)
    (tmp_path / "a.log").write_text(
        '{"event":"login","depth":3,"took":50}\n{"event":"logout","depth":4}\n{"event":"x"}\n'
    )
    done = CliRunner().invoke(logs, ["summary", str(tmp_path / "a.log"), "--config.file", str(tmp_path / "e.yml")])
    assert done.exception is None, done.output
    assert done.stdout.splitlines() == [
        'app_events_total{source="app",event="login"} 1',
        'app_events_total{source="app",event="logout"} 1',
        'app_depth{source="app"} 4',
        'app_wait_seconds_bucket{source="app",le="0.1"} 1',
        'app_wait_seconds_bucket{source="app",le="+Inf"} 1',
        'app_wait_seconds_count{source="app"} 1',
        'app_wait_seconds_sum{source="app"} 0.05',
    ]
    assert "3 lines" in done.stderr


def test_explain_shows_what_each_line_feeds(tmp_path):
    (tmp_path / "e.yml").write_text(CONFIG)
    (tmp_path / "a.log").write_text('{"event":"login","depth":3,"took":"x"}\n{"event":"none"}\njunk\n')
    done = CliRunner().invoke(logs, ["explain", str(tmp_path / "a.log"), "--config.file", str(tmp_path / "e.yml")])
    assert done.stdout.splitlines() == [
        '{"event":"login","depth":3,"took":"x"}',
        '    feeds    app_events_total{source="app",event="login"} +1',
        '    feeds    app_depth{source="app"} =3',
        '    bad      tidewatch_logs_values_failed_total{source="app",metric="app_wait_seconds"} +1',
        '{"event":"none"}',
        "    no rule matches it",
        "junk",
        '    bad      tidewatch_logs_lines_failed_total{source="app",reason="format"} +1',
    ]


def test_explain_shows_the_series_that_a_limit_leaves(tmp_path):
    (tmp_path / "e.yml").write_text(CONFIG + "  limits: {values: 2}\n")
    (tmp_path / "a.log").write_text("".join(f'{{"event":"log{one}"}}\n' for one in ("in", "out", "x", "in", "y")))
    done = CliRunner().invoke(logs, ["explain", str(tmp_path / "a.log"), "--config.file", str(tmp_path / "e.yml")])
    feeds = [line.split()[1] for line in done.stdout.splitlines() if "feeds" in line]
    assert feeds == [
        f'app_events_total{{source="app",event="{one}"}}' for one in ("login", "logout", "other", "login", "other")
    ]
    folded = '    folded   tidewatch_logs_folded_total{source="app",metric="app_events_total",label="event"} +1'
    assert done.stdout.splitlines().count(folded) == 2


def test_a_source_that_is_not_there_is_told_with_those_that_are(tmp_path):
    (tmp_path / "e.yml").write_text(CONFIG)
    done = CliRunner().invoke(logs, ["explain", "x", "--config.file", str(tmp_path / "e.yml"), "--source", "other"])
    assert "choose with --source one of: app" in str(done.exception)


def test_explain_reads_parts_of_a_line_once(tmp_path):
    """Docker parts a long line; what stands last has no end yet."""
    (tmp_path / "e.yml").write_text(CONFIG)
    part = '{"log":"%s","stream":"stdout","time":"2026-11-27T14:00:00Z"}\n'
    lines = [part % r"{\"event\":", part % r"\"login\"}\n", part % r"{\"event\":\"logout\"}\n", part % r"{\"event\":"]
    (tmp_path / "a.log").write_text("".join(lines))
    done = CliRunner().invoke(logs, ["explain", str(tmp_path / "a.log"), "--config.file", str(tmp_path / "e.yml")])
    fed = [line for line in done.stdout.splitlines() if "feeds" in line]
    assert [line.split('event="')[1].split('"')[0] for line in fed] == ["login", "logout"]
