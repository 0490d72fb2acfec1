"""What the renderer writes is what prometheus-client's parsers read."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.catalogue import HistogramValue, Metric, with_labels
from exporter.supervisor import joined
from exporter.web import exposition
from exporter.web.exposition import OPENMETRICS, TEXT, Renderer, negotiate, number

REQUESTS = Metric("t_requests_total", "counter", 'Requests, "all"\nof them \\.', ("route", "code"))
HEAT = Metric("t_heat_ratio", "gauge", "Heat.")
TOOK = Metric("t_took_seconds", "histogram", "Time.", ("route",))
BOUNDS = (0.005, 1.0, 2.5)

label_values = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def render(families, *, openmetrics, renderer=None):
    text = "".join((renderer or Renderer()).render(families, openmetrics=openmetrics))
    return text + "# EOF\n" if openmetrics else text


def samples(text, *, openmetrics):
    parsed = (parse_openmetrics if openmetrics else parse_text)(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in parsed for s in family.samples}


@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])
@given(
    series=st.dictionaries(st.tuples(label_values, label_values), st.integers(0, 2**60), max_size=5),
    heat=st.floats(allow_nan=False),
)
def test_any_label_and_value_survives_the_round_trip(openmetrics, series, heat):
    text = render([REQUESTS.family(series), HEAT.single(heat)], openmetrics=openmetrics)
    want = {("t_requests_total", (("code", c), ("route", r))): v for (r, c), v in series.items()}
    assert samples(text, openmetrics=openmetrics) == {**want, ("t_heat_ratio", ()): heat}


@pytest.mark.parametrize("openmetrics", [False, True], ids=["text", "openmetrics"])
def test_a_histogram_is_cumulative_with_count_and_sum(openmetrics):
    family = TOOK.family({("/",): HistogramValue(BOUNDS, (1, 0, 4, 2), 13.5)})
    got = samples(render([family], openmetrics=openmetrics), openmetrics=openmetrics)
    buckets = {dict(labels)["le"]: v for (name, labels), v in got.items() if name == "t_took_seconds_bucket"}
    assert buckets == {"0.005": 1, "1.0": 1, "2.5": 5, "+Inf": 7}
    assert got[("t_took_seconds_count", (("route", "/"),))] == 7
    assert got[("t_took_seconds_sum", (("route", "/"),))] == 13.5


def test_a_second_scrape_tells_the_new_values_from_the_kept_prefixes():
    renderer = Renderer()
    for value in (1, 2):
        text = render([REQUESTS.family({("/", "200"): value})], openmetrics=False, renderer=renderer)
        assert text.endswith(f't_requests_total{{route="/",code="200"}} {value}\n')


def test_prefixes_of_series_that_are_gone_are_forgotten():
    renderer = Renderer()
    for start in range(0, 5000, 1000):
        series = {(str(n), "200"): 1 for n in range(start, start + 1000)}
        render([REQUESTS.family(series)], openmetrics=False, renderer=renderer)
    assert len(renderer._prefixes["t_requests_total", REQUESTS.labels]) <= 3 * 1000 + 1000


def test_sources_may_have_labels_of_their_own_under_one_head():
    """Their names count: a label that was renamed is not shown under the name that it had."""
    renderer = Renderer()
    for name in ("zone", "job_of_mine"):
        own = with_labels(REQUESTS, (name,))
        families = joined(
            [[REQUESTS.family({("/", "200"): 1})], [own.family({("/", "200", "x"): 2})], [TOOK.family({})]]
        )
        text = render(families, openmetrics=False, renderer=renderer)
        assert text.count("# TYPE t_requests_total counter\n") == 1
        samples = [line for line in text.splitlines() if not line.startswith("#")]
        labels = 'route="/",code="200"'
        assert samples == [f"t_requests_total{{{labels}}} 1", f't_requests_total{{{labels},{name}="x"}} 2']


def test_prefixes_of_series_that_live_are_made_once(monkeypatch):
    """However many others come and go: a scrape never makes all of them anew."""
    made = []

    def spy(names, values):
        made.append(values[0])
        return label_text(names, values)

    label_text = exposition._labels
    monkeypatch.setattr(exposition, "_labels", spy)
    renderer, zero = Renderer(), HistogramValue(BOUNDS, (0,) * 4, 0.0)
    for start in range(0, 5000, 500):
        routes = ["lives", *map(str, range(start, start + 500))]
        families = [REQUESTS.family({(one, "200"): 1 for one in routes}), TOOK.family({(one,): zero for one in routes})]
        render(families, openmetrics=False, renderer=renderer)
    assert made.count("lives") == made.count("0")
    assert all(len(kept) <= 3 * 501 + 1000 for kept in renderer._bucket_prefixes.values())


def test_creation_times_are_written_only_where_asked_and_only_in_openmetrics():
    family = REQUESTS.family({("/", "200"): 1}, created={("/", "200"): 1.5})
    line = 't_requests_created{route="/",code="200"} 1.5\n'
    assert line in render([family], openmetrics=True, renderer=Renderer(created=True))
    assert line not in render([family], openmetrics=True)
    assert line not in render([family], openmetrics=False, renderer=Renderer(created=True))


@pytest.mark.parametrize(
    ("metric", "value"), [(TOOK, 1.0), (HEAT, HistogramValue((), (1,), 1.0))], ids=["histogram", "gauge"]
)
def test_a_value_of_the_wrong_kind_is_a_bug(metric, value):
    labels = tuple("x" for _ in metric.labels)
    with pytest.raises(TypeError, match=metric.name):
        render([metric.family({labels: value})], openmetrics=False)


@pytest.mark.parametrize(
    ("value", "want"),
    [(1, "1"), (0.1, "0.1"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (1e22, "1e+22")],
)
def test_numbers_are_written_as_prometheus_reads_them(value, want):
    assert number(value) == want


PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "want"),
    [
        pytest.param("", TEXT, id="nothing"),
        pytest.param("*/*", TEXT, id="curl"),
        pytest.param(PROMETHEUS_2, OPENMETRICS, id="prometheus-2"),
        pytest.param(PROMETHEUS_3, OPENMETRICS, id="prometheus-3"),
        pytest.param("text/plain;q=0.9, application/openmetrics-text;q=0.1", TEXT, id="q-values-count"),
        pytest.param("application/openmetrics-text; version=99.0.0", TEXT, id="unknown-version"),
        pytest.param("application/openmetrics-text;q=junk,;;=,", TEXT, id="junk"),
        pytest.param("application/openmetrics-text;q=nan", TEXT, id="nan"),
    ],
)
def test_negotiation_follows_the_q_values(accept, want):
    assert negotiate(accept) == want
