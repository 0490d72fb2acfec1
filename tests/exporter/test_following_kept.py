"""What a reader remembers of a log ends in the state where it ends in the reader."""

from functools import partial

import pytest
from lifetime import running, until

from exporter import accesslog
from exporter.logs.source import Rule, Source
from exporter.logs.system import System

REQUEST = '192.0.2.1 - - [27/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"'
SYSTEMS = {
    "accesslog": (
        accesslog.System,
        lambda path: accesslog.Source(source="s", paths=(path,), format="combined", envelope="cri"),
        REQUEST,
        "tidewatch_log",
    ),
    "logs": (
        System,
        lambda path: Source(
            source="s", paths=(path,), format="json", envelope="cri", metrics=(Rule(counter="app_lines_total"),)
        ),
        '{"event":"login"}',
        "tidewatch_logs",
    ),
}


def total(system, name):
    return sum(value for family in system.collect() if family.metric.name == name for _, value in family.series)


@pytest.mark.parametrize("name", SYSTEMS)
async def test_a_part_whose_end_came_does_not_wait_again_after_a_restart(tmp_path, name):
    make, source, message, metric = SYSTEMS[name]
    log, lines = tmp_path / "0.log", "2026-11-27T10:00:00.000000001Z stdout {} {}\n".format
    half = message.rindex(" 5 ") if name == "accesslog" else 9  # so that nothing else goes on from there
    log.touch()
    for more, want in (
        (lines("F", message) + lines("P", message[:half]), 1),
        (lines("F", message[half:]), 2),
        (lines("F", message), 3),
    ):
        with log.open("a") as file:
            file.write(more)
        async with running(tmp_path, partial(make, [source(str(log))])) as system:
            await until(lambda want=want: total(system, f"{metric}_lines_total") == want)
            assert total(system, f"{metric}_lines_failed_total") == 0
