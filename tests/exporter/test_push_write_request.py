"""Requests of remote write, read back with protobuf's own runtime from a description of Prometheus' messages."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompb import WriteRequest

from exporter.catalogue import HistogramValue, Metric
from exporter.push.series import SLICE
from exporter.push.write_request import FIRST_MS, LAST_MS, METADATA_EVERY_MS, WriteRequests

REQUESTS = Metric("t_requests_total", "counter", "Requests.", ("route", "code"))
HEAT = Metric("t_heat_ratio", "gauge", "Heat.")
TOOK = Metric("t_took_seconds", "histogram", "Time.", ("route",))
TIME = 1_793_491_200_000
STALE = 0x7FF0000000000002


def read(bodies):
    """(labels, bits of the value, time) of each sample in bodies, None among them passed over; each body on its own."""
    requests = [WriteRequest.FromString(body.content) for body in bodies if body]
    assert [len(request.timeseries) for request in requests] == [body.samples for body in bodies if body]
    found = []
    for series in (series for request in requests for series in request.timeseries):
        (sample,) = series.samples
        labels = [(label.name, label.value) for label in series.labels]
        assert labels == sorted(set(labels))
        (bits,) = struct.unpack("<Q", struct.pack("<d", sample.value))
        found.append((dict(labels), STALE if bits == STALE else sample.value, sample.timestamp))
    return found


def encode(encoder, *families, time_ms=TIME):
    return read(list(encoder.encode(families, time_ms)))


@pytest.fixture
def encoder():
    return WriteRequests({"job": "exporter", "instance": "a:8090"}, 2000)


BASE = {"job": "exporter", "instance": "a:8090"}


def test_a_counter_and_a_gauge_are_one_sample_a_series_at_the_time_of_the_collection(encoder):
    got = encode(encoder, REQUESTS.family({("/", "200"): 3, ("/x", "404"): 0}), HEAT.single(0.5))
    assert got == [
        ({**BASE, "__name__": "t_requests_total", "route": "/", "code": "200"}, 3.0, TIME),
        ({**BASE, "__name__": "t_requests_total", "route": "/x", "code": "404"}, 0.0, TIME),
        ({**BASE, "__name__": "t_heat_ratio"}, 0.5, TIME),
    ]


def test_a_histogram_is_its_classic_series(encoder):
    got = encode(encoder, TOOK.family({("/",): HistogramValue((0.005, 1.0), (1, 0, 4), 13.5)}))
    labels = {**BASE, "route": "/"}
    assert got == [
        ({**labels, "__name__": "t_took_seconds_bucket", "le": "0.005"}, 1, TIME),
        ({**labels, "__name__": "t_took_seconds_bucket", "le": "1.0"}, 1, TIME),
        ({**labels, "__name__": "t_took_seconds_bucket", "le": "+Inf"}, 5, TIME),
        ({**labels, "__name__": "t_took_seconds_count"}, 5, TIME),
        ({**labels, "__name__": "t_took_seconds_sum"}, 13.5, TIME),
    ]


def test_a_label_of_the_series_goes_before_one_of_the_receiver_and_an_empty_one_is_none():
    encoder = WriteRequests({"job": "exporter", "code": "x", "site": "a"}, 2000)
    ((labels, _, _),) = encode(encoder, REQUESTS.family({("", "200"): 1}))
    assert labels == {"__name__": "t_requests_total", "job": "exporter", "code": "200", "site": "a"}


def test_a_series_that_vanishes_ends_once_and_may_come_back(encoder):
    both, one = REQUESTS.family({("/", "200"): 1, ("/x", "404"): 2}), REQUESTS.family({("/", "200"): 1})
    routes = []
    for number, family in enumerate((both, one, one, both)):
        got = encode(encoder, family, time_ms=TIME + number)
        routes.append([(labels["route"], value, time - TIME) for labels, value, time in got])
    assert routes == [
        [("/", 1, 0), ("/x", 2, 0)],
        [("/", 1, 1), ("/x", STALE, 1)],
        [("/", 1, 2)],
        [("/", 1, 3), ("/x", 2, 3)],
    ]


def test_at_the_end_every_series_ends(encoder):
    encode(encoder, HEAT.single(1), TOOK.family({("/",): HistogramValue((1.0,), (1, 0), 1.0)}))
    got = encode(encoder, time_ms=TIME + 1)
    names = sorted(labels["__name__"] for labels, _, _ in got)
    assert names == ["t_heat_ratio", *["t_took_seconds_bucket"] * 2, "t_took_seconds_count", "t_took_seconds_sum"]
    assert {(value, time) for _, value, time in got} == {(STALE, TIME + 1)}
    assert encode(encoder, time_ms=TIME + 2) == []


def test_buckets_that_change_end_the_series_of_the_old_ones(encoder):
    encode(encoder, TOOK.family({("/",): HistogramValue((1.0,), (1, 0), 1.0)}))
    got = encode(encoder, TOOK.family({("/",): HistogramValue((2.0,), (1, 0), 1.0)}), time_ms=TIME + 1)
    assert [(labels.get("le"), value) for labels, value, _ in got] == [
        ("2.0", 1),
        ("+Inf", 1),
        (None, 1),
        (None, 1),
        ("1.0", STALE),
    ]


def test_a_series_that_stands_twice_is_sent_once_and_counted(encoder):
    got = encode(encoder, HEAT.family([((), 1), ((), 2)]))
    assert ([value for _, value, _ in got], encoder.duplicates) == ([1], 1)


def test_types_and_help_go_with_the_first_collection_and_each_minute(encoder):
    families = (REQUESTS.family({("/", "200"): 1}), HEAT.single(1), TOOK.family({}))
    counts = []
    for time_ms in (TIME, TIME + METADATA_EVERY_MS - 1, TIME + METADATA_EVERY_MS):
        (body,) = encoder.encode(families, time_ms)
        metadata = WriteRequest.FromString(body.content).metadata
        counts.append([(one.metric_family_name, one.type, one.help) for one in metadata])
    all_of_them = [("t_requests_total", 1, "Requests."), ("t_heat_ratio", 2, "Heat."), ("t_took_seconds", 3, "Time.")]
    assert counts == [all_of_them, [], all_of_them]


@pytest.mark.parametrize(
    ("value", "want"),
    [(10**400, math.inf), (-(10**400), -math.inf), (math.inf, math.inf), (2**60 + 1, 2.0**60)],
    ids=["too large", "too small", "infinite", "rounded"],
)
def test_what_no_double_holds(encoder, value, want):
    ((_, got, _),) = encode(encoder, HEAT.single(value))
    assert got == want


def test_a_nan_is_not_the_end_of_a_series(encoder):
    ((_, got, _),) = encode(encoder, HEAT.single(math.nan))
    assert math.isnan(got)


def test_a_large_collection_comes_in_slices_and_requests():
    encoder = WriteRequests({}, 2000)
    bodies = list(encoder.encode([REQUESTS.family({(f"/{n}", "200"): n for n in range(4500)})], TIME))
    assert [body.samples for body in bodies if body] == [2000, 2000, 500]
    assert bodies.count(None) == 4500 // SLICE - 2  # full requests are pauses themselves
    assert [value for _, value, _ in read(bodies)] == list(range(4500))


label_values = st.text(max_size=150)
values = st.floats(allow_nan=False) | st.integers(-(2**53), 2**53)
collections = st.lists(
    st.dictionaries(st.tuples(label_values.filter(bool), st.sampled_from(["200", "404"])), values, max_size=6),
    min_size=1,
    max_size=4,
)


@given(collections=collections, step=st.integers(1, 10**9), max_samples=st.integers(1, 5))
def test_any_collections_arrive_whole_in_order_and_end_once(collections, step, max_samples):
    encoder = WriteRequests({"job": "j"}, max_samples)
    before = {}
    for number, series in enumerate(collections):
        time_ms = FIRST_MS + number * step
        got = encode(encoder, REQUESTS.family(series), time_ms=time_ms)
        shown = {(route.encode("utf-8", "replace").decode(), code): value for (route, code), value in series.items()}
        if len(shown) < len(series):
            return  # lone surrogates made two series one
        found = {(labels["route"], labels["code"]): value for labels, value, _ in got}
        assert found == {**dict.fromkeys(before, STALE), **shown}
        assert len(got) == len(found)
        assert {time for _, _, time in got} <= {time_ms}
        before = shown


@pytest.mark.parametrize("time_ms", [FIRST_MS, LAST_MS])
def test_the_first_and_the_last_time_take_as_much_room_as_the_head_says(encoder, time_ms):
    assert encode(encoder, HEAT.single(1), time_ms=time_ms) == [({**BASE, "__name__": "t_heat_ratio"}, 1, time_ms)]
