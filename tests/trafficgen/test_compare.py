"""Two reports compared: figures are those of the reports, intervals cover, and other tests are refused."""

import functools
import json
import math
import operator

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from foundation.errors import ConfigError, TidewatchError
from trafficgen.cli import cli
from trafficgen.flags import allowances
from trafficgen.meter.bins import MAX_BINS, BinCounts, Bins
from trafficgen.meter.histogram import BUCKETS
from trafficgen.meter.meter import Meter
from trafficgen.report.compare import Allowance, NotComparableError, blocks_of, compare, figures_of, read_report
from trafficgen.report.render_compare import render_comparison
from trafficgen.report.render_compare_html import render_comparison_html
from trafficgen.report.report import PartSummary, make_report

MS = 1_000_000


def run_of(seconds, *, targets=("/",), unanswered=0):
    """A report of a run whose latencies (ms) of each second are given, `unanswered` of them given up."""
    meter = Meter(targets)
    for latencies in seconds:
        for number, latency in enumerate(latencies):
            meter.planned += 1
            meter.late_ns.append(0)
            meter.plan_ns.append(round(latency * MS))
            meter.send_ns.append(round(latency * MS))
            meter.ended.append(0)
            if number < unanswered:
                meter.give_up("timeout", 0)
            else:
                meter.codes[0][200] += 1
        meter.close_second()
    length = float(len(seconds))
    report = make_report(meter, url="http://a/", seed=1, seconds=length, plan_s=length, started_at=0.0)
    return structs.replace(report, plan="0123456789abcdef")


def simulated(rng, *, slower=1.0, seconds=30, rate=100, errors=0.01):
    """Log-normal latencies, whose scale differs from second to second (sd 10 %), as a server's load does."""
    rows = [
        rng.lognormal(math.log(20 * slower * math.exp(rng.normal(0, 0.1))), 0.5, rate).tolist() for _ in range(seconds)
    ]
    return run_of(rows, unanswered=int(rng.random() < errors * rate))


def verdicts(a, b, **allowed):
    """`allowed`: shares of the first run's figure, or allowances."""
    given = {name: one if isinstance(one, Allowance) else Allowance(share=one) for name, one in allowed.items()}
    return {one.figure: one.verdict for one in compare(("a", a), ("b", b), allowed=given).figures}


ROWS = st.lists(st.tuples(st.integers(0, 50), st.dictionaries(st.integers(0, 9), st.integers(1, 9))), max_size=300)


@given(ROWS)
def test_bins_keep_every_count_and_stay_few(rows):
    bins, total, times = Bins(), 0, np.zeros(BUCKETS, dtype=np.int64)
    for planned, new in rows:
        total += planned
        for bucket, count in new.items():
            times[bucket] += count
        bins.close_second(BinCounts(planned=total), times)
    found = bins.rows()
    assert len(found) == -(-len(rows) // bins.width_s) <= MAX_BINS
    assert sum(one.counts.planned for one in found) == total
    assert sum(count for one in found for count in one.times.values()) == times.sum()
    first = rows[: bins.width_s]
    assert not rows or found[0].counts.planned == sum(planned for planned, _ in first)


@given(ROWS, ROWS)
def test_bins_of_two_workers_add_up(first, second):
    def filled(rows):
        bins, total = Bins(), 0
        for planned, _ in rows:
            total += planned
            bins.close_second(BinCounts(planned=total), np.zeros(4, dtype=np.int64))
        return bins

    one, other = filled(first), filled(second)
    want = [sum(row) for row in ([p for p, _ in first], [p for p, _ in second])]
    one.merge(other)
    assert sum(row.counts.planned for row in one.rows()) == sum(want)
    assert len(one.rows()) <= MAX_BINS


def test_figures_of_all_blocks_once_are_those_of_the_report():
    rng = np.random.default_rng(3)
    report = run_of([rng.exponential(20, 50).tolist() for _ in range(40)], unanswered=3)
    blocks = blocks_of(report)
    found = figures_of(blocks, np.ones((1, len(blocks.seconds))))
    for name in ("p50", "p95", "p99", "mean"):
        assert found[name][0] == pytest.approx(report.latency_from_plan_s[name], rel=0.005), name
    assert found["error_ratio"][0] == found["no_answer_ratio"][0] == report.ratios["error_ratio"] == 3 / 50
    assert found["throughput"][0] == 47


def test_a_run_compared_with_itself_does_not_differ():
    report = simulated(np.random.default_rng(1))
    assert set(verdicts(report, report).values()) == {"no significant difference"}


def test_slower_by_half_is_worse_and_the_other_way_better():
    rng = np.random.default_rng(1)
    a, b = simulated(rng), simulated(rng, slower=1.5)
    times = "p50", "p95", "mean"
    assert {verdicts(a, b)[name] for name in times} == {"worse"}
    assert {verdicts(b, a)[name] for name in times} == {"better"}
    assert verdicts(a, b, p50=1.0)["p50"] == "no significant difference"


def test_failures_and_throughput_are_judged_in_their_own_directions():
    rng = np.random.default_rng(2)
    rows = [rng.exponential(20, 50).tolist() for _ in range(20)]
    found = verdicts(run_of(rows), run_of(rows, unanswered=5))
    assert (found["no_answer_ratio"], found["throughput"], found["p50"]) == (
        "worse", "worse", "no significant difference",
    )  # fmt: skip


def test_a_short_run_is_not_judged():
    found = compare(("a", run_of([[1.0]] * 5)), ("b", run_of([[2.0]] * 5)), allowed={})
    assert {one.verdict for one in found.figures} == {"not judged"}
    assert "shorter than 8 blocks" in found.notes[0]


@pytest.mark.slow
def test_equal_runs_rarely_differ_and_a_fifth_is_seen():
    """Runs of 30 s, 100/s: under 2 % of the figures of equal pairs differ at 99 %; a fifth more is seen."""
    rng = np.random.default_rng(7)
    false = total = seen = 0
    for _ in range(60):
        found = verdicts(simulated(rng), simulated(rng))
        false += sum(verdict in {"better", "worse"} for verdict in found.values())
        total += len(found)
    for _ in range(20):
        seen += verdicts(simulated(rng), simulated(rng, slower=1.2))["p50"] == "worse"
    assert false / total < 0.02
    assert seen >= 18


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"saturated": True}, "b: INVALID"),
        ({"planned_per_s": 3.0}, "different rates, 1.0 and 3.0/s"),
        ({"by_target": []}, "different targets"),
        ({"planned_per_s": None}, "nothing was planned"),
    ],
)
def test_other_tests_are_not_compared(change, words):
    a = run_of([[1.0]] * 10)
    with pytest.raises(NotComparableError, match=words):
        compare(("a", a), ("b", structs.replace(a, **change)), allowed={})


