"""Requests of OTLP, read back as JSON, whose field names are those of the specification; and partial answers."""

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from exporter.catalogue import HistogramValue, Metric
from exporter.push.answers import Answer
from exporter.push.otlp import OtlpRequests, judge_answer
from exporter.push.series import SLICE

REQUESTS = Metric("t_requests_total", "counter", "Requests.", ("route", "code"))
HEAT = Metric("t_heat_ratio", "gauge", "Heat.")
TOOK = Metric("t_took_seconds", "histogram", "Time.", ("route",))
SENT = Metric("t_sent_bytes_total", "counter", "Bytes.")
TIME = 1_793_491_200_123
NANOS = "1793491200123000000"


@pytest.fixture
def encoder():
    return OtlpRequests({"service.name": "exporter", "service.instance.id": "a:8090"}, 2000)


def read(bodies):
    """The metrics of bodies, each checked to have the resource and the scope."""
    found = []
    for body in bodies:
        if body is None:
            continue
        tree = MessageToDict(ExportMetricsServiceRequest.FromString(body.content))
        (resource,) = tree["resourceMetrics"]
        (scope,) = resource["scopeMetrics"]
        assert scope["scope"]["name"] == "tidewatch"
        assert attributes(resource["resource"]) == {"service.name": "exporter", "service.instance.id": "a:8090"}
        points = [point for metric in scope["metrics"] for point in points_of(metric)]
        assert len(points) == body.samples
        found += scope["metrics"]
    return found


def points_of(metric):
    (data,) = (metric[kind] for kind in ("sum", "gauge", "histogram") if kind in metric)
    return data["dataPoints"]


def attributes(holder):
    pairs = [(pair["key"], pair["value"]["stringValue"]) for pair in holder.get("attributes", [])]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def encode(encoder, *families, time_ms=TIME):
    return read(list(encoder.encode(families, time_ms)))


def test_a_counter_is_a_cumulative_monotonic_sum_since_its_birth(encoder):
    family = REQUESTS.family({("/", "200"): 3, ("/x", "404"): 0}, created={("/", "200"): 1_793_491_100.5})
    (metric,) = encode(encoder, family)
    assert (metric["name"], metric["description"]) == ("t_requests_total", "Requests.")
    assert (metric["sum"]["aggregationTemporality"], metric["sum"]["isMonotonic"]) == (
        "AGGREGATION_TEMPORALITY_CUMULATIVE",
        True,
    )
    born, unknown = metric["sum"]["dataPoints"]
    assert attributes(born) == {"route": "/", "code": "200"}
    assert (born["asDouble"], born["timeUnixNano"], born["startTimeUnixNano"]) == (3, NANOS, "1793491100500000000")
    assert (unknown["asDouble"], "startTimeUnixNano" in unknown) == (0, False)


def test_a_birth_after_the_collection_is_the_collection(encoder):
    (metric,) = encode(encoder, SENT.family({(): 1}, created={(): 2e9}))
    assert points_of(metric)[0]["startTimeUnixNano"] == NANOS


def test_a_gauge_is_a_gauge_and_units_come_from_names(encoder):
    heat, sent = encode(encoder, HEAT.single(0.5), SENT.single(7))
    assert (heat["unit"], heat["gauge"]["dataPoints"]) == ("1", [{"timeUnixNano": NANOS, "asDouble": 0.5}])
    assert sent["unit"] == "By"


def test_a_histogram_has_its_bounds_and_counts(encoder):
    (metric,) = encode(encoder, TOOK.family({("/",): HistogramValue((0.005, 1.0), (1, 0, 4), 13.5)}))
    assert (metric["unit"], metric["histogram"]["aggregationTemporality"]) == (
        "s",
        "AGGREGATION_TEMPORALITY_CUMULATIVE",
    )
    (point,) = metric["histogram"]["dataPoints"]
    assert attributes(point) == {"route": "/"}
    assert (point["explicitBounds"], point["bucketCounts"]) == ([0.005, 1.0], ["1", "0", "4"])
    assert (point["count"], point["sum"], point["timeUnixNano"]) == ("5", 13.5, NANOS)


def test_a_series_that_vanishes_ends_once_and_all_end_at_the_end(encoder):
    histogram = TOOK.family({("/",): HistogramValue((1.0,), (1, 0), 1.0)})
    both, one = REQUESTS.family({("/", "200"): 1, ("/x", "404"): 2}), REQUESTS.family({("/", "200"): 1})
    told = []
    for number, families in enumerate(((both, histogram), (one, histogram), (one, histogram), ())):
        points = [
            (metric["name"], attributes(point)["route"], point.get("flags", 0))
            for metric in encode(encoder, *families, time_ms=TIME + number)
            for point in points_of(metric)
        ]
        told.append(points)
    assert told == [
        [("t_requests_total", "/", 0), ("t_requests_total", "/x", 0), ("t_took_seconds", "/", 0)],
        [("t_requests_total", "/", 0), ("t_took_seconds", "/", 0), ("t_requests_total", "/x", 1)],
        [("t_requests_total", "/", 0), ("t_took_seconds", "/", 0)],
        [("t_requests_total", "/", 1), ("t_took_seconds", "/", 1)],
    ]


