"""Reports of parts as one: their sum is what one run of the whole would have said, and what is no part is refused."""

import json
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from foundation.errors import ConfigError
from trafficgen.cli import main
from trafficgen.meter.meter import Meter
from trafficgen.meter.stored import stored_meter
from trafficgen.report.merge import MissingPartsError, merged_report, read_part
from trafficgen.report.render_text import render_text
from trafficgen.report.report import Report, make_report

SUMMED = {
    "planned", "sent", "answered", "dropped", "no_answer", "server_errors", "client_errors", "codes", "unexpected",
    "targets", "by_target", "addresses", "sessions", "session_failures", "ratios", "rate_per_s", "planned_per_s",
    "send_lateness_s", "latency_from_plan_s", "latency_from_send_s", "late", "own_fault", "saturated",
    "connects", "received_bytes", "retried", "over_time",
}  # fmt: skip
OF_ALL = {
    "schema_version",
    "protocol",
    "seed",
    "version",
    "plan",
    "plan_seconds",
    "start_at",
    "replayed",
}  # the same in all parts
RULED = {
    "url",
    "command",
    "seconds",
    "started_at",
    "stopped_early",
    "merged",
    "missing",
    "start_skew_s",
}  # tested below
OF_THE_WHOLE = {"part", "parts", "failed", "results", "meter", "windows", "expectations"}  # new, or no part has any


def test_every_field_of_a_report_has_a_rule():
    """One that is added to `Report` is summed from the meter, or needs a rule in `merged_report`."""
    assert set(Report.__struct_fields__) == SUMMED | OF_ALL | RULED | OF_THE_WHOLE


