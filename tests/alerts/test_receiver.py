import json
from datetime import UTC, datetime
from io import BytesIO

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from alerts.changes import Filter
from alerts.receiver import MAX_BODY_BYTES, Receiver, make_app
from foundation.web import Guard, WebPolicy

NOW = datetime(2026, 11, 22, 6, 40, 13, tzinfo=UTC)
ALERT = {
    "status": "firing",
    "labels": {"alertname": "LogStalled", "severity": "page"},
    "annotations": {"summary": "site: no log line read for 1m 10s"},
    "startsAt": "2026-11-22T06:40:11Z",
    "endsAt": "0001-01-01T00:00:00Z",
}
ENDED = {**ALERT, "status": "resolved", "endsAt": "2026-11-22T06:41:00Z"}
MESSAGE = {"version": "4", "status": "firing", "receiver": "page", "alerts": [ALERT, ALERT]}
RESOLVED = {**MESSAGE, "status": "resolved", "alerts": [ENDED]}


class House:
    """A receiver with a clock that stands still, and what it said."""

    def __init__(self):
        self.said, self.complained, self.time_s = [], [], 0.0
        self.policy = WebPolicy()
        self.receiver = Receiver(
            say=self.said.append,
            complain=self.complained.append,
            now=lambda: NOW,
            clock=lambda: self.time_s,
            heartbeat_timeout_s=120,
            policy=self.policy,
        )


@pytest.fixture
def house():
    return House()


@pytest.fixture
async def client(house):
    async with TestClient(TestServer(make_app(house.receiver, Guard(house.policy)))) as client:
        yield client


async def metrics(client):
    text = await (await client.get("/metrics")).text()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


async def test_a_change_is_printed_once_and_every_message_is_kept_and_counted(client, house):
    for message in (MESSAGE, MESSAGE, RESOLVED, RESOLVED, MESSAGE):
        assert (await client.post("/", json=message)).status == 200
    assert [(alert.name, alert.status) for alert in house.said] == [
        ("LogStalled", "firing"),
        ("LogStalled", "resolved"),
        ("LogStalled", "firing"),
    ]
    kept = await (await client.get("/notifications")).json()
    assert len(kept) == 5
    assert (kept[0]["received_at"], kept[0]["status"], kept[0]["receiver"]) == (
        "2026-11-22T06:40:13Z",
        "firing",
        "page",
    )
    assert kept[0]["alerts"][0]["labels"] == ALERT["labels"]
    assert kept[0]["alerts"][0]["startsAt"] == ALERT["startsAt"]
    page = await (await client.get("/")).text()
    assert page.count("<li>") == 1
    assert "LogStalled" in page
    got = await metrics(client)
    assert got["alert_receiver_notifications_total", "firing"] == 3
    assert got["alert_receiver_notifications_total", "resolved"] == 2


async def test_only_what_is_wanted_is_printed_and_all_is_on_the_page(client, house):
    house.receiver._wanted = Filter(severity=("ticket",))
    quiet = {**ALERT, "labels": {"alertname": "A", "severity": "ticket"}}
    await client.post("/", json={**MESSAGE, "alerts": [ALERT, quiet]})
    assert [alert.name for alert in house.said] == ["A"]
    assert (await (await client.get("/")).text()).count("<li>") == 2
    assert (await (await client.get("/?alert=Log*&severity=page")).text()).count("<li>") == 1


@pytest.mark.parametrize("path", ["/", "/heartbeat"])
async def test_what_is_no_notification_is_refused_counted_and_not_kept(client, house, path):
    answer = await client.post(path, data=b"{", headers={"Content-Type": "application/json"})
    assert answer.status == 400
    assert "not a webhook message" in await answer.text()
    assert (await metrics(client))["alert_receiver_refused_total",] == 1
    assert (house.said, len(house.receiver.recent)) == ([], 0)
    assert house.receiver.heartbeat()[0] == "Watchdog never heard."


@pytest.mark.parametrize("field", ["startsAt", "endsAt"])
@pytest.mark.parametrize("time", ["2026-11-22T06:40:11", "9999-12-31T23:59:59-01:00"])
async def test_a_notification_without_a_usable_time_costs_only_itself(client, house, field, time):
    assert (await client.post("/", json={**MESSAGE, "alerts": [{**ALERT, field: time}]})).status == 400
    assert (await client.post("/", json=MESSAGE)).status == 200
    assert (await client.get("/")).status == 200
    assert len(await (await client.get("/notifications")).json()) == 1
    assert (await metrics(client))["alert_receiver_refused_total",] == 1


async def test_a_form_of_a_foreign_page_is_refused(client, house):
    """A browser posts text/plain to loopback without asking; JSON it would have to ask for."""
    answer = await client.post("/", data=json.dumps(MESSAGE), headers={"Content-Type": "text/plain"})
    assert answer.status == 415
    assert house.said == []


async def test_a_huge_body_is_refused_unread(client, house):
    body = BytesIO(b" " * (MAX_BODY_BYTES + 1))
    answer = await client.post("/", data=body, headers={"Content-Type": "application/json"})
    assert answer.status == 413
    assert house.said == []


async def test_the_heartbeat_is_not_a_notification(client, house):
    house.time_s = 100.0
    answer = await client.post("/heartbeat", json=MESSAGE)
    assert answer.status == 200
    assert (house.said, await (await client.get("/notifications")).json()) == ([], [])
    house.time_s = 107.0
    assert house.receiver.heartbeat() == ("Watchdog last heard 7 s ago.", False)
    assert (await metrics(client))["alert_receiver_heartbeat_silence_seconds",] == 7


async def test_a_silent_watchdog_is_complained_of_once_until_it_is_heard(house):
    house.time_s = 120.0
    house.receiver.watch()
    assert house.complained == []
    for house.time_s in (121.0, 200.0):
        house.receiver.watch()
    assert house.complained == ["Watchdog never heard: alerts may not arrive. Look at Prometheus and Alertmanager."]
    await house.receiver.beat(json.dumps(MESSAGE).encode())
    house.receiver.watch()
    assert house.complained[1:] == ["watchdog heard again"]
    house.time_s += 121
    house.receiver.watch()
    assert house.complained[2].startswith("Watchdog last heard 121 s ago")


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/", "text/html", "Nothing was delivered yet"),
        ("/runbooks", "text/html", 'id="siteservererrors"'),
        ("/notifications", "application/json", "[]"),
        ("/metrics", "text/plain", "# TYPE alert_receiver_refused_total counter"),
        ("/-/healthy", "text/plain", "ok"),
    ],
)
async def test_pages(client, path, kind, words):
    answer = await client.get(path)
    assert (answer.status, answer.content_type) == (200, kind)
    assert words in await answer.text()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
