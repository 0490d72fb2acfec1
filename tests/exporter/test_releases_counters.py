"""Counters of a Prometheus as errors by build and code: what a query's values are, and what its labels must be."""

import json

import pytest
from click.testing import CliRunner

from exporter.releases.cli import releases
from exporter.releases.counters import Counting, Labels, Query, parse_query, to_ask
from foundation.errors import ConfigError, NothingJudgedError, SourceError
from foundation.promanswer import Series

INCREASE = "sum by (version, code) (increase(app_errors_total[10s]))"
START = 1_700_000_000


def series(version, code, values, start=START + 10, step=10):
    metric = {"version": version, "code": code}
    return Series(metric, [(start + step * place, str(value)) for place, value in enumerate(values)])


def counted(query, *found):
    return dict(Counting(query, Labels()).add(found))


@pytest.mark.parametrize(
    ("text", "step_s", "want"),
    [
        (INCREASE, None, ("increase", 10)),
        ("rate(a[1m30s])", None, ("rate", 90)),
        ("increase(a[5m])", 300, ("increase", 300)),
        ("app_errors_total", None, ("counter", 10)),
        ('app_errors_total{path=~"x[1h]"}', 60, ("counter", 60)),
        ("increase(a[1m:10s])", None, ("increase", 60)),
    ],
)
def test_what_the_values_are_follows_from_the_query(text, step_s, want):
    got = parse_query(text, step_s)
    assert (got.kind, got.step_s) == want


@pytest.mark.parametrize(
    ("text", "step_s", "message"),
    [
        (INCREASE, 5, "would count more than once"),
        (INCREASE, 60, "between two values would not count"),
        ("irate(a[10s])", None, r"irate\(\) does not count errors"),
        ("increase(a[10s]) + increase(b[20s])", None, "several lengths"),
        ("increase(a[500ms])", None, "expected whole seconds"),
        ("sum by (version, code) (app_errors_total)", None, "falls when one process restarts"),
        ("sum(app_errors_total) by (version, code)", None, "falls when one process restarts"),
        ("max without (instance)(app_errors_total)", None, "falls when one process restarts"),
    ],
)
def test_a_query_that_would_miscount_is_refused(text, step_s, message):
    with pytest.raises(ConfigError, match=message):
        parse_query(text, step_s)


def test_increases_that_are_not_whole_lose_nothing():
    query = Query(INCREASE, "increase", 10)
    got = counted(query, series("1", "3", [0.4] * 100))
    assert sum(got.values()) == 40
    assert max(got.values()) == 1
    assert {build for _, build, _ in got} == {"1"}


def test_a_rate_counts_by_its_step():
    got = counted(Query("", "rate", 30), series("1", "3", [0.5, "NaN", 1.0], step=30, start=START + 30))
    assert sorted(got.values()) == [15, 30]
    assert min(second for second, _, _ in got) == START


def test_a_counter_counts_its_increases_its_resets_and_its_birth():
    query = Query("app_errors_total", "counter", 10)
    counting = Counting(query, Labels())
    old = series("1", "3", [100, 103, 2, 5])  # +3, then a restart with 2, +3
    new = series("2", "3", [4, 4], start=START + 20)  # not there before: its 4 came then
    got = counting.add([old, new])
    assert sum(n for (_, build, _), n in got.items() if build == "1") == 8
    assert sum(n for (_, build, _), n in got.items() if build == "2") == 4
    assert counting.resets == 1


def test_a_counter_of_several_processes_loses_nothing_when_one_restarts():
    """Each process is a series of its own, so that one counter that falls says nothing about the others."""
    steady = Series({"version": "1", "code": "3", "pod": "a"}, series("1", "3", [1000, 1001, 1002, 1003]).values)
    restarted = Series({"version": "1", "code": "3", "pod": "b"}, series("1", "3", [500, 501, 4, 5]).values)
    got = counted(Query("app_errors_total", "counter", 10), steady, restarted)
    assert list(got.values()) == [2, 5, 2]


@pytest.mark.parametrize(("begun", "want"), [(True, 7), (False, 2)])
def test_a_counter_that_was_born_over_a_restart_of_ours_counts_from_none(begun, want):
    """It was not there when the earlier run asked; where nobody asked before, nobody knows how old its errors are."""
    counting = Counting(Query("app_errors_total", "counter", 10), Labels(), begun=begun)
    got = counting.add([series("1", "3", [5, 7], start=START + 30)], START)
    assert sum(got.values()) == want


def test_the_whole_steps_of_the_range_are_asked_for():
    asked = to_ask(Query(INCREASE, "increase", 10), 103.0, 139.0)
    assert (asked.start_s, asked.end_s, asked.step_s) == (120, 130, 10)  # the ends of [110, 120) and [120, 130)
    with pytest.raises(ConfigError, match="at least one whole step"):
        to_ask(Query(INCREASE, "increase", 60), 100.0, 130.0)


