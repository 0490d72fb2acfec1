"""The live system on real files: what was logged is what is told, over disorder, restarts and late lines."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import lifetime
import msgspec
import pytest

from exporter.catalogue import every_metric
from exporter.checkpoint import Changes, Checkpoint
from exporter.hosting import Source, System, live
from exporter.hosting.parse import Created, Deleted, Heartbeat, Route
from exporter.hosting.state import Ledger
from exporter.system import Context
from foundation.clock import SystemClock
from foundation.config import parse_config
from foundation.errors import ConfigError
from trafficgen.feeds.hosting_world import Settings, World

START = 1455494400  # 2016-02-15
MINUTE = 60


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Account as soon as something changed."""
    monkeypatch.setattr(live, "TICK_S", 0.01)


class Platform(msgspec.Struct):
    hosting: list[Source] = []


def source(tmp_path, **settings):
    settings = {"lateness_s": 0, "idle_s": 0.01} | settings
    cycle = {"start": "2016-02-15T00:00:00Z", "end": "2016-02-16T00:00:00Z"}
    return msgspec.convert(
        {"source": "platform", "logs": [str(tmp_path / "*.json")], "cycle": cycle} | settings, Source
    )


def value(system, name, *labels):
    for family in system.collect():
        if family.metric.name == f"tidewatch_hosting_{name}":
            for key, found in family.series:
                if key[1:] == tuple(map(str, labels)):
                    return found
    return None


async def until(system, want, name, *labels):
    async with asyncio.timeout(20):
        while value(system, name, *labels) != want:  # noqa: ASYNC110, what a scrape would see is the barrier
            await asyncio.sleep(0.005)


async def until_told(system, name):
    async with asyncio.timeout(20):
        while value(system, name) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def until_read(system, lines):
    kinds = ("heartbeat", "route", "createAccount", "deleteAccount")
    async with asyncio.timeout(20):
        while sum(value(system, "events_total", kind) or 0 for kind in kinds) != lines:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def running(tmp_path, **settings):
    return lifetime.running(tmp_path, lambda context: System([source(tmp_path, **settings)], context))


def append(tmp_path, lines, name="manager"):
    with (tmp_path / f"{name}.json").open("a") as file:
        file.writelines(text + "\n" for text in lines)


def beat(server, minute, workload=0.5):
    time = f"2016-02-15 {minute // 60:02}:{minute % 60:02}:00"
    return json.dumps({"event": "heartbeat", "serverId": server, "workload": workload, "time": time})


@pytest.mark.slow
async def test_what_is_told_is_the_truth_over_a_restart(tmp_path):
    world = World(Settings(start_s=START, minutes=1440, servers=3, accounts=8, seed=4))
    for _ in range(2):
        for _ in range(500):
            for line in world.minute():
                append(tmp_path, [line.text], f"writer-{line.writer}")
        async with running(tmp_path) as system:
            await until_read(system, world.lines)
            truth: dict[str, Any] = world.truth()
            for account in truth["accounts"]:
                key = account["account_id"]
                await until(system, account["downtime_seconds"], "account_downtime_seconds", key)
                for state in ("overload", "silent", "unrouted"):
                    await until(system, account[f"{state}_seconds"], "account_state_seconds", key, state)
                assert value(system, "account_info", key, account["account_name"]) == 1
                remaining = value(system, "sla_budget_remaining_ratio", key)
                assert remaining == pytest.approx(1 - account["downtime_seconds"] / 86.4)
            for server in truth["servers"]:
                for state in ("overload", "silent"):
                    await until(system, server[f"{state}_seconds"], "server_state_seconds", server["server_id"], state)
            await until(system, world.now_s, "watermark_timestamp_seconds")
    decisions = [f for f in system.collect() if f.metric.name.endswith("routing_decisions_total")]
    assert sum(n for family in decisions for _, n in family.series) == value(system, "events_total", "route")


@pytest.mark.slow
async def test_a_late_line_restates_what_was_told(tmp_path):
    lines = [beat(1, m) for m in range(10)] + [beat(2, m) for m in range(10) if m not in {4, 5}]
    lines.append('{"event": "createAccount", "accountId": 1, "accountName": "Ann", "time": "2016-02-15 00:00:00"}')
    lines.append('{"event": "route", "accountId": 1, "serverId": 2, "time": "2016-02-15 00:00:00"}')
    append(tmp_path, lines)
    async with running(tmp_path) as system:
        await until(system, 120, "account_downtime_seconds", 1)
        append(tmp_path, [beat(2, 4)])
        await until(system, 60, "account_downtime_seconds", 1)
        append(tmp_path, [beat(2, 5, workload=2.0)])
        await until(system, 60, "account_state_seconds", 1, "overload")
        assert value(system, "account_state_seconds", 1, "silent") == 0
        assert value(system, "restating_events_total") == 2


