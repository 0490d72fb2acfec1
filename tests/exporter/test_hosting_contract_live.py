"""What is promised and announced holds live as in the report, to the second."""

import json
import random
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import msgspec
import pytest
from hosting_agree import assert_agree, exposed
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.hosting.batch import Options, find
from exporter.hosting.contract import read_contract
from exporter.hosting.contractfiles import ContractFiles
from exporter.hosting.cycle import Step, Wanted
from exporter.hosting.live import Live
from exporter.hosting.source import Source
from foundation.clock import SystemClock
from foundation.errors import ConfigError

BASE, MINUTES = 1_455_926_400, 12
PLANS = """account,plan,promise,credits
,gold,90,"90:10,50:25,20:100"
1,gold,,
2,,60.5,
*,,75,"70:5"
"""


def text(time_s):
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


seconds = st.integers(-90, 60 * MINUTES + 90).map(lambda offset: BASE + offset)
accounts = st.integers(1, 3)
servers = st.integers(1, 3)
loads = st.dictionaries(st.tuples(servers, st.integers(0, MINUTES)), st.sampled_from([0.5, 2.0]), min_size=1)
windows = st.lists(
    st.tuples(st.sampled_from(["all", "server 1", "server 2", "account 1", "account 3"]), seconds, st.integers(1, 400)),
    max_size=4,
)
worlds = st.fixed_dictionaries(
    {
        "loads": loads,
        "created": st.dictionaries(accounts, seconds),  # not all of them: who is older than the log was not
        "deleted": st.dictionaries(accounts, seconds, max_size=2),
        "routes": st.dictionaries(st.tuples(accounts, seconds), servers, max_size=9),
        "windows": windows,
        "cycle": st.tuples(st.integers(-2, 4), st.integers(1, MINUTES)),
        "order": st.integers(0, 9),
    }
)


def lines_of(world):
    found = [
        {"event": "heartbeat", "serverId": server, "workload": load, "time": text(BASE + 60 * minute)}
        for (server, minute), load in world["loads"].items()
    ]
    for account, at in world["created"].items():
        found.append({"event": "createAccount", "accountId": account, "accountName": "Ann", "time": text(at)})
    found += [{"event": "deleteAccount", "accountId": a, "time": text(at)} for a, at in world["deleted"].items()]
    found += [
        {"event": "route", "accountId": a, "serverId": s, "time": text(at)} for (a, at), s in world["routes"].items()
    ]
    random.Random(world["order"]).shuffle(found)
    return "".join(json.dumps(event) + "\n" for event in found).encode()


def live_of(lines, source):
    """The standing of a source that has read these lines, in two parts, and accounted after each."""
    follower = Live(source, SimpleNamespace(), SystemClock())
    half = lines.find(b"\n", len(lines) // 2) + 1
    for part in (lines[:half], lines[half:]):
        follower.take(part)
        if (settled_s := follower.watermark_s()) is not None:
            follower.ledger.settle(settled_s)
            follower.account(settled_s)
    return follower


def agree(world):
    start_s, minutes = world["cycle"]
    start_s = BASE + 60 * start_s
    end_s = start_s + 60 * minutes
    with TemporaryDirectory() as folder:
        log, plans, maintenance = (Path(folder) / name for name in ("log.json", "plans.csv", "maintenance.csv"))
        log.write_bytes(lines_of(world))
        plans.write_text(PLANS)
        rows = [f"{subject},{text(at)},{text(at + length)}" for subject, at, length in world["windows"]]
        maintenance.write_text("\n".join(["subject,start,end", *rows]) + "\n")
        given = {"source": "host", "logs": [str(log)], "cycle": {"start": start_s, "end": end_s}, "lateness_s": 0}
        given |= {"plans": str(plans), "maintenance": str(maintenance)}
        follower = live_of(log.read_bytes(), msgspec.convert(given, Source))
        contract = read_contract(None, str(plans), str(maintenance), UTC)
        found = find([str(log)], Options(Step.SECOND, UTC, Wanted(start_s, end_s), contract=contract))
    live = exposed(follower)
    # What is still to come of the cycle, only a report accounts.
    assert_agree(live, found, is_whole=follower.standing.settled_s == end_s)
    for row in found.report.accounts:
        key = str(row.account_id)
        assert live["sla_promise_ratio", key] == row.promise_percent / 100
        assert live["sla_budget_seconds", key] == pytest.approx(60 * row.allowed_downtime_minutes, abs=1e-4)
        assert (live["sla_budget_remaining_ratio", key] < 0) == row.violates_cycle
        assert live.get(("sla_credit_ratio", key)) == (row.credit_percent and row.credit_percent / 100)


@settings(max_examples=5)
@given(worlds)
def test_live_and_report_agree_to_the_second(world):
    agree(world)


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=60)
@given(worlds)
def test_live_and_report_agree_in_many_worlds(world):
    agree(world)


@pytest.fixture
def files(tmp_path):
    """A source with a file of plans and one of windows."""
    (tmp_path / "plans.csv").write_text("account,promise\n1,99.5\n")
    (tmp_path / "windows.csv").write_text("server,start,end\n1,2016-02-20 00:02,2016-02-20 00:04\n")
    return source_of(tmp_path, plans=str(tmp_path / "plans.csv"), maintenance=str(tmp_path / "windows.csv"))


def source_of(tmp_path, **more):
    given = {"source": "host", "logs": [str(tmp_path / "*.json")], "cycle": {"start": BASE, "end": BASE + 86_400}}
    return msgspec.convert(given | more, Source)


