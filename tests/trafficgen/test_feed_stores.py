"""The stores' feed: the same for the same seed, true to its truth, and gone on with after a stop."""

import csv
import json
import threading
from itertools import count, pairwise

import pytest
from click.testing import CliRunner

from foundation.errors import ConfigError
from trafficgen.feeds import stores as feed
from trafficgen.feeds.stores import Written, parse_repeated
from trafficgen.feeds.stores_world import HOUR_S, Planned, Store, World, business, down_s

START_S = 1_700_006_400 // HOUR_S * HOUR_S


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_all_at_once_is_what_the_truth_says(tmp_path):
    result = CliRunner().invoke(
        feed.command, ["--output", str(tmp_path), "--stores", "7", "--hours", "30", "--seed", "5"]
    )
    assert result.exit_code == 0
    truth = json.loads((tmp_path / "truth.json").read_text())
    polls = read(tmp_path / "store_status.csv")
    assert (len(polls), truth["stores"], truth["hours"]) == (truth["polls"], 7, 30)
    assert 7 * 30 * 0.8 < len(polls) < 7 * 30
    assert {row["store_id"] for row in read(tmp_path / "timezones.csv")} == set(truth["by_store"])
    assert truth["down_seconds"] == sum(told["down_seconds"] for told in truth["by_store"].values())


def test_a_poll_is_active_only_outside_of_the_outages():
    world = World(3, 40, START_S)
    for hour in range(0, 72, 5):
        by_id = {store.store_id: store for store in world.stores}
        for store_id, up, at_us in world.polls(hour):
            assert START_S + hour * HOUR_S <= at_us / 1e6 < START_S + (hour + 1) * HOUR_S
            if up:
                assert not any(a <= at_us / 1e6 < b for a, b in by_id[store_id].outages)


def test_hours_are_independent_of_what_was_drawn_before():
    once, twice = World(9, 20, START_S), World(9, 20, START_S)
    for hour in range(50):
        list(once.polls(hour))
    assert list(once.polls(50)) == list(twice.polls(50))


@pytest.mark.parametrize(
    ("openings", "want"),
    [
        ((), [(0, 24)]),
        ((("09:00:00", "17:00:00"),), [(9, 17)]),
        ((("18:00:00", "02:00:00"),), [(0, 2), (18, 24)]),
        ((("00:00:00", "23:59:59"),), [(0, 24)]),
    ],
)
def test_business_time_of_a_day(openings, want):
    midnight = 1_700_006_400 - 1_700_006_400 % 86_400
    store = Store("s", "UTC", openings, tuple(range(7)), [(midnight + 10 * HOUR_S, midnight + 11 * HOUR_S)])
    assert business(store, midnight, midnight + 86_400) == [
        (midnight + a * HOUR_S, midnight + b * HOUR_S) for a, b in want
    ]
    inside = any(a <= 10 < b for a, b in want)
    assert down_s(store, midnight, midnight + 86_400)[0] == (HOUR_S if inside else 0)


class StopAfter(threading.Event):
    """Lets a number of waits pass, none of which takes time."""

    def __init__(self, waits):
        super().__init__()
        self.waits = count(waits, -1)

    def wait(self, timeout=None):
        return next(self.waits) <= 0


