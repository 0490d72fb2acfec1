"""The batch tools on files: totals, guesses, explanations, and what they say of bad input."""

import gzip
import json
import os
import re
from pathlib import Path

import pytest

from exporter.accesslog import check_source, options
from exporter.accesslog.formats import ALIASES, PRESETS, UNITS_NS
from exporter.accesslog.infer import infer
from exporter.accesslog.metrics import FOLDS, REASONS
from exporter.accesslog.source import Example, Source
from exporter.catalogue import Metric
from exporter.catalogue import accesslog as metrics

SAMPLES = Path(__file__).parent / "accesslog_samples"
SHARED = Path(os.environ.get("TIDEWATCH_SHARED", Path(__file__).resolve().parents[2] / ".." / "shared"))
REAL = SHARED / "data" / "001-access-log-qps"


def by_route(requests):
    found = {}
    for one in requests:
        found[one["route"], one["code"]] = found.get((one["route"], one["code"]), 0) + one["count"]
    return found


def test_summary_reads_plain_and_compressed_files(run, tmp_path):
    data = b"a\tGET /b?c\t200\t5\na\tPOST /a\t404\t7\nbad\n" * 2 + b"a\tGET /a\t200\t1"
    (tmp_path / "a.log").write_bytes(data)
    (tmp_path / "b.log").write_bytes(gzip.compress(data))
    code, out, err = run("summary", "--json", "--format", "tab", tmp_path / "a.log", tmp_path / "b.log")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "lines": 14,
        "other": 0,
        "failed": {"format": 4},
        "first_bad": {"format": {"file": str(tmp_path / "a.log"), "line": 3, "text": "bad"}},
        "requests": [
            {"method": "GET", "route": "/a", "code": "200", "count": 2, "bytes": 2},
            {"method": "POST", "route": "/a", "code": "404", "count": 4, "bytes": 28},
            {"method": "GET", "route": "/b", "code": "200", "count": 4, "bytes": 20},
        ],
        "ignored": {},
    }


ROUTES = {
    (): ["/u/1", "/u/2", "/v/{id}"],
    ("--routes", "written"): ["/u/1", "/u/2", "/v/{id}"],
    ("--routes", "shapes"): ["/u/{id}", "/v/{id}"],
    ("--route", "/u/{name}"): ["/u/{name}", "/v/{id}"],
    ("--routes", "shapes", "--route", "/u/{name}"): ["/u/{name}", "/v/{id}"],
}


@pytest.mark.parametrize("bulk_bytes", [0, 1 << 30], ids=["in-bulk", "line-by-line"])
@pytest.mark.parametrize("flags", ROUTES, ids=" ".join)
def test_summary_has_paths_as_written_or_routes_as_metrics_have_them(flags, bulk_bytes, run, tmp_path, monkeypatch):
    monkeypatch.setattr("exporter.accesslog.parse.reader.BULK_BYTES", bulk_bytes)
    (tmp_path / "a.log").write_bytes(b"a\tGET /u/1?q\t200\t5\na\tGET /u/2\t200\t5\na\tGET /v/{id}\t200\t5\n" * 2)
    code, out, err = run("summary", "--json", "--format", "tab", tmp_path / "a.log", *flags)
    found = json.loads(out)["requests"]
    assert (code, err, [one["route"] for one in found]) == (0, "", ROUTES[flags])
    assert sum(one["count"] for one in found) == 6


TOO_LONG_TIMES = {  # lines that fit their format, with a time of years; and its usual line
    "gin": ('[GIN] 2026/11/22 - 06:30:48 | 200 | {}h | 192.0.2.1 | GET      "/a"\n', "1"),
    "combined-timed": ('192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a HTTP/1.1" 200 1 "-" "x" {}.0\n', "1"),
    "logfmt": ("method=GET path=/a status=200 took={}h\n", "1"),
    "$remote_addr $request_method $uri $status $request_time $pipe": ("192.0.2.1 GET /a 200 {}.000 .\n", "1"),
}


