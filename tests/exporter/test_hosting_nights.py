"""Live equals the report to the second over a night in which clocks go back: in any order, over restarts."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hosting_agree import assert_agree, exposed
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hosting.batch import Options, find
from exporter.hosting.contract import read_contract
from exporter.hosting.cycle import Step, Wanted
from exporter.hosting.live import Live
from exporter.hosting.source import Source
from exporter.hosting.standing import Cycle
from exporter.hosting.state import Ledger
from foundation.clock import SystemClock

NIGHTS = {
    "Europe/Berlin": ("2024-10-27T01:00:00Z", 3600),
    "America/New_York": ("2024-11-03T06:00:00Z", 3600),
    "Australia/Lord_Howe": ("2024-04-06T15:00:00Z", 1800),
}
BEAT_S = 600
AROUND = 9  # intervals before and after the change

beats = st.integers(-AROUND, AROUND - 1)
seconds = st.one_of(beats.map(lambda beat: beat * BEAT_S), st.integers(-AROUND * BEAT_S, AROUND * BEAT_S))
accounts, servers = st.integers(1, 2), st.integers(1, 3)
worlds = st.fixed_dictionaries(
    {
        "zone": st.sampled_from(sorted(NIGHTS)),
        "silent": st.sets(st.tuples(servers, beats), max_size=20),
        "over": st.sets(st.tuples(servers, beats), max_size=12),
        "created": st.dictionaries(accounts, seconds),
        "deleted": st.dictionaries(accounts, seconds, max_size=2),
        "routes": st.dictionaries(st.tuples(accounts, seconds), servers, max_size=6),
        "zoned": st.sampled_from([0, 0, 0, 3]),  # one line in so many names its zone
        "windows": st.lists(
            st.tuples(st.sampled_from(["all", "server 1", "account 1"]), seconds, st.integers(1, 4000)), max_size=2
        ),
        "files": st.sampled_from(["one", "servers", "writers", "hours"]),
        "shuffled": st.sets(st.integers(0, 4), max_size=3),
        "copied": st.sampled_from([None, 0, 1, 2]),
        "restarts": st.integers(0, 3),
        "draw": st.integers(0, 999),
    }
)


class World:
    """Logs of servers 1 to 3 and of a manager, in local time, from before the change to after it."""

    def __init__(self, world):
        change, _ = NIGHTS[world["zone"]]
        self.world, self.draw = world, random.Random(world["draw"])
        self.zone, self.change_s = ZoneInfo(world["zone"]), int(datetime.fromisoformat(change).timestamp())
        self.start_s, self.end_s = self.change_s - AROUND * BEAT_S, self.change_s + AROUND * BEAT_S

    def text(self, at_s):
        zone = UTC if self.world["zoned"] and not self.draw.randrange(self.world["zoned"]) else self.zone
        moment = datetime.fromtimestamp(self.change_s + at_s, zone)
        return moment.strftime("%Y-%m-%d %H:%M:%S") + "Z" * (zone is UTC)

    def events(self):
        """When, of whom, and what: a line each, in the order in which they were written."""
        world, found = self.world, []
        for server in (1, 2, 3):
            for beat in range(-AROUND, AROUND):
                if (server, beat) not in world["silent"]:
                    load = 1.5 if (server, beat) in world["over"] else 0.5
                    found.append((beat * BEAT_S, server, {"event": "heartbeat", "serverId": server, "workload": load}))
        for account, at_s in world["created"].items():
            found.append((at_s, 0, {"event": "createAccount", "accountId": account, "accountName": f"N{account}"}))
        for (account, at_s), server in world["routes"].items():
            found.append((at_s, 0, {"event": "route", "accountId": account, "serverId": server}))
        found += [(at_s, 0, {"event": "deleteAccount", "accountId": a}) for a, at_s in world["deleted"].items()]
        return sorted(found, key=lambda item: item[:2])

    def files(self):
        """The lines of each file."""
        found = {}
        for at_s, writer, event in self.events():
            line = json.dumps(event | {"time": self.text(at_s)}).encode() + b"\n"
            names = {"one": 0, "servers": writer > 0, "writers": writer, "hours": at_s // 1800}
            found.setdefault(int(names[self.world["files"]]), []).append(line)
        files = list(found.values())
        for number in self.world["shuffled"]:
            if number < len(files):
                self.draw.shuffle(files[number])
        return files + ([] if self.world["copied"] is None else files[self.world["copied"] :][:1])


def restarted(follower, saved):
    """The follower after its process ended and began again, over what it had saved."""
    saved |= follower.ledger.changes()
    for key in follower.ledger.gone():
        saved.pop(key, None)
    restored = Ledger.restore(saved, follower.cycle.start_s)
    assert (restored.unreadable, restored.stale) == ({}, [])
    follower.ledger, follower._flat = restored.ledger, {}


def read_live(world, files, source):
    """The standing of one that reads pieces of the files in turn, with restarts, and accounts after each."""
    follower, saved, draw = Live(source, SimpleNamespace(), SystemClock()), {}, world.draw
    waiting = [(number, list(lines)) for number, lines in enumerate(files, 1)]
    restarts = {draw.randrange(12) for _ in range(world.world["restarts"])}
    for step in range(10_000):
        if step in restarts:
            restarted(follower, saved)
        if not (waiting := [(number, lines) for number, lines in waiting if lines]):
            break
        number, lines = draw.choice(waiting)
        count = draw.randint(1, 40)
        follower.take(b"".join(lines[:count]), number)
        del lines[:count]
        account(follower)
    return follower


def account(follower):
    follower.ledger.resolve()
    if (settled_s := follower.watermark_s()) is not None:
        follower.ledger.settle(settled_s)
        follower.account(settled_s)


def agree(given_world):
    world = World(given_world)
    files = world.files()
    with TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{number}.json") for number in range(len(files))]
        for path, lines in zip(paths, files, strict=True):
            Path(path).write_bytes(b"".join(lines))
        windows = Path(folder) / "windows.csv"
        rows = [f"{who},{world.change_s + at_s},{world.change_s + at_s + n}" for who, at_s, n in given_world["windows"]]
        windows.write_text("\n".join(["subject,start,end", *rows]) + "\n")
        given = {"source": "host", "logs": paths, "cycle": {"start": world.start_s, "end": world.end_s}}
        given |= {"tz": given_world["zone"], "heartbeat": BEAT_S, "lateness_s": 0, "maintenance": str(windows)}
        follower = read_live(world, files, msgspec.convert(given, Source))
        if follower.standing is None:
            return
        settled_s = follower.watermark_s()
        follower.cycle = Cycle(world.start_s, settled_s)  # up to here all is accounted
        follower.account(settled_s)
        contract = read_contract(None, None, str(windows), world.zone)
        wanted = Wanted(world.start_s, settled_s, heartbeat_s=BEAT_S)
        found = find(paths, Options(Step.SECOND, world.zone, wanted, contract=contract))
    assert_agree(exposed(follower), found)


@settings(max_examples=5)
@given(worlds)
def test_live_and_report_agree_to_the_second_over_the_night(world):
    agree(world)


@pytest.mark.slow
@pytest.mark.timeout(500)
@settings(max_examples=120)
@given(worlds)
def test_live_and_report_agree_over_many_nights(world):
    agree(world)
