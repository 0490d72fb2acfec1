"""Hosting: the report's speed beside peers, the live state's size, size and power of the routing tests in made worlds.

Prints tables; asserts nothing. `--runs` sets the worlds simulated of each kind, `--lines` the log's length.
`--docs FILE` only simulates, and renews the tables of worlds in that file.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
from scipy import stats

from exporter.hosting import choice
from exporter.hosting.choice import Choices
from exporter.hosting.contract import Contract
from exporter.hosting.extent import DAY_S
from exporter.hosting.lives import pieces
from exporter.hosting.metrics import families
from exporter.hosting.parse import Created, Route
from exporter.hosting.routing import analyse
from exporter.hosting.standing import Cycle, make_standing
from exporter.hosting.state import Ledger
from exporter.web.exposition import Renderer
from trafficgen.feeds.hosting import write_at_once
from trafficgen.feeds.hosting_world import Settings, World

SERVERS = 4
DECISIONS = 240
ALPHA = 0.05


def uniform(_t, w, draw, _state):
    return draw.integers(len(w))


def preferring(_t, _w, draw, _state):
    return draw.choice(SERVERS, p=[0.4, 0.3, 0.2, 0.1])


def rotating(t, w, _draw, _state):
    return t % len(w)


def rotating_mostly(t, w, draw, state):
    """Round robin that skips ahead one time in five."""
    state["at"] = (state.get("at", 0) + (1 if draw.random() < 0.8 else draw.integers(1, 4))) % len(w)
    return state["at"]


def sticky(_t, w, draw, state):
    """Stays with a server for about ten decisions."""
    if draw.random() < 0.1 or "at" not in state:
        state["at"] = draw.integers(len(w))
    return state["at"]


def by_workload(_t, w, draw, _state):
    weights = np.exp(-3 * (w - w.min()))
    return draw.choice(len(w), p=weights / weights.sum())


def least_loaded(_t, w, draw, _state):
    return int(np.argmin(w)) if draw.random() < 0.5 else draw.integers(len(w))


WORLDS = {
    "uniform": (uniform, False),
    "fixed preference .4 .3 .2 .1": (preferring, False),
    "round robin": (rotating, False),
    "round robin with skips": (rotating_mostly, False),
    "sticky": (sticky, False),
    "workload, beta = -3": (by_workload, True),
    "least loaded, half of the time": (least_loaded, True),
}


def any_account(_w, on, draw):
    return on[draw.integers(len(on))]


def account_on_busy(w, on, draw):
    """An account of a server drawn by its workload."""
    weights = np.exp(3 * w[on])
    return draw.choice(on, p=weights / weights.sum())


def any_other(w, source, draw):
    return draw.choice([s for s in range(len(w)) if s != source])


def least_other(w, source, _draw):
    return int(np.argmin(np.where(np.arange(len(w)) == source, np.inf, w)))


def idle_other(w, source, draw):
    return idle(np.where(np.arange(len(w)) == source, np.inf, w), source, draw)


def idle(w, _source, draw):
    """Any server by its workload, perhaps the account's own: then nothing happens."""
    weights = np.exp(-3 * w)
    return draw.choice(len(w), p=weights / weights.sum())


def preferred_other(w, source, draw):
    weights = np.where(np.arange(len(w)) == source, 0, [0.4, 0.3, 0.2, 0.1])
    return draw.choice(len(w), p=weights / weights.sum())


MOVES = {
    "any account to any other server": (any_account, any_other, False, False),
    "any account, preference .4 .3 .2 .1": (any_account, preferred_other, False, False),
    "any account to the least loaded other": (any_account, least_other, True, False),
    "any account, another by workload, beta = -3": (any_account, idle_other, True, False),
    "any account, any server by workload, beta = -3": (any_account, idle, True, False),
    "account by workload, beta = 3, to any other": (account_on_busy, any_other, False, True),
    "account by workload, another by workload": (account_on_busy, idle_other, True, True),
}
"""How the account is drawn, how its new server; whether where it goes and which server it leaves depend."""

ACCOUNTS = 40