@pytest.mark.parametrize("bulk_bytes", [0, 1 << 30], ids=["in-bulk", "line-by-line"])
@pytest.mark.parametrize("name", TOO_LONG_TIMES)
def test_a_line_that_is_bad_for_the_metrics_is_bad_for_summary_and_explain(
    name, bulk_bytes, run, tmp_path, monkeypatch
):
    """Summary shows no times, and yet a line whose time cannot be one is not a request."""
    monkeypatch.setattr("exporter.accesslog.parse.reader.BULK_BYTES", bulk_bytes)
    line, usual = TOO_LONG_TIMES[name]
    (tmp_path / "a.log").write_text(line.format(usual) * 2 + line.format("99999999"))
    _, out, _ = run("summary", "--json", "--format", name, tmp_path / "a.log")
    found = json.loads(out)
    assert (found["lines"], found["failed"], sum(one["count"] for one in found["requests"])) == (3, {"time": 1}, 2)
    _, out, _ = run("explain", "--format", name, tmp_path / "a.log")
    assert 'reason="time"} +1' in out


def test_summary_refuses_a_template_for_paths_as_written(run, tmp_path):
    code, out, err = run("summary", tmp_path / "a.log", "--routes", "written", "--route", "/u/{id}")
    assert (code, out) == (2, "")
    assert err.startswith("exporter: --routes: expected no --route with `written`")


def test_summary_is_a_table_for_people(run, tmp_path):
    (tmp_path / "a.log").write_bytes(b"a\tGET /u/1\t200\t5\na\tGET /u/2\t200\t5\na\tGET /\x1b[2J\t200\t5\nbad\n")
    code, out, _ = run("summary", tmp_path / "a.log", "--route", "/u/{id}")
    assert (code, out.splitlines()) == (
        0,
        [
            "requests  bytes  code  method  route",
            r"       1      5  200   GET     /\x1b[2J",
            "       2     10  200   GET     /u/{id}",
            "4 lines, 1 bad (format 1)",
            f"first of format: {tmp_path}/a.log line 4: bad",
        ],
    )


def test_summary_goes_on_after_a_file_that_cannot_be_read(run, tmp_path):
    (tmp_path / "a.log").write_bytes(b"a\tGET /\t200\t5\n")
    broken = gzip.compress(b"a\tGET /\t200\t5\n" * 1000)[:-20]
    (tmp_path / "b.gz").write_bytes(broken)
    args = ("summary", "--json", "--format", "tab", "nowhere.log", tmp_path / "b.gz", tmp_path / "a.log")
    code, out, err = run(*args)
    assert code == 3
    assert json.loads(out)["lines"] >= 1
    assert err.startswith("exporter: nowhere.log: No such file or directory\n")
    assert err.splitlines()[1].startswith(f"exporter: {tmp_path}/b.gz: ")


@pytest.mark.skipif(not REAL.is_dir(), reason="the real inputs in ../shared are absent")
@pytest.mark.parametrize(
    ("logs", "lines", "want"),
    [
        (
            "jo-access.log",
            277,
            {"/": (140, 8, 1), "/blog": (58, 5, 0), "/library": (44, 6, 0), "/questions": (14, 1, 0)},
        ),
        (
            "rotated/*",
            2280,
            {"/": (1108, 63, 16), "/blog": (454, 22, 6), "/library": (449, 33, 3), "/questions": (119, 5, 2)},
        ),
    ],
    ids=["jo", "rotated"],
)
def test_summary_has_the_totals_of_the_real_logs(run, logs, lines, want):
    code, out, _ = run("summary", "--json", *sorted(REAL.glob(logs)))
    result = json.loads(out)
    assert (code, result["lines"], result["failed"]) == (0, lines, {})
    flat = {(route, c): n for route, ns in want.items() for c, n in zip(("200", "404", "500"), ns, strict=True) if n}
    assert by_route(result["requests"]) == flat


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.log")), ids=lambda path: path.stem)
def test_infer_knows_each_format(sample):
    guess = infer(sample.read_bytes())
    assert guess is not None
    assert guess.format == sample.stem


