"""Polls of stores as CSV files, all at once or hour by hour, and the truth beside them.

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
from typing import Annotated, Any

import click
import msgspec

from foundation.errors import BadRecord, ConfigError, StoreError
from foundation.flags import DurationType
from foundation.jsonread import read_json
from foundation.output import replacing
from foundation.signals import SignalStop, Stop
from foundation.terminal import echo
from trafficgen.feeds.stores_world import DAY_S, HOUR_S, Planned, World, down_s

MAX_STORES = 1_000_000
MAX_HOURS = 24 * 366 * 100  # of a feed that goes on for a long time
STATUS = "store_id,status,timestamp_utc\n"
CALM_H = 27  # without an outage before the paced hours: a store that failed until it closed opens a day later
_FAULT = re.compile(r"(\d{1,7}) stores at (\d{1,6})h for (\d{1,4})h\Z")


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


def lines(world: World, hour: int) -> list[str]:
    """One hour's polls."""
    return [
        f"{store_id},{'active' if up else 'inactive'},{_stamp(at_us)}\n" for store_id, up, at_us in world.polls(hour)
    ]


def _stamp(at_us: int) -> str:
    whole, rest = divmod(at_us, 1_000_000)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%d %H:%M:%S}.{rest:06d} UTC"


def truth(world: World, hours: int, polls: int) -> dict[str, Any]:
    """What is true after so many hours; seconds are those of the last seven days, or since the start."""
    end_s = world.start_s + hours * HOUR_S
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
        "hours": hours,
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
        nonlocal polls
        yield STATUS
        for hour in range(hours):  # an hour at a time: 20 million lines at once are gigabytes
            found = lines(world, hour)
            polls += len(found)
            yield from found

    put(folder / "store_status.csv", rows())
    put(folder / "truth.json", [json.dumps(truth(world, hours, polls))])
    return polls


def run_live(
    folder: Path, world: World, done: tuple[int, int], speed: float, stop: Stop, *, paced: int | None = None
) -> None:
    """A file for each hour that is over, `speed` times as quick as the clock until it is reached.

    Args:
        folder: where the files go.
        world: whose.
        done: hours and polls that are written already.
        speed: simulated seconds for each real one.
        stop: ends the feed.
        paced: only the last so many hours before now come at that speed, older ones at once in one file.
    """
    hours, polls = done
    write_settings(folder, world)
    until = 0 if paced is None else (int(time.time()) - world.start_s) // HOUR_S - paced
    if until > hours:
        found = [line for hour in range(hours, until) for line in lines(world, hour)]
        put(folder / f"polls-{world.start_s + hours * HOUR_S}.csv", [STATUS, *found])
        hours, polls = until, polls + len(found)
        put(folder / "truth.json", [json.dumps(truth(world, hours, polls))])
    while not stop.wait(HOUR_S / speed):
        over_s = world.start_s + (hours + 1) * HOUR_S
        if stop.wait(max(0.0, over_s - time.time())):
            break
        found = lines(world, hours)
        put(folder / f"polls-{over_s - HOUR_S}.csv", [STATUS, *found])
        hours, polls = hours + 1, polls + len(found)
        put(folder / "truth.json", [json.dumps(truth(world, hours, polls))])


class Earlier(msgspec.Struct):
    """What a feed that goes on must know of what is written."""

    seed: Annotated[int, msgspec.Meta(ge=0)]
    stores: Annotated[int, msgspec.Meta(ge=1, le=MAX_STORES)]
    start: Annotated[int, msgspec.Meta(ge=0)]
    hours: Annotated[int, msgspec.Meta(ge=0, le=MAX_HOURS)]
    polls: Annotated[int, msgspec.Meta(ge=0)]


def _earlier(folder: Path) -> Earlier | None:
    """The truth of a feed that was stopped; None if there is none that can be gone on with."""
    try:
        return read_json((folder / "truth.json").read_bytes(), Earlier)
    except (OSError, BadRecord):
        return None


def parse_fault(text: str, start_s: int, paced_from_h: int) -> Planned:
    """`3 stores at 66h for 6h`, hours of the feed; calm before the paced hours. Raises ConfigError."""
    match = _FAULT.match(text.strip())
    if match is None:
        raise ConfigError(f"--fault {text!r}: write '3 stores at 66h for 6h'")
    stores, at, length = map(int, match.groups())
    calm_from = max(0, paced_from_h - CALM_H)
    if not stores or not length or at < calm_from:
        raise ConfigError(f"--fault {text!r}: expected at least a store, an hour, and a begin at {calm_from}h or later")
    return Planned(stores, start_s + at * HOUR_S, start_s + (at + length) * HOUR_S, start_s + calm_from * HOUR_S)


def _whole_hours(_context: click.Context, parameter: click.Parameter, given_s: float | None) -> int | None:
    if given_s is not None and given_s % HOUR_S:
        raise ConfigError(f"{parameter.opts[0]}: expected whole hours, for example 36, 36h or 1d12h")
    return None if given_s is None else int(given_s) // HOUR_S


@click.command()
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the files.")
@click.option("--stores", "count", type=click.IntRange(1, MAX_STORES), default=100, show_default=True)
@click.option(
    "--hours",
    type=DurationType(least_s=HOUR_S, most_s=366 * DAY_S, bare="h"),
    callback=_whole_hours,
    default="168h",
    show_default=True,
    help="How long before now it begins; a bare number is hours.",
)
@click.option("--speed", type=float, help="A file for each hour, so many times as quick as the clock; then live.")
@click.option(
    "--paced",
    type=DurationType(zero=True, bare="h"),
    callback=_whole_hours,
    help="With --speed: only the last so many hours at that speed, older ones at once; a bare number is hours.",
)
@click.option(
    "--fault",
    metavar="TEXT",
    help="'3 stores at 66h for 6h': from the paced hours on, this outage and no other.",
)
@click.option("--seed", type=click.IntRange(0), help="The same seed gives the same stores.")
def command(
    *,
    output: Path,
    count: int,
    hours: int,
    speed: float | None,
    paced: int | None,
    fault: str | None,
    seed: int | None,
) -> None:
    """Write polls, business hours and time zones of stores, and when they were really down (truth.json).

    Without --speed all of it at once. With it, a file for each hour, and a feed that was stopped goes on.
    """
    if speed is not None and not 1 <= speed <= 1e6:
        raise ConfigError(f"--speed {speed}: 1 to 1000000 times as quick as the clock")
    if speed is None and paced is not None:
        raise ConfigError("--paced needs --speed: without it all hours are written at once")
    seed = int.from_bytes(os.urandom(4), "big") if seed is None else seed
    start_s = int(time.time()) // HOUR_S * HOUR_S - hours * HOUR_S
    paced_from_h = 0 if paced is None else max(0, hours - paced)
    if speed is None:
        polls = write_all(output, World(seed, count, start_s, _planned(fault, start_s, paced_from_h)), hours)
        echo(f"{polls} polls of {count} stores, seed {seed}", err=True)
        return
    stop = SignalStop()
    done = (0, 0)
    if (found := _earlier(output)) is not None:
        seed, count, start_s, done = found.seed, found.stores, found.start, (found.hours, found.polls)
    world = World(seed, count, start_s, _planned(fault, start_s, paced_from_h))
    run_live(output, world, done, speed, stop, paced=paced)


def _planned(fault: str | None, start_s: int, paced_from_h: int) -> Planned | None:
    return None if fault is None else parse_fault(fault, start_s, paced_from_h)
