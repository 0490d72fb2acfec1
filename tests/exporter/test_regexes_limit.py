"""A limit goes off while what it limits runs, or never."""

import gc
import re
import time

import pytest

from exporter.regexes.limit import LIMIT_RINGS, LIMIT_S, TooSlow, timer


def spin(seconds: float) -> float:
    """Take processor time."""
    end = time.process_time() + seconds
    while (now := time.process_time()) < end:
        pass
    return now


def hold_much_for_ever(_) -> None:
    """Take more time than the limit, and much of it again to give the memory back."""
    much = [object() for _ in range(1_000_000)]
    while much:
        pass


def match_for_ever(_) -> None:
    re.match(r"(?:a+)+b", "a" * 40)


@pytest.mark.parametrize("slow", [hold_much_for_ever, match_for_ever])
def test_what_takes_too_long_is_ended_once(slow):
    for _ in range(2):
        with pytest.raises(TooSlow):
            timer.within(LIMIT_RINGS, slow, None)
        spin(2 * LIMIT_S)  # would be TooSlow here, where nothing is limited


def test_what_is_ended_anyhow_goes_off_no_more():
    with pytest.raises(ZeroDivisionError):
        timer.within(LIMIT_RINGS, lambda zero: 1 / zero, 0)
    spin(2 * LIMIT_S)
    assert timer.within(LIMIT_RINGS, len, "ab") == 2


def test_who_does_not_heed_it_is_told_again():
    told = 0

    def deaf(_):
        nonlocal told
        while told < 3:
            try:
                spin(10)
            except TooSlow:
                told += 1

    timer.within(LIMIT_RINGS, deaf, None)
    assert told == 3


def test_no_garbage_is_collected_meanwhile():
    """What goes off in a finalizer is told to nobody, but by pytest, and the line would go on."""
    seen = []

    def make_garbage(count):
        for _ in range(count):
            knot: list = []
            knot.append(knot)
        return len(seen)

    gc.callbacks.append(callback := lambda phase, _info: seen.append(phase))
    try:
        assert timer.within(LIMIT_RINGS, make_garbage, 50_000) == 0
        assert gc.isenabled()
        make_garbage(50_000)
    finally:
        gc.callbacks.remove(callback)
    assert seen