NGINX_OF_ONES_OWN = (
    '$field0 $field1 $field2 [$time_local] "$request" $status $body_bytes_sent "$field7" "$field8" '
    '$request_time $field10 [$field11] "$field12"'
)


@pytest.mark.parametrize(
    ("line", "want"),
    [
        (
            b'192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 12 "-" "curl" 0.123 x [x] "200"',
            NGINX_OF_ONES_OWN,
        ),
        (
            b"2026-11-22T06:30:48Z|GET|/a?b|404|17",
            "$time_iso8601|$request_method|$request_uri|$status|$body_bytes_sent",
        ),
        (b"x GET /a?b 404 17 0.200", "$field0 $request_method $request_uri $status $body_bytes_sent $request_time"),
        (b"hello world", None),
    ],
    ids=["nginx", "bars", "bare", "no-log"],
)
def test_infer_describes_a_format_of_ones_own(line, want):
    guess = infer(line + b"\n")
    assert (guess.format if guess else None) == want


@pytest.mark.parametrize("tool", ["explain", "backfill"])
def test_no_flag_is_ignored_in_silence(run, tmp_path, tool):
    config, log = tmp_path / "exporter.yml", tmp_path / "a.log"
    config.write_text("accesslog: [{source: site, paths: [a.log], format: combined}]\n")
    log.write_text('a - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 1 "-" "c"\n')
    assert run(tool, log, "--config.file", config, "--source", "site")[0] == 0
    for flag in (("--format", "tab"), ("--envelope", "cri"), ("--time-unit", "ms"), ("--route", "/a")):
        code, out, err = run(tool, log, "--config.file", config, *flag)
        assert (code, out, f"{flag[0]}: cannot be used with --config.file" in err) == (2, "", True)
    code, out, err = run(tool, log, "--source", "site")
    assert (code, out, "--source: expected --config.file with it" in err) == (2, "", True)


def test_infer_names_apache_only_for_a_number_that_apache_may_have_written(run, tmp_path):
    (tmp_path / "access.log").write_text('{"method": "GET", "path": "/", "status": 200, "duration": 372}\n')
    out = run("infer", tmp_path / "access.log")[1]
    assert "# Not used: duration (372).\n" in out
    assert "its unit is not known.\n# Add `time_unit: us` (or s, ms, ns)" in out
    assert "Apache" not in out


def test_infer_names_a_number_whose_unit_only_the_server_knows(run, tmp_path):
    lines = "".join(f'a - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 1 "-" "c" {n}\n' for n in (372, 9, 12345))
    (tmp_path / "access.log").write_text(lines)
    code, out, _ = run("infer", tmp_path / "access.log")
    assert (code, "time_unit: us` (or s, ms, ns)" in out, "the number at the end (372, 9, 12345)" in out) == (
        0,
        True,
        True,
    )
    assert "its unit is not known (Apache: %D is us, %{ms}T is ms, %T is s).\n" in out
    assert "\n  format: combined-timed\n" in out
    assert "duration=372 (unit unknown)" in run("explain", tmp_path / "access.log")[1]
    assert "duration=0.000372s" in run("explain", tmp_path / "access.log", "--time-unit", "us")[1]


def test_what_infer_proposes_is_a_configuration(run, tmp_path):
    code, out, err = run("infer", SAMPLES / "combined.log")
    assert (code, err) == (0, "")
    (tmp_path / "exporter.yml").write_text(out)
    assert run("check", tmp_path / "exporter.yml")[0] == 0
    assert "format: combined\n" in out
    assert "codes: [200, 404, 408, 500]\n" in out


