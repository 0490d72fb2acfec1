"""A scenario against a real server and stand-ins for the alert APIs, which follow what the server was asked for."""

import pytest
from aiohttp import web

from foundation.errors import ConfigError
from trafficgen.config import LoadConfig
from trafficgen.run import make_run
from trafficgen.scenario import watch
from trafficgen.scenario.drive import Drive
from trafficgen.scenario.scenario import parse_scenario

SCENARIO = """
mix: /=1
phases: [{rate: 1000, duration: 0.2}]
faults: [{name: errors, at: 0.1, for: 0.05, mix: /fail=100}]
expect:
  - alert SiteErrors firing within 60s, resolved within 60s
  - no alert Other
"""


@pytest.fixture
async def alert_api(site, monkeypatch):
    """SiteErrors fires while the last look saw new failures."""
    monkeypatch.setattr(watch, "POLL_S", 0.02)
    seen = [0, 0]

    def firing(which):
        before, seen[which] = seen[which], site.requests["/fail"]
        return ["SiteErrors"] if seen[which] > before else []

    async def prometheus(_request):
        alerts = [{"labels": {"alertname": name}, "state": "firing"} for name in firing(0)]
        return web.json_response({"data": {"alerts": [*alerts, {"labels": {"alertname": "P"}, "state": "pending"}]}})

    async def alertmanager(_request):
        return web.json_response([{"labels": {"alertname": name}} for name in firing(1)])

    app = web.Application()
    app.router.add_get("/api/v1/alerts", prometheus)
    app.router.add_get("/api/v2/alerts", alertmanager)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def drive_of(site):
    scenario = parse_scenario(SCENARIO, "test")
    return Drive(
        scenario,
        make_run(LoadConfig(url=site.url, phases=scenario.phases, mix=scenario.mix, faults=scenario.faults, seed=1)),
    )


@pytest.mark.slow
async def test_a_fault_is_sent_and_its_alert_is_followed_to_the_end(site, alert_api):
    said = []
    report = await drive_of(site).execute(alert_api, alert_api, on_tick=lambda _status: None, say=said.append)
    assert report.codes == {"200": 150, "500": 50}
    assert [verdict.held for verdict in report.expectations] == [True, True]
    assert 0 <= report.expectations[0].firing_after_s <= 60
    assert said[0] == "0.0 s: phase phase 1 begins"
    assert "0.1 s: fault errors begins" in said


async def test_nothing_is_sent_when_the_alerts_cannot_be_asked_for(site):
    with pytest.raises(ConfigError, match="--prometheus: not a list of alerts"):
        await drive_of(site).execute(site.url, None, on_tick=lambda _status: None, say=lambda _text: None)
    assert site.requests["/fail"] == 0
