"""The figures of a report, and what they look like where nothing was measured."""

import json

import pytest

from trafficgen.meter.meter import OWN_CAUSES, Meter
from trafficgen.report.render_html import render_html
from trafficgen.report.render_text import CAUSES, render_text
from trafficgen.report.report import make_report


def report_of(*, planned=1000, own_fault=0, seconds=10.0, plan_s=10.0):
    meter = Meter(("/",))
    meter.planned, meter.own_fault["processor"] = planned, own_fault
    return make_report(meter, url="http://a/", seed=1, seconds=seconds, plan_s=plan_s, started_at=0.0)


@pytest.mark.parametrize(("own_fault", "want"), [(0, False), (10, False), (11, True)])
def test_over_one_percent_of_own_fault_voids_a_run(own_fault, want):
    assert report_of(own_fault=own_fault).saturated is want


@pytest.mark.parametrize(
    ("seconds", "plan_s", "want"),
    [(10.0, 10.0, 100.0), (10.8, 10.0, 100.0), (5.0, 10.0, 200.0), (10.0, None, 100.0), (0.0, 10.0, None)],
    ids=["whole", "caught-up-after-the-end", "stopped", "endless", "nothing"],
)
def test_the_planned_rate_is_that_of_the_plans_own_time(seconds, plan_s, want):
    assert report_of(seconds=seconds, plan_s=plan_s).planned_per_s == want


def meter_of(planned, **no_answer):
    """Of a run whose requests were all sent and have all ended."""
    meter = Meter(("/",))
    meter.planned = planned
    meter.no_answer.update(no_answer)
    meter.ended += [0] * planned
    for noted in (meter.late_ns, meter.plan_ns, meter.send_ns):
        noted.extend([10**6] * planned)
    meter.flush()
    return meter


NOTHING = {"mean": None, "p50": None, "p90": None, "p95": None, "p99": None, "p999": None, "max": None}


def test_what_was_not_measured_has_no_figure():
    report = report_of(planned=0, seconds=0.0)
    told = json.loads(report.to_json())
    assert [told[f"{name}_s"] for name in ("send_lateness", "latency_from_plan", "latency_from_send")] == [NOTHING] * 3
    assert set(told["ratios"].values()) == {None}
    rows = dict(line.split("  ", 1) for line in render_text(report).splitlines())
    empty = {name for name, value in rows.items() if value.strip() == "-"}
    assert empty == {
        "server errors", "client errors", "no answer", "dropped", "latency from plan", "latency from send",
        "send lateness",
    }  # fmt: skip


def test_bytes_received_are_in_every_form():
    meter = meter_of(1)
    meter.received_bytes = 1_234_567
    report = make_report(meter, url="http://a/", seed=1, seconds=1.0, plan_s=1.0, started_at=0.0)
    assert "\nreceived           1,234,567 bytes\n" in render_text(report)
    assert "<td>1,234,567 bytes</td>" in render_html(report, meter)
    assert json.loads(report.to_json())["received_bytes"] == 1_234_567


def test_a_run_without_an_answer_has_no_share_of_bad_answers():
    meter = meter_of(20, timeout=20)
    report = make_report(meter, url="http://a/", seed=1, seconds=1.0, plan_s=1.0, started_at=0.0)
    text = render_text(report)
    assert (report.ratios["no_answer_ratio"], report.ratios["http_5xx_ratio"]) == (1.0, None)
    assert "no answer          20 (100.0 %; timeout: 20)\n" in text
    assert "server errors      -\n" in text


def test_server_errors_client_errors_and_no_answer_are_told_apart_everywhere():
    meter = meter_of(125, reset=25)
    meter.codes[0] = {200: 60, 404: 20, 500: 10, 503: 5, 777: 5}
    report = make_report(meter, url="http://a/", seed=1, seconds=1.0, plan_s=1.0, started_at=0.0)
    text, page = render_text(report), render_html(report, meter)
    for name, value in (
        ("server errors", "20 (20.0 %)"),
        ("client errors", "20 (20.0 %)"),
        ("no answer", "25 (20.0 %; reset: 25)"),
    ):
        assert f"{name:<19}{value}\n" in text
        assert f'<th scope="row">{name}</th><td>{value}</td>' in page
    assert (report.server_errors, report.client_errors, report.no_answer) == (20, 20, {"reset": 25})
    assert report.ratios["error_ratio"] == 45 / 125


@pytest.mark.parametrize("cause", OWN_CAUSES)
def test_an_invalid_run_names_its_cause(cause):
    meter = Meter(("/",))
    meter.planned, meter.own_fault[cause] = 100, 60
    report = make_report(meter, url="http://a/", seed=1, seconds=1.0, plan_s=1.0, started_at=0.0)
    said = f"the generator was the limit, not the target: 60 by {CAUSES[cause]}"
    assert f"INVALID            {said}\n" in render_text(report)
    assert f"INVALID: {said}</p>" in render_html(report, meter)
    assert json.loads(report.to_json())["own_fault"] == {cause: 60}


def test_what_is_too_few_to_void_a_run_is_named_all_the_same():
    text = render_text(report_of(own_fault=3))
    assert "own fault          3 by the processor of the generator" in text
    assert "INVALID" not in text
