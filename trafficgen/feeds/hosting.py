"""`trafficgen feed hosting`: the logs of a simulated web host, live or all at once, with the truth beside them.

Live, the manager and each server write a file of their own under `DIR/logs`, as such systems do; all at once there is
one `DIR/logs.json`. `DIR/truth.json` is replaced as a whole, so that it can be read at any time.
"""

import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from io import SEEK_END
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from foundation.errors import ConfigError, StoreError
from foundation.exits import help_end
from foundation.flags import DurationType, InstantType
from foundation.jsonread import JSON_ERRORS
from foundation.output import replacing
from foundation.signals import SignalStop, Stop
from foundation.terminal import echo, printable
from trafficgen.feeds.hosting_world import MINUTE_S, POLICIES, Fault, LogLine, Settings, World
from trafficgen.units import parse_duration

START = "2016-02-15"  # the cycle that the task's own log was of: 29 days, with a leap day
DAY_S = 86_400
TRUTH_EVERY_S = 1.0  # while it runs; and at the end
STOP_EVERY_MINUTES = 256  # while a world is brought to where the logs end; a few thousand pass in a second
MOST_MINUTES_AHEAD = 100_000  # of the logs before the truth; more is not of this feed
_FAULT = re.compile(r"server=(\d{1,4})\s+(silent|overload)\s+at\s+(\S+)\s+for\s+(\S+)(?:\s+every\s+(\S+))?\Z")


