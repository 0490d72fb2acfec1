"""Several processes send one plan."""

import pytest

from trafficgen.config import LoadConfig
from trafficgen.plan.mix import parse_mix
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.run import make_run, run_load

pytestmark = pytest.mark.slow


def config(site, duration_s=1.0):
    phases = (Phase(pattern=parse_patterns((), 300), duration_s=duration_s, jitter=0.5),)
    return LoadConfig(url=site.url, phases=phases, mix=parse_mix("/=8,/fail=2"), seed=3, workers=3)


async def test_workers_send_one_plan_and_their_counts_add_up(site):
    alone = make_run(config(site))
    want = sum(len(chunk.due_ns) for chunk in alone.plan.chunks())
    report = await run_load(config(site))
    assert report.planned == report.sent + sum(report.dropped.values()) == want
    assert report.sent == report.answered == site.requests.total()
    assert report.codes == {"200": site.requests["/"], "500": site.requests["/fail"]}


async def test_stop_reaches_every_worker(site):
    run = make_run(config(site, duration_s=None))
    report = await run.execute(lambda run: run.meter.sent > 50 and run.stop())
    assert report.stopped_early
    assert report.planned == report.sent + sum(report.dropped.values())
    assert report.sent == report.answered == site.requests.total()
