"""What /probe remembers: falls of counters, exactly; and never more bytes than it may."""

import tracemalloc
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from exporter.catalogue import Metric
from exporter.stats.memory import Memory

METRICS = [Metric(f"m{n}_total", "counter", "Help.", ("x",)) for n in range(3)]
PAGES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 5))


def families(values):
    return [metric.family({(label,): float(value) for label, value in values.items()}) for metric in METRICS]


@given(st.lists(st.tuples(st.sampled_from(["u", "v"]), PAGES)))
def test_falls_are_counted_by_page_and_metric(probes):
    memory, last, want = Memory(), {}, Counter()
    for url, values in probes:
        before = last.get(url, {})
        want[url] += any(value < before.get(label, value) for label, value in values.items())
        last[url] = values
        assert memory.resets(url, "m", families(values)) == dict.fromkeys((m.name for m in METRICS), want[url])


def test_gauges_are_not_remembered():
    gauge = Metric("depth", "gauge", "Help.", ("x",))
    memory = Memory()
    assert memory.resets("u", "m", [gauge.family({("a",): 1.0})]) == {}


def test_the_page_not_asked_longest_is_forgotten_first():
    memory = Memory(most_bytes=4000)
    for url in ["a", "b", "c", "a", "d"]:
        memory.resets(url, "m", families({"x": 5}))
    assert memory.size_bytes <= 4000
    assert memory.resets("b", "m", families({"x": 1}))["m0_total"] == 0
    assert memory.resets("d", "m", families({"x": 1}))["m0_total"] == 1


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 300)), max_size=40))
def test_no_page_and_no_number_of_them_takes_more_than_the_bound(probes):
    memory = Memory(most_bytes=20_000)
    for url, series in probes:
        memory.resets(str(url), "m", families({str(n): 1 for n in range(series)}))
        assert memory.size_bytes <= 20_000


def test_the_bytes_that_are_counted_are_those_that_are_taken():
    memory = Memory(most_bytes=2 << 20)
    pages = [families({f"{n}-{url}": 1 for n in range(100)}) for url in range(3)]
    tracemalloc.start()
    try:
        for n in range(1000):
            memory.resets(f"http://192.0.2.1/{n}?{'x' * 500}", "m", pages[n % 3])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(memory) < 1000
    assert taken < (2 << 20) * 1.2
