"""The report on logs whose answer is known, and the command around it."""

import json
import random
import re
from datetime import UTC
from fractions import Fraction
from pathlib import Path

import pytest
from click.testing import CliRunner

from exporter.hosting.batch import Options, find
from exporter.hosting.cli import hosting
from exporter.hosting.contract import Contract
from exporter.hosting.cycle import Step, Wanted
from exporter.hosting.render.html import to_html
from exporter.hosting.render.text import to_text
from exporter.hosting.terms import TASK, Plans
from foundation.errors import ConfigError, NothingJudgedError, StoreError

DAY_MINUTES = 1440
FEB_1 = 1454284800
USUAL = {"step": Step.SECOND, "zone": UTC, "contract": Contract()}


def at(day, minute, second=0):
    return f"2016-02-{day:02} {minute // 60:02}:{minute % 60:02}:{second:02}"


def heartbeat(server, day, minute, workload=0.5):
    return {"event": "heartbeat", "serverId": server, "workload": workload, "time": at(day, minute)}


def route(account, server, time):
    return {"event": "route", "accountId": account, "serverId": server, "time": time}


def created(account, name, time):
    return {"event": "createAccount", "accountId": account, "accountName": name, "time": time}


def deleted(account, time):
    return {"event": "deleteAccount", "accountId": account, "time": time}


def two_days(down=(), silent=()):
    """Heartbeats of servers 1 and 2 on 1 and 2 February; `down` and `silent` hold (server, day, minute)."""
    return [
        heartbeat(server, day, minute, 1.2 if (server, day, minute) in down else 0.5)
        for server in (1, 2)
        for day in (1, 2)
        for minute in range(DAY_MINUTES)
        if (server, day, minute) not in silent
    ]


def report_of(tmp_path, events, **options):
    path = tmp_path / "logs.json"
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    step, zone, contract = (options.pop(key, usual) for key, usual in USUAL.items())
    return find([str(path)], Options(step, zone, Wanted()._replace(**options), contract=contract))


def row_of(findings, account_id):
    return next(row for row in findings.report.accounts if row.account_id == account_id)


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Issac's case: 34 minutes by the minute, in 2 days; lines in no order."""
    down = {(1, 1, m) for m in range(100, 120)} | {(2, 1, m) for m in range(200, 210)}
    silent = {(2, 2, m) for m in range(300, 309)}
    events = [
        *two_days(down, silent),
        created(4, "Issac", at(1, 30)),
        route(4, 1, at(1, 30)),
        route(4, 2, at(1, 115)),  # after 15 of server 1's 20 bad minutes
        route(4, 2, at(1, 150)),  # stays: nothing changes
        created(5, "Issac", at(2, 0)),  # another customer of that name
        route(5, 1, at(2, 0)),
        deleted(5, at(2, 60, 30)),
    ]
    random.Random(3).shuffle(events)
    return report_of(tmp_path_factory.mktemp("planted"), events)


def test_the_planted_customer_has_34_minutes(planted):
    issac = row_of(planted, 4)
    assert (issac.downtime_minutes, issac.overload_minutes, issac.silent_minutes) == (34, 25, 9)
    assert issac.lifetime_minutes == 2 * DAY_MINUTES - 30
    assert row_of(planted, 5).downtime_minutes == 0
    assert row_of(planted, 5).lifetime_minutes == 60.5


def test_the_cycle_is_from_midnight_to_a_minute_after_the_last_heartbeat(planted):
    cycle = planted.report.cycle
    assert (cycle.start, cycle.end) == ("2016-02-01T00:00:00Z", "2016-02-03T00:00:00Z")
    assert cycle.allowed_downtime_minutes == 2.88


def test_29_days_allow_41_76_minutes(tmp_path):
    events = [heartbeat(1, 1, 0), {**heartbeat(1, 1, 0), "time": "2016-02-29 23:59:00"}]
    assert report_of(tmp_path, events).report.cycle.allowed_downtime_minutes == 41.76


