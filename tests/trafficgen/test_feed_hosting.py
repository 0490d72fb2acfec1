"""The simulated web host: one seed one log, and a truth that who reads the log can come to."""

import json
import threading
from datetime import UTC

import pytest
from click.testing import CliRunner

from exporter.hosting.batch import Options, find
from exporter.hosting.cycle import Step, Wanted
from foundation.errors import ConfigError, TidewatchError
from trafficgen.feeds.hosting import command, parse_fault, write_at_once, write_live
from trafficgen.feeds.hosting_world import POLICIES, Fault, Settings, World

START = 1455494400  # 2016-02-15


def small(policy="round-robin", seed=1, minutes=600):
    return World(Settings(start_s=START, minutes=minutes, servers=3, accounts=12, policy=policy, seed=seed))


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_report_of_the_log_is_the_truth(tmp_path, policy, seed):
    world = small(policy, seed)
    write_at_once(world, tmp_path, shuffle=True)
    truth = json.loads((tmp_path / "truth.json").read_text())
    report = find([str(tmp_path / "logs.json")], Options(Step.SECOND, UTC, Wanted(START, START + 36_000))).report
    assert report.input.events == truth["lines"] == world.lines
    for row, want in zip(report.accounts, truth["accounts"], strict=True):
        assert (row.account_id, row.account_name) == (want["account_id"], want["account_name"])
        for part in ("downtime", "overload", "silent", "unrouted", "lifetime"):
            assert getattr(row, f"{part}_minutes") == pytest.approx(want[f"{part}_seconds"] / 60, abs=1e-6)
    assert {row.server_id: (row.overload_minutes, row.silent_minutes) for row in report.servers} == {
        row["server_id"]: (row["overload_seconds"] / 60, row["silent_seconds"] / 60) for row in truth["servers"]
    }


def test_one_seed_is_one_log_and_another_seed_another():
    first, again, other = ([w.minute() for _ in range(200)] for w in (small(), small(), small(seed=2)))
    assert first == again
    assert first != other


def test_shuffling_changes_the_order_and_nothing_else(tmp_path):
    for name, shuffle in (("a", False), ("b", True)):
        write_at_once(small(), tmp_path / name, shuffle=shuffle)
    plain, shuffled = ((tmp_path / name / "logs.json").read_text().splitlines() for name in "ab")
    assert plain != shuffled
    assert sorted(plain) == sorted(shuffled)


def test_live_each_writes_a_file_of_its_own(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "server-9.json").write_text("of an earlier run\n")
    write_live(small(minutes=50), tmp_path, 1e6, shuffle=True, stop=threading.Event())
    write_at_once(small(minutes=50), tmp_path, shuffle=False)
    written = {path.name: path.read_text().splitlines() for path in (tmp_path / "logs").iterdir()}
    assert sorted(written) == ["manager.json", "server-1.json", "server-2.json", "server-3.json"]
    assert {json.loads(line)["event"] for line in written["server-1.json"]} == {"heartbeat"}
    assert {json.loads(line)["serverId"] for line in written["server-2.json"]} == {2}
    assert sorted(line for lines in written.values() for line in lines) == sorted(
        (tmp_path / "logs.json").read_text().splitlines()
    )


def test_a_stopped_feed_tells_the_truth_of_what_it_wrote(tmp_path):
    stop = threading.Event()
    world = small()
    minutes = iter(range(20))

    def clock():
        if next(minutes, None) is None:
            stop.set()
        return 0.0

    write_live(world, tmp_path, 1e9, shuffle=False, stop=stop, clock=clock)
    lines = sum(len(path.read_text().splitlines()) for path in (tmp_path / "logs").iterdir())
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert 0 < lines == truth["lines"]
    assert "2016-02-15 00:00:00" < truth["as_of"] < "2016-02-15 00:20:00"