def test_explain_says_what_becomes_of_each_line(run, tmp_path):
    (tmp_path / "a.log").write_bytes(b"a\tGET /u/7?x\t200\t5\t0.25\nbad\x1b\n")
    code, out, _ = run("explain", tmp_path / "a.log", "--format", "tab-timed")
    labels = 'source="log",method="GET",route="/u/{id}"'
    assert (code, out.splitlines()) == (
        0,
        [
            r"a\tGET /u/7?x\t200\t5\t0.25",
            "    matched  method=GET  path=/u/7  code=200  bytes=5  duration=0.25s",
            f'    feeds    tidewatch_http_requests_total{{{labels},code="200"}} +1',
            f'    feeds    tidewatch_http_response_bytes_total{{{labels},code="200"}} +5',
            f"    feeds    tidewatch_http_request_duration_seconds{{{labels}}} +1",
            r"bad\x1b",
            '    bad      tidewatch_log_lines_failed_total{source="log",reason="format"} +1',
            rf"1 bad line (format 1); first of format: {tmp_path}/a.log line 2: bad\x1b",
        ],
    )


def test_explain_shows_lines_that_do_not_fit_and_fails(run, tmp_path):
    (tmp_path / "a.log").write_bytes(b"a\tGET /a\t200\t5\nno\nno\n")
    code, out, err = run("explain", tmp_path / "a.log", "--format", "tab")
    assert (code, out.count("    bad "), "matched  method=GET" in out) == (2, 2, True)
    assert err.startswith("exporter: 1 of 3 lines fit the format; expected at least half of them")
    assert run("explain", tmp_path / "a.log", "--format", "tab", "--lines", 2)[0] == 0


def test_explain_takes_a_source_of_the_configuration(run, tmp_path):
    (tmp_path / "a.log").write_bytes(b"a\tGET /x\t200\t5\n")
    config = tmp_path / "exporter.yml"
    config.write_text(
        "state_dir: s\naccesslog:\n- {source: one, paths: [a]}\n- {source: two, paths: [a], routes: [/x]}\n"
    )
    assert 'source="two"' in run("explain", tmp_path / "a.log", "--config.file", config, "--source", "two")[1]
    code, _, err = run("explain", tmp_path / "a.log", "--config.file", config)
    assert (code, err) == (2, f"exporter: {config}: choose with --source one of: one, two\n")