def test_what_is_no_report_is_refused():
    with pytest.raises(ConfigError, match=r"x\.json: not a report"):
        read_report("x.json", b"[1]")
    with pytest.raises(NotComparableError, match="schema_version None; expected 1"):
        read_report("x.json", b"{}")
    report = run_of([[1.0]] * 10)
    assert read_report("x.json", report.to_json().encode()) == report


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"width_s": 0}, r"\$\.over_time\.width_s"),
        ({"bins": 65}, r"\$\.over_time\.bins"),
        ({"answered": -1}, r"bins\[0\]\.answered"),
        ({"latency_from_plan_s": [[0.0, 1]]}, r"latency_from_plan_s\[0\]\[0\]"),
        ({"latency_from_plan_s": [[1.0, 0]]}, r"latency_from_plan_s\[0\]\[1\]"),
    ],
)
def test_what_no_run_has_over_time_is_refused_by_its_place(change, words):
    report = json.loads(run_of([[1.0]] * 10).to_json())
    times = report["over_time"]
    match change:
        case {"width_s": width}:
            times["width_s"] = width
        case {"bins": count}:
            times["bins"] = times["bins"][:1] * count
        case _:
            times["bins"][0] |= change
    with pytest.raises(ConfigError, match=words):
        read_report("x.json", json.dumps(report).encode())


@pytest.mark.parametrize(
    ("field", "name"),
    [("latency_from_plan_s", "p50"), ("send_lateness_s", "max"), ("ratios", "dropped_ratio")],
)
def test_a_report_that_lacks_a_figure_is_refused_by_its_name(field, name):
    report = json.loads(run_of([[1.0]] * 10).to_json())
    del report[field][name]
    with pytest.raises(ConfigError, match=rf"x\.json: not a report.*\$\.{field}: {name} is missing"):
        read_report("x.json", json.dumps(report).encode())
    report = json.loads(run_of([[1.0]] * 10).to_json())
    del report["by_target"][0]["latency_from_plan_s"]["p95"]
    with pytest.raises(ConfigError, match=r"\$\.by_target\[0\]\.latency_from_plan_s: p95 is missing"):
        read_report("x.json", json.dumps(report).encode())


ODD = (None, -1, 10**400, 1e308, 5e-324, "", [], {}, {"zzz\x1b": 1}, {"zzz": {}})
UNUSUAL = {
    "own_fault": {"processor": 1},
    "late": {"target": 2},
    "addresses": {host: {"sent": 1, "failed_connects": 2} for host in "ab"},
    "sessions": {"s": {"started": 1}},
    "merged": [json.loads(msgspec.json.encode(PartSummary(
        part=1, url="x", started_at=1.0, seconds=2.0, planned=1, sent=1, saturated=False, stopped_early=False)))],
    "start_skew_s": 3.0,
}  # fmt: skip


