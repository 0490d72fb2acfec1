"""Polls of stores as CSV files, all at once, hour by hour, or as often as one likes, and the truth beside them.

`truth.json` says which polls were sent and when each store was really down; it is written from what was drawn, before
anybody has counted anything.
"""

import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import click
import msgspec

from foundation.errors import BadRecord, ConfigError, StoreError
from foundation.exits import help_end
from foundation.flags import DurationType
from foundation.jsonread import read_json
from foundation.output import replacing
from foundation.signals import SignalStop, Stop
from foundation.terminal import echo
from trafficgen.feeds.stores_world import DAY_S, HOUR_S, Planned, World, down_s
from trafficgen.units import parse_duration

MAX_STORES = 1_000_000
MAX_HOURS = 24 * 366 * 100  # of a feed that runs for a long time
LATEST_S = 1 << 33  # the year 2242
STATUS = "store_id,status,timestamp_utc\n"
CALM_H = 27  # without an outage before the paced hours: a store that failed until it closed opens a day later
SHORT = 0.75  # of the time between two polls: how long outages beside the planned one are, at most, with --every
_FAULT = re.compile(r"(\d{1,7}) stores at (\S+) for (\S+?)(?: every (\S+))?\Z")


def write_settings(folder: Path, world: World) -> None:
    """The stores' hours and time zones, in the files' own names of the task's data."""
    hours = [
        f"{store.store_id},{day},{opens},{closes}\n"
        for store in world.stores
        for day in store.weekdays
        for opens, closes in store.openings
    ]
    put(folder / "menu_hours.csv", ["store_id,day,start_time_local,end_time_local\n", *hours])
    zones = [f"{store.store_id},{store.zone}\n" for store in world.stores]
    put(folder / "timezones.csv", ["store_id,timezone_str\n", *zones])


def lines(polls: Iterable[tuple[str, bool, int]]) -> list[str]:
    """Polls as lines of CSV."""
    return [f"{store_id},{'active' if up else 'inactive'},{_stamp(at_us)}\n" for store_id, up, at_us in polls]


def _stamp(at_us: int) -> str:
    whole, rest = divmod(at_us, 1_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%d %H:%M:%S}.{rest:06d} UTC"


def truth(world: World, end_s: int, polls: int) -> dict[str, Any]:
    """What is true at `end_s`; seconds are those of the last seven days, or since the start."""
    since_s = max(world.start_s, end_s - 7 * DAY_S)
    world.until(end_s)
    stores = {}
    for store in world.stores:
        down, business = down_s(store, since_s, end_s)
        outages = [[a, min(b, end_s)] for a, b in store.outages if a < end_s and b > since_s]
        stores[store.store_id] = {"down_seconds": down, "business_seconds": business, "outages": outages}
    return {
        "seed": world.seed,
        "stores": world.count,
        "start": world.start_s,
        "end": end_s,
        "hours": (end_s - world.start_s) // HOUR_S,
        "polls": polls,
        "down_seconds": sum(one["down_seconds"] for one in stores.values()),
        "by_store": stores,
    }


