"""Whatever a target is, the one that stands for it in the columnar engine has the same route."""

from functools import cache

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog.parse import columnar_targets
from exporter.accesslog.routes import Router

ROUTERS = {
    "shapes": Router([]),
    "folded": Router([], only_declared=True),
    "templates": Router(["/users/me", "/users/{name}", "/api/{v}/o/{id}/", "/static/{path...}", "/it's/{a}-{b}.html"]),
    "ids-in-templates": Router(
        [
            *("/0", "/users/0", "/users/42", "/0/{x}", "/{x}/000000a/", "/a/2000-01-01", "/x/{y}.{z}.js"),
            *("/{a}/b/{c...}", "/x/x"),
        ]
    ),
    "folded-templates": Router(["/users/{id}", "/{a}/{b}/c", "/users/7"], only_declared=True),
    "shadowed": Router(["/{a}", "/b", "/{a}/x", "/q/x", "/q/{b}"]),
}
HEX, LOWER, UPPER = "0123456789abcdef", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def some(alphabet, least, most):
    return st.text(alphabet, min_size=least, max_size=most)


IDS = st.one_of(
    some("0123456789", 1, 20),
    some(HEX, 5, 18),
    some(HEX + "ABCDEF", 14, 40),
    some("0123456789a", 5, 18),
    some("abcdef1", 5, 18),
    st.uuids().map(str),
    st.uuids().map(lambda one: str(one).upper()),
    some("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 26, 26),
    some(LOWER + UPPER + "0123456789_-", 8, 30),
    st.dates().map(str),
    st.datetimes().map(lambda one: one.isoformat()),
    some(LOWER[:4] + UPPER[:3] + "0123-_.", 1, 24),
)
WORDS = st.sampled_from(
    [
        *("", "users", "me", "static", "api", "v1", "v2", "a", "b", "x", "c", "o", "0", "42", "it's", "000000a", "q"),
        *("getUserProfileSettings", "café", "\u202e", "%40", "a%2Cb", "12%2c13", "ann@b.org", "1.2", "1.2.3", "12x34"),
        *("::1", "2001:db8::1", "sha256:" + "0a" * 16, "eyJhbGciOiJ.eyJzdWIi.c2ln", "dXNlcjoxMjM0"),
        *("{id}", "'", "\\", "..."),
    ]
)
PARTS = st.one_of(
    IDS,
    WORDS,
    st.builds("{}-{}".format, some(LOWER, 1, 16), IDS),
    st.builds("{}_{}".format, WORDS, IDS),
    st.builds("{}.{}".format, IDS, st.sampled_from(["js", "json", "x5", "5", "e10", "tar.gz", "", "a1b2c3d4e5f"])),
    st.builds("{}.{}.{}".format, some(LOWER, 0, 6), IDS, st.sampled_from(["js", "css", "7z", "x0", "ab"])),
    st.builds("{}-{}.js".format, some(LOWER, 1, 16), some(LOWER + UPPER + "0123456789_-", 8, 8)),
    st.builds("-".join, st.lists(some(LOWER, 1, 5), min_size=2, max_size=9)).flatmap(
        lambda words: some("0123456789", 3, 6).map(lambda digits: f"{words}-{digits}")
    ),
    st.builds("{};{}".format, WORDS, IDS),
    st.text(max_size=6).filter(lambda text: "\n" not in text),
)
HOSTS = st.sampled_from(
    ["", "http://example.org/", "HTTPS://u@h:1/", "http://h", "x+y-z.0://", "9://h/", "*", ";/", "//"]
)
STARTS = st.one_of(st.just("/"), st.just("/"), st.just("/"), HOSTS)
PATHS = st.lists(PARTS, max_size=4).map("/".join)
TARGETS = st.builds("{}{}{}".format, STARTS, PATHS, st.sampled_from(["", "", "/"]))


@cache
def stand_ins(name):
    db = duckdb.connect(config={"threads": 1})
    rows = "SELECT unnest($1::VARCHAR[]) AS target, unnest(range(len($1))) AS number"
    sql = f"SELECT target FROM ({columnar_targets.routed(rows, ROUTERS[name])}) ORDER BY number"
    return lambda targets: [one for (one,) in db.execute(sql, [targets]).fetchall()]


def check(name, targets):
    targets = [target.encode("utf-8", "replace").decode().replace("\0", "") for target in targets]
    for target, one in zip(targets, stand_ins(name)(targets), strict=True):
        assert ROUTERS[name].route(one.encode()) == ROUTERS[name].route(target.encode()), (target, one)


@pytest.mark.parametrize("name", ROUTERS)
@settings(max_examples=30, deadline=None)
@given(targets=st.lists(TARGETS, min_size=1, max_size=40))
def test_what_stands_for_a_target_has_its_route(name, targets):
    check(name, targets)


@pytest.mark.slow
@pytest.mark.parametrize("name", ROUTERS)
@settings(max_examples=60, deadline=None)
@given(targets=st.lists(TARGETS, min_size=10, max_size=50))
def test_what_stands_for_one_of_many_targets_has_its_route(name, targets):
    check(name, targets)


@pytest.mark.parametrize(
    ("targets", "want"),
    [
        (["/u/12/34/5", "/u/6/7/8/", "/u/7.json"], ["/u/0/0/0", "/u/0/0/0/", "/u/0.json"]),
        (["/s/123e4567-e89b-12d3-a456-426614174000"], ["/s/a0000000-0000-0000-0000-000000000000"]),
        (["/c/da39a3ee5e6b4b0d3255bfef95601890afd80709/raw", "/c/3f9a8b7/raw"], ["/c/000000a/raw"] * 2),
        (["/a/main.3f9a8b7c.js", "/a/main.0b1c2d3e4f5a6b7c.js"], ["/a/main.0000000a.js"] * 2),
        (["/p/red-shoe-12345", "/p/red-shoe-999999"], ["/p/red-shoe-0000"] * 2),
        (["/d/2026-11-27", "/d/2026-11"], ["/d/2000-01-01"] * 2),
        (["http://example.org/u/7;a=b/x", "http://example.org", "example.org:443"], ["/u/0/x", "/", "*"]),
    ],
)
def test_many_targets_become_one(targets, want):
    assert stand_ins("shapes")(targets) == want
