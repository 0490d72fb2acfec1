"""Custom metrics from syslog and the journal: each line once, also those that have arrived before the end."""

import socket

from journaling import Journal as Recorded
from journaling import record
from lifetime import running, until

from exporter.logs.source import Rule, Source
from exporter.logs.system import System
from exporter.sources.journal.settings import Journal
from exporter.sources.syslog.settings import Listen

RULES = (Rule(counter="app_logins_total", match={"event": "login"}),)
LOGIN = '{"event":"login"}'


def samples(system, name):
    return {labels: value for f in system.collect() if f.metric.name == name for labels, value in f.series}


def count(system):
    return sum(samples(system, "app_logins_total").values())


def system_of(**place):
    return lambda context: System([Source(source="app", metrics=RULES, **place)], context)


async def test_syslog_is_counted_to_its_end(tmp_path, unused_tcp_port):
    place = system_of(listen=Listen(syslog=f"udp://127.0.0.1:{unused_tcp_port}"))
    for run in range(1, 3):
        async with running(tmp_path, place) as system:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
                for _ in range(50):
                    out.sendto(f"<14>Nov 27 06:25:00 web app: {LOGIN}".encode(), ("127.0.0.1", unused_tcp_port))
        assert count(system) == 50 * run
        assert samples(system, "tidewatch_logs_replayable") == {("app",): 0}
        assert samples(system, "tidewatch_logs_dropped_messages_total") == {("app", "kernel"): 0}


async def test_the_journal_is_counted_once_over_restarts(tmp_path):
    recorded = Recorded(tmp_path)
    settings = Journal(units=("app",), directory=str(recorded.directory), program=str(recorded.program))
    for run in range(1, 4):
        recorded.write(*(record(10 * run + n, LOGIN, unit="app.service") for n in range(5)))
        async with running(tmp_path, system_of(journal=settings)) as system:
            await until(lambda run=run: count(system) == 5 * run)
            assert samples(system, "tidewatch_logs_gaps_total") == {("app",): 0}
