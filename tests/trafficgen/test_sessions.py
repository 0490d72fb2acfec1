"""Sessions against a server of our own: what is sent, what is kept, and what becomes of the rest when a step fails."""

import json
import math
from collections import defaultdict

import pytest

from foundation.errors import ConfigError
from trafficgen.config import Limits, LoadConfig
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import Phase
from trafficgen.report.render_text import render_text
from trafficgen.run import make_run, run_load
from trafficgen.send import sessions as sessions_module
from trafficgen.send.pool import BACKLOG_NS
from trafficgen.send.session_state import Live
from trafficgen.send.sessions import SessionPool
from trafficgen.targets.capture import Cookie
from trafficgen.targets.read import read_targets

SHOP = """\
targets: [{path: /, weight: 0}]
sessions:
  - name: shop
    steps:
      - method: POST
        path: /login?n={seq}
        body: 'user={uuid}'
        headers: {Content-Type: application/x-www-form-urlencoded}
        capture: {token: "json:$.token", next: "header:X-Next"}
      - path: "{PATH}/{token}?n={seq}"
        headers: {X-Token: "{token}"}
        THINK
      - {path: "/last/{next}", expect: 200}
"""


class Shop:
    """Logs a user in, with a token and a cookie, and keeps what it is asked."""

    def __init__(self, site):
        self.seen = defaultdict(list)
        self.answer = self.login
        for number in range(1, 2001):
            site.script[f"/login?n={number}"] = self._login(number)

    def _login(self, number):
        async def answer(reader, writer):
            body = await reader.readuntil(b"-")
            await reader.readexactly(36 + 5 - len(body))
            writer.write(self.answer(number))
            return True

        return answer

    def login(self, number):
        body = json.dumps({"token": f"t {number}"}).encode()
        head = f"Content-Length: {len(body)}\r\nX-Next: n{number}\r\nSet-Cookie: sid=s{number}; Path=/".encode()
        return b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body


def shop_config(site, tmp_path, *, text=SHOP, path="/cart", think="", rate=400.0, duration_s=0.05, **settings):
    name = tmp_path / "shop.yml"
    name.write_text(text.replace("{PATH}", path).replace("THINK", think))
    phases = (Phase(pattern=parse_patterns((), rate), duration_s=duration_s),)
    return LoadConfig(url=site.url, phases=phases, targets=read_targets(name, {}), seed=7, **settings)


def assert_all_that_was_due_has_a_latency(run, report):
    never_due = sum(count for reason, count in report.dropped.items() if reason.startswith("session_"))
    assert report.planned == report.sent + sum(report.dropped.values())
    assert run.meter.from_plan.count == report.planned - never_due


@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        (None, set()),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {"session_capture"}),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", {"session_step"}),
        (b"HTTP/1.1 nonsense\r\n\r\n", {"session_step"}),
        (None, {"session_cut"}),
    ],
    ids=["completed", "no value", "code", "malformed", "cut"],
)
async def test_all_steps_that_were_due_have_a_latency(site, tmp_path, monkeypatch, answer, reasons):
    think = "think: 1h" if reasons == {"session_cut"} else ""
    if think:
        monkeypatch.setattr(sessions_module, "FINISH_S", 0.1)
    shop = Shop(site)
    shop.answer = lambda number: answer or shop.login(number)
    run = make_run(shop_config(site, tmp_path, think=think))
    report = await run.execute()
    assert set(report.dropped) == reasons
    assert_all_that_was_due_has_a_latency(run, report)


async def test_a_session_beyond_the_most_counts_as_one_that_waited_in_vain(site, tmp_path, monkeypatch):
    monkeypatch.setattr(sessions_module, "MAX_LIVE", 0)
    run = make_run(shop_config(site, tmp_path))
    report = await run.execute()
    assert report.dropped == {"in_flight": 20, "session_step": 40}
    assert (run.meter.from_plan.count, run.meter.from_plan.sum_ns) == (20, 20 * BACKLOG_NS)
    assert_all_that_was_due_has_a_latency(run, report)


