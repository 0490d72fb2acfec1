"""From a scrape to the receiver, through a real Prometheus and Alertmanager: the way no unit test of rules goes.

Windows and waits are shortened by replacing texts in the rendered files; the expressions are those that ship.
"""

import asyncio
import re
import shutil
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from ports import free_ports
from programs import ALERTMANAGER, alertmanager, process, serving, until

from alerts.render import render

PROMETHEUS = shutil.which("prometheus")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not (PROMETHEUS and ALERTMANAGER), reason="prometheus or alertmanager is not on PATH"),
]
SHORTER = {
    "scrape_interval: 2s": "scrape_interval: 1s",
    "scrape_timeout: 2s": "scrape_timeout: 1s",
    "evaluation_interval: 2s": "evaluation_interval: 1s",
    "    interval: 30s": "    interval: 1s",
    "[1m]": "[5s]",
    "offset 1m": "offset 5s",
    "keep_firing_for: 2m": "keep_firing_for: 8s",
    "keep_firing_for: 1m": "keep_firing_for: 2s",
    "for: 1m": "for: 2s",
    "for: 30s": "for: 2s",
    "for: 10s": "for: 2s",
    "group_interval: 5s": "group_interval: 1s",
    "group_interval: 10s": "group_interval: 1s",
    "repeat_interval: 30s": "repeat_interval: 2s",
}
ERRORS = 'tidewatch_http_requests_total{source="shop",method="GET",route="/fail",code="500"}'
ANSWERS = 'tidewatch_http_requests_total{source="shop",method="GET",route="/",code="200"}'
SHOP_STATS = 'tidewatch_stats_responses_total{source="shop",code="200"}'
READABLE = 'tidewatch_log_readable{source="shop"}'
LAST_LINE = 'tidewatch_log_last_line_timestamp_seconds{source="shop"}'
# The site whose time server and generator are targets, as in prometheus.yml.
SITE = 'tidewatch_http_requests_total{source="site",method="GET",route="/",code="200"}'
SITE_STATS = 'tidewatch_stats_responses_total{source="site",code="200"}'
SITE_STATS_UP = 'tidewatch_stats_up{source="site"}'
PLAN = ("trafficgen_planned_requests_total", "trafficgen_sent_requests_total")
ANSWERED = 'trafficgen_responses_total{code="200"}'
FOLLOW = {"SiteTrafficBelowPlan", "StatsPageUnreachable", "GeneratorUnanswered"}


class Page:
    """A page of metrics that the test sets; those named as growing have grown by 5 at each scrape."""

    def __init__(self, samples, growing=()):
        self.samples = dict(samples)
        self.growing = set(growing)
        self.answers = True

    async def metrics(self, _request):
        if not self.answers:
            raise web.HTTPServiceUnavailable
        for name in self.growing:
            self.samples[name] = self.samples.get(name, 0) + 5
        text = "".join(f"{series} {value}\n" for series, value in self.samples.items())
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


class Circle:
    """What the test asks of the running programs."""

    def __init__(self, session, receiver, alertmanager):
        self._session, self._receiver, self._alertmanager = session, receiver, alertmanager

    async def messages(self, source):
        """The (alert, status) in each message about the source that the receiver got, oldest first."""
        async with self._session.get(f"{self._receiver}notifications") as answer:
            return [
                {(alert["labels"]["alertname"], alert["status"]) for alert in notification["alerts"]}
                for notification in await answer.json()
                if any(alert["labels"].get("source") == source for alert in notification["alerts"])
            ]

    async def delivered(self, source="shop"):
        """(alert, status) of all that the receiver got of the source, oldest first."""
        return [told for message in await self.messages(source) for told in message]

    async def muted(self, source="shop"):
        """The names of the source's alerts that Alertmanager knows and mutes because of another."""
        return {labels["alertname"] for labels, by in await self._alerts() if by and labels.get("source") == source}

    async def known(self, source):
        """The names of the source's alerts that Alertmanager knows."""
        return {labels["alertname"] for labels, _ in await self._alerts() if labels.get("source") == source}

    async def _alerts(self):
        return [(alert["labels"], alert["status"]["inhibitedBy"]) for alert in await self._alertmanager.alerts()]

    async def heartbeat(self):
        async with self._session.get(self._receiver) as answer:
            return "last heard" in await answer.text()