def meter_of(events):
    """A run of (latency in ns, what became of it) on targets by turns."""
    meter = Meter(("/", "/a"), expected=(None, ((200, 299),)), sessions=("shop",))
    for latency_ns, kind in events:
        meter.planned += 1
        meter.connects += kind
        meter.received_bytes += latency_ns
        meter.retried["rst_refused_stream"] += kind
        meter.series.add(1, 1, kind < 6)
        meter.count_session("shop", ("started", "completed", "failed")[kind % 3], f"step {kind}" if kind > 7 else "")
        meter.shares.add(f"192.0.2.{kind % 3}", sent=1, failed=kind % 2)
        target = latency_ns % 2
        meter.ended.append(target)
        meter.plan_ns.append(latency_ns)
        if kind == 9:
            meter.dropped["behind"] += 1
            meter.own_fault["processor"] += 1
            meter.by_target.fail(target, "behind")
            continue
        meter.late_ns.append(latency_ns // 3)
        meter.send_ns.append(latency_ns // 2)
        if kind > 6:
            meter.give_up("timeout", target)
            meter.late_by["target"] += 1
        else:
            code = (200, 302, 404, 500)[kind % 4]
            meter.codes[target][code] = meter.codes[target].get(code, 0) + 1
    meter.flush()
    meter.close_second()
    return meter


def report_of(meter, /, **settings):
    made = make_report(
        meter,
        url=settings.pop("url", "http://h/"),
        seed=1,
        seconds=settings.pop("seconds", 10.0),
        plan_s=10.0,
        started_at=settings.pop("started_at", 1000.0),
    )
    return structs.replace(made, plan="abc", **settings)


def part_file(meter, number, of, /, **settings):
    return report_of(meter, part=number, parts=of, meter=stored_meter(meter), **settings).to_json().encode()


def parts_of(events, of, **settings):
    return [
        read_part(f"part-{n}.json", part_file(meter_of(events[n - 1 :: of]), n, of, **settings))
        for n in range(1, of + 1)
    ]


EVENTS = st.lists(st.tuples(st.integers(0, 2**43), st.integers(0, 9)), max_size=60)


@given(EVENTS, st.integers(1, 7))
def test_the_sum_is_what_one_run_would_say(events, of):
    merged, meter = merged_report(parts_of(events, of)[::-1])
    one = report_of(meter_of(events))
    assert {name: getattr(merged, name) for name in SUMMED} == {name: getattr(one, name) for name in SUMMED}
    assert meter.from_plan.counts.tolist() == meter_of(events).from_plan.counts.tolist()


@given(st.lists(st.integers(2000, 2**43), min_size=1, max_size=80), st.integers(1, 5))
def test_percentiles_are_those_of_all_requests_within_the_resolution(latencies, of):
    merged, _ = merged_report(parts_of([(value, 0) for value in latencies], of))
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
        exact = sorted(latencies)[min(math.floor(share * len(latencies) + 1e-9), len(latencies) - 1)] / 1e9
        assert merged.latency_from_plan_s[name] == pytest.approx(exact, rel=0.0045)  # 0.4 %, and four digits


def test_seconds_are_added_up_by_second():
    _, meter = merged_report(parts_of([(1000, 0)] * 7, 3))
    assert meter.series.all_rows() == [(3, 3, 3), (3, 3, 3), (1, 1, 1)]


def test_what_the_parts_differ_in_is_told():
    parts = [
        read_part(
            f"{n}.json",
            part_file(
                meter_of([(1000, 0)]), n, 3, started_at=1000.0 + 3 * n, seconds=10.0 - n, url=f"http://h{n}/",
                command=f"trafficgen --part {n}/3",
                stopped_early=n == 2, saturated=n == 3,
            ),
        )
        for n in (1, 2, 3)
    ]  # fmt: skip
    merged, _ = merged_report(parts)
    assert (merged.url, merged.seconds, merged.started_at) == ("http://h1/, http://h2/, http://h3/", 9.0, 1003.0)
    assert merged.command == "trafficgen --part 1/3"
    assert (merged.start_skew_s, merged.stopped_early, merged.missing) == (6.0, True, [])
    assert (merged.part, merged.parts, merged.meter) == (1, 1, None)
    text = render_text(merged)
    assert "3 of 3, begun within 6 s by their own clocks" in text
    assert "the parts did not run at the same time" in text
    assert "part 3: INVALID by itself" in text
    assert "part 2: stopped before the end" in text


def test_missing_parts_are_named():
    parts = parts_of([(1000, 0)] * 9, 5)
    with pytest.raises(MissingPartsError, match=r"^parts 2 and 4 of 5 are missing; give all reports, or --allow-miss"):
        merged_report([parts[0], parts[2], parts[4]])
    with pytest.raises(MissingPartsError, match=r"^part 1 of 5 is missing"):
        merged_report(parts[1:])
    merged, _ = merged_report([parts[0], parts[2], parts[4]], allow_missing=True)
    assert merged.missing == [2, 4]
    assert merged.planned == 2 + 2 + 1
    assert "3 of 5, begun" in render_text(merged)
    assert "parts 2 and 4: these figures are not of the whole plan" in render_text(merged)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 2}, r"2.json: its seed differs from that of 1.json \(2, not 1\)"),
        ({"plan": "def"}, r"its plan differs from that of 1.json \(def, not abc\)"),
        ({"parts": 3}, r"its number of parts differs from that of 1.json \(3, not 2\)"),
        ({"part": 1}, "2.json: part 1 is a duplicate, first in 1.json"),
        ({"version": "0.0.1"}, "2.json: of version 0.0.1; expected"),
        ({"start_at": 5.0}, "its --start-at differs from that of 1.json"),
        ({"protocol": "h2"}, r"its protocol differs from that of 1.json \(h2, not http/1.1\)"),
        ({"meter": None}, "not of a part, but of a whole run"),
        ({"part": 0}, "not of a part"),
        ({"planned": "many"}, r"not a report of a part \(.*\$.planned"),
    ],
)
def test_what_is_no_part_of_the_plan_is_refused(change, says):
    first, second = (part_file(meter_of([(1000, 0)]), n, 2) for n in (1, 2))
    second = json.dumps(json.loads(second) | change).encode()
    with pytest.raises(ConfigError, match=says):
        merged_report([read_part("1.json", first), read_part("2.json", second)])