def matrix(*found):
    result = [{"metric": one.metric, "values": one.values} for one in found]
    return 200, {"status": "success", "data": {"resultType": "matrix", "result": result}}


def run(url, *args, query=INCREASE):
    flags = ["--prometheus", url, "--query", query, "--from", str(START), "--to", str(START + 600), *args]
    return CliRunner().invoke(releases, ["report", "--format", "json", *flags])


def test_a_report_is_made_of_a_prometheus(prometheus_api, tmp_path):
    url, answers, asked = prometheus_api
    token = tmp_path / "token"
    token.write_text("sesame")
    token.chmod(0o600)
    answers.append(
        matrix(
            series("1.0", "3", [4.0] * 60),
            series("1.1", "3", [4.0] * 60),
            series("1.0", "502", [1.5] * 60),
            series("1.1", "502", [9.0] * 60),
        )
    )
    done = run(f"{url}/", "--token-file", str(token))
    assert done.exception is None, done.output
    tree = json.loads(done.stdout)
    assert (tree["baseline"], tree["builds"]) == ("1.0", {"1.0": 330, "1.1": 780})
    assert [str(code) for code in tree["verdict"]["worse"]] == ["502"]
    path, form, login = asked[0]
    assert (path, form["query"], login) == ("/api/v1/query_range", INCREASE, "Bearer sesame")
    assert (float(form["start"]), float(form["end"]), float(form["step"])) == (START + 10, START + 600, 10)


def test_users_of_a_prometheus_make_a_rollout_no_alarm(prometheus_api):
    url, answers, _ = prometheus_api
    share = [0.1] * 20 + [0.5] * 20 + [0.9] * 20
    errors = [series("1.0", "3", [20 * (1 - s) for s in share]), series("1.1", "3", [20 * s for s in share])]
    errors = [*errors, *(Series({**one.metric, "code": "4"}, one.values) for one in errors)]
    users = [
        Series({"version": "1.0"}, [(at, str(1 - s)) for (at, _), s in zip(errors[0].values, share, strict=True)]),
        Series({"version": "1.1"}, [(at, str(s)) for (at, _), s in zip(errors[0].values, share, strict=True)]),
    ]
    answers += [matrix(*errors), matrix(*users)]
    tree = json.loads(run(url, "--exposure-query", "users").stdout)
    assert tree["verdict"]["text"] == "no code is shown to be worse than the baseline"
    assert [code["rate_ratio"] for code in tree["codes"]] == [pytest.approx(1.0, abs=0.05)] * 2
    assert tree["exposure"]["named"]


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (
            matrix(Series({"code": "3"}, [(START + 10, "1")])),
            SourceError,
            "no label 'version'; it has code: .*--version-l",
        ),
        (matrix(Series({"version": "3"}, [(START + 10, "1")])), SourceError, "no label 'code'; it has version: "),
        (matrix(), NothingJudgedError, "nothing was judged: .* has no series in that range"),
        (matrix(series("1", "3", [0.0])), NothingJudgedError, "no errors in any series"),
        ((400, {"status": "error", "error": "parse error: x"}), SourceError, "refuses the query: parse error: x"),
    ],
    ids=["version", "code", "no series", "zeros", "query"],
)
def test_an_answer_that_cannot_be_judged_says_why(prometheus_api, answer, kind, message):
    url, answers, _ = prometheus_api
    answers.append(answer)
    error = run(url).exception
    assert isinstance(error, kind)
    with pytest.raises(kind, match=f"^{url}: .*{message}"):
        raise error


def test_labels_may_have_other_names(prometheus_api):
    url, answers, _ = prometheus_api
    answers.append(matrix(*(Series({"build": b, "kind": "3"}, [(START + 10, "1")]) for b in ("a", "b"))))
    done = run(url, "--version-label", "build", "--code-label", "kind")
    assert json.loads(done.stdout)["builds"] == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "expected a FILE"),
        (["--query", "a"], "expected a FILE"),
        (["x.tsv", "--query", "a"], "need --prometheus"),
        (["--prometheus", "http://h", "--query", "a"], "expected --from TIME"),
        (["--prometheus", "ftp://h", "--query", "a"], "--prometheus: invalid URL"),
        (["x.tsv", "--prometheus", "http://h"], "a FILE of them with --exposure-query"),
        (["--prometheus", "http://h"], "expected --query for the errors"),
    ],
)
def test_options_that_do_not_go_together_are_refused(flags, message):
    error = CliRunner().invoke(releases, ["report", *flags]).exception
    assert isinstance(error, ConfigError)
    assert message in str(error)
