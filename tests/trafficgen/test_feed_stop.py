"""A feed ends by a signal: the first lets it write its truth, the second ends it at once."""

import os
import signal

import pytest

from trafficgen.feeds.stop import stop_on_signals


@pytest.fixture(autouse=True)
def _handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_ends(monkeypatch, number):
    ended = []
    monkeypatch.setattr(os, "_exit", ended.append)
    stop = stop_on_signals()
    assert not stop.is_set()
    signal.raise_signal(number)
    assert (stop.is_set(), ended) == (True, [])
    signal.raise_signal(number)
    assert ended == [130]
