"""Announced maintenance against a walk over every second, and the files that announce it."""

from collections import Counter
from datetime import UTC
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hosting_tables import engine_over
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hosting.bulk import Log
from exporter.hosting.contract import Contract
from exporter.hosting.cycle import account_cycle
from exporter.hosting.downs import account_downs
from exporter.hosting.extent import Extent
from exporter.hosting.lives import FAR
from exporter.hosting.maintenance import Cover, Maintenance
from exporter.hosting.report import make_report
from exporter.hosting.routing import Routing
from exporter.hosting.rows import TABLES
from exporter.hosting.termfiles import read_maintenance
from exporter.hosting.window import Window
from exporter.timeline import intersect, subtract, union
from foundation.errors import ConfigError

BASE, SPAN_S = 1_455_926_400, 600
APART = 10
"""Between the ids of one world and those of the next in the same log."""
STATES = ("up", "overload", "silent", "unrouted", "unknown", "maintenance")

offsets = st.integers(-60, SPAN_S + 60)
windows = st.lists(
    st.builds(lambda start, length: (BASE + start, BASE + start + length), offsets, st.integers(1, 300)), max_size=3
)
of_servers = st.dictionaries(st.integers(1, 3), windows, max_size=2)
of_accounts = st.dictionaries(st.integers(1, 2), windows, max_size=2)
maintenances = st.builds(Maintenance, windows, of_servers, of_accounts)
times = st.sampled_from([BASE + offset for offset in (-120, 0, 60, 90, 121, 200, 300, 480)])
cycles = st.builds(
    lambda start, length, tail, step: Window(
        BASE + 60 * start, BASE + 60 * (start + length), BASE + 60 * (start + min(length, tail)), step
    ),
    st.integers(-1, 4),
    st.integers(1, 8),
    st.integers(0, 8),
    st.sampled_from([1, 60]),
)
worlds = st.fixed_dictionaries(
    {
        "loads": st.dictionaries(
            st.tuples(st.integers(1, 3), st.integers(0, SPAN_S // 60)), st.sampled_from([0.5, 1.0, 2.0]), max_size=20
        ),
        "created": st.fixed_dictionaries({1: times, 2: times}),
        "deleted": st.dictionaries(st.integers(1, 2), times, max_size=1),
        "routes": st.dictionaries(st.tuples(st.integers(1, 2), times), st.integers(1, 3), max_size=8),
    }
)


def engine_of(world):
    rows = {
        "heartbeats": [
            {"server_id": server, "time_s": BASE + 60 * minute, "workload": load}
            for (server, minute), load in world["loads"].items()
        ],
        "routes": [{"account_id": a, "time_s": t, "server_id": s} for (a, t), s in world["routes"].items()],
        "creates": [{"account_id": a, "account_name": f"C{a}", "time_s": t} for a, t in world["created"].items()],
        "deletes": [{"account_id": a, "time_s": t} for a, t in world["deleted"].items()],
    }
    return engine_over(
        {
            name: {column: np.array([row.get(column, 0) for row in rows[name]], kind) for column, kind in kinds.items()}
            for name, kinds in TABLES.items()
        }
    )


def walked(world, cycle, maintenance):
    """Seconds by state of each account, one second after the other."""
    found = {}
    for account, created in world["created"].items():
        deleted = world["deleted"].get(account, FAR)
        lives = [(created, deleted)]
        if deleted < created:  # it is older than the log, and is created again
            lives = [(-FAR, deleted), (created, FAR)]
        routes = sorted(((t, s) for (a, t), s in world["routes"].items() if a == account), reverse=True)
        spent = found[account] = Counter()
        known_s = min([t for t, _ in routes] + [deleted, created]) if deleted < created else -FAR
        for second in range(cycle.start_s, cycle.end_s):
            at = second - second % cycle.step_s  # a minute is as its first second
            for since, until in lives:
                if since <= at < until:
                    server = next((s for t, s in routes if since <= t <= at), None)
                    subject = server, account, at >= known_s
                    spent[state_at(at, second, subject, world, (cycle, maintenance))] += 1
    return found


def state_at(at, second, subject, world, rules):
    (server, account, is_known), (cycle, maintenance) = subject, rules
    mine = [*maintenance.everyone, *maintenance.servers.get(server, ()), *maintenance.accounts.get(account, ())]
    if any(start <= at < end for start, end in mine):
        return "maintenance"
    if second >= cycle.observed_s or not is_known:
        return "unknown"
    if server is None:
        return "unrouted"
    load = world["loads"].get((server, (second - BASE) // 60))
    return "silent" if load is None else "overload" if load > 1 else "up"


def judged(world, cycle, maintenance):
    with engine_of(world) as engine:
        result = account_cycle(engine, cycle)
    nothing = Routing([], [], {}, 0, 0, 0)
    extent, contract = Extent(None, None, 0, None, []), Contract(maintenance=maintenance)
    downs = account_downs(result, maintenance.stepped(cycle.step_s))
    return make_report(result, nothing, Log(0, Counter()), extent, contract, downs=downs)


def agree(world, cycle, maintenance):
    report = judged(world, cycle, maintenance)
    want = walked(world, cycle, maintenance)
    for row in report.accounts:
        spent = want[row.account_id]
        got = {name: round(60 * getattr(row, f"{name}_minutes")) for name in STATES if name != "up"}
        assert got == {name: spent[name] for name in STATES if name != "up"}
        assert round(60 * row.lifetime_minutes) == spent.total()
        mine = [outage for outage in report.outages if outage.account_id == row.account_id]
        assert round(60 * sum(outage.minutes for outage in mine)) == spent["overload"] + spent["silent"]
    for server in report.servers:
        seconds = range(cycle.start_s, cycle.observed_s)
        states = Counter(
            state_at(s - s % cycle.step_s, s, (server.server_id, None, True), world, (cycle, maintenance))
            for s in seconds
        )
        assert round(60 * server.down_minutes) == states["overload"] + states["silent"]
        assert round(60 * server.maintenance_minutes) == states["maintenance"]


@settings(max_examples=4)
@given(worlds, cycles, maintenances)
def test_every_second_under_maintenance_is_no_other_state(world, cycle, maintenance):
    agree(world, cycle, maintenance)


def moved(by_id, number):
    """What has ids for keys, as that of the world with this number among several in one log."""
    return {one + APART * number: value for one, value in by_id.items()}


def together(several):
    """One world of several, each with accounts and servers of its own: a report takes as long over one."""
    found = {"loads": {}, "created": {}, "deleted": {}, "routes": {}}
    for number, world in enumerate(several):
        away = APART * number
        found["loads"] |= {(server + away, minute): load for (server, minute), load in world["loads"].items()}
        found["routes"] |= {(account + away, at): server + away for (account, at), server in world["routes"].items()}
        for name in ("created", "deleted"):
            found[name] |= moved(world[name], number)
    return found


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(st.tuples(worlds, of_servers, of_accounts), min_size=3, max_size=6), windows, cycles)
def test_many_worlds_agree_with_the_walk(several, everyone, cycle):
    servers, accounts = {}, {}
    for number, (_, mine, theirs) in enumerate(several):
        servers |= moved(mine, number)
        accounts |= moved(theirs, number)
    agree(together([world for world, _, _ in several]), cycle, Maintenance(everyone, servers, accounts))


sets = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=5)


@given(sets, sets)
def test_what_is_subtracted_and_what_is_common_make_the_whole(a, b):
    assert union(subtract(a, b), intersect(a, b)) == union(a)
    assert intersect(subtract(a, b), b) == []


@given(sets, st.lists(st.integers(-2, 33), min_size=1, max_size=5))
def test_a_cover_measures_what_its_seconds_are(intervals, at):
    cover = Cover(intervals)
    seconds = {s for start, end in intervals for s in range(start, end)}
    assert cover.until(np.array(at)).tolist() == [sum(s < t for s in seconds) for t in at]
    squares = cover.gathered(lambda t: t * t, np.array(at)).tolist()
    assert squares == [sum((s + 1) ** 2 - s**2 for s in seconds if s < t) for t in at]


def second(hour, minute=0, day=1):
    return 1_709_251_200 + 86_400 * (day - 1) + 3600 * hour + 60 * minute  # March 2024


NIGHT = (second(3), second(4))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("server,start,end,reason\n0,2024-03-01 03:00:00,2024-03-01 04:00:00,kernel\n", Maintenance((), {0: [NIGHT]})),
        ("end;begin;Account ID\n2024-03-01T04:00Z;2024-03-01T03:00Z;7\n", Maintenance((), {}, {7: [NIGHT]})),
        ("subject\tfrom\tuntil\nall\t1709262000\t1709265600\n", Maintenance([NIGHT])),
        ("server,start,duration\nall,2024-03-01T04:00:00+01:00,1h\n", Maintenance([NIGHT])),
        ('server,start,end\n"1, 2",2024-03-01 03:00,2024-03-01 04:00\n', Maintenance((), {1: [NIGHT], 2: [NIGHT]})),
        ("subject,start,end\nserver 3,2024-03-01 03:00,2024-03-01 04:00\n", Maintenance((), {3: [NIGHT]})),
        ("scope,id,start,end\naccount,5,2024-03-01 03:00,2024-03-01 04:00\n", Maintenance((), {}, {5: [NIGHT]})),
        (
            '{"server": 0, "start": "2024-03-01 03:00:00", "end": "2024-03-01 04:00:00"}\n',
            Maintenance((), {0: [NIGHT]}),
        ),
        ("server,start,end\n", Maintenance()),
    ],
    ids=["case", "semicolons", "tabs-epoch", "duration", "two-servers", "words", "scope-and-id", "ndjson", "none"],
)
def test_windows_are_read_by_the_names_in_the_header(tmp_path, text, want):
    path = tmp_path / "maintenance"
    path.write_text(text)
    assert [*read_maintenance(str(path), UTC).all_windows()] == [*want.all_windows()]


