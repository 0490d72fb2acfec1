"""`exporter check` tries each format on the logs that are there, and each path."""

import asyncio
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.live import Live
from exporter.accesslog.source import Source
from exporter.accesslog.tryout import Finding, try_source
from exporter.check import check_files
from exporter.checkpoint import Checkpoint
from exporter.daemon import Options
from exporter.regexes.process import RegexProcess
from exporter.sources.tail.paths import path_troubles
from foundation.clock import SystemClock
from foundation.errors import ConfigError

GOOD, BAD = b"a\tGET /\t200\t5\n", b"bad\x1b[2J\n"


def findings(tmp_path, data, **more):
    log = tmp_path / "access.log"
    log.write_bytes(data)
    return list(try_source(Source(source="site", paths=(str(log),), **more)))


@settings(max_examples=40)
@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_a_format_fails_where_it_reads_less_than_half_of_the_lines(tmp_path_factory, fits):
    found = findings(tmp_path_factory.mktemp("log"), b"".join(GOOD if fit else BAD for fit in fits))
    if all(fits):
        assert found == []
    else:
        (finding,) = found
        assert f": {sum(fits)} of {len(fits)} lines fit; the first that does not: " in finding.text
        assert finding.text.endswith(rf"line {fits.index(False) + 1}: bad\x1b[2J")
        assert finding.is_wrong == (sum(fits) < len(fits) / 2)


def test_only_the_first_200_lines_are_tried(tmp_path):
    assert findings(tmp_path, GOOD * 200 + BAD * 500) == []
    (finding,) = findings(tmp_path, BAD * 500)
    assert ": 0 of 200 lines fit; " in finding.text


def test_directives_are_no_misfits_and_an_empty_file_is_said(tmp_path):
    directives = b"#Version: 1.0\n#Fields: date time cs-method cs-uri-stem sc-status\n2026-11-26 05:06:27 GET / 200\n"
    assert findings(tmp_path, directives, format="w3c") == []
    assert findings(tmp_path, b"") == [Finding(f"{tmp_path}/access.log: empty, so the format was not tried")]


def test_a_log_of_other_messages_alone_is_a_warning(tmp_path):
    found = findings(tmp_path, b'{"msg": "up"}\n' * 3, format="pino")
    assert found == [Finding(f"{tmp_path}/access.log: none of the 3 lines is a request in this format")]


def test_a_number_without_a_unit_is_a_warning(tmp_path):
    line = b'a - - [22/Nov/2026:06:30:48 +0000] "GET / HTTP/1.1" 200 1 "-" "c" 372\n'
    (finding,) = findings(tmp_path, line, format="combined-timed")
    assert (finding.is_wrong, "the number at the end (372) is not used as a duration" in finding.text) == (False, True)
    assert findings(tmp_path, line, format="combined-timed", time_unit="us") == []


def test_an_own_regex_is_tried_within_its_time(tmp_path, monkeypatch):
    spent_s = iter(range(100))
    monkeypatch.setattr("exporter.accesslog.tryout.time.process_time", lambda: next(spent_s))
    found = findings(tmp_path, b"GET / 200\n" * 9, format=r"(?P<method>\S+) (?P<path>\S+) (?P<code>\d+)")
    assert found == [Finding(f"{tmp_path}/access.log: the regex took too long; 2 of 9 lines were tried")]


def test_of_many_files_some_are_tried(tmp_path, monkeypatch):
    monkeypatch.setattr("exporter.accesslog.tryout.FILES", 2)
    for number in range(3):
        (tmp_path / f"{number}.log").write_bytes(BAD)
    found = list(try_source(Source(source="site", paths=(f"{tmp_path}/*.log",))))
    assert found[0] == Finding("paths: 3 files; the format was tried on 2 of them")
    assert [finding.is_wrong for finding in found] == [False, True, True]


@pytest.fixture
def troubles(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "sub").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "good.log").write_bytes(GOOD)
    return {
        f"{tmp_path}/absent.log": f"{tmp_path}/absent.log: No such file or directory",
        f"{tmp_path}/x*.log": f"{tmp_path}/x*.log: matches no file",
        f"{tmp_path}/logs": f"{tmp_path}/logs: is a directory; expected a file or a pattern, for example "
        f"{tmp_path}/logs/*.log",
        f"{tmp_path}/logs/*": f"{tmp_path}/logs/*: matches no file (only directories)",
        f"{tmp_path}/fifo": f"{tmp_path}/fifo: is a pipe or a device; only regular files are followed",
        f"{tmp_path}/good.log/x": f"{tmp_path}/good.log/x: Not a directory",
    }


def test_each_path_that_cannot_be_followed_is_said(tmp_path, troubles):
    assert list(path_troubles([*troubles, f"{tmp_path}/good.log", f"{tmp_path}/g*"])) == list(troubles.values())


def test_what_may_not_be_read_is_said_and_many_are_counted(tmp_path, monkeypatch):
    def barred(path, *_args, **_named):
        raise PermissionError(13, "Permission denied", path)

    for number in range(7):
        (tmp_path / f"{number}.log").write_bytes(GOOD)
    monkeypatch.setattr("exporter.sources.tail.paths.open", barred, raising=False)
    found = list(path_troubles([f"{tmp_path}/*.log"]))
    assert found[:5] == [f"{tmp_path}/{number}.log: Permission denied" for number in range(5)]
    assert found[5:] == [f"{tmp_path}/*.log: 2 more that cannot be read"]


def test_check_fails_for_a_format_and_warns_of_a_path(tmp_path, caplog):
    (tmp_path / "access.log").write_bytes(BAD + GOOD)
    config = tmp_path / "exporter.yml"
    config.write_text(f"accesslog:\n- {{source: site, paths: [{tmp_path}/absent.log, {tmp_path}/access.log]}}\n")
    check_files(Options(config_file=config))
    start = f"{config}: $.accesslog: source site: "
    assert [record.getMessage() for record in caplog.records] == [
        f"{start}paths: {tmp_path}/absent.log: No such file or directory",
        rf"{start}{tmp_path}/access.log: 1 of 2 lines fit; the first that does not: line 1: bad\x1b[2J",
    ]
    (tmp_path / "access.log").write_bytes(BAD)
    with pytest.raises(ConfigError, match=r"source site: .*access\.log: 0 of 1 lines fit; "):
        check_files(Options(config_file=config))


async def test_the_daemon_says_at_its_start_what_cannot_be_followed(tmp_path, troubles, caplog):
    checkpoint = Checkpoint(tmp_path / "exporter.db", SystemClock())
    live = Live(Source(source="site", paths=tuple(troubles)), checkpoint, SystemClock(), RegexProcess(SystemClock()))
    task = asyncio.create_task(live.run())
    await live.begun.wait()
    task.cancel()
    await asyncio.wait([task])
    checkpoint.close()
    said = [record.getMessage() for record in caplog.records]
    assert [text for text in said if text.startswith("site: ")] == [f"site: {text}" for text in troubles.values()]