@pytest.mark.parametrize(("bad_s", "violates"), [(100, False), (101, True)], ids=["equal", "a-second-more"])
def test_only_more_than_the_allowance_violates(tmp_path, bad_s, violates):
    """100,000 s allow 100 s: a minute of overload and 40 or 41 s of the next one."""
    events = [
        *(heartbeat(1, 1, minute, 1.5 if minute in {10, 11} else 1.0) for minute in range(20)),
        heartbeat(2, 1, 0),
        *(heartbeat(2, 1, minute) for minute in range(1, 20)),
        created(1, "Ann", at(1, 5)),
        route(1, 1, at(1, 5)),
        route(1, 2, at(1, 11, bad_s - 60)),
    ]
    start = 1454284800
    found = report_of(tmp_path, events, start_s=start, end_s=start + 100_000)
    assert row_of(found, 1).downtime_minutes == round(bad_s / 60, 6)
    assert row_of(found, 1).violates_cycle is violates


@pytest.mark.slow
def test_by_the_minute_the_last_route_at_or_before_it_has_the_whole_minute(tmp_path):
    events = [
        *(heartbeat(1, 1, minute) for minute in range(20)),
        *(heartbeat(2, 1, minute, 2.0) for minute in range(20)),
        created(1, "Ann", at(1, 5, 10)),
        route(1, 2, at(1, 5, 10)),
        route(1, 1, at(1, 7, 30)),
        route(1, 2, at(1, 9, 1)),
        route(1, 1, at(1, 9, 59)),
    ]
    assert row_of(report_of(tmp_path, events), 1).downtime_minutes == round((140 + 58) / 60, 6)
    by_minute = row_of(report_of(tmp_path, events, step=Step.MINUTE), 1)
    assert (by_minute.downtime_minutes, by_minute.lifetime_minutes) == (2, 14)


@pytest.mark.slow
def test_time_after_the_last_heartbeat_is_unknown_and_before_a_route_unrouted(tmp_path):
    events = [
        *(heartbeat(1, 1, minute) for minute in range(10)),
        created(1, "Ann", at(1, 2)),
        route(1, 1, at(1, 3, 30)),
    ]
    start = 1454284800
    ann = row_of(report_of(tmp_path, events, start_s=start, end_s=start + 1800), 1)
    assert (ann.unrouted_minutes, ann.unknown_minutes, ann.lifetime_minutes, ann.downtime_minutes) == (1.5, 20, 28, 0)


def test_every_customer_of_the_cycle_is_judged_and_the_others_are_named(tmp_path):
    """Older ones too, and those of whom the log has no creation, from their first route on."""
    events = [
        *two_days({(1, 2, 5), (1, 2, 700)}),
        created(1, "Old", at(1, 5)),
        route(1, 1, at(1, 5)),
        route(7, 1, at(2, 600)),
        deleted(8, at(2, 5)),
        created(9, "Gone", at(1, 5)),
        deleted(9, at(1, 6)),
    ]
    found = report_of(tmp_path, events, start_s=FEB_1 + 86400)
    old, routed = found.report.accounts
    assert (old.account_name, old.downtime_minutes, old.lifetime_minutes, old.violates_cycle) == ("Old", 2, 1440, True)
    assert (routed.account_id, routed.account_name, routed.created) == (7, None, None)
    assert (routed.downtime_minutes, routed.unknown_minutes, routed.lifetime_minutes) == (1, 600, 1440)
    assert [(row.account_id, row.reason) for row in found.report.not_judged] == [
        (8, "no createAccount in the log, and nothing known in the cycle"),
        (9, "deleted before the cycle"),
    ]
    assert found.report.caveats == [
        "21.0% of the customers' time in the cycle is unknown",
        "2 accounts are older than the log (7, 8): the time before the first route is unknown",
    ]


def test_what_was_before_the_log_is_unknown_and_not_silent(tmp_path):
    events = [*two_days(), created(1, "Ann", at(1, 0)), route(1, 1, at(1, 0))]
    found = report_of(tmp_path, events, start_s=FEB_1 - 86400)
    assert [server.down_minutes for server in found.report.servers] == [0, 0]
    assert row_of(found, 1).unknown_minutes == 0
    events = [*two_days(), route(1, 1, at(1, 0))]
    assert row_of(report_of(tmp_path, events, start_s=FEB_1 - 86400), 1).unknown_minutes == 1440


