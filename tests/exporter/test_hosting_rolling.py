"""A cycle of calendar months begins anew by itself, and then live equals the report of the new month."""

import json
import logging
import random
from datetime import UTC, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hosting.batch import Options, find
from exporter.hosting.cycle import Step, Wanted
from exporter.hosting.excused import STATES
from exporter.hosting.live import Live
from exporter.hosting.source import Source
from exporter.hosting.state import Ledger, settled_of
from foundation.clock import SystemClock

BERLIN = ZoneInfo("Europe/Berlin")
MONTH_S = 1_456_786_800  # 2016-03-01 in Berlin, 2016-02-29T23:00:00Z
MINUTES = 12  # before it, and after it

minutes = st.integers(-MINUTES, MINUTES - 1)
seconds = st.integers(-60 * MINUTES, 60 * MINUTES)
accounts, servers = st.integers(1, 3), st.integers(1, 2)
worlds = st.fixed_dictionaries(
    {
        "silent": st.sets(st.tuples(servers, minutes), max_size=20),
        "over": st.sets(st.tuples(servers, minutes), max_size=20),
        "created": st.dictionaries(accounts, seconds),
        "deleted": st.dictionaries(accounts, seconds, max_size=2),
        "routes": st.dictionaries(st.tuples(accounts, seconds), servers, max_size=8),
        "late": st.integers(0, 40),  # so many lines later than in order one may come
        "restarts": st.integers(0, 3),
        "draw": st.integers(0, 999),
    }
)


class Clock(SystemClock):
    """It is the end of the month before."""

    def wall(self):
        return MONTH_S - 3600.0


class LateClock(SystemClock):
    """It is long after."""

    def wall(self):
        return MONTH_S + 90 * 86_400.0