def moving(draw_account, draw_server, seed, n=2 * DECISIONS):
    """Re-routes of ACCOUNTS accounts, one a minute, as the tables that `analyse` reads."""
    draw = np.random.default_rng(seed)
    noise, home = np.zeros(SERVERS), draw.integers(SERVERS, size=ACCOUNTS)
    since = np.zeros(ACCOUNTS, int)
    segments = {"server_id": [], "route_s": [], "until_s": []}
    rows = {"account_id": [], "route_s": [], "server_id": [], "from_server_id": [], "workload": []}
    minute = 0
    while len(rows["account_id"]) < n:
        minute += 1
        noise = 0.95 * noise + draw.normal(0, 0.06, SERVERS)
        w = 0.4 + noise + 0.2 * np.bincount(home, minlength=SERVERS) / ACCOUNTS
        account = draw.choice(np.flatnonzero(home == draw_account(w, home, draw)))
        source, server = home[account], draw_server(w, home[account], draw)
        if server == source:
            continue
        add(segments, source, since[account], 60 * minute)
        add(rows, account, 60 * minute, server, source, w)
        home[account], since[account] = server, 60 * minute
    for account in range(ACCOUNTS):
        add(segments, home[account], since[account], 60 * minute + 60)
    choices = {name: np.repeat(column, SERVERS) for name, column in rows.items() if name != "workload"}
    choices |= {"workload": np.concatenate(rows["workload"]), "candidate_id": np.tile(np.arange(SERVERS), n)}
    choices["is_first"] = np.zeros(n * SERVERS, int)
    return choices, {name: np.array(column) for name, column in segments.items()}


def add(table, *cells):
    for column, cell in zip(table.values(), cells, strict=True):
        column.append(cell)


def answers_of_moves(tables):
    """What is said to depend: where accounts go; which server they leave, asked one way, the other, and both ways."""
    routing = analyse(*tables, servers=list(range(SERVERS)))
    p_values = {}
    for test in routing.tests:
        if test.question == "source" and test.test.startswith(("score", "within", "circular", "shift")):
            way = "destination on offer" in test.test
            p_values.setdefault(way, []).append(1.0 if test.p_value is None else test.p_value)
    goes, leaves = (answer.depends for answer in routing.answers[1:])
    return np.array([goes, *(3 * max(p_values[way]) <= ALPHA for way in (False, True)), leaves])


def size_and_power_of_moves(runs):
    header = ("world", "goes", "leaves", "goes: verdict", "leaves: without", "leaves: with", "leaves: verdict")
    yield from table_head(header)
    for name, (account, server, goes, leaves) in MOVES.items():
        share = np.mean([answers_of_moves(moving(account, server, seed)) for seed in range(runs)], axis=0)
        yield table_row(name, *("yes" if truth else "no" for truth in (goes, leaves)), *map(percent, share))


def simulate(policy, seed, n=DECISIONS):
    """Decisions with feedback: a choice adds to its server's workload for a while; the rest is AR(1) noise."""
    draw = np.random.default_rng(seed)
    noise, echo, state = np.zeros(SERVERS), np.zeros(SERVERS), {}
    workload, chosen = np.zeros((n, SERVERS)), np.zeros(n, int)
    for t in range(n):
        noise = 0.95 * noise + draw.normal(0, 0.06, SERVERS)
        workload[t] = 0.6 + noise + echo
        chosen[t] = policy(t, workload[t], draw, state)
        echo *= 0.9
        echo[chosen[t]] += 0.04
    return Choices(workload, np.ones((n, SERVERS)), chosen, np.arange(n) * 60)


def rejections(choices):
    """Which of the tests reject at 5 %, the obvious ones first; the last is what the report says."""
    w, rows = choices.workload, np.arange(choices.n)
    least = int((w.argmin(axis=1) == choices.chosen).sum())
    mean = w.mean(axis=1)
    z = (w[rows, choices.chosen] - mean).sum() / np.sqrt(((w**2).mean(axis=1) - mean**2).sum())
    null = choice.fit(choices, with_beta=False)
    before = np.roll(choices.chosen, 1)
    score, within = choice.score_test(choices, null), choice.score_test_within(choices, before)
    shift = choice.shift_test(choices, null)
    told = [1.0 if o.p_value is None else o.p_value for o in (score, within, shift)]
    p_values = [
        stats.binomtest(least, choices.n, 1 / SERVERS).pvalue,
        2 * stats.norm.sf(abs(z)),
        *told,
        choice.transition_test(choices, null, before).p_value,
        3 * max(told),  # the smallest of three questions has to survive Holm
    ]
    return np.array([p <= ALPHA for p in p_values])


def size_and_power(runs):
    header = ("world", "depends", "binomial", "uniform score", "score", "within", "shift", "transitions", "verdict")
    yield from table_head(header)
    for name, (policy, depends) in WORLDS.items():
        share = np.mean([rejections(simulate(policy, seed)) for seed in range(runs)], axis=0)
        yield table_row(name, "yes" if depends else "no", *map(percent, share))


def table_head(header):
    yield table_row(*header)
    yield "|" + "---|" * len(header)


def table_row(*cells):
    return "| " + " | ".join(cells) + " |"


def percent(share):
    return f"{100 * share:.0f} %"


def renew(docs, runs):
    """Put the tables of worlds anew into a page, each where one with the same head stands."""
    text = docs.read_text()
    for table in (size_and_power(runs), size_and_power_of_moves(runs)):
        rows = list(table)
        start = text.index(rows[0])
        text = text[:start] + "\n".join(rows) + text[text.index("\n\n", start) :]
    docs.write_text(text)