@pytest.mark.slow
async def test_minutes_within_the_lateness_are_not_judged(tmp_path):
    append(tmp_path, [beat(1, m) for m in range(10)] + [beat(2, m) for m in range(8)])
    async with running(tmp_path, lateness_s=120, idle_s=3600) as system:
        await until(system, START + 8 * MINUTE, "watermark_timestamp_seconds")
        assert value(system, "server_state", 2, "up") == 1
        append(tmp_path, [beat(1, m) for m in range(10, 13)])
        await until(system, START + 11 * MINUTE, "watermark_timestamp_seconds")
        assert value(system, "server_state", 2, "silent") == 1
        assert value(system, "server_workload_ratio", 1) == 0.5


@pytest.mark.parametrize(("lateness_s", "minutes"), [(0, 10), (1, 9), (59, 9), (60, 9), (61, 8), (120, 8)], ids=str)
async def test_a_lateness_within_a_minute_holds_back_the_whole_minute(tmp_path, lateness_s, minutes):
    """What is not yet late for a part of a minute may still come for all of it."""
    append(tmp_path, [beat(1, m) for m in range(10)])
    async with running(tmp_path, lateness_s=lateness_s, idle_s=3600) as system:
        await until_read(system, 10)
        await until_told(system, "watermark_timestamp_seconds")
        assert value(system, "watermark_timestamp_seconds") == START + minutes * MINUTE


async def test_a_heartbeat_from_the_future_is_refused(tmp_path):
    append(tmp_path, [beat(1, 0), beat(1, 1), beat(1, 0).replace("2016-02-15", "2216-02-15")])
    async with running(tmp_path) as system:
        await until(system, START + 2 * MINUTE, "watermark_timestamp_seconds")
        assert value(system, "lines_failed_total", "future") == 1
        assert value(system, "server_state", 1, "up") == 1


class StoppedClock(SystemClock):
    """It is START, always."""

    def wall(self):
        return float(START)