@pytest.mark.parametrize(
    ("far", "event"),
    [
        ("1970-01-01 00:10:00", "heartbeat"),
        ("2106-02-07 06:28:15", "heartbeat"),
        ("1970-01-01 00:10:00", "createAccount"),
        ("2106-02-07 06:28:15", "route"),
        ("2015-02-01 00:00:00", "deleteAccount"),
    ],
)
def test_a_clock_gone_wrong_does_not_stretch_the_cycle(tmp_path, far, event):
    silent = {(1, 1, minute) for minute in range(90, 120)}
    wrong = {"event": event, "serverId": 1, "accountId": 5, "accountName": "Z", "workload": 0.5, "time": far}
    events = [*two_days(silent=silent), created(1, "Ann", at(1, 0)), route(1, 1, at(1, 0)), wrong]
    found = report_of(tmp_path, events)
    assert (found.report.cycle.start, found.report.cycle.end) == ("2016-02-01T00:00:00Z", "2016-02-03T00:00:00Z")
    assert (row_of(found, 1).downtime_minutes, row_of(found, 1).violates_cycle) == (30, True)
    assert found.report.caveats[0] == (
        f"1 event is far from all others in time (the first: {far.replace(' ', 'T')}Z) "
        "and did not count in the choice of the cycle"
    )


@pytest.mark.parametrize(
    ("times", "want"),
    [
        pytest.param(["2014-01-01", "2014-01-02", "2016-01-01", "2016-01-02"], "are far apart", id="two-logs"),
        pytest.param(
            [f"{2013 + n // 12}-{n % 12 + 1:02}-{d:02}" for n in range(15) for d in range(1, 29, 2)], "days", id="long"
        ),
    ],
)
def test_a_cycle_that_is_no_billing_cycle_is_asked_for(tmp_path, times, want):
    events = [{**heartbeat(1, 1, 0), "time": f"{day} 00:00:00"} for day in times]
    with pytest.raises(ConfigError, match=f"{want}.*give --cycle-start and --cycle-end"):
        report_of(tmp_path, events)


