"""The law of `alike`: whatever a target is, its route is that of what it becomes."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.accesslog.alike import alike, speaks_of_ids
from exporter.accesslog.routes import Router

UUID = "550e8400-e29b-41d4-a716-446655440000"
PARTS = (
    *(
        "",
        "0",
        "7",
        "42",
        "007",
        "items",
        "v2",
        "1.2",
        "1.2.3",
        "12345.6",
        "8331.json",
        "8331.x5",
        "5.e3",
        "a.b",
        "-1",
        "1,2",
    ),
    *(
        "deadbeef",
        "dead0beef",
        "3f9a8b7c",
        "0123456",
        "012345a6",
        "0123456789abcde",
        "0123456789abcdef",
        "DEADBEEF00112233",
    ),
    *(UUID, UUID.upper(), UUID[:-1], UUID + "0", f"{UUID}.json", "2026-11-27", "2026-11", "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    *(
        "main.3f9a8b7c.js",
        "main.3f9a8b7c.1a2b3c4d.js",
        "main.3f9a8b7c.1a2b3c4d.js.map",
        "main.3f9a8b7c.js-1",
        "main.3f9a8b7c.",
        "main.3f9a8b7c.7z",
        "main.3f9a8b7c.extensionsofmore",
        "a@b.3f9a8b7c.org",
        "eyJa.3f9a8b7c.b",
        "app-12345",
        "12345;v=1",
        ";p=.3f9a8b7c.",
    ),
    *(
        "192.0.2.7",
        "fe80::1a2b3c4d",
        "1:2:3",
        "sha256:" + "a1" * 16,
        "X1b2C3d4E5f6G7h8",
        "%2C",
        "\xff",
        "\n",
        "12\n34",
        "~",
    ),
)
parts = st.sampled_from(PARTS) | st.text("0123456789abcdefxX.-/;~", max_size=20)
starts = st.sampled_from(("/", "", "//", "http://example.org/", "http://12345678/", "https://1.deadbeef00.org/", "*"))
targets = st.builds(
    lambda start, segments: (start + "/".join(segments)).encode("latin-1"),
    starts,
    st.lists(parts, min_size=1, max_size=4),
)
literals = st.sampled_from(
    (
        "a",
        "0",
        "7",
        "42",
        ".json",
        ".js",
        ".",
        "-",
        "v",
        "~",
        "add",
        "000000a",
        ".0000000a.",
        "a0000000-",
        UUID,
        "main.",
    )
)
segments = st.lists(literals | st.just("{x}"), min_size=1, max_size=3).map("".join)
templates = st.lists(st.lists(segments, min_size=1, max_size=3).map(lambda some: "/" + "/".join(some)), max_size=3)


@settings(max_examples=1000)
@given(templates, st.lists(targets, max_size=8))
@example([], [b"/" + part.encode("latin-1") for part in PARTS])
@example(["/{x}", "/a/{x}", "/main.{x}.js"], [b"/a/" + part.encode("latin-1") for part in PARTS])
def test_routes_stay_what_they_are(templates, targets):
    templates = [one for one in templates if not speaks_of_ids(one)]
    found = alike(targets)
    assert list(map(Router(templates).route, found)) == list(map(Router(templates).route, targets))


def test_ids_of_a_kind_become_one():
    kinds = (
        "/o/%d",
        "/o/%d/x",
        "/img/%d.jpg",
        "/c/%016xa",
        "/c/a1%05x",
        "/u/550e8400-e29b-41d4-a716-%012x",
        "/js/app.%08xa.js",
    )
    for kind in kinds:
        assert len(set(alike([(kind % number).encode() for number in range(100, 200)]))) == 1


@pytest.mark.parametrize(
    "template",
    [
        "/42",
        "/a/42/{x}",
        "/0",
        "/{x}5",
        "/{x}5.json",
        "/4{x}",
        "/42{rest...}",
        f"/{UUID}",
        "/{x}-446655440000",
        "/m.{x}c.js",
        "/{x}.0000000a.js",
        "/42.{x}",
        "/42.{x...}",
        "/42.j{x}",
        "/000000a.{x}",
        "/m.0000000a.{x}",
        "/m.0000000a.{x}.{y}",
    ],
)
def test_a_template_that_takes_one_id_and_not_another_speaks_of_ids(template):
    assert speaks_of_ids(template)


@pytest.mark.parametrize(
    "template", ["/", "/add", "/users/{id}", "/img/{id}.jpg", "/v{n}/x", "/v2/{id}", "/static/{path...}", "/m.{h}.js"]
)
def test_others_do_not(template):
    assert not speaks_of_ids(template)
