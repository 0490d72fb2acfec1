"""Pushing as a part of the daemon: it follows reloads, and a stop sends what the systems last showed."""

import asyncio
import threading

import pytest
from receiving import jobs, read, receiving, until

from exporter import daemon as module
from exporter.daemon import Daemon, Options
from foundation.errors import ConfigError

pytestmark = pytest.mark.slow  # each waits for several collections


@pytest.fixture
async def daemon(tmp_path):
    """Start a daemon on a configuration's receivers, and write others for a reload."""
    running = []

    class Started:
        def __init__(self):
            self.stop = asyncio.Event()
            self.path = tmp_path / "exporter.yml"

        def write(self, *receivers):
            common = "interval: 100ms, flush_deadline: 1s"
            rows = "".join(f"  - {{url: '{url}', {common}, {keys}}}\n" for url, keys in receivers)
            self.path.write_text(f"state_dir: {tmp_path}\n" + (f"remote_write:\n{rows}" if rows else ""))

        async def start(self, *receivers):
            self.write(*receivers)
            self.daemon = Daemon(Options(config_file=self.path, listen=(("127.0.0.1", 0),)))
            self.task = asyncio.create_task(self.daemon.run(self.stop))
            await self.daemon.started.wait()
            running.append(self)

        async def reload(self, *receivers):
            self.write(*receivers)
            await self.daemon.reload()

        async def end(self):
            self.stop.set()
            await self.task

    started = Started()
    yield started
    for one in running:
        await one.end()


def ended(body):
    """Whether a body is the end of series and nothing else."""
    return all(value is None for _, value, _ in read([body])[0])


async def test_a_reload_starts_ends_and_replaces_receivers_and_leaves_the_others(daemon):
    async with receiving() as one, receiving() as two, receiving() as three:
        await daemon.start((one.address, "name: one"), (two.address, "name: two"))
        await one.until(lambda: one.taken)
        await two.until(lambda: two.taken)
        others = ((two.address, "name: two, job: other"), (three.address, "name: three"))
        await daemon.reload((one.address, "name: one"), *others)
        await three.until(lambda: three.taken)
        await two.until(lambda: "other" in jobs(two.taken))
        await daemon.reload((one.address, "name: one"))
        await until(lambda: ended(three.taken[-1]) and ended(two.taken[-1]))
        assert [ended(body) for body in two.taken].count(True) == 2  # as exporter, and as other
        assert jobs(one.taken) == jobs(three.taken) == {"exporter"}
        families = {family.metric.name: family for family in daemon.daemon.own_families()}
        assert [labels for labels, _ in families["tidewatch_push_samples_total"].series] == [("one",)]
        await daemon.end()
        assert [ended(body) for body in one.taken] == [False] * (len(one.taken) - 1) + [True]
        for server in (one, two, three):
            times = [rows[0][2] for rows in read(server.taken)]
            assert times == sorted(set(times))


async def test_a_receiver_that_is_refused_at_a_reload_changes_nothing(daemon):
    async with receiving() as one:
        await daemon.start((one.address, "name: one"))
        with pytest.raises(ConfigError, match=r"\$\.remote_write\[1\]: /none: No such file or directory"):
            await daemon.reload((one.address, "name: one"), (one.address, "name: two, bearer_token_file: /none"))
        done = len(one.taken)
        await one.until(lambda: len(one.taken) > done)


async def test_the_first_receiver_may_come_with_a_reload_also_after_one_that_was_refused(daemon):
    async with receiving() as one:
        await daemon.start()
        with pytest.raises(ConfigError, match="/none"):
            await daemon.reload((one.address, "bearer_token_file: /none"))
        await daemon.reload((one.address, "name: one"))
        await one.until(lambda: one.taken)
        await daemon.end()
        assert [ended(body) for body in one.taken] == [False] * (len(one.taken) - 1) + [True]


async def test_a_reload_that_a_stop_overtakes_starts_nothing(daemon, tmp_path, monkeypatch):
    await daemon.start()
    reading, may_go_on = threading.Event(), threading.Event()
    as_usual = module.load

    def load(*given, **settings):
        reading.set()
        assert may_go_on.wait(60)
        return as_usual(*given, **settings)

    daemon.path.write_text(f"state_dir: {tmp_path}\naccesslog: [{{source: site, paths: [{tmp_path}/a.log]}}]\n")
    monkeypatch.setattr(module, "load", load)
    reload = asyncio.create_task(daemon.daemon.reload())
    await asyncio.to_thread(reading.wait, 60)
    await daemon.end()
    may_go_on.set()
    await reload
    assert daemon.daemon.systems == {}


async def test_a_stop_before_anything_was_pushed_and_without_receivers_is_quick(daemon):
    await daemon.start()
    await daemon.end()
    assert daemon.daemon.own_families()