@pytest.mark.parametrize("title", ["", "maintenance:\n"])
def test_yaml_is_a_list_of_the_same_names(tmp_path, title):
    path = tmp_path / "maintenance.yml"
    path.write_text(
        f"{title}"
        "- {server: 0, start: 2024-03-01 03:00:00, end: 2024-03-01 04:00:00}\n"
        "- {account: [4, 5], start: 2024-03-01T03:00:00Z, duration: 60m}\n"
        "- {subject: all, start: 1709262000, end: 1709265600}\n"
    )
    want = Maintenance([NIGHT], {0: [NIGHT]}, {4: [NIGHT], 5: [NIGHT]})
    assert read_maintenance(str(path), UTC).all_windows() == want.all_windows()


@pytest.mark.parametrize(
    "text",
    [
        "server,start,end,timezone\n0,2024-03-01 12:00,2024-03-01 13:00,Asia/Tokyo\n",
        '[{"server": 0, "start": "2024-03-01 12:00", "end": "2024-03-01 13:00", "tz": "Asia/Tokyo"}]',
    ],
)
def test_a_row_may_name_its_zone(tmp_path, text):
    path = tmp_path / "maintenance"
    path.write_text(text)
    assert read_maintenance(str(path), ZoneInfo("Europe/Berlin")).servers == {0: [NIGHT]}