@pytest.mark.parametrize(("ahead_s", "taken"), [(0, True), (300, True), (301, False), (3000, False), (-86_400, True)])
async def test_a_line_may_be_five_minutes_ahead_of_the_clock_and_no_more(tmp_path, ahead_s, taken):
    """Where clocks differ by less, no line may be lost; a clock that is further ahead must not judge others."""
    context = Context(tmp_path / "state", SystemClock())
    follower = live.Live(source(tmp_path), context.checkpoint, StoppedClock())
    time = datetime.fromtimestamp(START + ahead_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
    line = {"event": "createAccount", "accountId": 1, "accountName": "Ann", "time": time}
    follower.take(json.dumps(line).encode() + b"\n")
    context.close()
    assert follower.ledger.about.failed == ({} if taken else {"future": 1})
    assert (1 in follower.ledger.accounts) == taken


async def test_states_tell_who_is_unrouted_and_bad_lines_are_counted(tmp_path):
    append(tmp_path, [beat(1, m) for m in range(3)] + ["{broken", "", beat(1, 2).replace("0.5", "-1")])
    append(tmp_path, ['{"event": "createAccount", "accountId": 5, "accountName": "Bo", "time": "2016-02-15 00:01:30"}'])
    async with running(tmp_path) as system:
        await until(system, 1, "account_state", 5, "unrouted")
        assert value(system, "account_state_seconds", 5, "unrouted") == 90
        assert value(system, "accounts", "unrouted") == 1
        assert value(system, "account_server_info", 5, 1) is None
        assert [value(system, "lines_failed_total", r) for r in ("not_json", "blank", "bad_workload")] == [1, 1, 1]


async def test_of_too_many_accounts_the_worst_have_series(tmp_path):
    lines = [beat(1, m) for m in range(9)] + [beat(2, m, 1.5) for m in range(9)]
    for account in range(6):
        time = f"2016-02-15 00:00:{account:02}"
        lines.append(json.dumps({"event": "createAccount", "accountId": account, "accountName": "N", "time": time}))
        server = 2 if account in {2, 4} else 1
        lines.append(json.dumps({"event": "route", "accountId": account, "serverId": server, "time": time}))
    append(tmp_path, lines)
    async with running(tmp_path, max_accounts=2) as system:
        await until(system, 4, "accounts_without_series")
        shown = [value(system, "account_downtime_seconds", account) for account in range(6)]
        assert shown == [None, None, 538, None, 536, None]
        assert (value(system, "accounts", "up"), value(system, "accounts", "overload")) == (4, 2)
        assert (value(system, "sla_accounts", "violated"), value(system, "sla_accounts", "kept")) == (2, 4)


async def test_a_new_cycle_keeps_the_accounts_and_starts_their_budget_anew(tmp_path):
    lines = [beat(1, m, 1.5 if m < 10 else 0.5) for m in range(20)]
    lines.append('{"event": "createAccount", "accountId": 1, "accountName": "Ann", "time": "2016-02-15 00:00:00"}')
    lines.append('{"event": "route", "accountId": 1, "serverId": 1, "time": "2016-02-15 00:00:00"}')
    append(tmp_path, lines)
    async with running(tmp_path) as system:
        await until(system, 600, "account_downtime_seconds", 1)
    cycle = {"start": "2016-02-15T00:15:00Z", "end": "2016-02-16T00:00:00Z"}
    async with running(tmp_path, cycle=cycle) as system:
        await until(system, 0, "account_downtime_seconds", 1)
        assert value(system, "account_state_seconds", 1, "up") == 300


@pytest.mark.parametrize("key", ["about", "account/1", "minutes/1/16846", "tail"])
async def test_what_cannot_be_read_of_a_state_is_read_again_from_the_logs(tmp_path, key):
    append(tmp_path, [beat(1, m) for m in range(5)])
    append(
        tmp_path, ['{"event": "createAccount", "accountId": 1, "accountName": "Ann", "time": "2016-02-15 00:00:00"}']
    )
    for damaged in (True, False):
        async with running(tmp_path) as system:
            await until(system, 300, "account_state_seconds", 1, "unrouted")
            await until(system, 5, "events_total", "heartbeat")
        if damaged:
            with Checkpoint(tmp_path / "state" / "exporter.db", SystemClock()) as checkpoint:
                checkpoint.load("hosting/platform")
                checkpoint.commit_now("hosting/platform", Changes({key: b"\xc1 no"}))
    with closing(sqlite3.connect(tmp_path / "state" / "exporter.db")) as db:
        assert dict(db.execute("SELECT key, value FROM set_aside"))[key] == b"\xc1 no"


@pytest.mark.slow
@pytest.mark.parametrize("log", ["there", "gone"])
@pytest.mark.parametrize("key", ["about", "account/1", "tail"])
async def test_a_decision_counts_once_though_its_line_is_read_again(tmp_path, key, log):
    """Where its line is gone, it counts as long as the event is known."""
    about = [{"event": "createAccount", "accountName": "Ann"}, {"event": "route", "serverId": 2}]
    for account in (1, 2):
        named = {"accountId": account, "time": "2016-02-15 00:01:00"}
        append(tmp_path, [json.dumps(event | named) for event in about])
    append(tmp_path, [beat(server, minute, server / 10) for minute in range(5) for server in (1, 2)], "servers")
    async with running(tmp_path) as system:
        await until(system, 2, "routing_decisions_total", "creation", 2)
    with Checkpoint(tmp_path / "state" / "exporter.db", SystemClock()) as checkpoint:
        checkpoint.load("hosting/platform")
        checkpoint.commit_now("hosting/platform", Changes({key: b"\xc1 no"}))
    if log == "gone":
        (tmp_path / "manager.json").unlink()
    async with running(tmp_path) as system:
        await until_read(system, 14 if log == "there" else 10)
        want = 1 if (key, log) == ("account/1", "gone") else 2
        await until(system, want, "routing_decisions_total", "creation", 2)
        append(tmp_path, [beat(1, 6)], "servers")
        await until(system, START + 7 * MINUTE, "watermark_timestamp_seconds")
        assert value(system, "routing_decisions_total", "creation", 2) == want


@pytest.mark.slow
@pytest.mark.parametrize("key", ["about", "account/1", "minutes/1/16846"])
async def test_with_logs_that_are_followed_from_their_end_the_rest_of_a_damaged_state_goes_on(tmp_path, key):
    account = '{"event": "createAccount", "accountId": %d, "accountName": "Ann", "time": "2016-02-15 00:00:00"}'
    async with running(tmp_path, **{"from": "end"}) as system:
        await system.begun()
        append(tmp_path, [beat(server, m) for m in range(5) for server in (1, 2)] + [account % 1, account % 2])
        await until(system, 300, "account_state_seconds", 2, "unrouted")
    with Checkpoint(tmp_path / "state" / "exporter.db", SystemClock()) as checkpoint:
        checkpoint.load("hosting/platform")
        checkpoint.commit_now("hosting/platform", Changes({key: b"\xc1 no"}))
    async with running(tmp_path, **{"from": "end"}) as system:
        append(tmp_path, [beat(2, 5)])
        await until(system, 360, "account_state_seconds", 2, "unrouted")
        assert value(system, "events_total", "heartbeat") == (1 if key == "about" else 11)


async def test_a_host_may_log_every_five_minutes_and_be_down_above_another_workload(tmp_path):
    append(tmp_path, [beat(1, m, 0.9 if m == 10 else 0.8) for m in range(0, 60, 5) if m not in {20, 25}])
    named = {"accountId": 1, "time": "2016-02-15 00:00:00"}
    append(tmp_path, [json.dumps(named | more) for more in ({"event": "createAccount", "accountName": "Ann"},)])
    append(tmp_path, [json.dumps(named | {"event": "route", "serverId": 1})])
    async with running(tmp_path, heartbeat=300, overload=0.85) as system:
        await until(system, START + 60 * MINUTE, "watermark_timestamp_seconds")
        await until(system, 600, "account_state_seconds", 1, "silent")
        assert value(system, "account_state_seconds", 1, "overload") == 300
    async with running(tmp_path, heartbeat=300, overload=0.95) as system:  # judged anew
        await until(system, START + 60 * MINUTE, "watermark_timestamp_seconds")
        await until(system, 0, "account_state_seconds", 1, "overload")
        assert value(system, "account_state_seconds", 1, "silent") == 600


@pytest.mark.parametrize(("lateness_s", "minutes"), [(0, 50), (1, 45), (120, 45), (301, 40)])
async def test_a_lateness_holds_back_whole_heartbeats(tmp_path, lateness_s, minutes):
    append(tmp_path, [beat(1, m) for m in range(0, 50, 5)])
    async with running(tmp_path, lateness_s=lateness_s, idle_s=3600, heartbeat=300) as system:
        await until_read(system, 10)
        await until_told(system, "watermark_timestamp_seconds")
        assert value(system, "watermark_timestamp_seconds") == START + minutes * MINUTE


CHANGE = 1729990800  # 2024-10-27T01:00:00Z: 03:00 in Berlin becomes 02:00


def night(server, silent=(), zone="Europe/Berlin"):
    """Lines from 00:00 to 05:00 in Berlin, by minutes after the change; of the manager where no server is given."""
    local = [
        datetime.fromtimestamp(CHANGE + 60 * m, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
        for m in range(-180, 120)
        if m not in silent
    ]
    return [json.dumps({"event": "heartbeat", "serverId": server, "workload": 0.5, "time": time}) for time in local]


NIGHT = {"tz": "Europe/Berlin", "cycle": {"start": "2024-10-26T22:00:00Z", "end": "2024-10-27T03:00:00Z"}}


@pytest.mark.parametrize(
    ("silent", "unheard", "unknown"),
    [((), 0, 0), (range(-20, -10), 0, 600), (range(10, 20), 0, 600), ((*range(-50, -40), *range(10, 20)), 1200, 0)],
    ids=str,
)
async def test_both_hours_that_clocks_repeat_are_heard(tmp_path, silent, unheard, unknown):
    """Read long after, one file of a server after the other; what may have been heard is in doubt, as in a report."""
    append(tmp_path, night(1, silent), "1")
    append(tmp_path, night(2), "2")
    async with running(tmp_path, **NIGHT) as system:
        await until(system, CHANGE + 120 * MINUTE, "watermark_timestamp_seconds")
        await until_read(system, 600 - len(silent))
        await until(system, unheard, "server_state_seconds", 1, "silent")
        await until(system, unknown, "server_state_seconds", 1, "unknown")
        await until(system, 300 * MINUTE, "server_state_seconds", 2, "up")


@pytest.mark.parametrize("key", ["", "about", "tail"])
@pytest.mark.parametrize("end", [180, 200], ids=["between-the-hours", "in-the-second"])
async def test_a_restart_in_that_night_loses_no_hour(tmp_path, key, end):
    """Also where a part of the state cannot be read, and the logs are read again."""
    lines = night(1)
    append(tmp_path, lines[:end])
    async with running(tmp_path, **NIGHT) as system:
        await until(system, CHANGE + (end - 180) * MINUTE, "watermark_timestamp_seconds")
    if key:
        with Checkpoint(tmp_path / "state" / "exporter.db", SystemClock()) as checkpoint:
            checkpoint.load("hosting/platform")
            checkpoint.commit_now("hosting/platform", Changes({key: b"\xc1 no"}))
    append(tmp_path, lines[end:])
    async with running(tmp_path, **NIGHT) as system:
        await until(system, CHANGE + 120 * MINUTE, "watermark_timestamp_seconds")
        await until(system, 300 * MINUTE, "server_state_seconds", 1, "up")
        assert value(system, "events_total", "heartbeat") == 300


class ClockAt(SystemClock):
    """It is so late."""

    def __init__(self, time_s):
        super().__init__()
        self.time_s = time_s

    def wall(self):
        return float(self.time_s)


@pytest.mark.parametrize(("at_s", "first_s"), [(-3000, -3000), (-600, -600), (600, -3000), (3000, -600)])
async def test_of_the_managers_hour_the_clock_decides_nothing(tmp_path, at_s, first_s):
    """A report of the same line has no clock: the account is unknown from the first of its two times to the last."""
    context = Context(tmp_path / "state", SystemClock())
    follower = live.Live(source(tmp_path, **NIGHT), context.checkpoint, ClockAt(CHANGE + at_s))
    time = datetime.fromtimestamp(CHANGE + at_s, ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%d %H:%M:%S")
    named = {"accountId": 1, "accountName": "Ann", "serverId": 1, "time": time}
    for kind in ("createAccount", "route"):
        follower.take(json.dumps(named | {"event": kind}).encode() + b"\n")
    context.close()
    follower.ledger.resolve()
    (life,) = follower.ledger.sessions(1)
    assert life.created_s == CHANGE + first_s
    assert [(one.start_s, one.doubt) for one in life.segments] == [
        (CHANGE + first_s, 1),
        (CHANGE + first_s + 3600, 2),
    ]


async def test_a_window_that_is_announced_while_it_lasts_is_no_downtime(tmp_path):
    windows = tmp_path / "windows.csv"
    windows.write_text("server,start,end\n")
    named = {"accountId": 1, "accountName": "Ann", "serverId": 2, "time": "2016-02-15 00:00:00"}
    append(tmp_path, [json.dumps(named | {"event": kind}) for kind in ("createAccount", "route")])
    append(tmp_path, [beat(1, m) for m in range(10)] + [beat(2, m) for m in range(5)])
    async with running(tmp_path, maintenance=str(windows)) as system:
        await until(system, 300, "account_downtime_seconds", 1)
        assert value(system, "account_state", 1, "silent") == 1
        windows.write_text("server,start,end\n2,2016-02-15 00:06,2016-02-15 01:00\n")
        await until(system, 60, "account_downtime_seconds", 1)
        assert value(system, "account_state_seconds", 1, "maintenance") == 240
        assert (value(system, "account_state", 1, "maintenance"), value(system, "server_state", 2, "maintenance")) == (
            1,
            1,
        )
        assert value(system, "contract_readable") == 1
        windows.write_text("server,start,end\n2,soon,later\n")
        await until(system, 0, "contract_readable")
        assert value(system, "account_downtime_seconds", 1) == 60


def test_a_saved_ledger_is_the_ledger():
    ledger = Ledger()
    for event, time_s in (
        (Heartbeat(1, 0.5, ""), START),
        (Heartbeat(1, 1.5, ""), START + 86_400),
        (Created(1, "Ann", ""), START),
        (Route(1, 3, ""), START + 5),
        (Created(2, "Gone", ""), START),
        (Deleted(2, ""), START + 50),
    ):
        ledger.add(event, time_s)
    again, stale, unreadable = Ledger.restore(ledger.changes(), START)
    assert (again.about, again.accounts, again.minutes) == (ledger.about, ledger.accounts, ledger.minutes)
    assert (stale, unreadable) == ([], {})
    assert ledger.changes().keys() == {"about"}
    later, stale, unreadable = Ledger.restore(ledger.changes(everything=True), START + 86_400)
    assert sorted(stale) == ["account/2", f"minutes/1/{START // 86_400}"]
    assert (sorted(later.accounts), unreadable) == ([1], {})


@pytest.mark.parametrize("stop_after", range(6))
@pytest.mark.parametrize("day_s", [0, 86_400], ids=["one-day", "midnight"])
def test_decisions_are_ranked_as_without_a_restart(stop_after, day_s):
    ledger, kept = Ledger(), {}
    events = [
        (Heartbeat(1, 0.9, ""), START + day_s - 60),
        (Heartbeat(2, 0.1, ""), START + day_s - 60),
        (Heartbeat(1, 0.1, ""), START + day_s),
        (Heartbeat(2, 0.9, ""), START + day_s),
        (Created(1, "Ann", ""), START + day_s),
        (Route(1, 1, ""), START + day_s),
        (Route(1, 1, ""), START + day_s + 60),
    ]
    for number, (event, time_s) in enumerate(events):
        ledger.add(event, time_s)
        kept |= ledger.changes()
        if number == stop_after:
            ledger = Ledger.restore(kept, START).ledger
    ledger.settle(START + day_s + 120)
    assert ledger.about.decisions == {"creation 2": 1, "stay 1": 1}


@pytest.mark.parametrize(
    "key", ["about", "account/1", "account/x", "minutes/1/16846", "minutes/1", "loads/1", "loads/x", "other"]
)
def test_a_value_that_cannot_be_read_costs_what_it_held(key):
    ledger = Ledger()
    for server in (1, 2):
        ledger.add(Heartbeat(server, 0.5, ""), START + 120)
        ledger.add(Created(server, "Ann", ""), START)
    again, stale, unreadable = Ledger.restore(ledger.changes() | {key: b"\xc1 no"}, START)
    assert (unreadable.keys(), stale) == ({key}, [])
    assert again.accounts.keys() == {1, 2} - {key == "account/1"}
    assert again.minutes.keys() == {1, 2} - {key == "minutes/1/16846"}
    assert again.about.newest_heartbeat_s == START + 120


async def test_every_metric_of_the_catalogue_is_exposed_and_no_other(tmp_path):
    (tmp_path / "plans.csv").write_text("plan,account,promise,credits\n,*,99.9,99:10\n")
    append(tmp_path, [beat(1, m) for m in range(9)])
    append(
        tmp_path,
        [
            '{"event": "createAccount", "accountId": 1, "accountName": "Ann", "time": "2016-02-15 00:00:00"}',
            '{"event": "route", "accountId": 1, "serverId": 1, "time": "2016-02-15 00:00:00"}',
        ],
    )
    async with running(tmp_path, plans=str(tmp_path / "plans.csv")) as system:
        await until(system, 1, "account_server_info", 1, 1)
        exposed = {family.metric for family in system.collect()}
    declared = {metric for metric in every_metric() if metric.name.startswith("tidewatch_hosting_")}
    assert exposed == declared


@pytest.mark.parametrize(
    ("cycle", "more", "want"),
    [
        pytest.param("{start: 2016-02-15T00:00:00Z, end: 2016-02-15T00:00:00Z}", "", "must end after", id="empty"),
        pytest.param("{start: 2016-02-15T00:00:30Z, end: 2016-02-16T00:00:00Z}", "", "whole minutes", id="seconds"),
        pytest.param("{start: 2016-02-15T00:00:00Z, end: 2018-02-16T00:00:00Z}", "", "400 days", id="long"),
        pytest.param("{start: 2016-02-15T00:00:00Z, end: 2016-02-16T00:00:00Z}", "tz: Mars", "invalid time", id="zone"),
        pytest.param("{start: 2016-02-15, end: 2016-02-16}", "heartbeat: 90s", "whole minutes", id="heartbeat"),
        pytest.param("{start: 2016-02-15, end: 2016-02-16}", "overload: -1", "overload", id="overload"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(cycle, more, want):
    text = f"hosting:\n  - source: platform\n    logs: [x.json]\n    cycle: {cycle}\n    {more}\n"
    with pytest.raises(ConfigError, match=want):
        parse_config(text, Platform)


async def test_the_name_of_an_account_is_printable_in_its_label(tmp_path):
    line = {"event": "createAccount", "accountId": 1, "accountName": "A\x1b]0;\r\0", "time": "2016-02-15 00:00:00"}
    append(tmp_path, [json.dumps(line), *(beat(1, minute) for minute in range(5))])
    async with running(tmp_path) as system:
        await until(system, 1, "account_info", 1, r"A\x1b]0;\r\x00")
