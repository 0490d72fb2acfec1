"""What tallies change, worked out at once: the same as one hit after the other, by rules written out plainly here."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.routes import Router
from exporter.accesslog.source import Limits, Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import Tally

USUAL = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}
METHODS = (b"GET", b"POST", b"PUT", b"BREW", b"M-A", b"get", b"\x16\x03", b"")
TARGETS = (b"/a", b"/b", b"/c/7", b"/c/8", b"/d", b"/new", b"*", b"", b"/\xff", b"/" + b"y" * 190, b"/7" * 200)
CODES = (b"200", b"201", b"304", b"404", b"500", b"000", b"999")
BUCKETS = (0.1, 1.0)


class Plainly:
    """Counts in place, hit by hit; a key that once got its labels keeps them."""

    def __init__(self, source):
        self.source, self.router, self.given = source, Router(source.routes), {}
        self.methods, self.routes = {"other", *source.methods}, {"other", *source.routes}
        self.declared = [f"{code:03}" for code in source.codes]
        self.codes, self.series = {"other", *self.declared}, set()
        self.requests, self.created, self.durations, self.folded, self.lines = {}, {}, {}, {}, 0
        for route in source.routes:
            for method in source.methods:
                self.birth(method, route, self.declared, 0.0)

    def birth(self, method, route, codes, now_s):
        for code in codes:
            if ("s", method, route, code) not in self.requests:
                self.requests["s", method, route, code] = [0, 0]
                self.created["s", method, route, code] = now_s
                self.series.add((method, route, code))
                self.methods.add(method), self.routes.add(route), self.codes.add(code)
        if self.source.format == "tab-timed":
            self.durations.setdefault(("s", method, route), [0] * 4)

    @staticmethod
    def within(value, known, limit):
        if value not in known:
            if len(known) - 1 >= limit:
                return "other"
            known.add(value)
        return value

    def labelled(self, method, target, code):
        limits, success = self.source.limits, code[:1] == b"2" or code == b"304"
        text = method.decode("latin-1")
        text = text if re.fullmatch("[A-Z][A-Z-]{0,19}", text) else "other"
        unusual = (limits.methods - len(USUAL - self.methods)) if success else 0
        method_label = self.within(text, self.methods, limits.methods if text in USUAL else unusual)
        route = self.within(self.router.route(target), self.routes, limits.routes if success else 0)
        code_label = self.within(code.decode(), self.codes, limits.codes)
        folds = [
            name
            for name, value in (("method", method_label), ("route", route), ("code", code_label))
            if value == "other"
        ]
        labels = (method_label, route, code_label)
        if labels not in self.series and route != "other" and len(self.series) >= limits.series:
            labels = (method_label, "other", code_label)
            folds.append("series")
        self.series.add(labels)
        return labels, folds

    def of(self, key):
        if key in self.given:
            return self.given[key]
        found = self.labelled(*key)
        if len(key[0]) + len(key[1]) <= 256 and (found[0][1] != "other" or key[2][:1] == b"2" or key[2] == b"304"):
            self.given[key] = found
        return found

    def add(self, tally, now_s):
        self.lines += tally.lines
        for key in tally.hits:
            if key[2][:1] == b"2" or key[2] == b"304":
                self.of(key)
        for key, (count, size, duration_ns, *buckets) in tally.hits.items():
            (method, route, code), folds = self.of(key)
            for label in folds:
                self.folded[label] = self.folded.get(label, 0) + count
            if ("s", method, route, code) not in self.requests:
                self.birth(method, route, [*self.declared, code], now_s)
            one = self.requests["s", method, route, code]
            one[0] += count
            one[1] += size
            if any(buckets):
                sums = self.durations.setdefault(("s", method, route), [0] * 4)
                for place, more in enumerate((duration_ns, *buckets)):
                    sums[place] += more


keys = st.tuples(*map(st.sampled_from, (METHODS, TARGETS, CODES)))
counts = st.integers(1, 5)
untimed = st.tuples(counts, st.integers(0, 9), st.just(0)).map(list)
timed = st.tuples(counts, st.integers(0, 9), st.integers(0, 9), st.integers(0, 2), counts, st.integers(0, 2)).map(list)
hits = st.dictionaries(keys, untimed | timed, max_size=12)
limits = st.builds(
    Limits, **{name: st.integers(1, 6) for name in ("methods", "routes", "codes")}, series=st.integers(1, 9)
)
sources = st.builds(
    Source,
    source=st.just("s"),
    paths=st.just(("a",)),
    format=st.sampled_from(("tab", "tab-timed")),
    routes=st.sampled_from(((), ("/c/{n}",), ("/a", "/new"))),
    codes=st.sampled_from(((), (200, 500))),
    methods=st.sampled_from((("GET",), ("GET", "BREW"))),
    buckets=st.just(BUCKETS),
    limits=limits,
)


@settings(max_examples=60)
@given(sources, st.lists(hits, max_size=6))
def test_a_delta_changes_what_one_hit_after_the_other_does(source, batches):
    traffic, plainly, kept = Traffic(source, 0.0), Plainly(source), {}
    kept |= traffic.changes()
    for now_s, batch in enumerate(batches, 1):
        tally = Tally(len(batch), {}, batch)
        plainly.add(tally, float(now_s))
        traffic.add(tally, float(now_s))
        kept |= traffic.changes()
        assert [(labels, [one.count, one.bytes]) for labels, one in traffic.requests.items()] == list(
            plainly.requests.items()
        )
        assert list(traffic.created.items()) == list(plainly.created.items())
        assert {k: [one.sum_ns, *one.counts] for k, one in traffic.durations.items()} == plainly.durations
        assert (traffic.totals.lines, traffic.totals.folded) == (plainly.lines, plainly.folded)
    assert kept == traffic.changes(everything=True)


@settings(max_examples=25)
@given(sources, st.lists(hits, min_size=1, max_size=3))
def test_what_was_given_out_never_changes(source, batches):
    """A scrape, or a commit that waits for the disk, reads on in what it has."""
    traffic, given_out = Traffic(source, 0.0), []
    for batch in batches:
        there = traffic.totals, dict(traffic.requests), dict(traffic.durations)
        given_out.append((there, repr(there)))
        traffic.add(Tally(len(batch), {}, batch), 1.0)
    assert all(repr(what) == was for what, was in given_out)