@asynccontextmanager
async def circle(folder: Path, exporter: Page, timeserver: Page, generator: Page):
    async with (
        serving([web.get("/metrics", exporter.metrics)]) as exporter_port,
        serving([web.get("/metrics", timeserver.metrics)]) as timeserver_port,
        serving([web.get("/metrics", generator.metrics)]) as generator_port,
        process(sys.executable, "-m", "alerts", "receiver", "--port", "0") as receiver,
    ):
        receiver_url = re.search(rb"http://\S+", await receiver.stderr.readline())[0].decode()
        (prometheus_port,) = free_ports(1)
        ports = {8090: exporter_port, 9090: prometheus_port, 8080: timeserver_port, 8089: generator_port}
        moved = SHORTER | {f"127.0.0.1:{old}": f"127.0.0.1:{new}" for old, new in ports.items()}
        moved["http://127.0.0.1:8094/"] = receiver_url
        render(folder, moved)
        (folder / "data").mkdir()
        async with alertmanager(folder / "data", folder / "alerts" / "alertmanager.yml") as muting:
            render(folder, moved | {"127.0.0.1:9093": muting.url.removeprefix("http://")})
            async with (
                process(
                    PROMETHEUS,
                    f"--config.file={folder}/alerts/prometheus.yml",
                    f"--web.listen-address=127.0.0.1:{prometheus_port}",
                    f"--storage.tsdb.path={folder}/data/prometheus",
                    "--rules.alert.resend-delay=2s",  # what fires before Alertmanager is discovered is sent again soon
                    "--log.level=error",
                ),
                aiohttp.ClientSession() as session,
            ):
                yield Circle(session, receiver_url, muting)


async def test_alerts_are_delivered_muted_and_resolved(tmp_path):
    # With traffic: where the site is known to have none, a silent log is no alert.
    growing = [ANSWERS, SHOP_STATS, SITE, SITE_STATS]
    exporter = Page({ERRORS: 0, READABLE: 1, SITE_STATS_UP: 1}, growing)
    timeserver, generator = Page({}), Page({}, [*PLAN, ANSWERED])
    async with circle(tmp_path, exporter, timeserver, generator) as running:
        await until(running.heartbeat, bool)
        async with asyncio.TaskGroup() as both:
            both.create_task(a_log_is_lost(running, exporter))
            both.create_task(a_site_dies(running, exporter, timeserver, generator))


async def a_log_is_lost(running, exporter):
    # The first 500 is delivered, and is over when its minute is; a log that can't be read is told meanwhile.
    exporter.samples |= {ERRORS: 1, READABLE: 0}
    both = {("SiteServerErrors", "firing"), ("LogUnreadable", "firing")}
    await until(running.delivered, lambda got: both <= set(got))
    await until(running.delivered, lambda got: ("SiteServerErrors", "resolved") in got)

    # What follows from the unreadable log fires too, and is muted; once its cause is over, it is delivered.
    exporter.samples[LAST_LINE] = 1
    await until(running.muted, lambda got: "LogStalled" in got)
    assert "LogStalled" not in {name for name, _ in await running.delivered()}
    exporter.samples[READABLE] = 1
    over = {("LogUnreadable", "resolved"), ("LogStalled", "firing")}
    await until(running.delivered, lambda got: over <= set(got))


async def a_site_dies(running, exporter, timeserver, generator):
    """One cause is one page, and its end another: what follows from it begins later, ends earlier, and is muted."""
    timeserver.answers = False
    exporter.growing -= {SITE, SITE_STATS}
    generator.growing -= {ANSWERED}
    exporter.samples[SITE_STATS_UP] = 0
    await until(lambda: running.muted("site"), lambda got: got >= FOLLOW)

    timeserver.answers = True
    exporter.growing |= {SITE, SITE_STATS}
    generator.growing |= {ANSWERED}
    exporter.samples[SITE_STATS_UP] = 1
    await until(lambda: running.known("site"), lambda got: not got)
    await until(lambda: running.delivered("site"), lambda got: ("TargetDown", "resolved") in got)
    firing, resolved = await running.messages("site")
    assert firing == {("TargetDown", "firing")}
    # Alertmanager adds the ends of what was muted; those the receiver does not print.
    assert ("TargetDown", "resolved") in resolved
    assert {status for _, status in resolved} == {"resolved"}
