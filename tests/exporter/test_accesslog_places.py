"""Which label values take a place: what a site answers, whatever strangers ask for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.labels import Labeller, Labels
from exporter.accesslog.routes import KEEP
from exporter.accesslog.shapes import guess_route
from exporter.accesslog.source import Limits, Source
from exporter.accesslog.state import Traffic
from exporter.accesslog.tally import Tally
from exporter.checkpoint import Changes, Checkpoint
from foundation.clock import SystemClock


def source(**settings):
    return Source(source="shop", paths=("a",), **settings)


def tally(*keys):
    """Each a `METHOD path code`."""
    made = Tally()
    for key in keys:
        made.hits.setdefault(tuple(part.encode() for part in key.split(" ")), [0, 0, 0])[0] += 1
        made.lines += 1
    return made


def counted(traffic):
    return {f"{method} {route} {code}": one.count for (_, method, route, code), one in traffic.requests.items()}


REFUSED = [code for code in range(100, 600) if not 200 <= code < 300 and code != 304] + [0]


@given(code=st.sampled_from(REFUSED), many=st.integers(1, 30))
def test_what_was_never_answered_takes_no_place(code, many):
    traffic = Traffic(source(limits=Limits(routes=3)), 0.0)
    traffic.add(tally(*(f"GET /scan/x{n} {code:03}" for n in range(many))), 0.0)
    traffic.add(tally("GET /a 500", "GET /a 200"), 0.0)
    assert counted(traffic) == {f"GET other {code:03}": many, "GET /a 500": 1, "GET /a 200": 1}
    assert traffic.totals.folded == {"route": many}


@pytest.mark.parametrize("code", ["200", "204", "206", "304"])
def test_a_path_keeps_the_place_that_an_answer_gave_it(code):
    traffic = Traffic(source(), 0.0)
    traffic.add(tally("GET /a 500"), 0.0)
    traffic.add(tally(f"GET /a {code}"), 0.0)
    traffic.add(tally("GET /a 500"), 0.0)
    assert counted(traffic) == {"GET other 500": 1, f"GET /a {code}": 1, "GET /a 500": 1}


def test_declared_routes_need_no_answer():
    traffic = Traffic(source(routes=("/pay/{id}",), codes=(500,), methods=("POST",)), 0.0)
    traffic.add(tally("POST /pay/7 500"), 0.0)
    assert counted(traffic) == {"POST /pay/{id} 500": 1}


def test_routes_that_a_state_has_keep_their_places():
    labeller = Labeller(source(), [Labels("GET", "/old", "404")])
    assert labeller.labelled((b"GET", b"/old", b"404")).labels.route == "/old"


def test_usual_methods_have_places_that_others_cannot_take():
    traffic = Traffic(source(), 0.0)
    traffic.add(tally(*(f"METHOD-{chr(65 + n)} / 200" for n in range(26)), "BREW / 405"), 0.0)
    traffic.add(tally("DELETE / 500", "PATCH / 200", "OPTIONS / 204"), 0.0)
    methods = {key.split(" ")[0] for key in counted(traffic)}
    assert {"DELETE", "PATCH", "OPTIONS", "other", "METHOD-A"} <= methods
    assert "BREW" not in methods
    assert len(methods) <= Limits().methods + 1


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("/jobs/8331.json", "/jobs/{id}.json"),
        ("/tiles/12/2048/1362.png", "/tiles/{id}/{id}/{id}.png"),
        ("/o/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/o/{ulid}"),
        ("/o/01arz3ndektsv4rrffq69g5fav", "/o/{ulid}"),
        ("/o/0ujtsYcgvSTl8PAuAdqWYSMnLOv", "/o/{token}"),
        ("/p/V1StGXR8_Z5jdHi6B-myT", "/p/{token}"),
        ("/c/cus_NffrFeUfNV3Hib", "/c/{token}"),
        ("/v/dQw4w9WgXcQ", "/v/{token}"),
        ("/u/dXNlcjoxMjM0", "/u/{token}"),
        ("/u/dXNlcjoxMjM0NQ==", "/u/{token}"),
        ("/d/2026-11-26", "/d/{date}"),
        ("/d/2026-11", "/d/{date}"),
        ("/d/2026-11-26T05:06:27Z/raw", "/d/{date}/raw"),
        ("/assets/main.3f9a8b7c.js", "/assets/main.{hash}.js"),
        ("/i/da39a3ee5e6b4b0d3255bfef95601890afd80709.png", "/i/{hash}.png"),
        ("/f/123e4567-e89b-12d3-a456-426614174000.pdf", "/f/{uuid}.pdf"),
        ("/u/jo.doe%2B1@mail.example.org", "/u/jo.doe%2B1@mail.example.org"),
        ("/u/jo.doe+1@mail.example.org/edit", "/u/{email}/edit"),
        ("/u/jo%40example.org", "/u/{email}"),
        ("/commit/3f2504e", "/commit/{hash}"),
        (f"/blobs/sha256:{'0a' * 32}", "/blobs/{hash}"),
        ("/verify/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dGVzdA", "/verify/{token}"),
        ("/orders/ORD-2026-00123", "/orders/ORD-{id}-{id}"),
        ("/inv/inv_20261122.pdf", "/inv/inv_{id}.pdf"),
        ("/at/52.5200,13.4050", "/at/{id}"),
        ("/t/1795329048.123", "/t/{id}"),
        ("/of/1%2C2%2C3", "/of/{id}"),
        ("/range/-5", "/range/{id}"),
        ("/ip/192.0.2.1", "/ip/{id}"),
        ("/ip/2001:db8::1", "/ip/{id}"),
        ("/assets/index-BxK3v9aQ.js", "/assets/index-{hash}.js"),
        *((same, same) for same in ("/logo@2x.png", "/@scope/name", "/1.0/users", "/v/1.2.3", "/page_10", "/covid-19")),
        *((same, same) for same in ("/deadbeef", "/facade", "/face2face", "/a:b:c", "/book-Chapter1.html")),
        *((same, same) for same in ("/", "//", "/index.html", "/v1.2", "/v2/x1", "/jquery-3.6.0.min.js", "/1.5")),
        *((same, same) for same in ("/blog/how-to-write-a-parser-in-10-steps", "/getUserProfileSettings", "/README")),
        *((same, same) for same in ("/wp-content/themes/twentytwenty", "/Fahrradständer", "/CustomerServiceContact")),
        *((same, same) for same in ("/api/v1/users", "/.well-known/acme-challenge", "/settings", "/documentation")),
    ],
)
def test_an_id_is_known_by_its_shape_and_a_word_is_not_an_id(path, want):
    assert guess_route(path) == want


@given(
    st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:,@%+", min_size=1, max_size=60)
)
def test_a_shape_is_its_own_shape(text):
    assert guess_route(guess_route(f"/{text}")) == guess_route(f"/{text}")


def test_path_parameters_are_no_part_of_a_route():
    router = source(routes=("/app/{page}",)).router()
    assert router.route(b"/app/orders;jsessionid=0001.node1") == "/app/{page}"
    assert source().router().route(b"/app;v=1/orders;jsessionid=0001.node1") == "/app/orders"


@pytest.fixture
def filled(tmp_path):
    """A configuration whose state a scanner has filled, as an older version let it."""
    config = tmp_path / "exporter.yml"
    state = tmp_path / "state"
    config.write_text(
        f"state_dir: {state}\naccesslog:\n- {{source: shop, paths: [{tmp_path}/a.log], format: tab, routes: [/pay]}}\n"
    )
    traffic = Traffic(source(), 5.0, {json.dumps(["GET", f"/scan{n}", "404"]): b"[3,9,1.0]" for n in range(3)})
    traffic.add(tally("GET /a 200", "GET /a 200", "GET /pay 500", "GET nothing 400"), 5.0)
    with Checkpoint(state / "exporter.db", SystemClock()) as checkpoint:
        checkpoint.load("accesslog/shop")
        checkpoint.commit_now("accesslog/shop", Changes(traffic.changes(everything=True) | {"tail": b"x"}))
    return config


def routes(run, config):
    return {
        one["route"]: one["requests"] for one in json.loads(run("routes", "list", "--config.file", config, "--json")[1])
    }


def test_a_state_that_a_scanner_has_filled_can_be_mended(run, filled):
    assert routes(run, filled) == {"/scan0": 3, "/scan1": 3, "/scan2": 3, "other": 2, "/a": 2}
    code, out, _ = run("routes", "forget", "--config.file", filled, "--refused")
    assert (code, out) == (0, "3 routes, 3 series forgotten\n")
    assert routes(run, filled) == {"other": 2, "/a": 2}
    assert run("routes", "forget", "--config.file", filled, "/a")[1] == "1 routes, 1 series forgotten\n"
    with Checkpoint(filled.parent / "state" / "exporter.db", SystemClock()) as checkpoint:
        saved = checkpoint.load("accesslog/shop")
    assert (saved["tail"], "totals" in saved) == (b"x", True)
    traffic = Traffic(source(), 9.0, saved)
    traffic.add(tally("GET /a 200"), 9.0)
    assert traffic.created["shop", "GET", "/a", "200"] == 9.0  # what returns says that it is new


def test_routes_that_are_not_there_cannot_be_forgotten(run, filled):
    code, _, err = run("routes", "forget", "--config.file", filled, "/nope")
    assert (code, "no route /nope" in err) == (2, True)
    code, _, err = run("routes", "forget", "--config.file", filled)
    assert (code, "name the routes to forget, or give --refused" in err) == (2, True)


def test_a_state_in_use_is_not_touched(run, filled):
    with Checkpoint(filled.parent / "state" / "exporter.db", SystemClock()) as checkpoint:
        checkpoint.load("accesslog/shop")
        code, _, err = run("routes", "forget", "--config.file", filled, "--refused")
    assert (code, "in use by process" in err) == (5, True)


def test_a_flood_of_paths_costs_a_path_in_use_no_second_look(monkeypatch):
    looked = []
    monkeypatch.setattr("exporter.accesslog.routes.guess_route", lambda path: looked.append(path) or path)
    labeller = Labeller(source())
    for number in range(3 * KEEP):
        labeller.labelled((b"GET", b"/item/%d" % number, b"200"))
        if number % 1000 == 0:
            labeller.labelled((b"GET", b"/hot", b"200"))
    assert looked.count("/hot") == 1
