"""Every server of the house, as its command starts it, holds to the one web policy."""

import base64
import http.client
import socket

import pytest
from house import ACTING, CHANGES, SERVERS, write_web

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("rebind.evil.example", True),
        ("127.0.0.1.evil.example:80", True),
        ("localhost:1", False),
        ("192.0.2.7", False),
        ("metrics.example.com", False),
    ],
)
def test_a_server_answers_to_its_names_alone(plain, server, host, refused):
    status, _ = plain.ask(server, path="/", Host=host)
    assert (status == 421) is refused


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("path", ["/", "/-/healthy", "/nowhere"])
def test_every_answer_carries_the_headers(plain, server, path):
    check_headers(plain.ask(server, path=path)[1])


@pytest.mark.parametrize("server", SERVERS)
def test_what_is_not_http_is_answered_with_the_headers_too(plain, server):
    with socket.create_connection(("127.0.0.1", plain.ports[server]), 20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 400
        check_headers(answer.headers)


def check_headers(headers):
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "deny"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Server"] == "tidewatch"


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_page_of_another_site_changes_nothing(plain, server, headers):
    status, _ = plain.ask(server, "POST", CHANGES.get(server, "/"), b"x", Content_Type="application/json", **headers)
    assert status == 403


@pytest.mark.parametrize("server", SERVERS)
def test_a_page_of_another_site_embeds_nothing_and_links_may_be_followed(plain, server):
    assert plain.ask(server, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image")[0] == 403
    assert plain.ask(server, Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document")[0] < 405


@pytest.mark.parametrize("server", ACTING)
def test_a_get_that_changes_something_is_as_guarded_as_a_post(plain, server):
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}
    assert plain.ask(server, path="/trigger_report", **link)[0] == 403
    assert plain.ask(server, path="/trigger_report", Referer="http://evil.example/")[0] == 403
    assert plain.ask(server, path="/trigger_report", Sec_Fetch_Site="none")[0] == 200
    assert plain.ask(server, path="/trigger_report")[0] == 200


@pytest.mark.parametrize(
    ("server", "path", "kind", "status"),
    [
        ("exporter", "/-/reload", "", 200),
        ("ingest", "/ingest", "text/plain", 200),
        ("ingest", "/ingest", "application/x-www-form-urlencoded", 200),
        ("stores", "/polls", "text/csv", 200),
        ("stores", "/polls", "text/plain", 415),
        ("stores-serve", "/polls", "application/x-www-form-urlencoded", 415),
        ("receiver", "/", "text/plain", 415),
        ("receiver", "/", "application/json", 400),
    ],
)
def test_programs_go_on_as_before_but_for_the_types_of_forms(plain, server, path, kind, status):
    body = b"store_id,status,timestamp_utc\n" if path == "/polls" else b""
    assert plain.ask(server, "POST", path, body, **({"Content_Type": kind} if kind else {}))[0] == status


@pytest.mark.parametrize("server", SERVERS)
def test_users_are_asked_for_over_tls_alone(secure, server):
    assert secure.ask(server, Authorization="")[0] == 401
    assert secure.ask(server, Authorization="Basic !")[0] == 401
    assert secure.ask(server)[0] in {200, 404}
    with socket.create_connection(("127.0.0.1", secure.ports[server]), 20) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert not connection.recv(100).startswith(b"HTTP/1.1 200")


def test_every_server_follows_its_files(secure, certificates):
    """In one test, for all share the files: renewed, broken, mended, and a new password."""
    before = {server: secure.certificate(server) for server in SERVERS}
    write_web(secure.folder, certificates, "renewed", "new")
    assert {server for server in SERVERS if secure.certificate(server) == before[server]} == set()
    secure.login = "alice:new"
    for server in SERVERS:
        secure.eventually(server, 401, Authorization=f"Basic {base64.b64encode(b'alice:wonder').decode()}")
        assert secure.ask(server)[0] in {200, 404}, server
    (secure.folder / "web.yml").write_text("junk: [")
    (secure.folder / "own.yml").unlink()
    for server in SERVERS:
        assert secure.ask(server)[0] in {200, 404}, server
    assert 'tidewatch_web_config_last_reload_successful{file="' in metrics(secure, "exporter")
    for server, prefix in [
        ("exporter", "tidewatch"),
        ("stores-serve", "tidewatch"),
        ("timeserver", "timeserver"),
        ("trafficgen", "trafficgen"),
        ("receiver", "alert_receiver"),
    ]:
        text = metrics(secure, server)
        values = {
            line.rsplit(" ", 1)[1]
            for line in text.splitlines()
            if line.startswith(f"{prefix}_web_config_last_reload_successful{{")
        }
        assert {float(value) for value in values} == {0.0}, server


def metrics(house, server):
    connection = house.connect(server)
    authorization = f"Basic {base64.b64encode(house.login.encode()).decode()}"
    connection.request("GET", "/metrics", headers={"Authorization": authorization})
    text = connection.getresponse().read().decode()
    connection.close()
    return text
