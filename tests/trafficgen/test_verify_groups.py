"""The rows of each group, with the parts of the system made up."""

import asyncio
import time

import pytest

from trafficgen.verify import alert, groups
from trafficgen.verify.alert import Alert
from trafficgen.verify.groups import AccessLogs, Counted, Traffic, Zero, generator_rows, read_until
from trafficgen.verify.peers import Delivery, PeerError

TRAFFIC = Traffic(due=10, planned=10, sent=9, dropped=1, codes={200: 8, 500: 1})


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(groups, "POLL_S", 0)
    monkeypatch.setattr(alert, "POLL_S", 0)


def readings(*values):
    """A reader that gives `values` one after the other, the last one for ever; an exception is raised."""
    left = list(values)

    async def read():
        value = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(value, Exception):
            raise value
        return value

    return read


@pytest.mark.parametrize(
    ("truth", "bad"),
    [
        (TRAFFIC, []),
        (Traffic(due=11, planned=10, sent=9, dropped=1, codes={200: 9}), ["planned, as the seed's plan has it"]),
        (Traffic(due=10, planned=10, sent=9, dropped=0, codes={200: 9}), ["planned = sent + dropped"]),
        (Traffic(due=10, planned=10, sent=9, dropped=1, codes={200: 8}), ["sent = answered"]),
    ],
)
def test_the_generators_own_account(truth, bad):
    assert [row.name for row in generator_rows(truth) if not row.holds] == bad


async def test_what_was_counted_before_does_not_matter():
    group = Counted("logged", readings({200: 100}, {200: 100}, {200: 108, 500: 1}), within_s=0)
    await group.begin()
    (row,) = await group.rows(TRAFFIC)
    assert row.holds


async def test_a_part_that_is_late_is_waited_for():
    before = {200: 0}
    group = Counted("counted", readings(before, before, {200: 3}, PeerError("away"), {200: 8, 500: 1}), within_s=60)
    await group.begin()
    (row,) = await group.rows(TRAFFIC)
    assert row.holds


async def test_a_part_that_never_agrees_is_a_row_that_differs():
    group = Counted("counted", readings({}, {}, {200: 8}), within_s=0)
    await group.begin()
    (row,) = await group.rows(TRAFFIC)
    assert (row.holds, row.got) == (False, "8 (200: 8, 500: 0) [-1]")


async def test_a_part_that_never_answers_is_an_error():
    with pytest.raises(PeerError):
        await read_until(readings(PeerError("away")), bool, 0)


async def test_losses_are_counted_from_the_start():
    group = Zero("lost", readings(5, 5))
    await group.begin()
    assert [row.holds for row in await group.rows(TRAFFIC)] == [True]
    group = Zero("lost", readings(5, 6))
    await group.begin()
    assert [row.holds for row in await group.rows(TRAFFIC)] == [False]


async def test_logs_are_counted_and_their_rotations(tmp_path):
    log = tmp_path / "access.log"
    log.write_text("a\tGET /\t200\t1\n" * 5)
    group = AccessLogs(f"{log}*", rotations=1, within_s=0)
    await group.begin()
    log.rename(tmp_path / "access.log.1")
    log.write_text("a\tGET /\t200\t1\n" * 8 + "a\tGET /\t500\t1\n")
    assert [row.holds for row in await group.rows(TRAFFIC)] == [True, True, True]
    log.write_text("a\tGET /\t200\t1\n" * 7 + "nonsense\n")
    assert [row.holds for row in await group.rows(TRAFFIC)] == [False, False, True]


class Alerting:
    """Peers of which only the alert can be asked."""

    def __init__(self):
        self.is_firing = False
        self.delivered = []

    async def firing(self, *_):
        return self.is_firing

    async def deliveries(self, *_):
        return self.delivered


@pytest.fixture
async def told():
    """An Alert that watches made-up peers; yields both, and what was said."""
    peers, said = Alerting(), []
    group = Alert(peers, said.append, prometheus="", receiver="", alert="A", source="site")
    await group.begin()
    watcher = asyncio.create_task(group.watch())
    yield group, peers, said
    watcher.cancel()


async def until(said, words):
    while not any(words in line for line in said):  # noqa: ASYNC110, it is a plain list that fills
        await asyncio.sleep(0)


async def test_an_alert_that_comes_is_told_and_goes(told):
    group, peers, said = told
    group.saw_errors(1)
    now = time.time()
    peers.is_firing = True
    await until(said, "A fires")
    peers.delivered.append(Delivery("firing", now + 1, now))
    await until(said, "is delivered")
    peers.delivered.append(Delivery("resolved", now + 60, now))
    assert [row.holds for row in await group.rows(TRAFFIC)] == [True, True, True]


async def test_an_alert_of_an_earlier_run_does_not_count(told, monkeypatch):
    monkeypatch.setattr(alert, "DELIVERED_WITHIN_S", 0)
    group, peers, _ = told
    peers.delivered.append(Delivery("firing", time.time() - 50, time.time() - 60))
    group.saw_errors(1)
    rows = await group.rows(TRAFFIC)
    assert [(row.holds, row.got) for row in rows] == [(False, "not seen")] * 3


async def test_without_a_500_there_is_nothing_to_alert_on(told):
    group, _, _ = told
    assert [row.holds for row in await group.rows(TRAFFIC)] == [False]


async def test_a_delay_beyond_its_limit_does_not_hold(told):
    group, peers, said = told
    group.saw_errors(1)
    now = time.time()
    peers.is_firing = True
    await until(said, "A fires")
    peers.delivered += [Delivery("firing", now + 46, now), Delivery("resolved", now + 151, now)]
    assert [row.holds for row in await group.rows(TRAFFIC)] == [True, False, False]