def test_parts_with_other_targets_are_refused():
    other = Meter(("/", "/b"))
    second = read_part("2.json", part_file(other, 2, 2))
    with pytest.raises(ConfigError, match=r"its list of targets differs from that of 1\.json"):
        merged_report([read_part("1.json", part_file(Meter(("/", "/a")), 1, 2)), second])


@pytest.mark.parametrize("content", [b"[]", b"{}", b"\xff", b'{"planned": 3}', b"[" * 100_000])
def test_another_file_is_refused(content):
    with pytest.raises(ConfigError, match=r"^x.json: not a report of a part \(.*\): expected the file of"):
        read_part("x.json", content)


STRUCTS = {"meter", "from_plan", "lateness", "bins", "series"}  # changed in a field, and not replaced


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_an_empty_file_is_named_so(content):
    with pytest.raises(ConfigError, match=r"^x.json: an empty file: expected the file of trafficgen --part"):
        read_part("x.json", content)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"meter": {"planned": 3}}, "planned differs from the counts in meter"),
        ({"sent": 3}, "sent differs"),
        ({"meter": {"from_plan": {"max_ns": 7}}}, "latency_from_plan_s differs"),
        ({"meter": {"from_plan": {"count": 3}}}, "meter.from_plan: its buckets do not add up to its count of 3"),
        ({"meter": {"lateness": {"classic": [0] * 21}}}, "meter.lateness: its buckets do not add up"),
        ({"meter": {"no_answer": {"nobody": 1}}}, "meter.no_answer: unknown 'nobody'"),
        ({"meter": {"own_fault": {"moon": 1}}, "own_fault": {"moon": 1}}, "meter.own_fault: unknown 'moon'"),
        ({"meter": {"late_by": {"moon": 1}}, "late": {"moon": 1}}, "meter.late_by: unknown 'moon'"),
        ({"meter": {"sessions": {"shop": {"odd": 1}}}}, "meter.sessions: 'shop': expected the counts started, "),
        ({"meter": {"bins": {"width_s": 2}}}, "over_time differs"),
        ({"meter": {"bins": {"width_s": 3}}}, "meter.bins: rows of 3 s; expected a power of 2"),
        ({"meter": {"series": {"width_s": 6}}}, "meter.series: rows of 6 s"),
    ],
)
def test_a_damaged_part_is_refused(change, says):
    def changed(value, by):
        return value | {key: changed(value[key], new) if key in STRUCTS else new for key, new in by.items()}

    whole = json.loads(part_file(meter_of([(1000, 0)]), 1, 2))
    with pytest.raises(ConfigError, match=rf"^1.json: damaged: {says}"):
        read_part("1.json", json.dumps(changed(whole, change)).encode())


def command(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["trafficgen", "merge", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, *capsys.readouterr()


def test_the_command_judges_the_whole(monkeypatch, capsys, tmp_path):
    files = []
    for number in (1, 2):
        files.append(tmp_path / f"part-{number}.json")
        files[-1].write_bytes(part_file(meter_of([(10**9, 0), (10**9, 3)][number - 1 : number]), number, 2))
    code, out, err = command(monkeypatch, capsys, *files, "--fail-if", "http_5xx_ratio>0.4", "--report", "json")
    assert (code, err) == (16, "")
    told = json.loads(out)
    assert (told["planned"], told["codes"]) == (2, {"200": 1, "500": 1})
    assert told["failed"] == ["http_5xx_ratio>0.4: it is 0.5"]
    code, out, err = command(monkeypatch, capsys, files[1])
    assert (code, out) == (6, "")
    assert err == "trafficgen: part 1 of 2 is missing; give all reports, or --allow-missing\n"
    assert command(monkeypatch, capsys, files[1], "--allow-missing", "--report", "html")[0] == 0
    assert command(monkeypatch, capsys, tmp_path / "absent.json")[0] == 3