def line(at_s, **event):
    time = datetime.fromtimestamp(MONTH_S + at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return at_s, json.dumps(event | {"time": time}).encode() + b"\n"


def beat(server, minute, load=0.5):
    return line(60 * minute, event="heartbeat", serverId=server, workload=load)


def lines_of(world):
    """All lines, some of them late."""
    found = [
        beat(server, minute, 1.5 if (server, minute) in world["over"] else 0.5)
        for server in (1, 2)
        for minute in range(-MINUTES, MINUTES)
        if (server, minute) not in world["silent"]
    ]
    found += [line(at, event="createAccount", accountId=a, accountName="Ann") for a, at in world["created"].items()]
    found += [line(at, event="deleteAccount", accountId=a) for a, at in world["deleted"].items()]
    found += [line(at, event="route", accountId=a, serverId=s) for (a, at), s in world["routes"].items()]
    draw, ordered = random.Random(world["draw"]), sorted(found)
    places = [(place + draw.randint(0, world["late"]), text) for place, (_, text) in enumerate(ordered)]
    return [text for _, text in sorted(places)], draw


def source_of(cycle="month", zone="Europe/Berlin"):
    given = {"source": "host", "logs": ["host.json"], "cycle": cycle, "tz": zone, "lateness_s": 0}
    return msgspec.convert(given, Source)


def begun(saved, clock):
    """A follower that goes on from what was saved."""
    follower = Live(source_of(), SimpleNamespace(), clock)
    if saved:
        follower.cycle = follower.source.seconds(settled_of(saved) - 1)
        follower.ledger = Ledger.restore(saved, follower.cycle.start_s - 2 * 86_400).ledger
    return follower


def account(follower):
    if (settled_s := follower.watermark_s()) is not None:
        follower.ledger.settle(settled_s)
        follower.account(settled_s)


def followed(lines, restarts=(), clock=LateClock):
    """The follower that accounted after each line, and began anew before these."""
    follower, saved = begun({}, clock()), {}
    for number, text in enumerate(lines):
        if number in restarts:
            saved |= follower.ledger.changes()
            for key in follower.ledger.gone():
                saved.pop(key, None)
            follower = begun(saved, clock())
        follower.take(text)
        account(follower)
    return follower


@settings(max_examples=8)
@given(worlds)
def test_live_equals_the_report_of_the_new_month(tmp_path_factory, world):
    lines, draw = lines_of(world)
    lines += [text for _, text in (beat(1, MINUTES), beat(2, MINUTES))]  # some minute of the month is heard
    follower = followed(lines, {draw.randrange(len(lines)) for _ in range(world["restarts"])})
    assert follower.cycle == (MONTH_S, MONTH_S + 31 * 86_400 - 3600)  # summer time begins in March
    path = tmp_path_factory.mktemp("month") / "host.json"
    path.write_bytes(b"".join(lines))
    settled_s = follower.standing.settled_s
    report = find([str(path)], Options(Step.SECOND, UTC, Wanted(MONTH_S, settled_s))).report
    standing = follower.standing
    spent = dict(zip(standing.accounts, standing.spent.tolist(), strict=True))
    names = ("overload", "silent", "unrouted")
    for row in report.accounts:
        mine = dict(zip(STATES, spent[row.account_id], strict=True))
        assert [mine[name] for name in names] == [round(60 * getattr(row, f"{name}_minutes")) for name in names]
    downs = {row.server_id: round(60 * row.down_minutes) for row in report.servers}
    assert downs == dict(zip(standing.servers, standing.server_spent[:, 1:3].sum(axis=1).tolist(), strict=True))


FIRST = [
    line(-720, event="createAccount", accountId=1, accountName="Ann"),
    line(-720, event="route", accountId=1, serverId=1),
]


def test_a_month_begins_with_its_first_minute_and_its_budget_whole(caplog):
    """Down for 10 minutes of February's 41.76 allowed, until its last minute; then for 2 of March."""
    caplog.set_level(logging.INFO)
    before = [text for _, text in (*FIRST, *(beat(1, minute, 1.5 if minute < -2 else 0.5) for minute in range(-12, 0)))]
    follower = followed(before)
    february_s = 29 * 86_400
    assert follower.cycle == (MONTH_S - february_s, MONTH_S)
    assert follower.standing.verdicts[0].left == pytest.approx(1 - 600 / (february_s / 1000))
    assert "has ended" not in caplog.text
    for minute in (0, 1):
        follower.take(beat(1, minute, 1.5)[1])
        account(follower)
    march_s = 31 * 86_400 - 3600
    assert follower.cycle == (MONTH_S, MONTH_S + march_s)
    assert follower.standing.spent[0].tolist() == [0, 120, 0, 0, 0, 0]
    assert follower.standing.verdicts[0].left == pytest.approx(1 - 120 / (march_s / 1000))
    month = "from 2016-01-31T23:00:00Z to 2016-02-29T23:00:00Z"
    ended = f"hosting host: the cycle {month} has ended: promises were broken to 0 of 1 customers"
    assert [record.message for record in caplog.records] == [ended]


def test_before_anything_is_accounted_it_is_the_month_of_the_clock():
    assert begun({}, Clock()).cycle == (MONTH_S - 29 * 86_400, MONTH_S)


def test_who_ended_long_before_the_month_is_forgotten():
    """And who still lives is not, nor who ended yesterday."""
    day = 1440
    lines = [text for _, text in (beat(1, -9 * day), beat(1, -8 * day), beat(1, -day))]
    for account_id, ended in ((1, -7 * day), (2, -day), (3, None)):
        lines.append(line(-8 * 86_400, event="createAccount", accountId=account_id, accountName="Ann")[1])
        if ended:
            lines.append(line(60 * ended, event="deleteAccount", accountId=account_id)[1])
    follower = followed(lines)
    assert sorted(follower.standing.accounts) == [1, 2, 3]
    follower.ledger.changes()
    follower.take(beat(1, 0)[1])
    account(follower)
    assert sorted(follower.standing.accounts) == [2, 3]
    gone = follower.ledger.gone()
    assert "account/1" in gone
    assert f"minutes/1/{(MONTH_S - 9 * 86_400) // 86_400}" in gone


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_the_month_is_that_of_the_zone(zone):
    start_s, end_s = source_of(zone=zone).seconds(MONTH_S)
    local = [datetime.fromtimestamp(time_s, ZoneInfo(zone)).isoformat()[:19] for time_s in (start_s, end_s)]
    assert local == ["2016-02-01T00:00:00", "2016-03-01T00:00:00"]  # there it is still the 29th of February