@pytest.mark.parametrize(("endless", "want"), [(False, 5), (True, 20)])
def test_an_endless_feed_goes_on_after_its_days(tmp_path, endless, want):
    stop = threading.Event()
    world = small(minutes=5)
    looks = iter(range(2 * 20 + 1))  # the start, and twice a minute

    def clock():
        if next(looks, None) is None:
            stop.set()
        return 0.0

    write_live(world, tmp_path, 1e9, shuffle=False, endless=endless, stop=stop, clock=clock)
    assert (world.now_s - START) // 60 == want
    recent = json.loads((tmp_path / "truth.json").read_text())["recent"]
    assert [row[0] for row in recent] == list(range(START + 60, world.now_s + 60, 60))


def live(folder, minutes, *, seed=1, shuffle=True, faults=()):
    """An endless feed that ends after that many minutes; its world."""
    stop = threading.Event()
    looks = iter(range(2 * minutes + 1))  # the start, and twice a minute
    world = World(Settings(start_s=START, minutes=50, servers=3, accounts=12, seed=seed, faults=faults))

    def clock():
        if next(looks, None) is None:
            stop.set()
        return 0.0

    write_live(world, folder, 1e9, shuffle=shuffle, endless=True, stop=stop, clock=clock)
    return world


def written(folder):
    return {path.name: path.read_bytes() for path in (folder / "logs").iterdir()}


def test_an_endless_feed_goes_on_where_it_ended(tmp_path, capsys):
    live(tmp_path / "whole", 90)
    for minutes in (30, 20, 40):
        live(tmp_path / "parts", minutes)
    assert written(tmp_path / "parts") == written(tmp_path / "whole")
    said = "truth.json: continues after 50 minutes of the log; no new line until they are computed again\n"
    assert said in capsys.readouterr().err
    whole, parts = (json.loads((tmp_path / name / "truth.json").read_text()) for name in ("whole", "parts"))
    assert parts["run"].pop("begins") == [0, 30, 50]
    assert whole["run"].pop("begins") == [0]
    assert parts == whole


@pytest.mark.parametrize("lost_bytes", [0, 1, 40, 500, 2000])
def test_what_was_logged_after_the_last_truth_is_not_logged_again(tmp_path, lost_bytes):
    """Kill -9: the truth is older than the logs, and the logs end anywhere, also within a line."""
    live(tmp_path / "whole", 60)
    live(tmp_path / "killed", 20)
    truth = (tmp_path / "killed" / "truth.json").read_bytes()
    live(tmp_path / "killed", 15)
    (tmp_path / "killed" / "truth.json").write_bytes(truth)
    log = tmp_path / "killed" / "logs" / "server-2.json"
    with log.open("r+b") as file:
        file.truncate(max(log.stat().st_size - lost_bytes, json.loads(truth)["run"]["sizes_bytes"][2]))
    live(tmp_path / "killed", 25)
    assert written(tmp_path / "killed") == written(tmp_path / "whole")


def test_logs_that_were_taken_away_are_not_written_again(tmp_path):
    live(tmp_path, 20)
    (tmp_path / "logs" / "server-1.json").unlink()
    live(tmp_path, 5)
    live(tmp_path, 5)
    times = [json.loads(line)["time"] for line in (tmp_path / "logs" / "server-1.json").read_text().splitlines()]
    assert times == [f"2016-02-15 00:{minute}:00" for minute in range(20, 30)]


@pytest.mark.parametrize("truth", [None, b"", b"{}", b"\xff", b'{"run": {"minutes": 3}}'])
def test_other_settings_or_no_truth_begin_anew_and_say_so(tmp_path, capsys, truth):
    live(tmp_path, 20)
    if truth is not None:
        (tmp_path / "truth.json").write_bytes(truth)
    capsys.readouterr()
    live(tmp_path, 10, seed=2 if truth is None else 1)
    live(tmp_path / "fresh", 10, seed=2 if truth is None else 1)
    assert written(tmp_path) == written(tmp_path / "fresh")
    why = "its settings differ" if truth is None else "it is not from a live feed"
    assert capsys.readouterr().err == f"{tmp_path}/truth.json: {why}; the log starts again at its first minute\n"


