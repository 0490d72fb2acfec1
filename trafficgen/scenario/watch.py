"""Asks Prometheus and Alertmanager, again and again, which alerts are firing, and lets the judges know."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from foundation.errors import BadRecord, ConfigError
from foundation.jsonread import read_json
from foundation.secret import shown_url
from trafficgen.fetch import read_bytes
from trafficgen.scenario.expect import Judge, Seen

POLL_S = 1.0
TIMEOUT_S = 5.0
FAILURES = (
    aiohttp.ClientError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    BadRecord,
)  # no answer, or one of another shape


class AlertApis:
    """The alert APIs of a Prometheus and, if `alertmanager` is not None, of an Alertmanager."""

    def __init__(self, session: aiohttp.ClientSession, prometheus: str, alertmanager: str | None) -> None:
        """`session`: the caller's, who closes it. `prometheus`: its URL."""
        self._session = session
        self._prometheus = prometheus.rstrip("/")
        self._alertmanager = alertmanager.rstrip("/") if alertmanager else None

    async def look_before(self) -> Seen:
        """What is firing before the run. Raises ConfigError when one of the two doesn't answer as it should."""
        asked = "prometheus"
        try:
            prometheus = await self._ask_prometheus()
            asked = "alertmanager"
            alertmanager = await self._ask_alertmanager()
        except FAILURES as exc:
            raise ConfigError(f"--{asked}: not a list of alerts: {_words(exc)}") from exc
        return Seen(-1.0, prometheus, alertmanager)

    async def look(self, elapsed_s: Callable[[], float]) -> Seen:
        """What is firing now. Raises one of `FAILURES`."""
        prometheus, alertmanager = await self._ask_prometheus(), await self._ask_alertmanager()
        return Seen(elapsed_s(), prometheus, alertmanager)

    async def _ask_prometheus(self) -> frozenset[str]:
        alerts = (await self._get(f"{self._prometheus}/api/v1/alerts"))["data"]["alerts"]
        return frozenset(alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing")

    async def _ask_alertmanager(self) -> frozenset[str] | None:
        if self._alertmanager is None:
            return None
        alerts = await self._get(f"{self._alertmanager}/api/v2/alerts")
        return frozenset(alert["labels"]["alertname"] for alert in alerts)

    async def _get(self, url: str) -> Any:
        async with self._session.get(url) as response:
            response.raise_for_status()
            return read_json(await read_bytes(response))


def _words(exc: BaseException) -> str:
    return shown_url(" ".join(str(exc).split())) or type(exc).__name__


async def watch(apis: AlertApis, judges: list[Judge], elapsed_s: Callable[[], float]) -> None:
    """Observe about once a second until every judge has decided. A failed query is repeated."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while any(judge.verdict is None for judge in judges):
        try:
            seen = await apis.look(elapsed_s)
        except FAILURES as exc:
            for judge in judges:
                if elapsed_s() > judge.deadline_s:
                    judge.finish(elapsed_s(), f"the alerts could not be asked for: {_words(exc)}")
        else:
            for judge in judges:
                judge.observe(seen)
        due = max(due + POLL_S, loop.time())
        await asyncio.sleep(due - loop.time())
