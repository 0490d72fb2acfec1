"""The SQL against a twin that walks every second, and the laws that downtime obeys."""

import numpy as np
import pytest
from hosting_tables import engine_over
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hosting.contract import Contract
from exporter.hosting.cycle import account_cycle
from exporter.hosting.lives import FAR, pieces
from exporter.hosting.parse import Created, Deleted, Heartbeat, Route
from exporter.hosting.rows import TABLES
from exporter.hosting.standing import Cycle, make_standing
from exporter.hosting.state import Ledger
from exporter.hosting.window import Window

BASE = 1_455_926_400  # 2016-02-20 00:00:00 UTC
SPAN_S = 600
APART = 10
"""Between the ids of one world and those of the next in the same log."""

times = st.integers(0, SPAN_S - 1).map(lambda offset: BASE + offset)
minutes = st.integers(0, SPAN_S // 60 - 1).map(lambda minute: BASE + 60 * minute)
few_times = st.sampled_from([BASE + offset for offset in (0, 60, 90, 120, 121, 180, 300, 480)])  # so that they meet
accounts, servers = st.sampled_from([1, 1, 1, 2]), st.integers(1, 3)
worlds = st.fixed_dictionaries(
    {
        "heartbeats": st.lists(
            st.tuples(servers, st.one_of(minutes, minutes, times), st.sampled_from([0.2, 0.9, 1.0, 1.0001, 3.0])),
            max_size=25,
        ),
        "routes": st.lists(st.tuples(accounts, servers, few_times), max_size=10),
        "creates": st.lists(st.tuples(accounts, st.sampled_from(["Ann", "Bo"]), few_times), max_size=3),
        "deletes": st.lists(st.tuples(accounts, few_times), max_size=4),
    }
)
windows = st.builds(
    lambda start, length, tail, begin, step, heartbeat_s, overload: Window(
        BASE + 60 * start,
        BASE + 60 * (start + length),
        BASE + 60 * (start + min(length, tail)),
        step,
        since_s=BASE + 60 * (start + min(length, tail, begin)),
        heartbeat_s=heartbeat_s,
        overload=overload,
    ),
    st.integers(-1, 6),
    st.integers(1, 8),
    st.integers(0, 8),
    st.sampled_from([0, 0, 0, 1, 4]),
    st.sampled_from([1, 60]),
    st.sampled_from([60, 60, 120, 300]),
    st.sampled_from([1.0, 1.0, 0.5]),
)


def engine_of(world):
    tables = {}
    for name, columns in TABLES.items():
        rows = [(*row, 0) if name == "routes" else row for row in world.get(name, [])]
        tables[name] = {
            column: np.array([row[i] for row in rows], dtype) for i, (column, dtype) in enumerate(fields(columns))
        }
    return engine_over(tables)


def fields(columns):
    """TABLES, with the time before the workload as worlds give it."""
    return sorted(
        columns.items(),
        key=lambda item: (
            ("account_id", "server_id", "account_name", "time_s", "doubt").index(item[0])
            if item[0] != "workload"
            else 9
        ),
    )


def solve(world, window):
    with engine_of(world) as engine:
        engine.extent()
        return account_cycle(engine, window)


def brute(world, window):
    """Second by second: {(account, created): Counter of states}, and {server: Counter of causes}."""
    load = {}
    for server, time, workload in world["heartbeats"]:
        key = (server, time // window.heartbeat_s)
        load[key] = max(workload, load.get(key, 0))
    sessions = {}
    downs = {}
    known = {server for server, _ in load} | {server for _, server, _ in world["routes"]}

    def state_of(server, second):
        workload = load.get((server, second // window.heartbeat_s))
        return "silent" if workload is None else "overload" if workload > window.overload else "up"

    for server in known:
        causes = [state_of(server, second) for second in range(window.since_s, window.observed_s)]
        downs[server] = (causes.count("overload"), causes.count("silent"))
    names = {row[0] for name in ("creates", "routes", "deletes") for row in world[name]}
    for name in names:
        walk_account(world, window, name, sessions, state_of)
    return sessions, downs


def walk_account(world, window, name, sessions, state_of):
    """A customer that is older than the log has lived from the cycle's start on, known from its first event on."""
    opened = server = seen = None  # seen: (session, server) as of the last accounted step
    made_s = min((time for account, _, time in world["creates"] if account == name), default=FAR)
    gone_s = min((time for account, time in world["deletes"] if account == name), default=FAR)
    older = made_s == FAR or gone_s < made_s
    first = min(row[-1] for kind in ("creates", "routes", "deletes") for row in world[kind] if row[0] == name)
    if older:
        opened = min(first, window.start_s)
        sessions[name, opened] = {}
    for second in range(min(BASE, window.start_s), max(BASE + SPAN_S, window.end_s)):
        made = any(row[0] == name and row[2] == second for row in world["creates"])
        gone = any(row == (name, second) for row in world["deletes"])
        if made and gone and opened is None:
            sessions[name, second] = {}
        elif made and (gone or opened is None):
            opened, server = second, None
            sessions[name, second] = {}
        elif gone and not made:
            opened = None
        routed = [row[1] for row in world["routes"] if row[0] == name and row[2] == second]
        if routed and opened is not None:
            server = max(routed)
        if second % window.step_s == 0 or seen is None:
            seen = opened, server
        if window.start_s <= second < window.end_s and seen[0] is not None:
            at = second - second % window.step_s
            if not window.since_s <= second < window.observed_s or (older and at < first):
                state = "unknown"
            else:
                state = "unrouted" if seen[1] is None else state_of(seen[1], second)
            spent = sessions[name, seen[0]]
            spent[state] = spent.get(state, 0) + 1


def live(world, window, order):
    """The same from the live system's ledger, fed in another order: {account: seconds by state}, {server: ...}."""
    ledger = Ledger(window.heartbeat_s, window.overload)
    events = [(Heartbeat(server, load, ""), time) for server, time, load in world["heartbeats"]]
    events += [(Route(account, server, ""), time) for account, server, time in world["routes"]]
    events += [(Created(account, name, ""), time) for account, name, time in world["creates"]]
    events += [(Deleted(account, ""), time) for account, time in world["deletes"]]
    order.shuffle(events)
    for event, time in events:
        ledger.add(event, time)
    flat = {account: pieces(log.sessions()) for account, log in ledger.accounts.items()}
    standing = make_standing(ledger, flat, Cycle(window.start_s, window.end_s), window.observed_s, Contract())
    spent = dict(zip(standing.accounts, standing.spent[:, :4].tolist(), strict=True))
    return spent, dict(zip(standing.servers, standing.server_spent[:, 1:3].tolist(), strict=True))


def agree_live(world, window, order):
    seen = [row[1] for row in world["heartbeats"]]
    seen += [row[-1] for name in ("creates", "routes", "deletes") for row in world[name]]
    first_s = min(seen, default=window.start_s)
    first_s = max(window.start_s, first_s - first_s % window.heartbeat_s)  # before it, nothing is known of anyone
    window = window._replace(step_s=1, since_s=min(window.observed_s, first_s))
    sessions, downs = brute(world, window)
    want = {}
    for (account_id, _), spent in sessions.items():
        mine = want.setdefault(account_id, [0, 0, 0, 0])
        for i, state in enumerate(("up", "overload", "silent", "unrouted")):
            mine[i] += spent.get(state, 0)
    assert live(world, window, order) == (want, {server: list(down) for server, down in downs.items()})


def agree(world, window):
    got = solve(world, window)
    sessions, downs = brute(world, window)
    assert {
        (s.account_id, s.created_s): (s.lifetime_s, s.overload_s, s.silent_s, s.unrouted_s, s.unknown_s)
        for s in got.sessions
    } == {
        key: (sum(spent.values()), *(spent.get(s, 0) for s in ("overload", "silent", "unrouted", "unknown")))
        for key, spent in sessions.items()
    }
    for server, (overload, silent) in downs.items():
        mine = [outage for outage in got.outages if outage.server_id == server]
        assert sum(o.end_s - o.start_s for o in mine if o.cause == "overload") == overload
        assert sum(o.end_s - o.start_s for o in mine if o.cause == "silent") == silent


@settings(max_examples=3)
@given(worlds, windows)
def test_the_sql_gives_every_second_the_state_that_walking_gives(world, window):
    agree(world, window)


def together(several):
    """One log of several worlds, each with accounts and servers of its own: a report takes as long over one."""
    ids = {"heartbeats": 1, "routes": 2, "creates": 1, "deletes": 1}
    return {
        name: [
            (*(one + APART * number for one in row[:count]), *row[count:])
            for number, world in enumerate(several)
            for row in world[name]
        ]
        for name, count in ids.items()
    }


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(worlds, min_size=3, max_size=6), windows)
def test_the_sql_agrees_with_the_walk_on_many_worlds(several, window):
    agree(together(several), window)


@settings(max_examples=15)
@given(worlds, windows, st.randoms(use_true_random=False))
def test_the_live_system_gives_every_second_the_state_that_walking_gives(world, window, order):
    agree_live(world, window, order)


@pytest.mark.slow
@settings(max_examples=1500)
@given(worlds, windows, st.randoms(use_true_random=False))
def test_the_live_system_agrees_with_the_walk_on_many_worlds(world, window, order):
    agree_live(world, window, order)
