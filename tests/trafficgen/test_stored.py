"""A meter through a file and back: nothing is lost, and a new field of the meter must be thought of."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficgen.meter.meter import Meter
from trafficgen.meter.stored import StoredMeter, restored_meter, stored_meter

NOTED = {"late_ns", "plan_ns", "ended", "send_ns"}  # emptied by `flush`
BY_TARGET = {"expected", "codes", "by_target"}  # in `StoredTarget`


def test_every_field_of_a_meter_is_stored():
    """One that is added to `Meter` needs a line here or in `StoredMeter`, and one in `Meter.merge`."""
    assert set(vars(Meter(("/",)))) == set(StoredMeter.__struct_fields__) | NOTED | BY_TARGET


def through_a_file(meter):
    text = json.dumps(msgspec.to_builtins(stored_meter(meter), str_keys=True))
    return restored_meter(msgspec.json.decode(text, type=StoredMeter))


def plain(value):
    """The same for equal meters."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if hasattr(value, "__dict__"):
        return {name: plain(one) for name, one in vars(value).items()}
    return value


def full_meter(numbers):
    meter = Meter(("/", "/a?token=s3cret"), expected=(None, ((200, 299),)), sessions=("shop",))
    for number in numbers:
        meter.planned += 2
        meter.connects += 1
        meter.received_bytes += number
        meter.retried[sorted(meter.retried)[number % len(meter.retried)]] = number
        meter.saturated |= number % 5 == 0
        meter.drop(sorted(meter.dropped)[number % len(meter.dropped)], number, number % 2)
        meter.give_up(sorted(meter.no_answer)[number % len(meter.no_answer)], number % 2)
        meter.own_fault["processor"] += 1
        meter.late_by["target"] += number % 3
        meter.codes[number % 2][(200, 404, 503)[number % 3]] = number
        meter.count_session("shop", "started")
        meter.count_session("shop", "failed", f"step {number % 4}")
        meter.shares.add(f"192.0.2.{number % 9}", sent=number, failed=1)
        meter.series.add(number, number + 1, number + 2)
        for noted in (meter.late_ns, meter.send_ns, meter.plan_ns):
            noted.append(number)
        meter.ended.append(number % 2)
    meter.flush()
    return meter


@given(st.lists(st.integers(0, 2**45), max_size=30))
def test_a_meter_comes_back_as_it_was(numbers):
    meter = full_meter(numbers)
    assert plain(through_a_file(meter)) == plain(meter)


def test_secrets_in_queries_stay_hidden():
    assert "s3cret" not in str(stored_meter(full_meter([1])))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"planned": -1}, r"\$.planned"),
        ({"sessions": 3}, r"\$.sessions"),
        ({"extra": 3}, "extra"),
        ({"series": {"width_s": 0, "rows": []}}, "width_s"),
    ],
)
def test_other_values_are_refused(change, says):
    plain = msgspec.to_builtins(stored_meter(full_meter([1])), str_keys=True)
    with pytest.raises(msgspec.ValidationError, match=says):
        msgspec.json.decode(json.dumps(plain | change), type=StoredMeter)
