"""The generator's metrics, read by Prometheus' own parser."""

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from foundation.errors import ConfigError
from foundation.web import WebPolicy
from trafficgen.config import LoadConfig
from trafficgen.meter.meter import DROP_REASONS, NO_ANSWER_REASONS
from trafficgen.meter.metrics import MetricsServer
from trafficgen.plan.mix import parse_mix
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.run import make_run


def run_of(site):
    phases = (Phase(pattern=parse_patterns((), 400), duration_s=0.1, jitter=0.1),)
    return make_run(LoadConfig(url=site.url, phases=phases, mix=parse_mix("/=8,/fail=2"), seed=42))


async def scrape(server):
    url = f"http://127.0.0.1:{server.port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        families = list(text_string_to_metric_families(await response.text()))
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


async def test_every_series_is_born_at_zero(site):
    async with MetricsServer(("127.0.0.1", 0), run_of(site), WebPolicy()) as server:
        seen = await scrape(server)
    want = {("trafficgen_dropped_requests_total", ("reason", reason)) for reason in DROP_REASONS}
    want |= {("trafficgen_no_answer_requests_total", ("reason", reason)) for reason in NO_ANSWER_REASONS}
    want |= {
        ("trafficgen_responses_total", ("code", str(code)), ("target", target))
        for code in (200, 404, 500)
        for target in ("/", "/fail")
    }
    want |= {("trafficgen_planned_requests_total",), ("trafficgen_sent_requests_total",), ("trafficgen_planned_rate",)}
    want |= {("trafficgen_server_errors_total",), ("trafficgen_client_errors_total",)}
    assert {seen.get(series) for series in want} == {0.0}
    assert {series[1] for series in seen if series[0] == "trafficgen_run_info"} == {("seed", "42")}


async def test_its_first_page_says_where_the_metrics_are(site):
    async with (
        MetricsServer(("127.0.0.1", 0), run_of(site), WebPolicy()) as server,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{server.port}/") as response,
    ):
        assert (response.status, await response.text()) == (200, "trafficgen: its own metrics are at /metrics\n")


@pytest.mark.slow
async def test_the_counters_tell_the_run(site):
    run = run_of(site)
    async with MetricsServer(("127.0.0.1", 0), run, WebPolicy()) as server:
        report = await run.execute()
        seen = await scrape(server)
    assert seen["trafficgen_planned_requests_total",] == report.planned
    assert seen["trafficgen_sent_requests_total",] == report.sent > 0
    fails = seen["trafficgen_responses_total", ("code", "500"), ("target", "/fail")]
    assert fails == site.requests["/fail"]
    assert seen["trafficgen_responses_total", ("code", "200"), ("target", "/")] == report.answered - fails
    for start in ("plan", "send"):
        assert seen["trafficgen_request_duration_seconds_count", ("from", start)] == report.answered
        assert seen["trafficgen_request_duration_seconds_bucket", ("from", start), ("le", "+Inf")] == report.answered
    assert seen["trafficgen_send_lateness_seconds_bucket", ("le", "10.0")] == report.sent
    assert seen["trafficgen_in_flight_requests",] == 0
    assert seen["trafficgen_server_errors_total",] == fails
    assert seen["trafficgen_client_errors_total",] == 0


async def test_a_taken_address_is_told(site):
    async with MetricsServer(("127.0.0.1", 0), run_of(site), WebPolicy()) as server:
        with pytest.raises(ConfigError, match=rf"cannot listen on 127.0.0.1:{server.port}: .* or off"):
            await MetricsServer(("127.0.0.1", server.port), run_of(site), WebPolicy()).__aenter__()


async def test_where_the_default_is_taken_a_free_port_will_do(site):
    async with (
        MetricsServer(("127.0.0.1", 0), run_of(site), WebPolicy()) as first,
        MetricsServer(("127.0.0.1", first.port), run_of(site), WebPolicy(), or_free_port=True) as second,
    ):
        assert first.port != second.port
        assert ("trafficgen_planned_rate",) in await scrape(second)


async def test_an_address_that_nobody_can_have_is_told_all_the_same(site):
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1:8089"):
        await MetricsServer(("192.0.2.1", 8089), run_of(site), WebPolicy(), or_free_port=True).__aenter__()


async def test_scrapes_after_the_end_can_be_awaited(site):
    async with MetricsServer(("127.0.0.1", 0), run_of(site), WebPolicy()) as server:
        seen = server.expect(2)
        await scrape(server)
        assert not seen.is_set()
        await scrape(server)
        assert seen.is_set()
