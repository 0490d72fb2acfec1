"""Slots for what is answered at a time: who waits for one, who gets one, and who loses it."""

import asyncio
from types import SimpleNamespace

from talking import settle, until

from foundation.listen import Slots
from foundation.listen import slots as slots_module


async def test_who_waits_for_a_slot_hears_at_once_of_a_free_one(monkeypatch):
    monkeypatch.setattr(slots_module, "_LOOK_S", 1000.0)
    slots = Slots(1)

    async def take():
        async with slots.slot(SimpleNamespace(protocol=None)):
            pass

    async with slots.slot(SimpleNamespace(protocol=None)):
        waiting = asyncio.create_task(take())
        await settle()
        assert not waiting.done()
    await until("the free slot is taken", waiting.done)
    await waiting


def test_an_answer_gives_its_slot_up_once_it_has_waited_and_the_oldest_first(monkeypatch):
    closed = []
    monkeypatch.setattr(slots_module, "connections", lambda: SimpleNamespace(close=lambda one, _: closed.append(one)))
    slots, young, old = Slots(3), SimpleNamespace(stalled_s=10.0), SimpleNamespace(stalled_s=9.0)
    slots._taken = {1: young, 2: old, 3: None}
    slots._cut_stalled(9.0 + slots_module.STALL_S / 2)
    assert closed == []
    slots._cut_stalled(11.0)
    assert closed == [old]


async def test_who_asks_and_does_not_read_loses_the_slot_to_who_does(started, monkeypatch):
    monkeypatch.setattr("foundation.listen.slots.STALL_S", 0.0)
    started.table.limit = 10
    lazy = [await started.client(b"GET /slot?big HTTP/1.1\r\nHost: x\r\n\r\n", reads=False) for _ in range(2)]
    assert await started.ask("/slot") == (200, "5\r\nsmall\r\n0\r\n\r\n")
    assert [await client.is_open() for client in lazy] == [False, True]


async def test_without_a_slot_the_answer_is_503(started, monkeypatch):
    monkeypatch.setattr("foundation.listen.slots.WAIT_S", 0.0)
    started.table.limit = 10
    lazy = [await started.client(b"GET /slot?big HTTP/1.1\r\nHost: x\r\n\r\n", reads=False) for _ in range(2)]
    assert (await started.ask("/slot"))[0] == 503
    assert started.table.cut == {}
    lazy[0].transport.abort()
    await settle()
    assert (await started.ask("/slot"))[0] == 200
