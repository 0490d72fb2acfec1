"""An error in one source costs that one, and ends when its cause does."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import pytest

from exporter.catalogue import Metric
from exporter.supervisor import Supervisor, joined
from exporter.web.app import Scraper
from foundation.clock import SystemClock
from foundation.errors import ConfigError, StoreError, ungrouped

READ = Metric("read_total", "counter", "", ("source",))


class Source:
    """Begins, and fails as its script has it, one word a life; after that it lives on."""

    def __init__(self, name, script, clock=None):
        self.name, self.script, self.clock = name, script, clock
        self.begun, self.failing = asyncio.Event(), None

    async def run(self):
        word = self.script.pop(0) if self.script else "live"
        if word != "refused":
            self.begun.set()
        if word in {"refused", "trouble"}:
            raise StoreError("the state cannot be had")
        if word == "greedy":
            raise ExceptionGroup("", [MemoryError()])
        if word == "calm":
            self.clock.now_s += 1000
        if word in {"bug", "calm"}:
            raise ExceptionGroup("", [ExceptionGroup("", [ZeroDivisionError(f"in {self.name}")])])
        await asyncio.get_running_loop().create_future()

    async def written(self):
        if self.failing:
            raise StoreError("disk full")

    def families(self):
        if self.failing:
            raise ZeroDivisionError("in telling")
        yield READ.family({(self.name,): 1})


class SteppedClock(SystemClock):
    """Waits end at once, and are written down."""

    def __init__(self):
        self.now_s, self.waits_s = 0.0, []

    def monotonic(self):
        return self.now_s

    async def sleep_until(self, due_s):
        self.waits_s.append(due_s - self.now_s)
        self.now_s = due_s
        await asyncio.sleep(0)


@asynccontextmanager
async def running(scripts):
    supervisor = Supervisor("sys", SteppedClock())
    for name, script in scripts.items():
        supervisor.add(name, partial(Source, name, script, supervisor._clock))
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor, task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def turns(count=50):
    for _ in range(count):
        await asyncio.sleep(0)


def shown(supervisor):
    return {labels[0] for family in supervisor.collect() for labels, _ in family.series}


async def test_a_source_that_fails_is_built_anew_and_the_others_never_notice(caplog):
    async with running({"bad": ["bug"] * 3, "good": []}) as (supervisor, task):
        good = supervisor._runners["good"]
        await turns()
        assert not task.done()
        assert supervisor._runners["good"] is good
        assert shown(supervisor) == {"bad", "good"}
        assert supervisor.failures == {"bad": 3, "good": 0}
        assert supervisor._clock.waits_s == [1, 2, 4]
    assert caplog.text.count("source bad failed") == 1
    assert caplog.text.count("Traceback") == 1


async def test_memory_that_runs_out_ends_the_process_with_one_line():
    async with running({"greedy": ["calm", "greedy"], "good": []}) as (_, task):
        await asyncio.wait([task])
        with pytest.raises(StoreError, match="out of memory"), ungrouped():
            task.result()


async def test_the_waits_grow_to_a_minute_and_begin_anew_after_a_calm_time():
    async with running({"bad": [*["bug"] * 9, "calm", "bug"]}) as (supervisor, _):
        await turns()
        assert supervisor._clock.waits_s == [1, 2, 4, 8, 16, 32, 60, 60, 60, 1, 2]


async def test_the_same_failure_is_logged_once_a_minute_with_its_traceback_once(caplog):
    async with running({"bad": ["bug"] * 20}) as (supervisor, _):
        await turns(200)
        assert supervisor.failures == {"bad": 20}
    lasted_s = sum(supervisor._clock.waits_s)
    assert caplog.text.count("source bad failed") <= 2 + lasted_s / 60
    assert caplog.text.count("Traceback") == 1


async def test_a_source_between_two_lives_is_shown_to_nobody():
    async with running({"bad": ["bug", "refused", "refused"], "good": []}) as (supervisor, task):
        seen = []
        for _ in range(40):
            await asyncio.sleep(0)
            seen.append(frozenset(shown(supervisor)))
        assert frozenset({"good"}) in seen
        assert seen[-1] == {"bad", "good"}
        assert not task.done()


@pytest.mark.parametrize("group", [False, True])
async def test_what_the_user_can_mend_ends_a_source_that_never_ran(group):
    supervisor = Supervisor("sys", SteppedClock())
    supervisor.add("bad", lambda: Source("bad", ["refused"]))
    if group:
        error = ExceptionGroup("", [ConfigError("a"), ExceptionGroup("", [StoreError("b")])])

        async def run():
            raise error

        supervisor._runners["bad"].run = run
    with pytest.raises(ExceptionGroup) as caught:
        await supervisor.run()
    assert caught.group_contains(StoreError)
    assert supervisor.failures == {"bad": 0}


async def test_trouble_of_a_source_that_ran_is_its_own():
    async with running({"bad": ["trouble", "refused"]}) as (supervisor, task):
        await turns()
        assert not task.done()
        assert supervisor.failures == {"bad": 2}


async def test_metrics_that_cannot_be_given_cost_that_source_only(caplog):
    async with running({"bad": [], "good": []}) as (supervisor, _):
        await turns()
        supervisor._runners["bad"].failing = True
        assert [shown(supervisor), shown(supervisor)] == [{"good"}] * 2
        assert supervisor.failures == {"bad": 2, "good": 0}
        await supervisor.written()
    assert caplog.text.count("Traceback") == 1


async def test_begun_waits_for_every_source():
    async with running({"one": [], "two": []}) as (supervisor, _):
        waiting = asyncio.create_task(supervisor.begun())
        await turns()
        assert waiting.done()
        supervisor.add("three", lambda: Source("three", ["refused"]))
        supervisor._runners["three"].run = asyncio.get_running_loop().create_future
        waiting = asyncio.create_task(supervisor.begun())
        await turns()
        assert not waiting.done()
        supervisor._runners["three"].begun.set()
        await waiting


async def test_sources_come_and_go():
    async with running({"one": [], "two": []}) as (supervisor, _):
        await turns()
        one = await supervisor.remove("one")
        assert shown(supervisor) == {"two"}
        supervisor.add("one", lambda: Source("one", []), one)
        await turns()
        assert supervisor._runners["one"] is one
        assert shown(supervisor) == {"one", "two"}
        supervisor.add("bad", lambda: Source("bad", ["bug"] * 99))
        while supervisor._runners.get("bad"):  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert await supervisor.remove("bad") is None


async def test_sources_are_asked_one_after_the_other_with_others_in_between(monkeypatch):
    order = []
    families = Source.families

    def noted(source):
        order.append(source.name)
        asyncio.get_running_loop().call_soon(order.append, "others")
        return families(source)

    monkeypatch.setattr(Source, "families", noted)
    async with running({"a": [], "b": [], "c": []}) as (supervisor, _):
        await turns()
        scraper = Scraper(lambda: {"sys": supervisor}, list, SystemClock())
        found = {family.metric.name: family for family in await scraper.families(5.0)}
    assert order[:6] == ["a", "others", "b", "others", "c", "others"]
    assert found["read_total"].series == [(("a",), 1), (("b",), 1), (("c",), 1)]


async def test_a_source_that_fails_while_others_are_asked_is_left_out():
    async with running({"a": [], "b": []}) as (supervisor, _):
        await turns()
        parts = supervisor.parts()
        assert [family.series for family in next(parts)] == [[(("a",), 1)]]
        await supervisor.remove("b")
        assert list(parts) == []


def test_families_of_a_metric_become_one():
    one, two = READ.family({("a",): 1}, {("a",): 5.0}), READ.family({("b",): 2}, {("b",): 6.0})
    other = Metric("else_total", "counter", "").single(3)
    assert joined([[one, other], [], [two]]) == [READ.family({("a",): 1, ("b",): 2}, {("a",): 5.0, ("b",): 6.0}), other]
    assert one.series == [(("a",), 1)]
