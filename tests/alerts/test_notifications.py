import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alerts.notifications import Alert, BadNotification, Notification, Recent, line, parse_notification
from foundation.terminal import printable

NOW = datetime(2026, 11, 22, 6, 40, 13, 500000, UTC)
FIRING = {
    "status": "firing",
    "labels": {"alertname": "SiteServerErrors", "severity": "ticket"},
    "annotations": {"summary": "site: server error 500, 1 in the last minute"},
    "startsAt": "2026-11-22T06:40:11.400000000Z",
    "endsAt": "0001-01-01T00:00:00Z",
    "generatorURL": "http://127.0.0.1:9090/graph",
    "fingerprint": "c0ffee",
}
MESSAGE = {"version": "4", "status": "firing", "receiver": "ticket", "truncatedAlerts": 0, "alerts": [FIRING]}


def parse(message, now=NOW):
    return parse_notification(json.dumps(message).encode(), now)


def test_a_message_of_alertmanager_is_read():
    got = parse(MESSAGE)
    assert (got.status, got.receiver, got.received_at) == ("firing", "ticket", NOW)
    (alert,) = got.alerts
    assert alert.labels["alertname"] == "SiteServerErrors"
    assert (alert.name, alert.severity, alert.source) == ("SiteServerErrors", "ticket", "")


def test_the_sender_does_not_set_the_time_of_receipt():
    assert parse({**MESSAGE, "received_at": "2001-01-01T00:00:00Z"}).received_at == NOW


def test_the_line_says_state_severity_alert_source_summary_and_since_when():
    labels = {**FIRING["labels"], "source": "site"}
    ended = {**FIRING, "status": "resolved", "endsAt": "2026-11-22T07:00:00Z", "labels": {"alertname": "A", "job": "j"}}
    firing, resolved = parse({**MESSAGE, "alerts": [{**FIRING, "labels": labels}, ended]}).alerts
    what = "site: server error 500, 1 in the last minute, since 2026-11-22 06:40:11 UTC"
    assert line(firing) == f"FIRING   ticket SiteServerErrors [site] {what}"
    assert line(resolved) == f"RESOLVED ?      A [j] {what} until 2026-11-22 07:00:00 UTC"


@given(st.text(), st.text())
def test_a_line_stays_one_line_without_control_characters(name, summary):
    alert = Alert(
        status="firing",
        starts_at=NOW,
        ends_at=NOW,
        labels={"alertname": name, "severity": summary, "source": name},
        annotations={"summary": summary},
    )
    assert line(alert) == printable(line(alert))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "object"),
        (b'{"status": "firing"}', "alerts"),
        (b'{"status": "burning", "alerts": []}', "burning"),
        (b'{"status": "firing", "alerts": [{"status": "firing", "startsAt": "now", "endsAt": "now"}]}', "startsAt"),
        (b'{"status": "firing", "alerts": [], "receiver": "\xff"}', "(?i)utf-?8|invalid"),
        (b'{"status": "firing", "alerts": [], "x": ' + b"[" * 100_000, "nested too deeply"),
    ],
    ids=["empty", "cut", "list", "no alerts", "unknown status", "no time", "not UTF-8", "deep"],
)
def test_what_is_no_message_is_refused_with_a_reason(body, reason):
    with pytest.raises(BadNotification, match=reason):
        parse_notification(body, NOW)


@pytest.mark.parametrize("field", ["startsAt", "endsAt"])
@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("2026-01-01T00:00:00", "timezone"),
        ("0001-01-01T00:00:00+23:59", "years 1 to 9999"),
        ("9999-12-31T23:59:59-23:59", "years 1 to 9999"),
    ],
    ids=["no zone", "before year 1", "after year 9999"],
)
def test_a_time_that_is_not_one_moment_of_utc_is_refused(field, time, reason):
    with pytest.raises(BadNotification, match=reason):
        parse({**MESSAGE, "alerts": [{**FIRING, field: time}]})


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_every_accepted_time_can_be_told_on_the_line_and_in_json(time, now):
    try:
        got = parse({**MESSAGE, "alerts": [{**FIRING, "startsAt": time.isoformat(), "endsAt": time.isoformat()}]}, now)
    except BadNotification:
        assume(False)  # offsets with seconds, of before 1900, and the edges of year 1 and 9999
    (alert,) = got.alerts
    assert (line(alert), msgspec.json.encode(got)) != ("", b"")
    assert alert.starts_at == time.astimezone(UTC)  # a time that a zone passes twice or skips equals none of another


@given(st.binary())
def test_garbage_is_refused_and_nothing_worse(body):
    with pytest.raises(BadNotification):
        parse_notification(body, NOW)


@given(st.lists(st.integers(0, 50)), st.integers(1, 5), st.integers(1, 100))
def test_memory_is_bounded_in_number_and_bytes_and_keeps_the_newest(sizes, kept, kept_bytes):
    recent = Recent(kept, kept_bytes)
    for number, size in enumerate(sizes):
        recent.add(Notification("firing", [], str(number), NOW + timedelta(seconds=number)), size)
    names = [int(notification.receiver) for notification in recent]
    assert names == list(range(len(sizes)))[len(sizes) - len(names) :]
    assert len(recent) == len(names) <= kept
    assert len(names) <= 1 or sum(sizes[-len(names) :]) <= kept_bytes
    full = len(sizes) - len(names) > 0 and len(names) < kept
    assert not full or sum(sizes[-len(names) - 1 :]) > kept_bytes