def places(value, path=()):
    """The paths of all values of a report; of a list, of its first one."""
    if path:
        yield path
    children = (
        value.items() if isinstance(value, dict) else list(enumerate(value))[:1] if isinstance(value, list) else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


@pytest.mark.slow
def test_no_odd_value_anywhere_in_a_report_is_a_traceback(monkeypatch):
    """Each value, odd or absent: the page and the text are made, or the report is refused in one line."""
    monkeypatch.setattr("trafficgen.report.compare.DRAWS", 10)
    good = run_of([[1.0]] * 10)
    whole = json.loads(good.to_json()) | UNUSUAL
    made = 0
    for path in places(whole):
        for odd in (*ODD, "absent"):
            report = json.loads(json.dumps(whole))
            holder = functools.reduce(operator.getitem, path[:-1], report)
            if odd == "absent":
                del holder[path[-1]]
            else:
                holder[path[-1]] = odd
            try:
                read = read_report("x", json.dumps(report).encode())
                found = compare(("a", good), ("x", read), allowed={})
            except TidewatchError:
                continue
            json.dumps(msgspec.to_builtins(found), allow_nan=False)
            assert "\x1b" not in render_comparison(found) + render_comparison_html(found, good, read)
            made += 1
    assert made > 100


@pytest.mark.parametrize(
    "text",
    [
        "p99",
        "p99=x%",
        "p98=1%",
        "p99=-1%",
        "p99=10",
        "p99=5pp",
        "p99=5/s",
        "error_ratio=5ms",
        "throughput=1pp",
        "p99=x ms",
    ],
)
def test_an_allowance_is_a_figure_and_how_much_worse_it_may_be(text):
    with pytest.raises(ConfigError, match="expected FIGURE=PERCENT"):
        allowances((text,))


def test_an_allowance_is_a_share_of_the_first_figure_or_an_amount_in_its_unit():
    assert allowances(("p99=10%", "error_ratio=0.5%", "p99=5ms", "error_ratio=0.2pp", "throughput=20/s")) == {
        "p99": Allowance(share=0.1, amount=0.005),
        "error_ratio": Allowance(share=0.005, amount=0.002),
        "throughput": Allowance(amount=20),
    }
    with pytest.raises(ConfigError, match=r"--allow: 'p99=20%': p99 has a percentage already"):
        allowances(("p99=10%", "p99=20%"))


def test_an_amount_is_allowed_also_where_the_first_figure_is_0():
    """No failure before, 1 of 10 requests in every second after it."""
    a, b = run_of([[1.0] * 10] * 20), run_of([[1.0] * 10] * 20, unanswered=1)
    assert verdicts(a, b, error_ratio=0.5)["error_ratio"] == "worse"
    assert verdicts(a, b, error_ratio=Allowance(amount=0.09))["error_ratio"] == "worse"
    assert verdicts(a, b, error_ratio=Allowance(amount=0.11))["error_ratio"] == "no significant difference"
    found = compare(("a", a), ("b", b), allowed={"error_ratio": Allowance(share=0.5), "p99": Allowance(share=0.5)})
    assert found.notes == ["--allow error_ratio: a percentage of 0 allows nothing; an amount such as 0.1pp does"]


def test_a_run_that_took_a_moment_longer_has_no_other_throughput():
    """10 a second for 20 s; the last request of the second run was due 2 ms later."""
    a = run_of([[1.0] * 10] * 20)
    for seconds in (19.998, 20.002):
        assert verdicts(a, structs.replace(a, seconds=seconds))["throughput"] == "no significant difference"


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({}, None),
        (
            {"seed": 2, "plan": "b0"},
            "the seeds are 1 and 2: the runs did not send the same requests; give both the same --seed",
        ),
        ({"plan": "b0"}, "the plans differ (a0 and b0): the runs did not have the same flags, targets or version"),
        ({"plan": ""}, "b: the report has no plan: whether both runs sent the same requests is not known"),
    ],
)
def test_plans_that_differ_are_noted(change, note):
    a = structs.replace(run_of([[1.0]] * 10), plan="a0")
    found = compare(("a", a), ("b", structs.replace(a, **change)), allowed={})
    assert found.notes == ([note] if note else [])


def test_the_command_says_it_and_ends_with_its_code(tmp_path):
    rng = np.random.default_rng(1)
    (tmp_path / "a.json").write_text(simulated(rng).to_json())
    (tmp_path / "b.json").write_text(simulated(rng, slower=1.5).to_json())
    files = [str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    worse = CliRunner().invoke(cli, ["compare", *files])
    assert worse.exit_code == 1
    assert "worse" in worse.stdout
    better = CliRunner().invoke(cli, ["compare", *reversed(files), "--format", "json"])
    figures = {one["figure"]: one for one in json.loads(better.stdout)["figures"]}
    assert (better.exit_code, figures["p50"]["verdict"]) == (0, "better")
    assert figures["p50"]["low"] < figures["p50"]["difference"] < figures["p50"]["high"] < 0