@pytest.mark.parametrize(
    ("args", "want"),
    [
        (["summary"], "Missing argument 'LOG...'"),
        (["summary", "JUNK"], "no known format fits its lines"),
        (["summary", "--format", "combind", "JUNK"], "did you mean combined?"),
        (["summary", "--route", "users", "JUNK", "--format", "tab"], "route 'users' must start with /"),
        (["qps", "--interval", "0", "JUNK"], "invalid duration '0': expected at least 100ms and at most 1d"),
        (["qps", "--ganglia", "here", "JUNK"], "invalid address 'here': expected HOST:PORT"),
        (["qps", "--output", "absent/x", "JUNK"], "--output: absent/x: No such file or directory"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_2(run, tmp_path, monkeypatch, args, want):
    monkeypatch.chdir(tmp_path)
    files = {"EMPTY": b"", "JUNK": b"hello\nworld\n"}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    code, out, err = run(*(tmp_path / arg if arg in files else arg for arg in args))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert want in err


@pytest.mark.parametrize("command", ["summary", "explain", "infer", "backfill"])
def test_an_empty_log_whose_format_is_not_named_is_exit_4(run, tmp_path, command):
    (tmp_path / "a.log").touch()
    code, out, err = run(command, tmp_path / "a.log")
    assert (code, out) == (4, "")
    assert err == f"exporter: {tmp_path}/a.log: empty, so its format cannot be guessed; name it with --input-format\n"


def test_a_backfill_of_nothing_is_exit_4(run, tmp_path):
    (tmp_path / "a.log").touch()
    code, out, err = run("backfill", tmp_path / "a.log", "--input-format", "combined")
    assert (code, out) == (4, "")
    assert err.endswith("a.log: no line with a time could be read: it is empty\n")


TIMED = Source(source="site", paths=("a",), format="tab-timed", routes=("/users/{id}",), codes=(200, 500))
LINES = ("a\tGET /users/7\t200\t5\t0.25", "a\tGET /users/8\t200\t5\t0.5", "bad")


@pytest.mark.parametrize(
    ("sample", "value", "want"),
    [
        ('tidewatch_http_requests_total{route="/users/{id}",code="200"}', 2, None),
        ('tidewatch_http_requests_total{code="500"}', 0, None),
        ("tidewatch_http_request_duration_seconds_sum", 0.75, None),
        ('tidewatch_http_request_duration_seconds_bucket{le="0.25"}', 1, None),
        ('tidewatch_log_lines_failed_total{reason="format"}', 1, None),
        ("tidewatch_http_requests_total", 3, "tidewatch_http_requests_total is 2, not 3"),
        (
            'tidewatch_http_requests_total{code="201"}',
            0,
            'tidewatch_http_requests_total{code="201"} is not there, not 0',
        ),
        ("no sample{", 1, "'no sample{' is not a sample: expected name{label="),
    ],
)
def test_a_configuration_proves_itself(sample, value, want):
    source = Source(source="site", paths=("a",), format="tab-timed", routes=TIMED.routes, codes=TIMED.codes,
                    tests=(Example(LINES, {sample: value}),))  # fmt: skip
    problems = check_source(source)
    if want is None:
        assert problems == []
    else:
        (problem,) = problems
        assert problem.startswith("$.accesslog: source site: tests[0]: ")
        assert want in problem


def test_check_runs_the_tests_of_the_configuration(run, tmp_path):
    config = tmp_path / "exporter.yml"
    config.write_text(
        'accesslog:\n- source: site\n  paths: [a]\n  tests:\n  - lines: ["a\\tGET /\\t200\\t5"]\n'
        "    samples: {tidewatch_http_requests_total: 2}\n"
    )
    code, out, err = run("check", config)
    want = f"exporter: {config}: $.accesslog: source site: tests[0]: tidewatch_http_requests_total is 1, not 2\n"
    assert (code, out, err.endswith(want)) == (2, "", True)


def test_backfill_writes_openmetrics(run):
    code, out, err = run("backfill", SAMPLES / "combined.log", "--label", "job=site", "--step", "60")
    assert (code, out.splitlines()[-1]) == (0, "# EOF")
    line = 'tidewatch_http_requests_total{job="site",source="log",method="GET",route="/a",code="200"} 1 1795329060'
    assert line in out.splitlines()
    assert err == ""


@pytest.mark.parametrize(
    ("args", "code", "want"),
    [
        (["--label", "job"], 2, "--label: 'job' is not a label: expected NAME=VALUE, for example job=site"),
        (["--format", "tab"], 4, "no line with a time could be read"),
    ],
)
def test_backfill_says_what_it_cannot_use(run, args, code, want):
    got, out, err = run("backfill", SAMPLES / "tab.log", *args)
    assert (got, out, err.count("\n")) == (code, "", 1)
    assert want in err


DOCS = Path(__file__).resolve().parents[2] / "docs" / "accesslog.md"


def test_summary_counts_by_fields_of_the_lines_and_labels_of_a_source(run, tmp_path):
    log, config = tmp_path / "a.log", tmp_path / "exporter.yml"
    line = '{} 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET /a/{} HTTP/1.1" {} 10 "-" "curl/8"\n'
    log.write_text(line.format("a", 1, 200) + line.format("b", 2, 404) + line.format("a", 3, 200))
    config.write_text(
        f"accesslog:\n  - source: site\n    paths: [{log}]\n    format: vhost-combined\n    routes: ['/a/{{id}}']\n"
        "    codes: [200, 500]\n    labels: {client: {field: user_agent, shape: agent}}\n"
    )
    code, out, _ = run("summary", log, "--format", "vhost-combined", "--by", "vhost,code", "--json")
    want = [
        {"vhost": "a", "code": "200", "count": 2, "bytes": 20},
        {"vhost": "b", "code": "404", "count": 1, "bytes": 10},
    ]
    assert (code, json.loads(out)["requests"]) == (0, want)
    code, out, _ = run("summary", log, "--config.file", config, "--by", "route,client")
    assert (code, out.splitlines()[1].split()) == (0, ["3", "30", "/a/{id}", "library"])
    code, out, _ = run("summary", log, "--format", r'(?P<site>\S+) .*" (?P<code>\d+) .*', "--by", "site", "--json")
    assert [(one["site"], one["count"]) for one in json.loads(out)["requests"]] == [("a", 2), ("b", 1)]


def test_a_group_that_only_a_label_uses_is_no_mistake_where_lines_are_counted_by_something_else(run, tmp_path):
    """The configuration of the source is right, and `check` says so."""
    (tmp_path / "access.log").write_text('GET /a 200 "curl/8.4"\nGET /b 404 "curl/8.4"\n')
    config = tmp_path / "exporter.yml"
    config.write_text(
        "accesslog:\n- source: shop\n  paths: [access.log]\n  labels:\n    client: {field: agent, shape: agent}\n"
        """  format: '(?P<method>[A-Z]+) (?P<path>\\S+) (?P<code>\\d+) "(?P<agent>[^"]*)"'\n"""
    )
    counted = {}
    for by in ("code", "client", "agent"):
        code, out, _ = run("summary", tmp_path / "access.log", "--config.file", config, "--by", by, "--json")
        assert code == 0
        counted[by] = {one[by]: one["count"] for one in json.loads(out)["requests"]}
    assert counted == {"code": {"200": 1, "404": 1}, "client": {"library": 2}, "agent": {"curl/8.4": 2}}
    assert run("summary", tmp_path / "access.log", "--config.file", config)[0] == 0


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("hosts", "--by: the format has no field hosts; it has method, path, code, host"),
        ("host,host", "duplicate host"),
        (",", "expected names with commas between them, for example host,route"),
        ("bytes", "bytes: the summary has a column of that name"),
    ],
)
def test_summary_says_what_it_cannot_count_by(run, tmp_path, by, said):
    log = tmp_path / "a.log"
    log.write_text('a 192.0.2.1 - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 10 "-" "curl/8"\n')
    code, out, err = run("summary", log, "--format", "vhost-combined", "--by", by)
    assert (code, out) == (2, "")
    assert said in err


SHOWN = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", SHOWN, ids=["main", "formats", "labels"])
def test_what_the_docs_show_is_a_configuration(run, tmp_path, text):
    (tmp_path / "exporter.yml").write_text(re.sub(r"/(?:var|logs)/", f"{tmp_path}/", text))
    code, out, err = run("check", tmp_path / "exporter.yml")
    assert (code, re.sub(r".* level=warn .* paths: .*\n", "", err)) == (0, "")
    assert "ok (accesslog" in out


def test_the_docs_name_every_format_metric_and_reason():
    text = DOCS.read_text()
    named = [value.name for value in vars(metrics).values() if isinstance(value, Metric)]
    assert [name for name in (*PRESETS, *ALIASES, *named, *REASONS, *FOLDS[-1:]) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("count", [1, 200, 201, 1000])
def test_explain_shows_as_many_lines_as_it_says(run, tmp_path, count):
    (tmp_path / "a.log").write_bytes(b"a\tGET /x\t200\t5\n" * 1000)
    code, out, _ = run("explain", tmp_path / "a.log", "--lines", count)
    assert (code, out.count("    matched  ")) == (0, count)


def test_explain_says_where_it_shows_fewer(run, tmp_path, monkeypatch):
    monkeypatch.setattr("exporter.accesslog.cli.EXPLAIN_BYTES", 1 << 18)
    (tmp_path / "a.log").write_bytes(b"a\tGET /x\t200\t5\n" * 50_000)
    code, out, err = run("explain", tmp_path / "a.log", "--lines", 10_000)
    assert (code, out.count("    matched  "), err) == (0, 10_000, "")
    (tmp_path / "a.log").write_bytes(b"a\tGET /" + b"x" * 1000 + b"\t200\t5\n" * 1)
    assert run("explain", tmp_path / "a.log", "--lines", 10)[2] == ""
    (tmp_path / "a.log").write_bytes((b"a\tGET /" + b"x" * 1000 + b"\t200\t5\n") * 1000)
    assert "only its first 0 MiB are shown" in run("explain", tmp_path / "a.log", "--format", "tab", "--lines", 1000)[2]


QPS = ("qps", "--once", "--from-start", "--interval", "0.1")


@pytest.mark.parametrize("command", [("summary",), ("backfill",), QPS], ids=lambda words: words[0])
@pytest.mark.parametrize("fits", [0, 1, 2, 3, 4])
def test_a_format_that_fits_less_than_half_of_the_lines_is_a_failure(run, tmp_path, command, fits):
    log = tmp_path / "a.log"
    good = b'1.2.3.4 - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 5\n'
    log.write_bytes(good * fits + b"bad\n" * (4 - fits))
    code, out, err = run(*command, "--format", "common", log)
    assert code == (2 if fits < 2 else 0)
    if fits or command != ("backfill",):
        assert out, "what was read is shown all the same"
    assert (f"exporter: {fits} of 4 lines fit the format; expected at least half" in err) == (fits < 2)


def test_a_misfit_is_said_beside_a_file_that_cannot_be_read(run, tmp_path):
    (tmp_path / "a.log").write_bytes(b"bad\n")
    code, _, err = run("summary", "--format", "common", tmp_path / "nowhere.log", tmp_path / "a.log")
    assert code == 3
    assert "0 of 1 lines fit the format" in err
    assert "nowhere.log: No such file" in err


def test_nothing_to_read_is_no_misfit(run, tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"")
    assert run("summary", "--format", "common", log)[0] == 0
    assert run(*QPS, "--format", "common", log)[0] == 0


COMBINED = '1.2.3.4 - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 5 "-" "curl" '


@pytest.mark.parametrize(
    ("end", "more", "said"),
    [
        ("0.305", (), True),
        ("0.305123", (), True),
        ("x 0.305", (), True),
        ("0.305", ("--time-unit", "ms"), False),
        ("0.305", ("--format", "combined-timed"), False),
        ("305", (), False),
        ("17ms", (), False),
    ],
)
def test_decimals_that_are_seconds_by_a_guess_are_reported_once(run, tmp_path, end, more, said):
    log = tmp_path / "a.log"
    log.write_text(f"{COMBINED}{end}\n" * 3)
    for command in ("explain", "backfill"):
        code, _, err = run(command, *more, log)
        assert code == 0
        assert err.count("assumed to be seconds: ") == said
        if said:
            assert err.startswith(f"exporter: {log}: assumed to be seconds: ")
            assert err.endswith("; if that is wrong, add --time-unit ms (or us, ns)\n")


def test_the_flag_of_the_unit_takes_the_units_of_the_formats():
    assert list(options.UNITS) == list(UNITS_NS)


@pytest.mark.parametrize("command", ["explain", "summary"])
def test_a_configuration_without_an_access_log_leads_to_what_names_the_wrong_key(run, tmp_path, command):
    config, log = tmp_path / "exporter.yml", tmp_path / "access.log"
    config.write_text("accesslogg: [{source: a, paths: [/x]}]\n")
    log.write_text("x\n")
    code, out, err = run(command, log, "--config.file", config)
    assert (code, out) == (2, "")
    assert err == (
        f"exporter: {config}: no sources under `accesslog:`; `exporter check {config}` reports keys that are wrong\n"
    )
    code, _, err = run("check", config)
    assert (code, "accesslogg" in err) == (2, True)
