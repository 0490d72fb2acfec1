"""The counters: born at 0, bounded, and the same after a restart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.metrics import families
from exporter.accesslog.source import Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import Tally
from exporter.catalogue import HistogramValue
from exporter.checkpoint import encoded
from foundation.config import parse_config
from foundation.errors import ConfigError


def source(**settings):
    return Source(**{"source": "site", "paths": ("access.log",), **settings})


def hits(*keys, numbers=(1, 10, 0)):
    return Tally(len(keys), {}, {key: list(numbers) for key in keys})


def series(traffic, name):
    return {labels[1:]: value for f in families(traffic) if f.metric.name == name for labels, value in f.series}


def as_sets(traffic):
    return {f.metric.name: (dict(f.series), f.created) for f in families(traffic)}


def written(changes):
    return {key: encoded(value) for key, value in changes.items()}


REQUESTS = "tidewatch_http_requests_total"


def test_declared_series_are_born_at_0():
    traffic = Traffic(source(routes=("/", "/users/{id}"), codes=(200, 500)), 1.0)
    assert series(traffic, REQUESTS) == {
        ("GET", "/", "200"): 0,
        ("GET", "/", "500"): 0,
        ("GET", "/users/{id}", "200"): 0,
        ("GET", "/users/{id}", "500"): 0,
    }


def test_a_new_route_brings_its_declared_codes():
    traffic = Traffic(source(codes=(200, 500)), 1.0)
    traffic.add(hits((b"POST", b"/new/7", b"201")), 2.0)
    assert series(traffic, REQUESTS) == {
        ("POST", "/new/{id}", "200"): 0,
        ("POST", "/new/{id}", "500"): 0,
        ("POST", "/new/{id}", "201"): 1,
    }
    assert series(traffic, "tidewatch_http_response_bytes_total")["POST", "/new/{id}", "201"] == 10


def test_limits_fold_into_other_and_count_it():
    limits = {"methods": 2, "routes": 2, "codes": 2, "series": 100}
    traffic = Traffic(parse_config(f"{{source: s, paths: [a], limits: {limits}}}", Source), 1.0)
    for method in (b"GET", b"PUT", b"BREW", b"\x16\x03"):
        traffic.add(hits((method, b"/a", b"200")), 1.0)
    for route in (b"/b", b"/c", b"/a"):
        traffic.add(hits((b"GET", route, b"200")), 1.0)
    for code in (b"201", b"202", b"200"):
        traffic.add(hits((b"GET", b"/a", code)), 1.0)
    assert series(traffic, REQUESTS) == {
        ("GET", "/a", "200"): 3,
        ("PUT", "/a", "200"): 1,
        ("other", "/a", "200"): 2,
        ("GET", "/b", "200"): 1,
        ("GET", "other", "200"): 1,
        ("GET", "/a", "201"): 1,
        ("GET", "/a", "other"): 1,
    }
    folded = series(traffic, "tidewatch_http_folded_requests_total")
    assert folded == {("method",): 2, ("route",): 1, ("code",): 1, ("series",): 0}


def test_the_limit_on_series_folds_the_route():
    traffic = Traffic(parse_config("{source: s, paths: [a], limits: {series: 2}}", Source), 1.0)
    for route in (b"/a", b"/b", b"/c", b"/d", b"/a"):
        traffic.add(hits((b"GET", route, b"200")), 1.0)
    assert series(traffic, REQUESTS) == {("GET", "/a", "200"): 2, ("GET", "/b", "200"): 1, ("GET", "other", "200"): 2}
    assert series(traffic, "tidewatch_http_folded_requests_total")[("series",)] == 2


def test_bad_lines_are_told_by_reason():
    traffic = Traffic(source(), 1.0)
    traffic.add(Tally(5, {"format": 2}, {}), 7.0)
    assert series(traffic, "tidewatch_log_lines_total") == {(): 5}
    failed = series(traffic, "tidewatch_log_lines_failed_total")
    assert failed == {("format",): 2} | {
        (reason,): 0 for reason in ("blank", "code", "bytes", "time", "slow", "too_long")
    }


def test_times_become_a_histogram_of_the_route():
    traffic = Traffic(source(format="tab-timed", buckets=(0.1, 1.0)), 1.0)
    traffic.add(hits((b"GET", b"/", b"200"), (b"GET", b"/", b"500"), numbers=(3, 9, 1_500_000_000, 1, 0, 2)), 1.0)
    assert series(traffic, "tidewatch_http_request_duration_seconds") == {
        ("GET", "/"): HistogramValue((0.1, 1.0), (2, 0, 4), 3.0)
    }


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.sampled_from([b"/a", b"/b", b"/c"]), st.sampled_from([b"200", b"500"])), max_size=12),
    st.sets(st.integers(0, 12)),
)
def test_a_restart_anywhere_changes_nothing(requests, restarts):
    settings = source(format="tab-timed", codes=(200,), routes=("/a",))
    straight, stopped, kept = Traffic(settings, 1.0), Traffic(settings, 1.0), {}
    width = 3 + len(settings.buckets) + 1
    for number, (target, code) in enumerate(requests):
        tally = hits((b"GET", target, code), numbers=[1] * width)
        straight.add(tally, float(number))
        stopped.add(tally, float(number))
        if number in restarts:
            kept |= written(stopped.changes())
            stopped = Traffic(settings, 99.0, kept)
    assert as_sets(stopped) == as_sets(straight)


def test_changes_are_what_changed_or_everything_on_demand():
    traffic = Traffic(source(), 1.0)
    traffic.add(hits((b"GET", b"/", b"200")), 1.0)
    first = traffic.changes()
    assert set(traffic.changes()) == {"totals"}
    assert traffic.changes(everything=True) == first


def test_other_settings_keep_the_counters():
    traffic = Traffic(source(format="tab-timed", buckets=(0.1,)), 1.0)
    traffic.add(hits((b"GET", b"/old", b"200"), numbers=(1, 1, 5, 1, 0)), 1.0)
    traffic.configure(source(format="tab-timed", buckets=(0.1, 1.0), routes=("/new",), codes=(200,)), 2.0)
    assert series(traffic, REQUESTS) == {("GET", "/old", "200"): 1, ("GET", "/new", "200"): 0}
    histograms = series(traffic, "tidewatch_http_request_duration_seconds")
    assert histograms["GET", "/old"] == HistogramValue((0.1, 1.0), (0, 0, 0), 0.0)


def test_times_can_come_with_other_settings():
    traffic = Traffic(source(), 1.0)
    traffic.add(hits((b"GET", b"/", b"200")), 1.0)
    traffic.configure(source(format="tab-timed", buckets=(0.1,)), 2.0)
    traffic.add(hits((b"GET", b"/", b"200"), numbers=(1, 1, 5, 1, 0)), 2.0)
    histograms = series(traffic, "tidewatch_http_request_duration_seconds")
    assert histograms == {("GET", "/"): HistogramValue((0.1,), (1, 0), 5e-9)}


def test_json_without_times_has_no_histogram():
    traffic = Traffic(source(format="json", buckets=(0.1,), routes=("/",), codes=(200,)), 1.0)
    traffic.add(hits((b"GET", b"/", b"200"), numbers=(1, 1, 0, 0, 0)), 1.0)
    assert series(traffic, "tidewatch_http_request_duration_seconds") == {}


def test_declared_series_count_against_the_limit():
    settings = "{source: s, paths: [a], codes: [200, 404, 500], limits: {series: 4}}"
    traffic = Traffic(parse_config(settings, Source), 1.0)
    for route in (b"/a", b"/b", b"/c"):
        traffic.add(hits((b"GET", route, b"200")), 1.0)
    assert {route for _, route, _ in series(traffic, REQUESTS)} == {"/a", "/b", "other"}


TIMED = {
    "totals": b'{"lines":5,"failed":{},"folded":{},"ignored":{}}',
    '["GET","/","200"]': b"[3,9,1.0]",
    '["GET","/x","200"]': b"[2,4,1.0]",
    '["GET","/"]': b"[[0.1],[3,0],5,1.0]",
}


@pytest.mark.parametrize("key", [*TIMED, '["GET","/","2\udcff0"]', '["GET","/","200","x"]', '["GET"]', "[1,2,3]"])
@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b"null", b"[[0.1],[3],5,1.0]"])
def test_a_value_that_cannot_be_read_begins_anew_and_the_others_go_on(key, value):
    traffic = Traffic(source(format="tab-timed", buckets=(0.1,)), 9.0, {**TIMED, key: value})
    assert set(traffic.unreadable) == {key}
    kept = written(traffic.changes(everything=True))
    assert all(kept[name] == TIMED[name] for name in TIMED.keys() - {key})
    traffic.add(hits((b"GET", b"/", b"200"), numbers=(1, 1, 5, 1, 0)), 10.0)
    assert series(traffic, REQUESTS)["GET", "/", "200"] == (1 if key == '["GET","/","200"]' else 4)


@pytest.mark.parametrize(
    ("settings", "want"),
    [
        ("format: tabs", "format 'tabs' is not known; did you mean tab?"),
        ("routes: [users]", "route 'users' must start with /"),
        ("buckets: [1, 0.5]", "buckets: expected ascending numbers above 0"),
        ("buckets: [1, .inf]", "$.buckets[1]: invalid duration '.inf': expected seconds or units"),
        ("buckets: [.nan]", "$.buckets[0]: invalid duration '.nan': expected seconds or units"),
        ("methods: [get]", "$.methods[0]: expected a method in capitals, for example GET, got get"),
        ("buckets: []", "$.buckets: expected a list of at least one"),
        ("codes: [1000]", "$.codes[0]: expected a whole number of at least 0 and of at most 999, got 1000"),
        ("from: middle", "$.from: expected end or start, got middle"),
        ("route: [/]", "unknown key route; did you mean routes?"),
    ],
    ids=["format", "routes", "buckets", "infinite", "nan", "methods", "no-buckets", "codes", "from", "unknown-key"],
)
def test_settings_that_cannot_be_are_refused(settings, want):
    with pytest.raises(ConfigError) as caught:
        parse_config(f"{{source: site, paths: [a], {settings}}}", Source, name="exporter.yml")
    assert want in str(caught.value)
    assert str(caught.value).startswith("exporter.yml:1: $")
