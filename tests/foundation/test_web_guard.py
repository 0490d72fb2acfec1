"""One server's guard: what it refuses, what every answer carries."""

import base64
import time

import bcrypt
import pytest
from aiohttp import HttpVersion, web
from aiohttp.test_utils import make_mocked_request

from foundation.web import Guard, WebPolicy
from foundation.web.passwords import TooBusyError

ELSEWHERE = {"Sec-Fetch-Site": "cross-site"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def policy(tmp_path):
    """Make policies out of the text of a file."""
    made = []

    def make(text="", **options):
        path = tmp_path / "web.yml"
        path.write_text(text)
        path.chmod(0o600)
        made.append(WebPolicy(path, **options))
        return made[-1]

    yield make
    for policy in made:
        policy.close()


def request(method="GET", target="/", **headers):
    return make_mocked_request(
        method, target, {"Host": "localhost", **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        ("GET", "/metrics", {}, None),
        ("GET", "/metrics", {"Host": "evil.example"}, 421),
        ("GET", "/metrics", {"Host": ""}, 421),
        ("GET", "/metrics", {"Host": "bound.example:1"}, None),
        ("GET", "http://evil.example/metrics", {}, 421),
        ("GET", "http://localhost/metrics", {}, None),
        ("OPTIONS", "*", {}, None),
        ("GET", "/metrics", ELSEWHERE | {"Sec-Fetch-Mode": "no-cors"}, 403),
        ("GET", "/metrics", ELSEWHERE | {"Sec-Fetch-Mode": "navigate"}, None),
        ("GET", "/metrics", {"Origin": "http://evil.example"}, None),  # reading: the browser keeps the answer from it
        ("GET", "/act", {}, None),
        ("GET", "/act?x=1", ELSEWHERE | {"Sec-Fetch-Mode": "navigate"}, 403),
        ("GET", "/act", {"Referer": "http://evil.example/"}, 403),
        ("GET", "/%61ct", ELSEWHERE | {"Sec-Fetch-Mode": "navigate"}, 403),
        ("POST", "/act", {}, None),
        *(
            (method, "/any", {"Origin": "http://evil.example"}, 403)
            for method in ("POST", "PUT", "DELETE", "PATCH", "X")
        ),
        ("POST", "/any", {"Origin": "http://localhost"}, None),
        ("POST", "/any", FORM, None),
        ("POST", "/takes", FORM, 415),
        ("POST", "/takes", {"Content-Type": "text/plain; charset=utf-8"}, 415),
        ("POST", "/takes", {"Content-Type": "multipart/form-data; boundary=x"}, 415),
        ("POST", "/takes", {"Content-Type": "text/csv"}, None),
        ("POST", "/takes", {}, None),
        ("POST", "/takes", FORM | {"Origin": "null"}, 403),
    ],
)
def test_what_is_refused(policy, method, target, headers, status):
    guard = Guard(policy(), hosts=["bound.example"], acting=frozenset({"/act"}), asks={"/takes": "text/csv"})
    found = guard.refusal(request(method, target, **headers))
    assert (found and found.status) == status


@pytest.mark.parametrize(("version", "status"), [((1, 0), None), ((1, 1), 400)])
def test_only_old_http_needs_no_host(policy, version, status):
    """A browser always sends one, a prober that speaks HTTP/1.0 may send none."""
    found = Guard(policy()).refusal(make_mocked_request("GET", "/", {}, version=HttpVersion(*version)))
    assert (found and found.status) == status


def test_names_of_flag_and_file_are_allowed(policy):
    guard = Guard(policy("allowed_hosts: [a.example]", allowed_hosts=["b.example"]))
    assert [guard.refusal(request(Host=f"{name}.example")) for name in "ab"] == [None, None]
    assert guard.refusal(request(Host="c.example")).status == 421


def test_a_changed_file_changes_what_is_allowed_and_sent(policy, tmp_path):
    rules = policy("allowed_hosts: [a.example]")
    guard = Guard(rules)
    (tmp_path / "web.yml").write_text(
        "allowed_hosts: [b.example]\nhttp_server_config: {headers: {X-Frame-Options: sameorigin}}"
    )
    rules.refresh()
    assert guard.refusal(request(Host="a.example")).status == 421
    assert guard.refusal(request(Host="b.example")) is None
    headers = {}
    guard.finish(headers)
    assert headers["X-Frame-Options"] == "sameorigin"


def test_what_every_answer_carries(policy):
    guard = Guard(policy("http_server_config: {headers: {Strict-Transport-Security: max-age=9, Referrer-Policy: ''}}"))
    headers = {"Content-Security-Policy": "a page's own", "Server": "aiohttp/3"}
    guard.finish(headers)
    assert headers == {
        "Content-Security-Policy": "a page's own",
        "Server": "tidewatch",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "deny",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Strict-Transport-Security": "max-age=9",
    }
    answer = guard.problem(400, "what is this?")
    assert (answer.status, answer.headers["X-Frame-Options"]) == (400, "deny")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_what_a_prepared_answer_is_given_is_not_given_to_the_next(policy):
    guard = Guard(policy())
    guard.headers_for("text/plain")["X-Own"] = "1"
    headers = guard.headers_for("text/plain")
    assert "X-Own" not in headers
    assert (headers["Content-Type"], headers["Server"]) == ("text/plain", "tidewatch")


def test_the_rate_is_held(policy, monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    guard = Guard(policy("rate_limit: {interval: 500ms, burst: 3}"))

    def ask(times):
        return [guard.refusal(request()) is None for _ in range(times)]

    assert ask(4) == [True, True, True, False]
    assert guard.refusal(request()).status == 429
    now_s[0] += 0.5
    assert ask(2) == [True, False]
    now_s[0] += 60
    assert ask(4) == [True, True, True, False]


def login(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def users(**passwords):
    hashed = {
        user: bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode() for user, password in passwords.items()
    }
    return f"basic_auth_users: {hashed}"


async def test_users_are_asked_for_their_passwords(policy):
    guard = Guard(policy(users(alice="wonder")), own_login=frozenset({"/ingest"}))
    for headers, target, status in [
        ({}, "/", 401),
        (login("alice", "wonder"), "/", None),
        (login("alice", "wonder"), "/", None),
        (login("alice", "wrong"), "/", 401),
        (login("bob", "wonder"), "/", 401),
        ({"Authorization": "Bearer x"}, "/", 401),
        ({}, "/ingest", None),
        ({}, "/ingest/", 401),
    ]:
        found = await guard.login(request("GET", target, **headers))
        assert (found and found.status) == status, (headers, target)
    assert found.headers["WWW-Authenticate"].startswith("Basic realm=")


async def test_without_users_nobody_is_asked(policy):
    assert await Guard(policy()).login(request()) is None


async def test_a_new_password_works_at_once_and_an_old_one_no_more(policy, tmp_path):
    guard = Guard(policy(users(alice="old")))
    assert await guard.login(request(**login("alice", "old"))) is None
    (tmp_path / "web.yml").write_text(users(alice="new"))
    assert await guard.login(request(**login("alice", "new"))) is None
    guard.refusal(request())
    assert (await guard.login(request(**login("alice", "old")))).status == 401


async def test_too_many_passwords_are_turned_away(policy, monkeypatch):
    rules = policy(users(alice="wonder"))

    async def busy(*_, **__):
        raise TooBusyError

    monkeypatch.setattr(rules.passwords, "check", busy)
    found = await Guard(rules).login(request(**login("alice", "wonder")))
    assert (found.status, found.headers) == (503, {"Retry-After": "1"})


async def test_refusals_are_counted_and_logged_once_a_minute(policy, caplog):
    rules = policy()
    guard = Guard(rules, problem=lambda status, text: web.json_response({"status": text}, status=status))

    def refuse(times):
        for number in range(times):
            asked = request(Host=f"evil{number}.example")
            answer = guard.answer(guard.refusal(asked), asked)
        return answer

    assert refuse(50).text.startswith('{"status": "not served under this name')
    assert rules.refused == {"host": 50}
    assert caplog.text.count("a request refused") == 1
    assert "evil0.example" in caplog.text