def test_lists_in_json_are_lists(tmp_path):
    path = tmp_path / "maintenance.json"
    times = '"start": "2024-03-01T03:00Z", "end": "2024-03-01T04:00Z"'
    path.write_text(f'[{{"servers": [0, 1], "accounts": ["7"], {times}}}]')
    want = Maintenance((), {0: [NIGHT], 1: [NIGHT]}, {7: [NIGHT]})
    assert read_maintenance(str(path), UTC).all_windows() == want.all_windows()


def test_times_without_a_zone_are_the_logs(tmp_path):
    path = tmp_path / "maintenance.csv"
    path.write_text("server,start,end\n0,2024-03-01 04:00,2024-03-01 05:00\n")
    assert read_maintenance(str(path), ZoneInfo("Europe/Berlin")).servers == {0: [NIGHT]}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("0,9:00 AM,10:00 AM", "invalid time '9:00 AM'"),
        ("0,2024-03-01 03:00,", "the window has no end"),
        ("0,,2024-03-01 03:00", "the window has no start"),
        ("0,2024-03-01 04:00,2024-03-01 03:00", "not after its start"),
        ("0,2024-03-01 04:00,2034-03-01 03:00", "longer than 400 days"),
        (",2024-03-01 03:00,2024-03-01 04:00", "the window has no subject"),
        ("web-1,2024-03-01 03:00,2024-03-01 04:00", "invalid id 'web-1'"),
        ("0,2024-10-27 02:30,2024-10-27 04:00", "occurs twice or not at all"),
        ("2024-03-01,2024-03-02", "2 fields; expected 3"),
    ],
)
def test_a_row_that_cannot_be_read_is_no_absent_window(tmp_path, row, why):
    path = tmp_path / "maintenance.csv"
    path.write_text(f"server,start,end\n1,2024-03-01 03:00,2024-03-01 04:00\n{row}\n")
    with pytest.raises(ConfigError, match=r"maintenance.csv: row 3: ") as told:
        read_maintenance(str(path), ZoneInfo("Europe/Berlin"))
    assert why in str(told.value)


def test_a_file_without_the_names_says_which_it_needs(tmp_path):
    path = tmp_path / "maintenance.csv"
    path.write_text("machine,morning\n0,2024-03-01 03:00\n")
    with pytest.raises(ConfigError, match="start"):
        read_maintenance(str(path), UTC)
