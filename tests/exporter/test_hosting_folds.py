"""The hour that clocks repeat: never down for what may have been up, and all that can be known is."""

import json
import random
from datetime import UTC, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import msgspec
import pytest

from exporter.hosting.batch import Options, find
from exporter.hosting.bulk import read_logs
from exporter.hosting.cycle import Step, Wanted, utc
from exporter.hosting.excused import STATES
from exporter.hosting.live import Live
from exporter.hosting.parse import Times
from exporter.hosting.source import Source
from foundation.clock import SystemClock
from foundation.csvtext import csv_text

NIGHTS = [
    ("Europe/Berlin", "2024-10-27T01:00:00Z", 3600),
    ("America/New_York", "2024-11-03T06:00:00Z", 3600),
    ("Australia/Lord_Howe", "2024-04-06T15:00:00Z", 1800),
]


class Night:
    """A server that logs its own time, four hours before the clocks go back and five after it."""

    def __init__(self, zone, change, gap_s):
        self.zone, self.gap_s = ZoneInfo(zone), gap_s
        self.change_s = int(datetime.fromisoformat(change).timestamp())
        self.start_s, self.end_s = self.change_s - 4 * 3600, self.change_s + 5 * 3600

    def text(self, time_s):
        return datetime.fromtimestamp(time_s, self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def lines(self, server=0, silent=(), over=()):
        return [
            {"event": "heartbeat", "serverId": server, "workload": 1.5 if m in over else 0.5, "time": self.text(time_s)}
            for time_s in range(self.start_s, self.end_s, 60)
            if (m := (time_s - self.change_s) // 60) not in silent
        ]

    def manager(self, **seconds):
        kinds = {"created": "createAccount", "routed": "route", "moved": "route", "deleted": "deleteAccount"}
        return [
            {
                "event": kinds[what],
                "accountId": 1,
                "accountName": "Ann",
                "serverId": int(what == "moved"),
                "time": self.text(self.change_s + at_s),
            }
            for what, at_s in seconds.items()
        ]

    def account(self, tmp_path, *files):
        paths = []
        for number, lines in enumerate(files):
            paths.append(tmp_path / f"{number}.json")
            paths[-1].write_text("".join(json.dumps(line) + "\n" for line in lines))
        cycle = Wanted(self.start_s, self.end_s)
        (row,) = find([str(path) for path in paths], Options(Step.SECOND, self.zone, cycle)).report.accounts
        assert row.lifetime_minutes >= row.downtime_minutes + row.unrouted_minutes + row.unknown_minutes
        found = (
            row.overload_minutes,
            row.silent_minutes,
            row.unrouted_minutes,
            row.unknown_minutes,
            row.lifetime_minutes,
        )
        assert self.live(paths) == found
        return found

    def follower(self, paths):
        """The live system, which has read a file after the other."""
        cycle = {"start": self.start_s, "end": self.end_s}
        given = {"source": "host", "logs": list(map(str, paths)), "cycle": cycle, "tz": str(self.zone)}
        follower = Live(msgspec.convert(given | {"lateness_s": 0}, Source), SimpleNamespace(), SystemClock())
        for number, path in enumerate(paths, 1):
            follower.take(path.read_bytes(), number)
        return follower

    def live(self, paths):
        """The same from the live system."""
        follower = self.follower(paths)
        follower.account(self.end_s)
        spent = dict(zip(STATES, follower.standing.spent[0].tolist(), strict=True))
        states = ("overload", "silent", "unrouted", "unknown")
        return (*(round(spent[state] / 60, 6) for state in states), round(sum(spent.values()) / 60, 6))


@pytest.fixture(params=NIGHTS, ids=lambda night: night[0])
def night(request):
    return Night(*request.param)


FROM_THE_START = {"created": -4 * 3600, "routed": -4 * 3600}


def test_a_night_without_a_gap_has_no_downtime(tmp_path, night):
    """In the order of writing, and in none."""
    lines = night.lines() + night.manager(**FROM_THE_START)
    assert night.account(tmp_path, lines) == (0, 0, 0, 0, 540)
    random.Random(1).shuffle(lines)
    assert night.account(tmp_path, lines) == (0, 0, 0, 0, 540)


def test_several_servers_in_one_file_or_in_many(tmp_path, night):
    one, other, manager = night.lines(0), night.lines(1), night.manager(**FROM_THE_START, moved=-7000)
    merged = [line for pair in zip(one, other, strict=True) for line in pair]
    for files in ([manager, one, other], [manager + one + other], [manager + merged]):
        assert night.account(tmp_path, *files) == (0, 0, 0, 0, 540)


def test_in_order_an_overload_is_in_its_own_hour(tmp_path, night):
    lines = night.lines(over={3, 4, -2})
    moved = night.manager(created=-4 * 3600, routed=-4 * 3600)
    assert night.account(tmp_path, lines, moved) == (3, 0, 0, 0, 540)
    gone = night.manager(created=-4 * 3600, routed=-4 * 3600, deleted=night.gap_s)
    assert night.account(tmp_path, lines, gone)[:2] == (3, 0)


def test_in_no_order_a_text_with_two_workloads_is_in_doubt(tmp_path, night):
    lines = night.lines(over={3, 4})
    random.Random(2).shuffle(lines)
    assert night.account(tmp_path, lines, night.manager(**FROM_THE_START)) == (0, 0, 0, 4, 540)


@pytest.mark.parametrize("hour", ["first", "second"])
def test_what_stood_once_is_in_doubt_and_never_down(tmp_path, night, hour):
    minutes = night.gap_s // 60
    silent = set(range(minutes)) if hour == "second" else set(range(-minutes, 0))
    lines = night.lines(silent=silent)
    assert night.account(tmp_path, lines, night.manager(**FROM_THE_START)) == (0, 0, 0, minutes, 540)
    ten = night.lines(silent=set(range(5, 15)))
    assert night.account(tmp_path, ten, night.manager(**FROM_THE_START)) == (0, 0, 0, 10, 540)


def test_silence_in_both_hours_is_downtime(tmp_path, night):
    minutes = night.gap_s // 60
    silent = set(range(5, 15)) | {m - minutes for m in range(5, 15)}
    assert night.account(tmp_path, night.lines(silent=silent), night.manager(**FROM_THE_START)) == (0, 20, 0, 0, 540)


@pytest.mark.parametrize("ends", [-0.5, 0.5])
def test_a_log_that_ends_in_that_hour_was_observed_until_its_last_line(tmp_path, night, ends):
    """In the first of the two, or in the second: server 1 has been silent since the first began, and no longer."""
    end_s, gap_min = int(ends * night.gap_s), night.gap_s // 60
    other = night.lines(1, silent=set(range(-gap_min, 9 * 60)))
    path = tmp_path / "log.json"
    lines = night.manager(created=-4 * 3600, moved=-4 * 3600) + other
    lines += night.lines(silent=set(range(end_s // 60, 9 * 60)))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    options = Options(Step.SECOND, night.zone, Wanted(night.start_s))
    report = find([str(path)], options).report
    follower = night.follower([path])
    follower.ledger.resolve()
    assert report.cycle.observed_until == utc(night.change_s + end_s)
    assert follower.watermark_s() == night.change_s + end_s
    (row,) = report.accounts
    assert (row.silent_minutes, row.unknown_minutes) == (gap_min + end_s / 60, 0)


def test_in_order_the_manager_is_exact(tmp_path, night):
    """Between the heartbeats of one file."""
    at_s = night.gap_s // 2
    events = night.manager(created=at_s, routed=at_s, moved=at_s + 90)
    lines = [line for pair in zip(night.lines(0), night.lines(1, over=set(range(60))), strict=True) for line in pair]
    order = sorted(
        [
            (night.change_s + s, i, event)
            for i, (s, event) in enumerate(zip((at_s, at_s, at_s + 90), events, strict=True))
        ]
        + [(night.start_s + 60 * (i // 2), 9, line) for i, line in enumerate(lines)],
        key=lambda item: item[:2],
    )
    overload = 60 * 60 - at_s - 90
    want = (round(overload / 60, 6), 0, 0, 0, 300 - at_s / 60)
    assert night.account(tmp_path, [line for _, _, line in order]) == want


def test_a_route_in_doubt_is_unknown_until_it_is_known(tmp_path, night):
    minutes = night.gap_s // 60
    events = night.manager(**FROM_THE_START, moved=60)
    servers = [*night.lines(0), *night.lines(1, over=set(range(-200, 200)))]
    random.Random(3).shuffle(events)
    over = night.account(tmp_path, servers, events)
    assert over == (199, 0, 0, minutes, 540)


def test_a_creation_and_a_deletion_in_doubt_are_unknown(tmp_path, night):
    minutes = night.gap_s // 60
    silent = night.lines(silent=set(range(-minutes, minutes)))
    made = night.manager(created=-60 * minutes + 60, routed=-60 * minutes + 60)
    overload, silent_minutes, unrouted, unknown, lifetime = night.account(tmp_path, silent, made)
    assert (overload, unrouted, unknown, lifetime) == (0, 0, minutes, 300 + minutes - 1)
    assert silent_minutes == minutes - 1  # after both of its instants
    gone = night.manager(**FROM_THE_START, deleted=60)
    assert night.account(tmp_path, night.lines(), gone) == (0, 0, 0, minutes, 241)


def test_times_with_a_zone_are_in_no_doubt(tmp_path, night):
    silent = set(range(5, 15))
    lines = night.lines(silent=silent)
    for line, time_s in zip(
        lines,
        [s for s in range(night.start_s, night.end_s, 60) if (s - night.change_s) // 60 not in silent],
        strict=True,
    ):
        line["time"] = datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert night.account(tmp_path, lines, night.manager(**FROM_THE_START)) == (0, 10, 0, 0, 540)


@pytest.mark.parametrize("form", ["json", "csv", "link", "same"])
def test_a_file_given_twice_is_no_second_hour(tmp_path, night, form):
    """Its single texts stay in doubt; the second time is named."""
    minutes = night.gap_s // 60
    lines = [*night.lines(silent=set(range(minutes))), *night.manager(**FROM_THE_START)]
    first, second = tmp_path / "0", tmp_path / "1"
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if form == "csv":
        columns = ("event", "time", "serverId", "accountId", "accountName", "workload")
        text = csv_text([columns, *([line.get(name, "") for name in columns] for line in lines)])
    first.write_text(text)
    if form == "link":
        second.symlink_to(first)
    elif form != "same":
        second.write_text(text)
    paths = [str(first), str(first if form == "same" else second)]
    found = find(paths, Options(Step.SECOND, night.zone, Wanted(night.start_s, night.end_s))).report
    assert [row.unknown_minutes for row in found.accounts] == [minutes]
    if form == "json":
        assert night.live([first, second])[3] == minutes
    assert f"files given more than once count once: {paths[1]}" in found.caveats


def test_live_knows_a_copy_once_it_is_read_whole(tmp_path, night):
    """Its end is long after that hour: until then it may be another file, of the second of the two."""
    minutes = night.gap_s // 60
    lines = night.manager(**FROM_THE_START) + night.lines(silent=set(range(minutes)))
    path = tmp_path / "log.json"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    follower = night.follower([path])
    *most, last = path.read_bytes().splitlines(keepends=True)
    for part, unknown in ((b"".join(most), 0), (last, minutes)):
        follower.take(part, 2)
        follower.account(night.end_s)
        assert follower.standing.spent[0, STATES.index("unknown")] == 60 * unknown


def test_files_of_that_hour_alone_may_be_alike(tmp_path, night):
    """As where logs rotate every hour and the workload never changes."""
    in_hour = night.lines()[240 - night.gap_s // 60 : 240]
    lines = night.lines()
    rest = [line for line in lines if line not in in_hour]
    assert night.account(tmp_path, in_hour, in_hour, rest + night.manager(**FROM_THE_START)) == (0, 0, 0, 0, 540)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_the_night_that_skips_an_hour_has_no_downtime(tmp_path, zone):
    change = {"Europe/Berlin": "2024-03-31T01:00:00Z", "America/New_York": "2024-03-10T07:00:00Z"}[zone]
    spring = Night(zone, change, 3600)
    assert spring.account(tmp_path, spring.lines() + spring.manager(**FROM_THE_START)) == (0, 0, 0, 0, 540)


def test_files_that_name_a_zone_are_no_copies_of_each_other(tmp_path):
    for day in (1, 2):
        times = (f"2026-01-0{day} 00:00:00[Europe/Berlin]", f"2026-10-25 0{day + 1}:00:00[Europe/Berlin]")
        events = [{"event": "heartbeat", "serverId": 1, "workload": 0.5, "time": time} for time in times]
        (tmp_path / f"{day}.json").write_text("".join(json.dumps(event) + "\n" for event in events))
    log = read_logs([str(tmp_path / "1.json"), str(tmp_path / "2.json")], Times(), lambda *_: None)
    assert (log.copies, log.lines) == ((), 4)
