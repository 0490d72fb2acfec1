"""How a program that would run for ever is ended."""

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

from foundation.signals import SignalStop, stop_on_signals, until_signal

BOTH = [signal.SIGTERM, signal.SIGINT]
DRAINS = """
import asyncio
from foundation.signals import stop_on_signals
async def main():
    stop = stop_on_signals(lambda text: print(text, flush=True))
    print("ready", flush=True)
    await stop.wait()
    await asyncio.Event().wait()  # an answer that never ends
asyncio.run(main())
"""


@pytest.mark.parametrize("number", BOTH)
async def test_the_first_signal_lets_it_finish_and_is_reported(number):
    said = []
    stop = stop_on_signals(said.append)
    os.kill(os.getpid(), number)
    await stop.wait()
    assert said == ["stopping; a second signal ends at once"]


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [BOTH, BOTH[::-1]])
def test_the_second_signal_ends_it_at_once(numbers):
    with subprocess.Popen([sys.executable, "-c", DRAINS], stdout=subprocess.PIPE, text=True) as process:
        try:
            for line, number in zip(("ready", "stopping"), numbers, strict=True):
                assert process.stdout.readline().startswith(line)
                process.send_signal(number)
            assert process.wait(20) == 130
        finally:
            process.kill()


@pytest.mark.parametrize("number", BOTH)
async def test_work_without_an_end_is_cancelled(number):
    task = asyncio.create_task(until_signal(asyncio.Event().wait()))
    await asyncio.sleep(0)
    os.kill(os.getpid(), number)
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture
def _handlers():
    before = {number: signal.getsignal(number) for number in BOTH}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize("number", BOTH)
def test_without_an_event_loop_the_first_signal_asks_and_the_second_ends(monkeypatch, number):
    ended = []
    monkeypatch.setattr(os, "_exit", ended.append)
    stop = SignalStop()
    assert not stop.wait(0)
    signal.raise_signal(number)
    assert (stop.wait(0), stop.wait(60), ended) == (True, True, [])
    signal.raise_signal(number)
    assert ended == [130]


@pytest.mark.usefixtures("_handlers")
def test_a_signal_ends_a_wait_that_has_begun():
    stop = SignalStop()
    threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert stop.wait(60)