def plain_python(path):
    """What a script of an afternoon does: read every line, and go through every minute of every account."""
    beats, routes, lives = {}, {}, {}
    with path.open() as file:
        for line in file:
            event = json.loads(line)
            kind, time_text = event["event"], event["time"]
            if kind == "heartbeat":
                beats[event["serverId"], time_text[:16]] = event["workload"]
            elif kind == "route":
                routes.setdefault(event["accountId"], {})[time_text[:16]] = event["serverId"]
            else:
                lives.setdefault(event["accountId"], {})[kind] = time_text[:16]
    minutes = sorted({minute for _, minute in beats})
    down = {}
    for account, life in lives.items():
        server = None
        for minute in minutes:
            server = routes.get(account, {}).get(minute, server)
            if server and life["createAccount"] <= minute < life.get("deleteAccount", "9"):
                down[account] = down.get(account, 0) + (beats.get((server, minute), 2.0) > 1.0)
    return down


def read_with_duckdb(path):
    """Only reading: no line is checked, nothing is accounted."""
    columns = "{event: 'VARCHAR', serverId: 'BIGINT', accountId: 'BIGINT', workload: 'DOUBLE', time: 'TIMESTAMP'}"
    read = f"read_json(?, columns = {columns}, format = 'newline_delimited')"
    duckdb.execute(f"CREATE OR REPLACE TABLE log AS SELECT * FROM {read}", [str(path)])


def report(path):
    script = Path(sys.executable).with_name("exporter")
    subprocess.run([script, "hosting", "report", path, "--format", "html"], check=True, stdout=subprocess.DEVNULL)


def speed(lines):
    minutes = max(1, round(lines / 4.25))
    with tempfile.TemporaryDirectory() as folder:
        world = World(Settings(start_s=1455494400, minutes=minutes))
        write_at_once(world, Path(folder), shuffle=False)
        path = Path(folder) / "logs.json"
        took = {}
        for name, run in (
            ("exporter hosting report, a new process, HTML", report),
            ("plain Python, accounting by the minute only", plain_python),
            ("DuckDB read_json, reading only", read_with_duckdb),
        ):
            started = time.perf_counter()
            run(path)
            took[name] = time.perf_counter() - started
        ours = next(iter(took.values()))
        print(f"{world.lines:,} lines, {path.stat().st_size >> 20} MiB")
        for name, seconds in took.items():
            print(f"  {name:46} {seconds:6.2f} s  {seconds / ours:5.2f} x")


def live(accounts=10_000, servers=500, routes=10, days=29):
    """The state of a large host, its accounting, and scrapes of it."""
    before = resident_mib()
    start, draw, ledger = 1455494400, random.Random(1), Ledger()
    cycle = Cycle(start, start + days * DAY_S)
    for server in range(servers):
        minutes = {start // DAY_S + day: bytearray(b"\x01" * 1440) for day in range(days)}
        minutes[start // DAY_S][server % 1440] = 2
        ledger.minutes[server] = minutes
    for account in range(accounts):
        created = start + draw.randrange(20 * DAY_S)
        ledger.add(Created(account, f"Customer {account}", ""), created)
        for n in range(routes):
            ledger.add(Route(account, draw.randrange(servers), ""), created + 3600 * n)
    ledger.about.waiting.clear()
    flat = {account: pieces(log.sessions()) for account, log in ledger.accounts.items()}
    started = time.perf_counter()
    standing = make_standing(ledger, flat, cycle, cycle.end_s, Contract())
    print(f"\n{accounts:,} accounts, {servers} servers, {days} days, {routes} routes an account")
    print(f"  everybody's standing computed anew, in a thread {time.perf_counter() - started:6.3f} s")
    for shown in (1000, accounts):
        renderer = Renderer()
        for nth in ("first", "next"):
            started = time.perf_counter()
            found = list(
                families("host", cycle, ledger.about, standing, heard={}, contract=Contract(), max_accounts=shown)
            )
            size = sum(len(piece) for piece in renderer.render(found, openmetrics=False))
            series, took = sum(len(one.series) for one in found), time.perf_counter() - started
            print(f"  {nth} scrape, {shown:,} accounts shown: {series:,} series, {size >> 10:,} KiB {took:6.3f} s")
        print(f"  the process has grown by {resident_mib() - before} MiB, from {before} MiB")
    print()


def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--lines", type=int, default=177_163)
    parser.add_argument("--docs", type=Path)
    options = parser.parse_args()
    if options.docs:
        renew(options.docs, options.runs)
        return
    live()
    speed(options.lines)
    for table in (size_and_power(options.runs), size_and_power_of_moves(options.runs)):
        for line in table:
            print(line, flush=True)
        print()


if __name__ == "__main__":
    main()