async def test_steps_come_in_order_with_what_the_answers_had(site, tmp_path):
    Shop(site)
    report = await run_load(shop_config(site, tmp_path))
    assert report.sessions == {"shop": {"started": 20, "completed": 20, "failed": 0, "cut": 0}}
    assert (report.planned, report.sent, report.answered, report.dropped) == (60, 60, 60, {})
    for n in range(1, 21):
        assert site.requests[f"/login?n={n}"] == 1
        assert site.requests[f"/cart/t%20{n}?n={n}"] == 1
        assert site.requests[f"/last/n{n}"] == 1
    assert [(t.target, t.requests) for t in report.by_target if t.requests] == [
        ("shop 1: POST /login?n={seq}", 20),
        ("shop 2: /cart/{token}?n={seq}", 20),
        ("shop 3: /last/{next}", 20),
    ]


async def test_cookies_are_kept_in_their_own_session(site, tmp_path):
    Shop(site)
    heads = []

    async def last(_reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return True

    original = site.__class__.__call__

    class Tap:
        """Keeps what is read."""

        def __init__(self, reader):
            self._reader = reader

        async def readuntil(self, end):
            head = await self._reader.readuntil(end)
            heads.append(head.decode())
            return head

        async def readexactly(self, count):
            return await self._reader.readexactly(count)

    async def call(self, reader, writer):
        await original(self, Tap(reader), writer)

    site.__class__.__call__ = call
    try:
        await run_load(shop_config(site, tmp_path))
    finally:
        site.__class__.__call__ = original
    last_ones = [head for head in heads if head.startswith("GET /last/n")]
    assert len(last_ones) == 20
    for head in last_ones:
        number = head.split()[1].removeprefix("/last/n")
        assert f"\r\nCookie: sid=s{number}\r\n" in head


def test_a_cookie_that_has_expired_is_deleted_and_one_that_will_is_kept():
    live = Live(path="/a/b")
    for cookie, want in (
        (Cookie("sid", "1", "", math.inf), {("sid", "/a"): "1"}),
        (Cookie("sid", "2", "", 100.5), {("sid", "/a"): "2"}),
        (Cookie("sid", "3", "/", 99.0), {("sid", "/a"): "2"}),  # none of that path
        (Cookie("sid", "3", "", 100.0), {}),
        (Cookie("sid", "4", "/a", 101.0), {("sid", "/a"): "4"}),
        (Cookie("sid", "", "/a", -math.inf), {}),
    ):
        live.keep(cookie, now_s=100.0)
        assert {key: kept.value for key, kept in live.cookies.items()} == want


def test_cookies_go_with_the_paths_below_their_own_the_longest_first():
    live = Live(path="/a/b?x=/c")
    for cookie in (("all", "1", "/"), ("deep", "2", "/a/b"), ("other", "3", "/c")):
        live.keep(Cookie(*cookie, math.inf), now_s=100.0)
    assert live.cookie_header() == "deep=2; all=1"


def test_a_cookie_whose_time_passes_before_a_request_is_due_does_not_go_with_it():
    live = Live(path="/")
    live.keep(Cookie("short", "1", "/", 105.0), now_s=100.0)
    live.keep(Cookie("long", "2", "/", 106.0), now_s=100.0)
    headers = []
    for live.due_s in (104.9, 105.0, 106.0):
        headers.append(live.cookie_header())
    assert headers == ["short=1; long=2", "long=2", ""]


@pytest.mark.parametrize(
    ("answer", "reason", "why"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Next: n\r\nContent-Length: 2\r\n\r\n{}", "session_capture", "no token (json:$.token)"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"token": "t"', "session_capture", "no token (json:$.token)"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"token": "t"}', "session_capture", "no next (header:X-Next)"),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "session_step", "code 503"),
        (b"HTTP/1.1 nonsense\r\n\r\n", "session_step", "no answer (malformed)"),
        (
            b'HTTP/1.1 200 OK\r\nX-Next: n\r\nContent-Length: 18\r\n\r\n{"token": "a\\nb"}\n',
            "session_capture",
            "no value that fits into the next request",
        ),
    ],
    ids=["no value", "not JSON", "no header", "code", "malformed", "a line end for a header"],
)
async def test_a_failed_step_ends_its_session_and_the_rest_is_counted_with_the_reason(
    site, tmp_path, answer, reason, why
):
    shop = Shop(site)
    shop.answer = lambda number: answer if number % 2 else shop.login(number)
    report = await run_load(shop_config(site, tmp_path))
    assert report.sessions == {"shop": {"started": 20, "completed": 10, "failed": 10, "cut": 0}}
    assert report.dropped == {reason: 20}
    assert report.planned == report.sent + 20 == 60
    (said,) = report.session_failures
    assert said.startswith("shop 1: POST /login?n={seq}: ")
    assert why.removeprefix("no value") in said
    assert f"10 x {said}\n" in render_text(report)


async def test_a_step_is_due_a_think_time_after_the_answer(site, tmp_path):
    Shop(site)
    run = make_run(shop_config(site, tmp_path, think="think: 200ms-400ms", duration_s=0.02))
    pauses = []
    original = SessionPool._plan_next

    def note(pool, number, live, place):
        original(pool, number, live, place)
        due_ns = next(due_ns for due_ns, planned in pool._due if planned == number + 1)
        pauses.append((due_ns - sessions_module.monotonic_ns()) / 1e9)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SessionPool, "_plan_next", note)
        report = await run.execute()
    assert report.sessions["shop"]["completed"] == 8
    thought = sorted(pauses)[8:]
    assert all(pause <= 0.4 for pause in thought)
    assert thought[0] > 0.05 + thought[-1] / 4  # not 0, and drawn
    assert thought[-1] - thought[0] > 0.05


