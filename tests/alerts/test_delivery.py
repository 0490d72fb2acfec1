"""From a scrape to the receiver, through a real Prometheus and Alertmanager: the way no unit test of rules goes.

Windows and waits are shortened by replacing texts in the rendered files; the expressions are those that ship.
"""

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
    "[1m]": "[8s]",
    "offset 1m": "offset 8s",
    "for: 30s": "for: 2s",
    "for: 10s": "for: 2s",
    "group_interval: 5s": "group_interval: 1s",
    "group_interval: 10s": "group_interval: 1s",
    "repeat_interval: 30s": "repeat_interval: 2s",
}
ERRORS = 'tidewatch_http_requests_total{source="site",method="GET",route="/fail",code="500"}'
ANSWERS = 'tidewatch_http_requests_total{source="site",method="GET",route="/",code="200"}'
READABLE = 'tidewatch_log_readable{source="site"}'
LAST_LINE = 'tidewatch_log_last_line_timestamp_seconds{source="site"}'


class Page:
    """A page of metrics that the test sets; those named as growing have grown by 5 at each scrape."""

    def __init__(self, samples, growing=()):
        self.samples = dict(samples)
        self.growing = growing

    async def metrics(self, _request):
        for name in self.growing:
            self.samples[name] = self.samples.get(name, 0) + 5
        text = "".join(f"{series} {value}\n" for series, value in self.samples.items())
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


class Circle:
    """What the test asks of the running programs."""

    def __init__(self, session, receiver, alertmanager):
        self._session, self._receiver, self._alertmanager = session, receiver, alertmanager

    async def delivered(self):
        """(alert, status) of everything the receiver got, oldest first."""
        async with self._session.get(f"{self._receiver}notifications") as answer:
            return [
                (alert["labels"]["alertname"], alert["status"])
                for notification in await answer.json()
                for alert in notification["alerts"]
            ]

    async def muted(self):
        """The names of the alerts that Alertmanager knows and mutes because of another."""
        return {
            alert["labels"]["alertname"]
            for alert in await self._alertmanager.alerts()
            if alert["status"]["inhibitedBy"]
        }

    async def heartbeat(self):
        async with self._session.get(self._receiver) as answer:
            return "last heard" in await answer.text()


@asynccontextmanager
async def circle(folder: Path, exporter: Page):
    async with (
        serving([web.get("/metrics", exporter.metrics)]) as exporter_port,
        serving([web.get("/metrics", Page({}).metrics)]) as others_port,
        process(sys.executable, "-m", "alerts", "receiver", "--port", "0") as receiver,
    ):
        receiver_url = re.search(rb"http://\S+", await receiver.stderr.readline())[0].decode()
        prometheus_port, alertmanager_port = free_ports(2)
        ports = {
            8090: exporter_port,
            9090: prometheus_port,
            9093: alertmanager_port,
            8080: others_port,
            8089: others_port,
        }
        moved = {f"127.0.0.1:{old}": f"127.0.0.1:{new}" for old, new in ports.items()}
        render(folder, SHORTER | moved | {"http://127.0.0.1:8094/": receiver_url})
        (folder / "data").mkdir()
        async with (
            alertmanager(folder / "data", folder / "alerts" / "alertmanager.yml", alertmanager_port) as muting,
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
    exporter = Page({ERRORS: 0, READABLE: 1}, growing=[ANSWERS])
    async with circle(tmp_path, exporter) as running:
        await until(running.heartbeat, bool)

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
        over = {("LogUnreadable", "resolved"), ("LogStalled", "firing")}  # in either order: each is a group of its own
        await until(running.delivered, lambda got: over <= set(got))
