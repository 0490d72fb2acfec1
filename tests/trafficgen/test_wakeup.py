"""Alarms on the real clock: never early, once for each setting."""

import asyncio
import os
import time

import pytest

from trafficgen.send import wakeup as wakeup_module
from trafficgen.send.wakeup import LoopTimer, TimerFd

MS = 1_000_000


@pytest.fixture(params=[TimerFd, LoopTimer])
async def make_alarm(request):
    """Makes an alarm that calls back with the time of the call; closed at the end."""
    alarms = []

    def make(callback):
        alarms.append(request.param(asyncio.get_running_loop(), lambda: callback(time.monotonic_ns())))
        return alarms[-1]

    yield make
    for alarm in alarms:
        alarm.close()


async def test_an_alarm_that_its_callback_sets_again_rings_once_for_each_setting(make_alarm):
    settings, rings, over = [], [], asyncio.Event()

    def ring(now_ns):
        rings.append(now_ns)
        if len(rings) == 5:
            over.set()
        else:
            arm(now_ns + MS)

    def arm(at_ns):
        settings.append(at_ns)
        alarm.arm(at_ns)

    alarm = make_alarm(ring)
    arm(time.monotonic_ns() + MS)
    await over.wait()
    await asyncio.sleep(0.005)  # as long as five settings: it has none
    assert len(rings) == len(settings) == 5


async def test_a_setting_replaces_the_one_before(make_alarm):
    rings = asyncio.Queue()
    alarm = make_alarm(rings.put_nowait)
    last_ns = time.monotonic_ns() + 20 * MS
    for at_ns in (1, last_ns - 19 * MS, last_ns):
        alarm.arm(at_ns)
    assert await rings.get() >= last_ns - MS  # the loop's own timers are a millisecond coarse
    assert rings.empty()


async def test_a_setting_in_the_past_rings_at_once_and_closing_ends_it(make_alarm):
    rings = asyncio.Queue()
    alarm = make_alarm(rings.put_nowait)
    alarm.arm(0)
    await rings.get()
    alarm.arm(0)
    alarm.close()
    await asyncio.sleep(0.002)
    assert rings.empty()


async def test_a_kernel_timer_is_never_early_and_is_read_only_when_it_is_not_set_again(monkeypatch):
    reads, early, over = [], [], asyncio.Event()
    read = os.read
    monkeypatch.setattr(wakeup_module.os, "read", lambda *given: reads.append(given) or read(*given))
    left = [MS // 4 * step for step in range(1, 21)]
    at_ns = 0

    def ring():
        nonlocal at_ns
        early.append(time.monotonic_ns() < at_ns)
        if not left:
            over.set()
            return
        at_ns = time.monotonic_ns() + left.pop()
        alarm.arm(at_ns)

    alarm = TimerFd(asyncio.get_running_loop(), ring)
    ring()
    await over.wait()
    await asyncio.sleep(0)
    alarm.close()
    assert (any(early), len(early), len(reads)) == (False, 21, 1)