def put(path: Path, text: Iterable[str]) -> None:
    """Write a file whole, with the folders above it. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"{path.parent}: {exc.strerror}") from exc
    with replacing(path, own_name=True) as out:
        out.writelines(line.encode("ascii") for line in text)


def write_all(folder: Path, world: World, hours: int) -> int:
    """The whole feed at once; the number of polls."""
    write_settings(folder, world)
    polls = 0

    def rows() -> Iterator[str]:
        """Lines of the table, the header first; counts the polls."""
        nonlocal polls
        yield STATUS
        for hour in range(hours):  # an hour at a time: 20 million lines at once are gigabytes
            found = lines(world.polls(hour))
            polls += len(found)
            yield from found

    put(folder / "store_status.csv", rows())
    put(folder / "truth.json", [json.dumps(truth(world, world.start_s + hours * HOUR_S, polls))])
    return polls


class Written(NamedTuple):
    """Up to when polls are written, in Unix seconds, and how many."""

    until_s: int
    polls: int


def run_live(folder: Path, world: World, done: Written, speed: float, stop: Stop, *, paced: int | None = None) -> None:
    """A file for each hour that is over, `speed` times as quick as the clock until it is reached.

    Args:
        folder: where the files go.
        world: whose.
        done: what is written already.
        speed: simulated seconds for each real one.
        stop: ends the feed.
        paced: only the last so many hours before now come at that speed, older ones at once in one file.
    """
    write_settings(folder, world)
    if paced is not None:
        hours = (int(time.time()) - done.until_s) // HOUR_S - paced
        done = _write(folder, world, done, [HOUR_S] * hours)
    while not stop.wait(HOUR_S / speed):
        if stop.wait(max(0.0, done.until_s + HOUR_S - time.time())):
            break
        done = _write(folder, world, done, [HOUR_S])


def run_every(folder: Path, world: World, done: Written, every_s: int, stop: Stop) -> None:
    """Polls every `every_s` seconds as time passes; those of the past at once, an hour apart but for the last hour."""
    write_settings(folder, world)
    hours, rest_s = divmod(int(time.time()) - done.until_s, HOUR_S)
    done = _write(folder, world, done, [HOUR_S] * hours + [every_s] * (rest_s // every_s))
    while not stop.wait(max(0.0, done.until_s + every_s - time.time())):
        done = _write(folder, world, done, [every_s])


def _write(folder: Path, world: World, done: Written, lengths_s: list[int]) -> Written:
    """Write a file of the polls of the next stretches of time, then the truth at their end."""
    if not lengths_s:
        return done
    until_s, found = done.until_s, []
    for length_s in lengths_s:
        hour, rest_s = divmod(until_s - world.start_s, HOUR_S)
        whole = length_s == HOUR_S and not rest_s
        found += lines(world.polls(hour) if whole else world.polls_within(until_s, length_s))
        until_s += length_s
    put(folder / f"polls-{done.until_s}.csv", [STATUS, *found])
    done = Written(until_s, done.polls + len(found))
    put(folder / "truth.json", [json.dumps(truth(world, *done))])
    return done


class Store(msgspec.Struct):
    """A store's outages in the last seven days, as far as they are over."""

    outages: list[tuple[int, int]]


class Earlier(msgspec.Struct, kw_only=True):
    """What a continued feed must know about what was written."""

    seed: Annotated[int, msgspec.Meta(ge=0)]
    stores: Annotated[int, msgspec.Meta(ge=1, le=MAX_STORES)]
    start: Annotated[int, msgspec.Meta(ge=0)]
    end: Annotated[int, msgspec.Meta(ge=0, le=LATEST_S)]
    polls: Annotated[int, msgspec.Meta(ge=0)]
    by_store: dict[str, Store]

    def __post_init__(self) -> None:
        if not 0 <= self.end - self.start <= MAX_HOURS * HOUR_S:
            raise ValueError("expected an end after the start, less than a century later")


def _earlier(folder: Path) -> Earlier | None:
    """The truth of a feed that was stopped; None if there is none that can be gone on with."""
    try:
        return read_json((folder / "truth.json").read_bytes(), Earlier)
    except (OSError, BadRecord):
        return None


def parse_fault(text: str, start_s: int, paced_from_h: int) -> Planned:
    """`3 stores at 66h for 6h`, hours of the feed; calm before the paced hours. Raises ConfigError."""
    stores, at_s, length_s, every_s = _fault(text)
    calm_from = max(0, paced_from_h - CALM_H)
    if every_s is not None or at_s % HOUR_S or length_s % HOUR_S or at_s < calm_from * HOUR_S:
        raise ConfigError(f"--fault {text!r}: expected whole hours, once, and a begin at {calm_from}h or later")
    return Planned(stores, start_s + at_s, start_s + at_s + length_s, start_s + calm_from * HOUR_S)


def parse_repeated(text: str, now_s: int, poll_every_s: int) -> Planned:
    """`3 stores at 17m for 6m every 30m`, from `now_s` on, beside outages that one poll sees. Raises ConfigError."""
    stores, at_s, length_s, every_s = _fault(text)
    if every_s is not None and every_s < length_s + 4 * poll_every_s:
        raise ConfigError(f"--fault {text!r}: expected at least four polls between its end and its next begin")
    return Planned(
        stores,
        now_s + at_s,
        now_s + at_s + length_s,
        calm_from_s=now_s - CALM_H * HOUR_S,
        every_s=every_s,
        short_s=int(SHORT * poll_every_s),
        short_from_s=now_s,
    )


