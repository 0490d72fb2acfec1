"""Firing alerts as the page shows them: Prometheus says which, Alertmanager which of them are silenced."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import aiohttp

_ORDER = {"page": 0, "critical": 0, "ticket": 1, "warning": 1, "info": 2}
_SAID_APART = {"alertname", "severity"}
_TIMEOUT = aiohttp.ClientTimeout(total=5)

Labels = Mapping[str, str]


def firing(alerts: Iterable[Mapping[str, Any]], silenced: Sequence[Labels] = ()) -> list[dict[str, Any]]:
    """The alerts that fire, most severe first; those of severity none (the watchdog) are left out."""
    found = [_told(alert, silenced) for alert in alerts if alert.get("state") == "firing"]
    return sorted(
        (alert for alert in found if alert["severity"] != "none"),
        key=lambda alert: (alert["silenced"], _ORDER.get(alert["severity"], 1), alert["name"]),
    )


def _told(alert: Mapping[str, Any], silenced: Sequence[Labels]) -> dict[str, Any]:
    labels, notes = alert.get("labels", {}), alert.get("annotations", {})
    return {
        "name": labels.get("alertname", ""),
        "severity": labels.get("severity", ""),
        "summary": notes.get("summary", ""),
        "description": notes.get("description", ""),
        "labels": {name: value for name, value in labels.items() if name not in _SAID_APART},
        "since": alert.get("activeAt", ""),
        "board": notes.get("dashboard_url", ""),
        "runbook": notes.get("runbook_url", ""),
        "silenced": any(labels.items() <= dict(one).items() for one in silenced),
    }


async def muted(url: str, session: aiohttp.ClientSession) -> list[Labels]:
    """The labels of alerts that Alertmanager silences or inhibits; none where it cannot be asked."""
    try:
        async with session.get(f"{url.rstrip('/')}/api/v2/alerts?active=false", timeout=_TIMEOUT) as response:
            alerts = await response.json() if response.status == 200 else []
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return []
    return [one.get("labels", {}) for one in alerts if isinstance(one, dict)] if isinstance(alerts, list) else []