def test_a_stopped_feed_goes_on_where_it_was(tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    feed.run_live(whole, World(4, 5, START_S), Written(START_S, 0), 1e6, StopAfter(12))
    for _ in range(2):
        found = feed._earlier(parts)
        done = Written(found.end, found.polls) if found else Written(START_S, 0)
        feed.run_live(parts, World(4, 5, START_S), done, 1e6, StopAfter(6))
    assert {p.name: p.read_text() for p in whole.iterdir()} == {p.name: p.read_text() for p in parts.iterdir()}
    assert len(list(whole.glob("polls-*.csv"))) == 6


def test_a_speed_below_the_clocks_is_refused(tmp_path):
    result = CliRunner().invoke(feed.command, ["--output", str(tmp_path), "--speed", "0.5"])
    assert isinstance(result.exception, ConfigError)


def test_every_store_is_up_at_first():
    """So that no time before the feed began can be taken for an outage."""
    world = World(5, 200, START_S)
    world.until(START_S + 100 * HOUR_S)
    assert min(begin for store in world.stores for begin, _ in store.outages) > START_S + 2 * HOUR_S


def test_a_planned_outage_is_the_only_one_from_the_calm_on():
    planned = Planned(3, START_S + 66 * HOUR_S, START_S + 72 * HOUR_S, START_S + 45 * HOUR_S)
    world = World(5, 60, START_S, planned)
    world.until(START_S + 200 * HOUR_S)
    world.until(START_S + 2000 * HOUR_S)
    hit = [store for store in world.stores if (planned.start_s, planned.stop_s) in store.outages]
    assert [store.openings for store in hit] == [(), (), ()], "a store that is closed is not offline"
    every = [outage for store in world.stores for outage in store.outages if outage[0] < START_S + 2000 * HOUR_S]
    natural = [outage for outage in every if outage != (planned.start_s, planned.stop_s)]
    assert len(every) - len(natural) == 3
    assert len(natural) > 10
    assert all(stop <= planned.calm_from_s for _, stop in natural)


@pytest.mark.parametrize("text", ["30", "30h", "1d6h", "1800m"])
def test_hours_are_a_duration_and_a_bare_number_is_hours(tmp_path, text):
    result = CliRunner().invoke(feed.command, ["--output", str(tmp_path), "--stores", "1", "--hours", text])
    assert (result.exit_code, json.loads((tmp_path / "truth.json").read_text())["hours"]) == (0, 30)


@pytest.mark.parametrize("words", [("--hours", "90m"), ("--hours", "30m"), ("--paced", "90m"), ("--hours", "367d")])
def test_hours_that_cannot_be_are_refused(tmp_path, words):
    result = CliRunner().invoke(feed.command, ["--output", str(tmp_path / "out"), "--speed", "60", *words])
    assert result.exit_code
    assert words[0] in result.output + str(result.exception)
    assert not (tmp_path / "out").exists()


def test_hours_before_the_paced_ones_come_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(feed.time, "time", lambda: START_S + 72 * HOUR_S + 5.0)
    feed.run_live(tmp_path, World(4, 5, START_S), Written(START_S, 0), 1e6, StopAfter(1), paced=24)
    assert [path.name for path in tmp_path.glob("polls-*")] == [f"polls-{START_S}.csv"]
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert (truth["hours"], truth["polls"]) == (48, len(read(tmp_path / f"polls-{START_S}.csv")))
    done = Written(START_S + 48 * HOUR_S, truth["polls"])
    feed.run_live(tmp_path, World(4, 5, START_S), done, 1e6, StopAfter(4), paced=24)
    assert len(list(tmp_path.glob("polls-*"))) == 3


NOW_S = START_S + 72 * HOUR_S + 1000  # a demo is started at any moment of an hour
STORES = 12
REPEATED = "3 stores at 17m for 6m every 30m"


def every_minute(folder, minutes, monkeypatch, *, begin_s=NOW_S, world=None, done=None):
    """A feed that polls every minute for so long, without waiting; its world."""
    now = [begin_s]

    class Clock(threading.Event):
        def wait(self, timeout=None):
            now[0] += timeout
            return now[0] >= begin_s + minutes * 60

    monkeypatch.setattr(feed.time, "time", lambda: now[0])
    world = world or World(4, STORES, START_S, parse_repeated(REPEATED, begin_s, 60))
    feed.run_every(folder, world, done or Written(START_S, 0), 60, Clock())
    return world


@pytest.mark.slow
def test_a_feed_that_polls_every_minute_goes_on_for_hours(tmp_path, monkeypatch):
    """Each minute brings polls, and each half hour the planned outage; what is older comes at once."""
    world = every_minute(tmp_path, 90, monkeypatch)
    files = sorted(tmp_path.glob("polls-*.csv"))
    assert files[0].name == f"polls-{START_S}.csv"
    assert [len(read(file)) > 5 for file in files[1:]] == [True] * 90
    begins = [int(file.stem.removeprefix("polls-")) for file in files[1:]]
    assert begins == list(range(begins[0], begins[0] + 90 * 60, 60))
    hit = next(store for store in world.stores if (NOW_S + 17 * 60, NOW_S + 23 * 60) in store.outages)
    planned = [(begin, end) for begin, end in hit.outages if end - begin == 360]
    assert planned[:3] == [(NOW_S + at * 60, NOW_S + (at + 6) * 60) for at in range(17, 90, 30)]
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert truth["polls"] == sum(len(read(file)) for file in files)
    assert truth["end"] == begins[-1] + 60


@pytest.mark.slow
def test_no_outage_but_the_planned_one_is_seen_by_two_polls(tmp_path, monkeypatch):
    """Two polls in a row call a store offline: an alert that nobody announced."""
    world = every_minute(tmp_path, 120, monkeypatch)
    planned = {(NOW_S + at * 60, NOW_S + (at + 6) * 60) for at in range(17, 120, 30)}
    lasting = {outage for store in world.stores for outage in store.outages if outage[1] - outage[0] > 45}
    assert {outage for outage in lasting if NOW_S - 27 * HOUR_S < outage[0] < NOW_S + 120 * 60} == planned
    short = [
        o for store in world.stores for o in store.outages if NOW_S <= o[0] < NOW_S + 120 * 60 and o not in planned
    ]
    assert len(short) > STORES, "so that the board moves between the planned ones, too"
    moments = {}
    for begin_s in range(NOW_S, NOW_S + 120 * 60, 60):
        for store_id, _, at_us in world.polls_within(begin_s, 60):
            moments.setdefault(store_id, []).append(at_us / 1e6)
    assert min(b - a for times in moments.values() for a, b in pairwise(times)) > 45


@pytest.mark.slow
def test_a_stopped_feed_of_every_minute_keeps_what_was_true(tmp_path, monkeypatch):
    """Its next plan begins anew; the outages of the first run stay in the truth."""
    every_minute(tmp_path, 40, monkeypatch)
    before = feed._earlier(tmp_path)
    again_s = NOW_S + 5 * HOUR_S
    world = World(4, STORES, START_S, parse_repeated(REPEATED, again_s, 60))
    world.resume({store_id: store.outages for store_id, store in before.by_store.items()}, before.end)
    every_minute(tmp_path, 40, monkeypatch, begin_s=again_s, world=world, done=Written(before.end, before.polls))
    after = feed._earlier(tmp_path)
    for store_id, store in before.by_store.items():
        kept = after.by_store[store_id].outages
        assert store.outages == kept[: len(store.outages)]
        assert all(begin >= before.end for begin, _ in kept[len(store.outages) :])
    hit = [
        store
        for store in after.by_store.values()
        if (again_s + 17 * 60, again_s + 23 * 60) in map(tuple, store.outages)
    ]
    assert len(hit) == 3
    assert after.polls == sum(len(read(file)) for file in tmp_path.glob("polls-*.csv"))


@pytest.mark.parametrize(
    "words",
    [
        ("--every", "1m", "--speed", "60"),
        ("--every", "1m", "--paced", "24"),
        ("--every", "5s"),
        ("--every", "2h"),
        ("--every", "1m", "--fault", "3 stores at 17m for 6m every 8m"),
        ("--every", "1m", "--fault", "3 stores at 17m for 0s"),
        ("--speed", "60", "--fault", "3 stores at 90m for 6h"),
        ("--speed", "60", "--fault", "3 stores at 170h for 6h every 30h"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, words):
    result = CliRunner().invoke(feed.command, ["--output", str(tmp_path / "out"), *words])
    assert result.exit_code
    assert words[-2] in result.output + str(result.exception) or words[0] in result.output + str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text", ["3 at 66h", "0 stores at 66h for 6h", "3 stores at 20h for 6h", "3 stores at 66h for 0h"]
)
def test_a_wrong_outage_is_refused(tmp_path, text):
    arguments = ["--output", str(tmp_path), "--hours", "72", "--speed", "60", "--paced", "24", "--fault", text]
    result = CliRunner().invoke(feed.command, arguments)
    assert isinstance(result.exception, ConfigError)
    assert text in str(result.exception)
    assert not list(tmp_path.iterdir())