async def test_a_session_that_outlasts_the_plan_is_cut_and_counted(site, tmp_path, monkeypatch):
    monkeypatch.setattr(sessions_module, "FINISH_S", 0.1)
    Shop(site)
    report = await run_load(shop_config(site, tmp_path, think="think: 1h"))
    assert report.sessions == {"shop": {"started": 20, "completed": 0, "failed": 0, "cut": 20}}
    assert report.dropped == {"session_cut": 40}
    assert report.planned == 60


async def test_a_stop_sends_no_further_step(site, tmp_path):
    Shop(site)
    run = make_run(shop_config(site, tmp_path, think="think: 1h", duration_s=None))

    def stop_once(run):
        if run.meter.answered >= 20 and not run._stopped:
            run.stop()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trafficgen.run.TICK_S", 0.02)
        report = await run.execute(stop_once)
    counts = report.sessions["shop"]
    assert counts["started"] == counts["cut"] + counts["failed"] > 0
    assert report.planned == report.sent + sum(report.dropped.values()) == 3 * counts["started"]
    assert set(report.dropped) <= {"stopped", "behind", "session_cut"}
    assert report.dropped["session_cut"] >= 20
    assert_all_that_was_due_has_a_latency(run, report)


async def test_a_session_without_a_connection_is_dropped_whole(site, tmp_path):
    Shop(site)
    report = await run_load(shop_config(site, tmp_path, limits=Limits(max_in_flight=1, connections=1)))
    counts = report.sessions["shop"]
    assert counts["started"] == 20 == counts["completed"] + counts["failed"]
    assert report.planned == report.sent + sum(report.dropped.values()) == 60


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n    - {path: '/{token}'}", r"s.yml:4: unknown field {token}"),
        (
            "\n    - {path: /, capture: {token: 'header:x'}}\n    - {path: '/{tokn}'}",
            r"s.yml:5: unknown field {tokn}; did you mean {token}",
        ),
        ("\n    - {path: /, think: 1s}", r"s.yml:4: think: the first step"),
        ("\n    - {path: /, capture: {token: nonsense}}", r"s.yml:4: capture token: expected json:"),
        (
            "\n    - {path: /, captures: {}}",
            r"s.yml:4: \$.sessions\[0\].steps\[0\]: unknown key captures;",
        ),
        (" []", r"\$.sessions\[0\].steps: expected"),
    ],
)
def test_a_wrong_session_is_refused_with_its_line(tmp_path, text, said):
    (tmp_path / "s.yml").write_text(f"sessions:\n  - name: s\n    steps:{text}\n")
    with pytest.raises(ConfigError, match=said):
        read_targets(tmp_path / "s.yml", {})


def test_a_target_takes_no_captures(tmp_path):
    (tmp_path / "s.yml").write_text("targets: [{path: /, capture: {a: header:b}}]")
    with pytest.raises(ConfigError, match="unknown key capture"):
        read_targets(tmp_path / "s.yml", {})
