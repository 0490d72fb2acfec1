"""Targets to routes: templates first, then shapes; never an unbounded label."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.accesslog import routes
from exporter.accesslog.routes import KEEP, MAX_ROUTE_CHARS, Router, compile_template


@pytest.mark.parametrize(
    ("target", "want"),
    [
        (b"/", "/"),
        (b"/users/me", "/users/me"),
        (b"/users/7", "/users/{name}"),
        (b"/users/7/", "/users/{id}/"),
        (b"/static/a/b.js", "/static/{path...}"),
        (b"/static/", "/static/"),
        (b"/a.b", "/a.b"),
        (b"/aXb", "/aXb"),
        (b"http://example.com/users/x", "/users/{name}"),
        (b"https://example.com", "/"),
        (b"*", "other"),
        (b"", "other"),
        (b"example.com:443", "other"),
        (b"/" + b"x" * MAX_ROUTE_CHARS, "other"),
        (b"/\xff", "/\ufffd"),
        (b"/\x1b[31m\r\0\x0b", r"/\x1b[31m\r\x00\x0b"),
        ("/\u202ecaf\xe9".encode(), "/\\u202ecaf\xe9"),
    ],
)
def test_templates_are_tried_in_order(target, want):
    router = Router(["/users/me", "/users/{name}", "/static/{path...}", "/a.b"])
    assert router.route(target) == want


@pytest.mark.parametrize(
    ("target", "want"),
    [
        (b"/users/123/posts/4", "/users/{id}/posts/{id}"),
        (b"/v2/x1", "/v2/x1"),
        (b"/o/123e4567-e89b-12d3-a456-426614174000", "/o/{uuid}"),
        (b"/c/da39a3ee5e6b4b0d3255bfef95601890afd80709/raw", "/c/{hash}/raw"),
        (b"/facadefacadefacade", "/facadefacadefacade"),
        (b"/1//2", "/{id}//{id}"),
    ],
)
def test_numbers_uuids_and_hashes_do_not_make_routes(target, want):
    assert Router([]).route(target) == want


def test_a_flood_of_targets_costs_a_target_in_use_no_second_look(monkeypatch):
    looked = []
    monkeypatch.setattr(routes, "guess_route", lambda path: looked.append(path) or path)
    router = Router([])
    for number in range(3 * KEEP):
        router.route(b"/item/%d" % number)
        if number % 1000 == 0:
            router.route(b"/hot")
    assert looked.count("/hot") == 1


@pytest.mark.parametrize("templates", [(), ("/users/{name}",), ("/7", "/items/{id}")])
@pytest.mark.parametrize("many", [3, 300])
def test_many_targets_have_the_routes_that_they_have_one_by_one(templates, many):
    kinds = (b"/%d", b"/items/%d", b"/users/u%d", b"/users/%d/x", b"/static/app.%08xa.js", b"*%d", b"/%d\n")
    targets = [kind % number for number in range(many) for kind in kinds] + [b"/7", b"/users/7"] * 2
    router = Router(templates)
    router.route(b"/users/7")
    want = [Router(templates).route(target) for target in targets]
    assert router.routes(targets) == want
    assert router.routes(targets[:-1]) == want[:-1]


def test_undeclared_paths_can_fold():
    router = Router(["/a"], only_declared=True)
    assert [router.route(t) for t in (b"/a", b"/b", b"/7")] == ["/a", "other", "other"]


@pytest.mark.parametrize(
    ("template", "want"),
    [
        ("users", "must start with /"),
        ("/a?b=c", "must not have a query"),
        ("/{a...}/b", "nothing can follow it"),
        ("/{a", "a variable is written"),
        ("/{a b}", "a variable is written"),
    ],
)
def test_a_template_that_is_none_is_refused(template, want):
    with pytest.raises(ValueError, match=want):
        compile_template(template)


@settings(max_examples=40)
@given(st.binary(max_size=40))
def test_any_target_has_a_route_and_keeps_it(target):
    router = Router(["/{a}"])
    route = router.route(target)
    assert route == "other" or route.startswith("/")
    assert len(route) <= MAX_ROUTE_CHARS
    assert router.route(target) == route


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr("exporter.accesslog.routes.KEEP", 3)
    router = Router([])
    targets = [b"/%d/x" % n for n in range(8)] + [b"/" + b"y" * 1000]
    assert {router.route(target) for target in targets} == {"/{id}/x", "other"}
    assert len(router._known) <= 2 * 3
    assert router._known.get(targets[-1]) is None  # so long a one is not kept