def test_faults_are_counted_from_the_start_of_each_run(tmp_path):
    fault = (Fault(2, "silent", 10, 15),)
    for minutes in (20, 20):
        live(tmp_path, minutes, faults=fault)
    heard = {json.loads(line)["time"] for line in (tmp_path / "logs" / "server-2.json").read_text().splitlines()}
    silent = {minute for minute in range(40) if f"2016-02-15 00:{minute:02}:00" not in heard}
    assert silent == {*range(10, 15), *range(30, 35)}


def test_a_stop_while_the_world_is_brought_forward_changes_nothing(tmp_path):
    live(tmp_path, 20)
    before = written(tmp_path), (tmp_path / "truth.json").read_bytes()
    stop = threading.Event()
    stop.set()
    write_live(small(minutes=50), tmp_path, 1e9, shuffle=True, endless=True, stop=stop)
    assert (written(tmp_path), (tmp_path / "truth.json").read_bytes()) == before


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TidewatchError, match="file: "):
        write_at_once(small(), tmp_path / "file", shuffle=False)


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "1e9"])
def test_a_wrong_speed_is_refused(tmp_path, speed):
    result = CliRunner().invoke(command, ["--output", str(tmp_path), "--speed", speed])
    assert isinstance(result.exception, ConfigError)
    assert "or max" in str(result.exception)


def test_with_faults_servers_are_in_trouble_then_and_only_then():
    settings = Settings(
        start_s=START,
        minutes=3000,
        servers=2,
        accounts=3,
        faults=(Fault(2, "silent", 100, 130, 1000), Fault(1, "overload", 50, 53)),
    )
    world = World(settings)
    loads = []
    for minute in range(2200):
        heartbeats = [json.loads(line.text) for line in world.minute() if line.writer]
        loads += [(minute, beat["serverId"], beat["workload"]) for beat in heartbeats]
    assert [(minute, server) for minute, server, load in loads if load > 1] == [(50, 1), (51, 1), (52, 1)]
    silent = set(range(2200)) - {minute for minute, server, _ in loads if server == 2}
    planned = {minute for begin in (100, 1100, 2100) for minute in range(begin, begin + 30)}
    assert planned <= silent
    assert len(silent - planned) <= 2, "single heartbeats are skipped now and then"


@pytest.mark.parametrize("text", ["0.125", "0.125d", "3h", "180m"])
def test_days_are_a_duration_and_a_bare_number_is_days(tmp_path, text):
    result = CliRunner().invoke(command, ["--output", str(tmp_path), "--days", text, "--speed", "max"])
    whole = CliRunner().invoke(command, ["--output", str(tmp_path / "x"), "--days", "180m", "--speed", "max"])
    assert (result.exit_code, whole.exit_code) == (0, 0)
    assert (tmp_path / "logs.json").read_bytes() == (tmp_path / "x" / "logs.json").read_bytes()


def test_a_fault_is_in_time_that_passes_here():
    assert parse_fault("server=2 silent at 12m for 150s every 30m", 600) == Fault(2, "silent", 7200, 8700, 18000)
    assert parse_fault("server=1 overload at 12m for 5m", 1) == Fault(1, "overload", 12, 17)


@pytest.mark.parametrize(
    "text",
    [
        "server=2 broken at 1m for 1m",
        "server=2 silent at 1m",
        "server=2 silent at 1m for 1s",
        "server=2 silent at 1m for 20m every 20m",
        "server=2 silent at soon for 1m",
        "server=9 silent at 1m for 1m",
    ],
)
def test_a_wrong_fault_is_refused(tmp_path, text):
    result = CliRunner().invoke(command, ["--output", str(tmp_path / "out"), "--speed", "max", "--fault", text])
    assert isinstance(result.exception, ConfigError)
    assert "--fault" in str(result.exception)
    assert not (tmp_path / "out").exists()