def write_at_once(world: World, directory: Path, *, shuffle: bool) -> None:
    """Write the whole log to `logs.json`; shuffling holds it in memory. Raises StoreError."""
    minutes = (world.minute() for _ in range(world.settings.minutes))
    texts: Iterable[str] = (line.text for lines in minutes for line in lines)
    if shuffle:
        held = list(texts)
        random.Random(world.settings.seed).shuffle(held)
        texts = held
    with _as_store_error(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with replacing(directory / "logs.json", own_name=True) as file:
            file.writelines(f"{text}\n".encode() for text in texts)
        write_truth(world, directory)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a live feed keeps in `truth.json` to continue from: the logs had `sizes_bytes` after `minutes`."""

    settings: Settings
    shuffle: bool
    minutes: int
    begins: list[int]
    sizes_bytes: list[int]


class _Kept(msgspec.Struct):
    """What is read of an earlier `truth.json`."""

    run: Run


class _Logs:
    """The open logs, by writer. `ahead`: bytes that they have beyond the minute of the world; not written again."""

    def __init__(self, files: Sequence[BinaryIO]) -> None:
        self._files = files
        self.ahead = [0] * len(files)

    def sizes_bytes(self) -> list[int]:
        """Sizes of the files, in their order."""
        return [file.seek(0, SEEK_END) for file in self._files]

    def append(self, lines: Iterable[LogLine]) -> None:
        """Write lines to the files of their writers, without what is there already."""
        texts: dict[int, bytes] = {}
        for line in lines:
            texts[line.writer] = texts.get(line.writer, b"") + f"{line.text}\n".encode()
        for writer, text in texts.items():
            there = min(self.ahead[writer], len(text))
            self.ahead[writer] -= there
            self._files[writer].write(text[there:])
            self._files[writer].flush()


def write_live(
    world: World,
    directory: Path,
    speed: float,
    *,
    shuffle: bool,
    endless: bool = False,
    stop: Stop,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Write each simulated minute when it is over, `speed` times faster than life, until the world's end or `stop`.

    Minute n is due at start + n x 60 / speed, so that lateness doesn't add up. Shuffling is within the minute.
    An endless feed goes on where an earlier one of the same settings ended: a follower of its logs would take the same
    minutes again for late ones. Else logs of an earlier run are removed. Raises StoreError.
    """
    with _as_store_error(directory), ExitStack() as stack:
        run = _earlier(world, directory, shuffle=shuffle) if endless else None
        folder = directory / "logs"
        if run is None:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        names = ["manager.json", *(f"server-{server}.json" for server in range(1, world.settings.servers + 1))]
        logs = _Logs([stack.enter_context((folder / name).open("ab")) for name in names])
        if run is not None and not _go_on(world, run, logs, stop):
            return
        write_truth(world, directory, logs, shuffle=shuffle)
        start = written_s = clock()
        for n in count(1) if endless else range(1, world.settings.minutes + 1):
            if stop.wait(max(0.0, start + n * MINUTE_S / speed - clock())):
                break
            logs.append(_minute_of(world, shuffle=shuffle))
            if clock() - written_s >= TRUTH_EVERY_S:
                written_s = clock()
                write_truth(world, directory, logs, shuffle=shuffle)
        write_truth(world, directory, logs, shuffle=shuffle)


def write_truth(world: World, directory: Path, logs: _Logs | None = None, *, shuffle: bool = False) -> None:
    """Replace `truth.json` by what is true now; with live `logs`, also by what to continue from. Raises StoreError."""
    truth = world.truth()
    if logs is not None:
        run = Run(
            settings=world.settings,
            shuffle=shuffle,
            minutes=world.minutes,
            begins=world.begins,
            sizes_bytes=logs.sizes_bytes(),
        )
        truth["run"] = msgspec.to_builtins(run)
    with replacing(directory / "truth.json", own_name=True) as file:
        file.write(json.dumps(truth, indent=1).encode() + b"\n")


def _earlier(world: World, directory: Path, *, shuffle: bool) -> Run | None:
    """The run to continue; None if the world starts again, with a line on stderr if there was another run."""
    path = directory / "truth.json"
    try:
        run = msgspec.json.decode(path.read_bytes(), type=_Kept).run
    except FileNotFoundError:
        return None
    except JSON_ERRORS:
        run = None
    if run is not None and (run.settings, run.shuffle) == (world.settings, shuffle):
        again = "no new line until they are computed again"
        echo(f"{printable(path)}: continues after {run.minutes:,} minutes of the log; {again}", err=True)
        return run
    why = "it is not from a live feed" if run is None else "its settings differ"
    echo(f"{printable(path)}: {why}; the log starts again at its first minute", err=True)
    return None


def _go_on(world: World, run: Run, logs: _Logs, stop: Stop) -> bool:
    """Bring the world to the end of the logs, which an end without notice leaves ahead of the truth; False: stopped."""
    world.begins = [*run.begins]
    pairs = zip(logs.sizes_bytes(), run.sizes_bytes, strict=True)
    logs.ahead = [max(0, there - known) for there, known in pairs]
    for n in range(run.minutes):
        if n % STOP_EVERY_MINUTES == 0 and stop.wait(0):
            return False
        world.minute()
    for _ in range(MOST_MINUTES_AHEAD):
        if not any(logs.ahead):
            break
        logs.append(_minute_of(world, shuffle=run.shuffle))
    logs.ahead = [0] * len(logs.ahead)
    world.begins.append(world.minutes)
    return True


def _minute_of(world: World, *, shuffle: bool) -> list[LogLine]:
    """The next minute as the logs have it; its order depends on nothing but the seed and the minute."""
    draw = random.Random(f"{world.settings.seed} {world.now_s}")
    lines = world.minute()
    if shuffle:
        draw.shuffle(lines)
    return lines


@contextmanager
def _as_store_error(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise StoreError(f"{exc.filename or directory}: {exc.strerror or exc}") from exc


def parse_fault(text: str, speed: float) -> Fault:
    """`server=2 silent at 12m for 150s`, also with `every 30m`, in time that passes here. Raises ConfigError."""
    match = _FAULT.match(text.strip())
    if match is None:
        raise ConfigError(f"--fault {text!r}: write 'server=2 silent|overload at 12m for 150s [every 30m]'")
    start, length, every = (
        None if word is None else round(parse_duration(word, what=f"--fault {text!r}") * speed / MINUTE_S)
        for word in match.groups()[2:]
    )
    assert start is not None, "the expression requires it"
    if not length:
        raise ConfigError(f"--fault {text!r}: shorter than a minute of the log")
    if every is not None and every <= length:
        raise ConfigError(f"--fault {text!r}: it would begin again before it ended")
    return Fault(int(match[1]), match[2], start, start + length, every)


def _speed(_context: click.Context, _parameter: click.Parameter, text: str) -> float | None:
    """None for max."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1e6:
        raise ConfigError(f"--speed: {text!r}; write how many times faster than life (up to 1000000), or max")
    return speed


def _minute(moment: datetime) -> int:
    return int(moment.timestamp()) // MINUTE_S * MINUTE_S


@click.command(epilog=help_end("trafficgen feed hosting --output world --days 29 --speed max"))
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write into.")
@click.option(
    "--days",
    "length_s",
    type=DurationType(least_s=MINUTE_S, most_s=366 * DAY_S, bare="d"),
    default="29d",
    show_default=True,
    help="The log's length; a bare number is days.",
)
@click.option("--start", type=InstantType(unit=_minute), default=START, show_default=True, help="UTC.")
@click.option("--speed", callback=_speed, default="600", show_default=True, help="Times faster than life, or max.")
@click.option("--servers", type=click.IntRange(1, 1000), default=4, show_default=True, help="Number of servers.")
@click.option("--accounts", type=click.IntRange(0, 100_000), default=13, show_default=True, help="Number of accounts.")
@click.option(
    "--policy",
    type=click.Choice(POLICIES),
    default="round-robin",
    show_default=True,
    help="Routing policy of the manager.",
)
@click.option("--shuffle", is_flag=True, help="Write lines out of order: all of them, or those of a minute when live.")
@click.option(
    "--endless",
    is_flag=True,
    help="Live: continue after --days, without new accounts; a new run continues where the last one ended.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="TEXT",
    help="'server=2 silent|overload at 12m for 150s [every 30m]': the only fault; at max in the log's time.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same log.")
def command(
    output: Path,
    *,
    length_s: float,
    start: int,
    speed: float | None,
    shuffle: bool,
    endless: bool,
    faults: tuple[str, ...],
    **world_of: Any,
) -> None:
    """Logs of a web host's manager and servers; the true downtime of every account in truth.json.

    Live, they go to OUTPUT/logs, a file for each writer; with --speed max all of it goes to OUTPUT/logs.json.
    """
    planned = tuple(parse_fault(text, speed or 1.0) for text in faults)
    if unknown := sorted({fault.server for fault in planned} - set(range(1, world_of["servers"] + 1))):
        raise ConfigError(f"--fault: server {unknown[0]} does not exist; --servers {world_of['servers']}")
    world = World(Settings(start_s=start, minutes=round(length_s / MINUTE_S), faults=planned, **world_of))
    if speed is None:
        write_at_once(world, output, shuffle=shuffle)
    else:
        write_live(world, output, speed, shuffle=shuffle, endless=endless, stop=SignalStop())
    echo(f"{world.lines:,} lines in {printable(output)}", err=True)