def test_a_contract_holds_as_soon_as_it_is_written(tmp_path, files):
    followed = ContractFiles(files)
    assert followed.contract.plans.of(1).promise == Fraction("99.5")
    assert not followed.follow()
    (tmp_path / "plans.csv").write_text("account,promise\n1,99.25\n")
    assert followed.follow()
    assert (followed.contract.plans.of(1).promise, followed.trouble) == (Fraction("99.25"), "")
    assert not followed.follow()


@pytest.mark.parametrize("name", ["plans.csv", "windows.csv"])
@pytest.mark.parametrize(
    "text", [None, "", "account,promise\n1,nine\n", "server,start,end\n1,09:00 AM,\n", "\0\0\0"], ids=str
)
def test_a_contract_that_cannot_be_read_leaves_the_last_in_force(tmp_path, files, name, text):
    good = (tmp_path / name).read_text()
    followed = ContractFiles(files)
    before = followed.contract
    (tmp_path / name).unlink() if text is None else (tmp_path / name).write_text(text)
    assert not followed.follow()
    assert name in followed.trouble
    assert followed.contract is before
    (tmp_path / name).write_text(good)
    assert followed.follow()
    assert (followed.contract.plans, followed.trouble) == (before.plans, "")


def test_an_exporter_does_not_begin_by_a_contract_that_cannot_be_read(tmp_path, files):
    (tmp_path / "windows.csv").write_text("server,start,end\n1,09:00 AM,10:00 AM\n")
    with pytest.raises(ConfigError, match=r"windows.csv: row 2: invalid time '09:00 AM'"):
        Live(files, SimpleNamespace(), SystemClock())


@pytest.mark.parametrize(
    ("cycle", "zone", "want"),
    [
        ("2026-10", "UTC", ("2026-10-01T00:00Z", "2026-11-01T00:00Z")),
        ("2026-10", "Europe/Berlin", ("2026-09-30T22:00Z", "2026-10-31T23:00Z")),
        ({"start": "2026-12-01", "end": "2027-01-01"}, "Asia/Tokyo", ("2026-11-30T15:00Z", "2026-12-31T15:00Z")),
        (
            {"start": "2026-12-01T00:00:00Z", "end": "2027-01-01"},
            "Asia/Tokyo",
            ("2026-12-01T00:00Z", "2026-12-31T15:00Z"),
        ),
    ],
)
def test_a_cycle_is_in_the_zone_of_the_logs(tmp_path, cycle, zone, want):
    assert source_of(tmp_path, cycle=cycle, tz=zone).seconds() == tuple(
        int(datetime.fromisoformat(time).timestamp()) for time in want
    )


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("cycle", "2026-13", "invalid month"),
        ("cycle", "October", "invalid month 'October': expected YYYY-MM, for example 2026-10, or month"),
        ("cycle", {"start": "2026-10-25 02:30", "end": "2026-11-01"}, "pass it twice"),
        ("promise", 100.5, "invalid percentage"),
        ("promise", 0.999, "0.999 of 1 is 99.9"),
        ("promise", "much", "invalid percentage"),
    ],
)
def test_a_cycle_or_a_promise_that_cannot_be_is_refused(tmp_path, key, value, why):
    with pytest.raises(msgspec.ValidationError, match=why):
        source_of(tmp_path, tz="Europe/Berlin", **{key: value})


@pytest.mark.parametrize("given", [99.95, "99.95", "99,95 %"])
def test_a_promise_is_exact(tmp_path, given):
    contract = ContractFiles(source_of(tmp_path, promise=given)).contract
    assert contract.plans.default.promise == Fraction("99.95")


def test_of_too_many_accounts_those_with_the_least_budget_left_have_series(tmp_path):
    """Not those with the most downtime: 3 of 60 seconds is worse than 100 of 10,000."""
    (tmp_path / "plans.csv").write_text("account,promise\n1,99.9\n2,50\n")
    beats = [("heartbeat", "serverId", 1, minute) for minute in range(10)]
    events = [
        {"event": kind, key: server, "workload": 2.0, "time": text(BASE + 60 * m)} for kind, key, server, m in beats
    ]
    for account, second in ((1, 500), (2, 0), (3, 590)):
        named = {"accountId": account, "accountName": "Ann", "serverId": 1, "time": text(BASE + second)}
        events += [{"event": "createAccount", **named}, {"event": "route", **named}]
    lines = "".join(json.dumps(event) + "\n" for event in events).encode()
    source = source_of(tmp_path, plans=str(tmp_path / "plans.csv"), max_accounts=2, lateness_s=0)
    found = exposed(live_of(lines, source))
    assert [found.get(("account_downtime_seconds", str(account))) for account in (1, 2, 3)] == [100, None, 10]
    assert found["accounts_without_series",] == 1


def test_what_the_logs_do_not_have_is_counted(tmp_path, files):
    (tmp_path / "windows.csv").write_text(
        "server,account,start,duration\n1,,2016-02-20,1h\n,5,2016-02-20,1h\n9,,2016-02-20,1h\n"
    )
    beat = {"event": "heartbeat", "serverId": 1, "workload": 0.5, "time": text(BASE)}
    found = exposed(live_of(json.dumps(beat).encode() + b"\n", files))
    assert (found["contract_unmatched", "plans"], found["contract_unmatched", "maintenance"]) == (1, 2)


def test_before_the_log_began_nothing_is_known_of_a_server(tmp_path):
    """A cycle that is older than the log does not begin with silence."""
    beats = [{"event": "heartbeat", "serverId": 1, "workload": 0.5, "time": text(BASE + 3600 + 60 * m)} for m in (0, 2)]
    lines = "".join(json.dumps(beat) + "\n" for beat in beats).encode()
    found = exposed(live_of(lines, source_of(tmp_path, lateness_s=0)))
    states = ("up", "overload", "silent", "unknown", "maintenance")
    assert [found["server_state_seconds", "1", state] for state in states] == [120, 0, 60, 3600, 0]