def test_the_end_of_a_gauge_has_no_value_and_that_of_a_histogram_what_receivers_make_series_of(encoder):
    encode(encoder, HEAT.single(1), TOOK.family({("/",): HistogramValue((1.0,), (1, 0), 1.0)}))
    heat, took = encode(encoder, time_ms=TIME + 1)
    assert points_of(heat) == [{"timeUnixNano": "1793491200124000000", "flags": 1}]
    (point,) = points_of(took)
    assert point.keys() == {"timeUnixNano", "flags", "attributes", "explicitBounds", "bucketCounts", "sum"}
    assert (point["explicitBounds"], point["bucketCounts"], point["sum"]) == ([1.0], ["0", "0"], 0)


def test_a_series_that_stands_twice_is_sent_once_and_counted(encoder):
    (metric,) = encode(encoder, HEAT.family([((), 1), ((), 2)]))
    assert (metric["gauge"]["dataPoints"][0]["asDouble"], encoder.duplicates) == (1, 1)


def test_a_large_collection_comes_in_slices_and_requests(encoder):
    family = REQUESTS.family({(f"/{n}", "200"): n for n in range(4500)})
    bodies = list(encoder.encode([family], TIME))
    assert [body.samples for body in bodies if body] == [2000, 2000, 500]
    assert bodies.count(None) == 4500 // SLICE - 2
    assert [point["asDouble"] for metric in read(bodies) for point in points_of(metric)] == list(range(4500))


def test_empty_labels_are_none_and_what_is_no_unicode_is_replaced(encoder):
    (metric,) = encode(encoder, REQUESTS.family({("", "\ud800"): 10**400}))
    (point,) = points_of(metric)
    assert (attributes(point), point["asDouble"]) == ({"code": "?"}, "Infinity")


@given(
    collections=st.lists(
        st.dictionaries(
            st.tuples(st.text(min_size=1, max_size=5), st.sampled_from(["200", "404"])),
            st.floats(allow_nan=False) | st.integers(0, 2**53),
            max_size=6,
        ),
        min_size=1,
        max_size=4,
    ),
    max_points=st.integers(1, 5),
)
def test_any_collections_arrive_whole_and_end_once(collections, max_points):
    encoder = OtlpRequests({"service.name": "exporter", "service.instance.id": "a:8090"}, max_points)
    before = set()
    for number, series in enumerate(collections):
        metrics = encode(encoder, REQUESTS.family(series), time_ms=TIME + number)
        points = [point for metric in metrics for point in points_of(metric)]
        keys = [(attributes(point)["route"], attributes(point)["code"]) for point in points]
        ended = {key for key, point in zip(keys, points, strict=True) if point.get("flags") == 1}
        values = {key: float(point["asDouble"]) for key, point in zip(keys, points, strict=True) if "asDouble" in point}
        assert (values, ended, len(keys)) == (series, before - series.keys(), len(set(keys)))
        before = series.keys()


# Answers.


def answer(*, rejected=0, message="", status=200, kind="application/x-protobuf", body=None):
    told = ExportMetricsServiceResponse()
    told.partial_success.rejected_data_points = rejected
    told.partial_success.error_message = message
    content = told.SerializeToString() if body is None else body
    return judge_answer(Answer(status, {"Content-Type": kind}, content), 0.0)


@pytest.mark.parametrize(
    ("given_answer", "want"),
    [
        ({}, ("sent", "", "", 0, 0)),
        ({"body": b""}, ("sent", "", "", 0, 0)),
        ({"rejected": 3, "message": "too\nold"}, ("sent", "partial", "did not take 3 points: too old", 0, 3)),
        ({"rejected": 1}, ("sent", "partial", "did not take 1 points: no reason given", 0, 1)),
        ({"rejected": -1}, ("sent", "", "", 0, 0)),
        ({"message": "slow down"}, ("sent", "", "warns: slow down", 0, 0)),
        (
            {"body": b"\xff\xff"},
            ("reject", "answer", "answered 200, but not with an OTLP message", 0, 0),
        ),
        ({"body": b"{}", "kind": "application/json"}, ("sent", "", "", 0, 0)),
        ({"status": 503, "body": b"\xff"}, ("retry", "status_5xx", "answered 503 Service Unavailable", 0, 0)),
    ],
    ids=["whole", "empty", "a part", "a part without a word", "a number below 0", "a warning", "junk", "json", "503"],
)
def test_an_answer(given_answer, want):
    assert answer(**given_answer) == want
