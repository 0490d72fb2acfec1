"""A followed log exposes the same about itself in every system: read, lag, lost, readable, rotations, files, times."""

import asyncio

import msgspec
import pytest

from exporter import accesslog, hosting, releases
from exporter.catalogue import accesslog as accesslog_catalogue
from exporter.catalogue import every_metric
from exporter.catalogue import hosting as hosting_catalogue
from exporter.catalogue import releases as releases_catalogue
from exporter.system import Context
from foundation.clock import SystemClock

SYSTEMS = {
    "accesslog": (accesslog, accesslog_catalogue.LOG, {"paths": ["*.log"]}),
    "hosting": (
        hosting,
        hosting_catalogue.LOG,
        {"logs": ["*.log"], "cycle": {"start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}},
    ),
    "releases": (releases, releases_catalogue.LOG, {"paths": ["*.log"]}),
}


@pytest.mark.parametrize(("package", "log", "settings"), SYSTEMS.values(), ids=SYSTEMS)
async def test_every_system_exposes_how_its_logs_are_read(tmp_path, monkeypatch, package, log, settings):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "one.log"
    file.write_bytes(b"no record\nunfinished")
    context = Context(tmp_path / "state", SystemClock())
    system = package.System([msgspec.convert({"source": "one", **settings}, package.Source)], context)
    began_s = SystemClock().wall()

    def now():
        found = {family.metric: dict(family.series) for family in system.collect()}
        return [found.get(metric) for metric in log if metric != log.last_line], found.get(log.last_line)

    async def until(want):
        async with asyncio.timeout(20):
            while now()[0] != want:  # noqa: ASYNC110, what a scrape would see is the barrier
                await asyncio.sleep(0.005)

    task = asyncio.create_task(system.run())
    one = ("one",)
    try:
        await until([{one: 10}, {one: 0}, {one: 10}, {}, {one: 1}, {one: 1}, {one: 0}])
        assert began_s <= now()[1][one] <= SystemClock().wall()
        file.write_bytes(b"")
        await until([{one: 10}, {one: 10}, {one: 0}, {("one", "truncate"): 1}, {one: 1}, {one: 1}, {one: 0}])
    finally:
        task.cancel()
        await asyncio.wait([task])
        context.close()


def test_what_followed_logs_expose_is_in_the_catalogue_once():
    names = [metric.name for metric in every_metric()]
    assert len(names) == len(set(names))
    assert {metric.name for _, log, _ in SYSTEMS.values() for metric in log} <= set(names)