@pytest.mark.parametrize("every_s", [10, 90, 300])
def test_a_cadence_is_told_and_accounted_when_it_is_named(tmp_path, every_s):
    beats = [s for s in range(0, 36_000, every_s) if not 9000 <= s < 12_600]
    events = [heartbeat(1, 1, s // 60) | {"time": at(1, s // 60, s % 60)} for s in beats]
    events += [created(1, "Ann", at(1, 0)), route(1, 1, at(1, 0))]
    told = f"heartbeats come every {every_s} s, but 60 s were expected; set --heartbeat {every_s}"
    assert report_of(tmp_path, events).report.caveats == [told]
    named = report_of(tmp_path, events, heartbeat_s=every_s)
    assert (row_of(named, 1).silent_minutes, named.report.caveats) == (60, [])


@pytest.mark.parametrize("missing", [0, 25], ids=lambda share: f"{share}-per-cent-missing")
def test_missing_heartbeats_are_no_other_cadence(tmp_path, missing):
    kept = random.Random(5)
    silent = {
        (server, day, m) for server in (1, 2) for day in (1, 2) for m in range(1440) if kept.random() < missing / 100
    }
    assert report_of(tmp_path, two_days(silent=silent)).report.caveats == []


def test_the_overload_is_as_named(tmp_path):
    events = [*two_days({(1, 1, m) for m in range(10)}), created(1, "Ann", at(1, 0)), route(1, 1, at(1, 0))]
    for overload, want in ((0.4, 2880), (1.0, 10), (1.2, 0)):
        assert row_of(report_of(tmp_path, events, overload=overload), 1).overload_minutes == want


@pytest.mark.slow
def test_what_is_odd_in_the_log_is_counted(tmp_path):
    events = [
        heartbeat(1, 1, 0),
        heartbeat(1, 1, 0),
        heartbeat(1, 1, 1, 0.2),
        heartbeat(1, 1, 1, 1.2),
        {**heartbeat(1, 1, 2), "time": at(1, 2, 7)},
        created(1, "Ann", at(1, 0)),
        route(1, 1, at(1, 0)),
        route(1, 2, at(1, 0)),
        deleted(1, at(1, 1)),
        route(1, 1, at(1, 2)),
        deleted(1, at(1, 2)),
    ]
    assert report_of(tmp_path, events).report.input.oddities == {
        "deletions of no existing account": 1,
        "heartbeats off the minute": 1,
        "heartbeats repeated": 2,
        "minutes with differing workloads": 1,
        "routes in conflict": 1,
        "routes of no existing account": 1,
        "servers silent at the start": 1,
    }


@pytest.mark.slow
def test_a_server_that_never_logged_is_silent_for_all_of_the_cycle(tmp_path):
    events = [*(heartbeat(1, 1, minute) for minute in range(10)), created(1, "Ann", at(1, 2)), route(1, 9, at(1, 2))]
    found = report_of(tmp_path, events)
    assert row_of(found, 1).silent_minutes == 8
    assert [(s.server_id, s.silent_minutes) for s in found.report.servers] == [(1, 0), (9, 10)]


@pytest.mark.parametrize(
    ("events", "options", "want"),
    [
        pytest.param([heartbeat(1, 1, 0)], {"end_s": FEB_1 - 100}, "not after its start", id="ends-before-it-starts"),
        pytest.param(
            [heartbeat(1, 1, 0)], {"start_s": FEB_1 + 30, "step": Step.MINUTE}, "whole minutes", id="odd-seconds"
        ),
    ],
)
def test_a_cycle_that_cannot_be_is_refused(tmp_path, events, options, want):
    with pytest.raises(ConfigError, match=want):
        report_of(tmp_path, events, **options)


def test_on_the_page_broken_promises_come_first_then_the_most_downtime(tmp_path):
    """Server 1 is down from minute 10 to 30; account 1 has the most of it, and was promised little."""
    events = two_days({(1, 1, minute) for minute in range(10, 30)})
    for account, minute in ((1, 0), (2, 20), (3, 15), (4, 100), (5, 28)):
        events += [created(account, f"Customer {account}", at(1, minute)), route(account, 1, at(1, minute))]
    plans = Plans(by_account={1: TASK._replace(promise=Fraction(50))})
    page = to_html(report_of(tmp_path, events, contract=Contract(plans)))
    table = page[page.index("<h2>Customers</h2>") :]
    assert re.findall(r"<tr( class=\"bad\")?><td class=\"nowrap\">(\d)<", table)[:5] == [
        (' class="bad"', "3"),  # 15 of 2.88 allowed minutes
        (' class="bad"', "2"),  # 10
        ("", "1"),  # 20 of 1,440
        ("", "5"),  # 2
        ("", "4"),
    ]


@pytest.mark.slow
def test_the_page_is_one_file_and_names_are_only_text(tmp_path):
    name = "<script>alert(1)</script>"
    events = [*two_days({(1, 1, m) for m in range(10, 20)}), created(1, name, at(1, 0)), route(1, 1, at(1, 0))]
    page = to_html(report_of(tmp_path, events))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page
    assert "10 minutes in 1 outage<" in page


def run(*arguments):
    return CliRunner().invoke(hosting, ["report", *map(str, arguments)])


@pytest.mark.slow
def test_json_and_csv_give_the_same_figures_under_the_same_names(tmp_path):
    path = tmp_path / "logs.json"
    path.write_text(
        "".join(
            json.dumps(e) + "\n" for e in [*two_days(), created(1, 'A, "B"', at(1, 0, 1)), route(1, 1, at(1, 0, 1))]
        )
    )
    tree = json.loads(run(path, "--format", "json").stdout)
    parts = ("cycle", "accounts", "servers", "routing_tests", "input", "routing", "not_judged", "judged")
    assert tuple(tree) == (*parts, "caveats", "maintenance", "outages")
    assert {key: tree["input"][key] for key in ("lines", "events", "set_aside")} == {
        "lines": 5762,
        "events": 5762,
        "set_aside": 0,
    }
    table = run(path, "--format", "csv").stdout.splitlines()
    assert table[0].split(",") == list(tree["accounts"][0])
    assert table[1].startswith('1,"A, ""B""",2016-02-01T00:00:01Z,,0.0,')


@pytest.mark.slow
def test_bad_lines_go_to_the_file_asked_for_and_are_told_on_stderr(tmp_path):
    path, aside, output = tmp_path / "logs.json", tmp_path / "aside.json", tmp_path / "report.txt"
    path.write_text(json.dumps(heartbeat(1, 1, 0)) + "\n{broken\n")
    result = run(path, "--set-aside", aside, "--output", output)
    assert isinstance(result.exception, NothingJudgedError)
    assert result.stdout == ""
    assert result.stderr.startswith(f"set aside 1 lines (not_json 1); the first: {path}:2: not one whole JSON value")
    assert json.loads(aside.read_text())["text"] == "{broken"
    assert "Nothing was judged" in output.read_text()
    assert "Note: 1 of 2 lines (50.0%) could not be read and are not counted: not_json 1\n" in output.read_text()


@pytest.mark.slow
def test_a_report_that_cannot_be_written_is_one_line(tmp_path):
    path = tmp_path / "logs.json"
    path.write_text(json.dumps(heartbeat(1, 1, 0)) + "\n")
    result = run(path, "--output", tmp_path / "no" / "report.txt")
    assert isinstance(result.exception, StoreError)
    assert "No such file" in str(result.exception)


@pytest.mark.slow
def test_a_device_is_written_to_and_not_replaced(tmp_path):
    path = tmp_path / "logs.json"
    path.write_text(json.dumps(heartbeat(1, 1, 0)) + "\n")
    assert isinstance(run(path, "--output", "/dev/null").exception, NothingJudgedError)
    assert Path("/dev/null").is_char_device()
    result = run(path, "--output", "/dev/full")
    assert "No space left" in str(result.exception)
    path.write_text("{broken\n" * 2 + json.dumps(heartbeat(1, 1, 0)))
    assert "No space left" in str(run(path, "--set-aside", "/dev/full").exception)


@pytest.mark.slow
def test_a_failed_report_leaves_the_one_before(tmp_path):
    path, output = tmp_path / "logs.json", tmp_path / "report.txt"
    path.write_text(json.dumps(heartbeat(1, 1, 0)) + "\n")
    run(path, "--output", output)
    before = output.read_text()
    path.write_text("")
    assert isinstance(run(path, "--output", output).exception, NothingJudgedError)
    assert output.read_text() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["logs.json", "report.txt"]


@pytest.mark.slow
def test_text_has_nothing_that_a_terminal_would_obey(tmp_path):
    path = tmp_path / "logs.json"
    events = [*two_days({(1, 1, m) for m in range(9)}), created(1, "A\x1b[2J\nB", at(1, 0)), route(1, 1, at(1, 0))]
    path.write_text(
        "".join(json.dumps(event) + "\n" for event in [*events, *(deleted(n, at(1, 0)) for n in range(50, 90))])
    )
    told = run(path).stdout
    assert "\x1b" not in told
    assert r"A\x1b[2J\nB (1)" in told
    assert "20 more accounts" in told


@pytest.mark.parametrize(
    ("arguments", "want"),
    [
        pytest.param(["--tz", "Mars/Olympus"], "invalid time zone 'Mars/Olympus': expected UTC or a name", id="zone"),
        pytest.param(["--cycle-start", "soon"], "invalid time 'soon': expected a date and time", id="time"),
        pytest.param(["--cycle", "2016-13"], "invalid month '2016-13': expected YYYY-MM", id="month"),
        pytest.param(["--cycle", "2016-02", "--cycle-end", "2016-03-01"], "--cycle names a whole month", id="both"),
        pytest.param(["--heartbeat", "0"], "invalid duration", id="heartbeat"),
        pytest.param(["--format", "xml"], "is not one of", id="format"),
    ],
)
def test_a_wrong_flag_says_what_would_be_right(arguments, want):
    result = run("logs.json", *arguments)
    assert result.exit_code == 2
    assert want in result.stderr


@pytest.mark.parametrize("again_s", [0, 300, 7200], ids=["same-second", "while-routed", "after-the-outage"])
def test_a_creation_sent_twice_keeps_the_outage(tmp_path, again_s):
    events = [
        *(heartbeat(0, 1, minute) for minute in range(180) if not 60 <= minute < 70),
        created(1, "Sam", at(1, 0)),
        route(1, 0, at(1, 0)),
        created(1, "Sam", at(1, again_s // 60)),
    ]
    found = report_of(tmp_path, events)
    assert (row_of(found, 1).silent_minutes, row_of(found, 1).unrouted_minutes) == (10, 0)
    assert found.report.input.oddities == {"creations repeated": 1}


def test_other_messages_sent_twice_change_nothing_and_are_counted(tmp_path):
    events = [
        *(heartbeat(server, 1, minute) for minute in range(180) if not 60 <= minute < 70 for server in (0, 1)),
        *[created(1, "Sam", at(1, 0)), route(1, 0, at(1, 0)), route(1, 1, at(1, 30))] * 2,
        route(1, 1, at(1, 31)),
        *[deleted(1, at(1, 90))] * 2,
        deleted(1, at(1, 95)),
    ]
    found = report_of(tmp_path, events)
    assert (row_of(found, 1).silent_minutes, row_of(found, 1).lifetime_minutes) == (10, 90)
    assert found.report.input.oddities == {
        "creations repeated": 1,
        "deletions of no existing account": 1,
        "deletions repeated": 1,
        "routes repeated": 2,
        "routes to the same server": 1,
    }


@pytest.mark.parametrize(
    ("lines", "flags", "want"),
    [
        pytest.param([], [], "the log is empty", id="empty"),
        pytest.param(["x", "{}"], [], "none of 2 lines could be read", id="unreadable"),
        pytest.param(
            ["x", "{}"], ["--cycle", "2016-02"], "none of 2 lines could be read", id="unreadable-with-a-cycle"
        ),
        pytest.param([created(1, "A", at(1, 0))], [], "no heartbeat to take the cycle from", id="no-heartbeat"),
        pytest.param(
            [created(1, "A", at(1, 0))],
            ["--cycle", "2016-02"],
            "nothing is known of any customer",
            id="no-heartbeat-in-a-cycle",
        ),
        pytest.param([heartbeat(1, 1, 0)], [], "nothing is known of any customer", id="no-customer"),
        pytest.param(
            [heartbeat(1, 1, 0), route(1, 1, at(1, 0))],
            ["--cycle", "2017-02"],
            "nothing is known of any customer",
            id="elsewhere",
        ),
    ],
)
def test_no_verdict_comes_from_nothing(tmp_path, lines, flags, want):
    path = tmp_path / "logs.json"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    result = run(path, *flags)
    assert isinstance(result.exception, NothingJudgedError)
    assert want in str(result.exception)
    assert "promise was kept" not in result.stdout


@pytest.mark.parametrize(("zone", "start"), [("UTC", "2016-02-01T00:00:00Z"), ("Asia/Tokyo", "2016-01-31T15:00:00Z")])
def test_a_cycle_is_named_in_the_zone_of_the_log(tmp_path, zone, start):
    """By its month or by its bounds, it is the cycle that would be taken from the log."""
    path = tmp_path / "logs.json"
    events = [created(1, "A", at(1, 0)), route(1, 1, at(1, 0)), *(heartbeat(1, day, 1439) for day in range(1, 30))]
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    cycles = [
        json.loads(run(path, "--tz", zone, "--format", "json", *flags).stdout)["cycle"]
        for flags in ([], ["--cycle", "2016-02"], ["--cycle-start", "2016-02-01", "--cycle-end", "2016-03-01"])
    ]
    assert cycles[0]["start"] == start
    assert cycles[0] == cycles[1] == cycles[2]


@pytest.mark.parametrize("overload", [1.0, 0.85])
def test_the_page_names_the_workload_that_was_the_limit(tmp_path, overload):
    page = to_html(report_of(tmp_path, two_days(), overload=overload))
    assert set(re.findall(r"workload (?:is )?above ([0-9.]+)", page)) == {str(overload)}


def test_the_last_heartbeat_is_named_only_where_there_is_one(tmp_path):
    cycle = {"start_s": FEB_1, "end_s": FEB_1 + 86_400}
    with_one = to_text(report_of(tmp_path, [heartbeat(1, 1, 9), created(1, "Ann", at(1, 5))], **cycle).report)
    assert "Nothing is known after 2016-02-01T00:10:00Z, the end of the last heartbeat\n" in with_one
    without = report_of(tmp_path, [created(1, "Ann", at(1, 5))], **cycle)
    assert "Nothing is known of the cycle: no heartbeat lies in it\n" in to_text(without.report)
    assert "Nothing is known of the cycle: no heartbeat lies in it.</p>" in to_html(without)


def test_an_account_that_is_deleted_before_it_is_created_is_older_than_the_log(tmp_path):
    """Its first life is judged too: an outage in it does not vanish because the id is used again."""
    events = [
        *(heartbeat(0, 1, minute) for minute in range(180) if not 60 <= minute < 70),
        route(1, 0, at(1, 10)),
        deleted(1, at(1, 90)),
        created(1, "Sam", at(1, 120)),
        route(1, 0, at(1, 121)),
    ]
    found = report_of(tmp_path, events)
    row = row_of(found, 1)
    assert (row.account_name, row.created, row.silent_minutes) == ("Sam", None, 10)
    assert (row.unknown_minutes, row.unrouted_minutes, row.lifetime_minutes) == (10, 1, 90 + 60)
    assert found.report.input.oddities == {"accounts created again": 1}
    assert "1 account is older than the log (1): the time before the first route is unknown" in found.report.caveats


def test_the_first_route_of_an_account_from_before_the_log_is_not_where_a_new_one_was_put(tmp_path):
    events = [
        *(heartbeat(server, 1, minute) for minute in range(60) for server in (0, 1)),
        route(7, 0, at(1, 10)),
        route(7, 1, at(1, 20)),
        created(1, "New", at(1, 30)),
        route(1, 0, at(1, 31)),
    ]
    answers = {answer.question: answer.n for answer in report_of(tmp_path, events).report.routing}
    assert (answers["creation"], answers["destination"]) == (1, 1)


@pytest.mark.parametrize("late_s", [0, 20, -1], ids=["exact", "steady", "unsteady"])
def test_heartbeats_around_the_full_minute_are_told_beside_the_verdict(tmp_path, late_s):
    """With every third one a second early, minutes have two and others none; a steady offset loses none."""
    at_s = [60 * n + (late_s if late_s > 0 or n % 3 == 1 else 0) for n in range(180)]
    events = [created(1, "Sam", at(1, 0)), route(1, 0, at(1, 0))]
    events += [{**heartbeat(0, 1, 0), "time": at(1, s // 60, s % 60)} for s in at_s]
    found = report_of(tmp_path, events).report
    told = [caveat for caveat in found.caveats if "may count as silent" in caveat]
    assert (len(told), found.accounts[0].silent_minutes) == ((1, 60) if late_s < 0 else (0, 0))


def test_a_life_before_the_log_of_which_nothing_is_known_is_unknown_time(tmp_path):
    events = [*(heartbeat(0, 1, minute) for minute in range(60)), deleted(1, at(1, 10)), created(1, "Sam", at(1, 20))]
    row = row_of(report_of(tmp_path, [*events, route(1, 0, at(1, 20))]), 1)
    assert (row.unknown_minutes, row.lifetime_minutes) == (10, 10 + 40)
