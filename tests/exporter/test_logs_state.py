"""Custom counters continue over restarts and reloads, within their limits."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exporter.checkpoint import encoded
from exporter.logs.metrics import families
from exporter.logs.reader import Reader
from exporter.logs.source import Label, Limits, Rule, Source
from exporter.logs.state import State
from exporter.web.exposition import Renderer

RULES = (
    Rule(counter="app_events_total", labels={"event": "{event}"}),
    Rule(counter="app_logins_total", match={"event": "login"}, labels={"how": Label("how", values=("ok", "bad"))}),
    Rule(histogram="app_wait_seconds", value="{took}", buckets=(0.5, 1.0)),
    Rule(gauge="app_queue_length", value="{depth}"),
)


def source(metrics=RULES, **more):
    return Source(source="app", paths=("/x",), metrics=metrics, **more)


def text(state):
    return "".join(Renderer().render(families(state), openmetrics=False))


def value(state, sample):
    [found] = [line.rpartition(" ")[2] for line in text(state).splitlines() if line.rpartition(" ")[0] == sample]
    return float(found)


LINES = st.lists(
    st.fixed_dictionaries(
        {"event": st.sampled_from(["login", "a", "b"])},
        optional={
            "how": st.sampled_from(["ok", "bad", "?"]),
            "took": st.sampled_from([0.1, 0.7, 1e9]),
            "depth": st.integers(-2, 9),
        },
    ),
    max_size=8,
)


def as_data(lines):
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


@given(st.lists(LINES, max_size=5))
def test_a_state_that_is_saved_and_restored_between_any_two_batches_ends_as_one_that_ran_through(batches):
    through, kept, state = State(source(), 1.0), {}, State(source(), 1.0)
    for batch in batches:
        counts = Reader(source()).read(as_data(batch))
        through.add(counts, 2.0)
        state.add(counts, 2.0)
        puts, gone = state.changes()
        assert not gone
        kept |= {key: encoded(one) for key, one in puts.items()}
        state = State(source(), 3.0, kept)
        assert not state.unreadable
    assert sorted(text(state).splitlines()) == sorted(text(through).splitlines())
    assert value(state, 'app_logins_total{source="app",how="ok"}') >= 0  # born


def test_a_value_past_its_limit_folds_and_one_that_has_a_place_keeps_it():
    limited = source(limits=Limits(values=2, series=100))
    state = State(limited, 1.0)
    for event in ("a", "b", "c", "d", "a"):
        state.add(Reader(limited).read(as_data([{"event": event}])), 2.0)
    assert value(state, 'app_events_total{source="app",event="a"}') == 2
    assert value(state, 'app_events_total{source="app",event="other"}') == 2
    assert value(state, 'tidewatch_logs_folded_total{source="app",metric="app_events_total",label="event"}') == 2
    assert value(state, 'tidewatch_logs_series{source="app",metric="app_events_total"}') == 3


PAIRS = st.lists(
    st.fixed_dictionaries({"a": st.integers(0, 6), "b": st.sampled_from(["x", "y", "other"]), "n": st.integers(0, 9)}),
    max_size=12,
)


@given(st.lists(PAIRS, max_size=5), st.integers(1, 4), st.integers(1, 6))
def test_a_reader_that_knows_what_is_full_makes_the_same_counts(batches, values, series):
    rules = (
        Rule(counter="app_pairs_total", labels={"a": "{a}", "b": "{b}"}),
        Rule(counter="app_pairs_total", match={"b": "x"}, labels={"a": Label("n", limit=5), "b": "{b}"}),
        Rule(histogram="app_wait_seconds", value="{n}", buckets=(2.0, 5.0), labels={"a": "{a}"}),
    )
    limited = source(rules, limits=Limits(values=values, series=series))
    plain, told = State(limited, 1.0), State(limited, 1.0)
    reader, telling = Reader(limited), Reader(limited)
    for batch in batches:
        plain.add(reader.read(as_data(batch)), 2.0)
        counts = telling.read(as_data(batch))
        assert all(
            labels[place] in known
            for sums, of_rule in zip(counts.sums, telling.closed, strict=bool(telling.closed))
            for labels in sums
            for place, known in enumerate(of_rule)
            if known is not None
        )
        told.add(counts, 2.0)
        telling.closed = told.closed
    assert text(told) == text(plain)


def test_what_an_earlier_version_kept_goes_on():
    big = 10**24
    state = State(source(), 9.0, {'["app_events_total","a"]': b'["7 %d",5.0,[]]' % (big * 10**9)})
    assert not state.unreadable
    state.add(Reader(source()).read(as_data([{"event": "a"}])), 9.0)
    puts, _ = state.changes()
    kept = {key: encoded(one) for key, one in puts.items()}
    assert msgspec.json.decode(kept['["app_events_total","a"]']) == [[8, (big + 1) * 10**9], 5.0, []]
    assert text(State(source(), 9.0, kept)) == text(state)


def test_series_past_the_limit_fold_into_one():
    rule = Rule(counter="app_pairs_total", labels={"a": "{a}", "b": "{b}"})
    limited = source((rule,), limits=Limits(series=3))
    state = State(limited, 1.0)
    state.add(Reader(limited).read(as_data([{"a": n % 2, "b": n} for n in range(10)])), 2.0)
    assert value(state, 'app_pairs_total{source="app",a="other",b="other"}') == 7
    assert value(state, 'tidewatch_logs_folded_total{source="app",metric="app_pairs_total",label="series"}') == 7


def test_other_settings_keep_what_stays_and_end_what_goes():
    state = State(source(), 1.0)
    state.add(Reader(source()).read(as_data([{"event": "a", "took": 0.7, "depth": 3}])), 2.0)
    kept, _ = state.changes()
    after = source((RULES[0], Rule(histogram="app_wait_seconds", value="{took}", buckets=(0.25,))))
    state.configure(after, 5.0)
    assert value(state, 'app_events_total{source="app",event="a"}') == 1
    assert value(state, 'app_wait_seconds_count{source="app"}') == 0  # buckets of its own: it begins anew
    assert "app_queue_length" not in text(state)
    puts, gone = state.changes()
    assert '["app_queue_length"]' in gone
    assert '["app_wait_seconds"]' in puts
    restored = State(after, 9.0, {key: encoded(one) for key, one in (kept | puts).items() if key not in gone})
    assert text(restored) == text(state)


def test_what_cannot_be_read_begins_anew_and_is_told():
    state = State(
        source(),
        1.0,
        {"totals": b"{", '["app_events_total","a"]': b"[]", "junk": b"", '["gone_total"]': b'["1 1",1.0,[]]'},
    )
    assert state.unreadable.keys() == {"totals", '["app_events_total","a"]', "junk"}
    assert state.changes()[1] == {'["gone_total"]'}


DEPTHS = (
    Rule(gauge="app_depth", match={"event": "login"}, value="{depth}", labels={"how": "{how}"}),
    Rule(gauge="app_depth", match={"event": ["a", "b"], "line": "a"}, value="{depth}", labels={"how": "{event}"}),
)


@given(LINES, st.integers(0, 8), st.booleans())
def test_a_gauge_has_the_value_of_the_last_line_whichever_rule_and_label_it_came_by(lines, cut, closed):
    """Labels that became `other` are one series, and so may be those of several rules; lines come one by one or not."""
    settings = source(DEPTHS, limits=Limits(values=1))
    first = as_data([{"event": "login", "how": "ok", "depth": 0}])
    alone, together = State(settings, 1.0), State(settings, 1.0)
    reader = Reader(settings)
    for state in (alone, together):
        state.add(reader.read(first), 2.0)
    for line in lines:
        alone.add(reader.read(as_data([line])), 2.0)
    reader.closed = together.closed if closed else ()
    counts = reader.read(as_data(lines[:cut]))
    counts.merge(reader.read(as_data(lines[cut:])), reader.gauges)
    together.add(counts, 2.0)
    of_gauge = [[line for line in text(one).splitlines() if line.startswith("app_depth")] for one in (alone, together)]
    assert sorted(of_gauge[0]) == sorted(of_gauge[1])