def _fault(text: str) -> tuple[int, int, int, int | None]:
    """Stores, and begin, length and repetition in seconds. Raises ConfigError."""
    match = _FAULT.match(text.strip())
    if match is None or not int(match[1]):
        raise ConfigError(
            f"--fault {text!r}: write '3 stores at 66h for 6h', with --every also 'at 17m for 6m every 30m'"
        )
    at, length, every = (
        None if word is None else round(parse_duration(word, what=f"--fault {text!r}")) for word in match.groups()[1:]
    )
    assert at is not None
    if not length:
        raise ConfigError(f"--fault {text!r}: shorter than a second")
    return int(match[1]), at, length, every


def _whole_hours(_context: click.Context, parameter: click.Parameter, given_s: float | None) -> int | None:
    if given_s is not None and given_s % HOUR_S:
        raise ConfigError(f"{parameter.opts[0]}: expected whole hours, for example 36, 36h or 1d12h")
    return None if given_s is None else int(given_s) // HOUR_S


@click.command(epilog=help_end("trafficgen feed stores --output stores --stores 100 --hours 168"))
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the files.")
@click.option(
    "--stores", "count", type=click.IntRange(1, MAX_STORES), default=100, show_default=True, help="Number of stores."
)
@click.option(
    "--hours",
    type=DurationType(least_s=HOUR_S, most_s=366 * DAY_S, bare="h"),
    callback=_whole_hours,
    default="168h",
    show_default=True,
    help="How long before now it begins; a bare number is hours.",
)
@click.option("--speed", type=float, help="A file for each hour, this many times as fast as the clock; then live.")
@click.option(
    "--paced",
    type=DurationType(zero=True, bare="h"),
    callback=_whole_hours,
    help="With --speed: how many of the last hours have that speed, older ones come at once; a bare number is hours.",
)
@click.option(
    "--every",
    "every_s",
    type=DurationType(least_s=10, most_s=HOUR_S, whole=True),
    help="Write polls at this interval for as long as it runs; older hours at once.",
)
@click.option(
    "--fault",
    metavar="TEXT",
    help="'3 stores at 66h for 6h': the only outage from the paced hours on. "
    "With --every, 'at 17m for 6m every 30m' from its start; others are short.",
)
@click.option("--seed", type=click.IntRange(0), help="The same seed gives the same stores.")
def command(
    *,
    output: Path,
    count: int,
    hours: int,
    speed: float | None,
    paced: int | None,
    every_s: int | None,
    fault: str | None,
    seed: int | None,
) -> None:
    """Write polls, business hours and time zones of stores, and when they were really down (truth.json).

    Without --speed and --every all of it at once. With --speed a file for each hour, with --every one for each poll of
    all stores, and a feed that was stopped goes on.
    """
    if every_s is not None and (speed is not None or paced is not None):
        raise ConfigError("--every: cannot be used with --speed or --paced")
    if speed is not None and not 1 <= speed <= 1e6:
        raise ConfigError(f"--speed {speed}: expected 1 to 1000000 times as fast as the clock")
    if speed is None and paced is not None:
        raise ConfigError("--paced needs --speed: without it all hours are written at once")
    seed = int.from_bytes(os.urandom(4), "big") if seed is None else seed
    start_s = int(time.time()) // HOUR_S * HOUR_S - hours * HOUR_S
    paced_from_h = 0 if paced is None else max(0, hours - paced)
    if speed is None and every_s is None:
        polls = write_all(output, World(seed, count, start_s, _planned(fault, start_s, paced_from_h)), hours)
        echo(f"{polls} polls of {count} stores, seed {seed}", err=True)
        return
    stop = SignalStop()
    done, found = Written(start_s, 0), _earlier(output)
    if found is not None:
        seed, count, start_s, done = found.seed, found.stores, found.start, Written(found.end, found.polls)
    if every_s is None:
        assert speed is not None
        world = World(seed, count, start_s, _planned(fault, start_s, paced_from_h))
        run_live(output, world, done, speed, stop, paced=paced)
        return
    world = World(seed, count, start_s, None if fault is None else parse_repeated(fault, int(time.time()), every_s))
    if found is not None:
        world.resume({store_id: store.outages for store_id, store in found.by_store.items()}, found.end)
    run_every(output, world, done, every_s, stop)


def _planned(fault: str | None, start_s: int, paced_from_h: int) -> Planned | None:
    return None if fault is None else parse_fault(fault, start_s, paced_from_h)
