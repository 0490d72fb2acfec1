"""A shape from Prometheus: what is asked, what its answers mean, and what is refused."""

import asyncio
import base64
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from foundation.errors import ConfigError
from trafficgen.cli import cli
from trafficgen.plan import series
from trafficgen.plan.digest import plan_digest
from trafficgen.plan.part import Part
from trafficgen.plan.patterns import parse_patterns
from trafficgen.plan.plan import CurvePlan, Phase
from trafficgen.plan.series import parse_asked, shape_of_answer
from trafficgen.plan.shape import Shape

START_S = 1_793_491_200  # 2026-11-01T00:00:00Z
RANGE = "start=2026-11-01T00:00:00Z&end=2026-11-01T00:03:00Z"
URL = f"http://127.0.0.1:9090/?query=x&{RANGE}"


def answered(*values, first_s=START_S, step_s=60):
    """What Prometheus answers for one series of these values, None: it has none there."""
    pairs = [[first_s + n * step_s, value] for n, value in enumerate(values) if value is not None]
    return matrix({"metric": {}, "values": pairs})


def matrix(*found, **others):
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [*found]}} | others)


class Prometheus:
    """Answers what a test wants; keeps what it was asked."""

    def __init__(self):
        self.body, self.status, self.headers = answered("1", "2", "3"), 200, {}
        self.asked, self.authorization, self.url = [], None, ""

    async def answer(self, request):
        self.asked.append((request.path, dict(request.query)))
        self.authorization = request.headers.get("Authorization")
        return web.Response(body=self.body, status=self.status, headers=self.headers)


@pytest.fixture
async def prometheus():
    site, app = Prometheus(), web.Application()
    app.router.add_get("/{path:.*}", site.answer)
    async with TestServer(app) as server:
        site.url = str(server.make_url("/"))
        yield site


async def pattern(text, rate=None):
    """As the program reads it, which has no event loop then."""
    return await asyncio.to_thread(parse_patterns, (text,), rate)


@pytest.mark.parametrize(
    ("tail", "want"),
    [
        pytest.param("&step=60s", ("2026-11-01T00:00:00Z", "2026-11-01T00:02:00Z", "60000ms"), id="minutes"),
        pytest.param("", ("2026-11-01T00:00:00Z", "2026-11-01T00:02:00Z", "60000ms"), id="default"),
        pytest.param("&step=1m30s", ("2026-11-01T00:00:00Z", "2026-11-01T00:01:30Z", "90000ms"), id="two"),
        pytest.param("&step=70s", ("2026-11-01T00:00:00Z", "2026-11-01T00:02:20Z", "70000ms"), id="cut"),
        pytest.param("&step=20ms", ("2026-11-01T00:00:00Z", "2026-11-01T00:02:59.980000Z", "20ms"), id="ms"),
    ],
)
def test_the_end_is_not_asked_for(tail, want):
    """A value holds for the step that begins with it; one at the end would begin after it."""
    asked = parse_asked(f"{URL}{tail}").parameters()
    assert (asked["start"], asked["end"], asked["step"]) == want


@pytest.mark.parametrize(
    ("times", "want_ms"),
    [
        ("start=1793491200&end=1793491320.25", (START_S * 1000, START_S * 1000 + 120_250)),
        ("start=2026-11-01T01:00:00%2B01:00&end=2026-11-01%2000:02Z", (START_S * 1000, START_S * 1000 + 120_000)),
    ],
    ids=["unix", "offset"],
)
def test_times_are_read_as_everywhere(times, want_ms):
    asked = parse_asked(f"http://127.0.0.1:9090/?query=x&{times}")
    assert (asked.start_ms, asked.end_ms) == want_ms


def test_a_day_of_minutes_is_1440_values_and_eleven_thousand_are_the_most():
    day = "http://127.0.0.1:9090/?query=x&start=2026-11-01T00:00:00Z&end=2026-11-02T00:00:00Z&step="
    assert parse_asked(f"{day}60s").steps == 1440
    assert parse_asked(f"{URL}&step=17ms").steps == 10_589
    assert parse_asked("http://127.0.0.1/?query=x&start=0&end=11000&step=1s").steps == 11_000
    with pytest.raises(ConfigError, match=r"86400 s .* which is 86,400 steps of 1 s; .* for example step=8s"):
        parse_asked(f"{day}1s")
    with pytest.raises(ConfigError, match="11,001 steps of 1 s; expected 2 to 11,000"):
        parse_asked("http://127.0.0.1/?query=x&start=0&end=11001&step=1s")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"http://h/?{RANGE}", "query= is missing; expected 'like:http://"),
        (f"http://h/?query=%20&{RANGE}", "query= is missing"),
        ("http://h/?query=x&end=2026-11-01T00:00:00Z", "start= is missing"),
        ("http://h/?query=x&start=2026-11-01T00:00:00Z", "end= is missing"),
        (f"http://h/?query=x&query=y&{RANGE}", "duplicate query"),
        (f"http://h/graph?g0.expr=x&{RANGE}", "unknown parameter g0.expr; known: query, start, end, step, over"),
        (f'http://h/?query=x{{a="b&c"}}&{RANGE}', "unknown parameter; .*%26"),
        (f'http://h/?query=x{{a=~".+"}}&{RANGE}', r"query: '\+'; expected %2B"),
        (f"http://h/?query=x % y&{RANGE}", "query: '%'; expected %2B for a plus, %25"),
        (f"http://h/?query=x%FF&{RANGE}", "query: expected UTF-8"),
        (f'http://h/?query=x{{a="#"}}&{RANGE}', "expected %23"),
        ("http://h/?query=x&start=2026-11-01T00:00:00&end=2026-11-02T00:00:00Z", "start: .*zone"),
        ("http://h/?query=x&start=0&end=noon", "end: invalid"),
        ("http://h/?query=x&start=0.0005&end=60", "start: 0.0005: expected whole milliseconds"),
        (f"http://h/?query=x&{RANGE}&step=0", "step: invalid duration '0'"),
        (f"http://h/?query=x&{RANGE}&step=1.5ms", "step: 1.5ms: expected whole milliseconds"),
        ("http://h/?query=x&start=60&end=0", "-60 s from start to end, which is 0 steps"),
        ("http://h/?query=x&start=0&end=60", "1 steps of 60 s; expected 2 to 11,000"),
        (f"http://h:99999/?query=x&{RANGE}", "h:99999/: invalid URL; expected http:// or"),
        (f"http:///?query=x&{RANGE}", "invalid URL"),
    ],
)
def test_a_url_that_asks_for_nothing_clear_is_refused(url, says):
    with pytest.raises(ConfigError, match=says):
        parse_patterns((f"like:{url}",), None)


QUERY = 'sum by (a, b) (rate(http_requests_total{job=~".+",path!="/a&b=c#d",x="é%"}[1m])) + 0'
WRITTEN = QUERY.replace("%", "%25").replace("+", "%2B").replace("&", "%26").replace("#", "%23")


@pytest.mark.parametrize("path", ["", "api/v1/query_range", "prefix/", "prefix/api/v1/query_range/"])
async def test_a_query_arrives_as_it_was_written_commas_and_all(prometheus, path):
    await pattern(f"like:{prometheus.url}{path}?query={WRITTEN}&{RANGE}&step=1m")
    prefix = "/prefix" if path.startswith("prefix") else ""
    times = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-01T00:02:00Z", "step": "60000ms"}
    assert prometheus.asked == [(f"{prefix}/api/v1/query_range", {"query": QUERY, **times})]


async def test_a_user_and_a_password_are_sent_and_not_shown(prometheus):
    url = prometheus.url.replace("//", "//me:hu%20sh@")
    await pattern(f"like:{url}?query=x&{RANGE}")
    assert prometheus.authorization == f"Basic {base64.b64encode(b'me:hu sh').decode()}"
    prometheus.body = "{}"
    with pytest.raises(ConfigError) as caught:
        await pattern(f"like:{url}?query=x&{RANGE}")
    assert str(caught.value).startswith(f"--pattern: like:{prometheus.url}: ")


@pytest.mark.parametrize(
    "texts",
    [
        ("like:http://me:hush@h/?query=x",),
        ("like:http://me:hush@h:x/?query=x",),
        ("like:http://me:hu?sh@h/?query=x",),
        ("like:http://me:hush@[/?query=x",),
        ("like: http://me:hush@h/",),
        ("like:htp://me:hush@h/,over=1,over=2",),
        ("constant", "like:http://me:hush@h/"),
        ("lik:http://me:hush@h/",),
    ],
)
def test_no_refusal_shows_a_password(texts):
    with pytest.raises(ConfigError) as caught:
        parse_patterns(texts, 1.0)
    assert "hu" not in str(caught.value)
    assert "sh@" not in str(caught.value)


def test_a_step_has_the_value_at_its_begin_and_the_last_one_ends_with_the_range():
    asked = parse_asked("http://h/?query=x&start=1793491200&end=1793491350")  # 150 s: two minutes and a half one
    shape = shape_of_answer(asked, 200, answered("1.5", "0", "30").encode())
    assert shape == Shape((1.5, 0.0, 30.0), step_s=60.0, length_s=150.0)
    assert shape.mean_per_s == pytest.approx((1.5 * 60 + 30 * 30) / 150)


@pytest.mark.parametrize(
    ("rate", "over", "want"),
    [
        pytest.param(None, "", [(60, 1), (120, 2), (180, 3), (240, 1), (300, 2)], id="own"),
        pytest.param(10.0, "", [(60, 5), (120, 10), (180, 15), (240, 5), (300, 10)], id="mean"),
        pytest.param(10.0, "&over=30s", [(10, 5), (20, 10), (30, 15), (40, 5), (50, 10)], id="over"),
    ],
)
async def test_it_is_played_again_and_again_with_its_rates_or_with_the_mean_that_is_asked(prometheus, rate, over, want):
    made = await pattern(f"like:{prometheus.url}?query=x&{RANGE}{over}", rate)
    segments = itertools.islice(made.segments(np.random.default_rng(1), None), 5)
    assert [(s.end_s, s.rate(s.start_s)) for s in segments] == [pytest.approx(pair) for pair in want]


ERROR = json.dumps({"status": "error", "errorType": "bad_data", "error": "1:5: parse error: unexpected <EOF>"})
ONE = {"metric": {}, "values": [[START_S, "1"]]}


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        pytest.param(matrix(), 200, r"no series in the answer; expected one \(do the", id="none"),
        pytest.param(matrix(ONE, ONE, ONE), 200, r"3 series in the answer; expected one \(sum\(", id="several"),
        pytest.param(
            answered("1", None, None), 200, r"no value at 2026-11-01T00:01:00Z \(2 of 3 steps have none\)", id="gap"
        ),
        pytest.param(answered("1", "2", "3", first_s=START_S + 1), 200, r"00:00:00Z \(3 of 3", id="other-instants"),
        pytest.param(
            matrix({"metric": {}, "histograms": []}), 200, "no value at 2026-11-01T00:00:00Z", id="histograms"
        ),
        pytest.param(answered("1", "NaN", "3"), 200, "NaN at 2026-11-01T00:01:00Z; expected requests per", id="nan"),
        pytest.param(answered("1", "2", "-0.5"), 200, "-0.5 at 2026-11-01T00:02:00Z; expected", id="negative"),
        pytest.param(answered("+Inf", "2", "3"), 200, r"\+Inf at 2026-11-01T00:00:00Z; expected", id="infinite"),
        pytest.param(answered("1", "1e8", "3"), 200, "1e8 at .* from 0 to 10,000,000", id="too-high"),
        pytest.param(answered("1", "many", "3"), 200, "many at 2026", id="text"),
        pytest.param(answered("1", "1_0", "3"), 200, "1_0 at 2026", id="underscore"),
        pytest.param(answered("1", "\u0663", "3"), 200, "at 2026-11-01T00:01:00Z; expected", id="other-digits"),
        pytest.param(
            answered("1", "2", "3", "4", step_s=0), 200, "two values at 2026-11-01T00:00:00Z; expected one", id="twice"
        ),
        pytest.param(ERROR, 400, "refuses the query: 1:5: parse error: unexpected <EOF>$", id="error"),
        pytest.param('{"status": "success"}', 200, "refuses the query: status 'success', code 200", id="no-data"),
        pytest.param(matrix(ONE, warnings=["one store is away"]), 200, "only a part of an answer: one", id="warning"),
        pytest.param(
            '{"status": "success", "data": {"resultType": "vector", "result": []}}', 200, "got vector", id="vector"
        ),
        pytest.param("<html>\nGrafana</html>", 502, "answered 502, but not .*: '<html> Grafana</html>'", id="html"),
        pytest.param("[" * 100_000, 200, "answered 200, but not as Prometheus does", id="deep"),
        pytest.param("\udcff", 200, "answered 200, but not as Prometheus does", id="bytes"),
    ],
)
def test_an_answer_that_is_no_rate_for_each_step_is_refused(body, status, says):
    with pytest.raises(ConfigError, match=says) as caught:
        shape_of_answer(parse_asked(URL), status, body.encode("utf-8", "surrogateescape"))
    assert str(caught.value).startswith("--pattern: like:http://127.0.0.1:9090/: ")
    assert "\n" not in str(caught.value)


async def test_silence_alone_is_refused_and_a_status_reaches_the_refusal(prometheus):
    prometheus.body = answered("0", "0", "0")
    with pytest.raises(ConfigError, match="nothing but silence"):
        await pattern(f"like:{prometheus.url}?query=x&{RANGE}")
    prometheus.body, prometheus.status = "gone", 503
    with pytest.raises(ConfigError, match="answered 503, but not as Prometheus does: 'gone'"):
        await pattern(f"like:{prometheus.url}?query=x&{RANGE}")


async def test_a_redirect_is_refused_and_not_followed(prometheus):
    prometheus.status, prometheus.headers = 302, {"Location": "http://me:hush@192.0.2.1/login"}
    with pytest.raises(
        ConfigError, match=r"redirects to http://192\.0\.2\.1/login; expected the address of Prometheus"
    ):
        await pattern(f"like:{prometheus.url}?query=x&{RANGE}")
    assert len(prometheus.asked) == 1


async def test_an_answer_without_end_is_refused(prometheus, monkeypatch):
    monkeypatch.setattr("trafficgen.fetch.read_bytes.__kwdefaults__", {"max_bytes": 1000})
    prometheus.body = matrix(ONE).encode() + b" " * 1000
    with pytest.raises(ConfigError, match="the answer is larger than 1000 bytes; expected one series"):
        await pattern(f"like:{prometheus.url}?query=x&{RANGE}")


async def test_a_server_that_does_not_answer_or_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(series, "TIMEOUT_S", 0.05)
    held = []
    silent = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    url = f"like:http://me:hush@127.0.0.1:{port}/?query=x&{RANGE}"
    where = f"--pattern: like:http://127.0.0.1:{port}/"
    with pytest.raises(ConfigError) as caught:
        await pattern(url)
    assert str(caught.value) == f"{where}: no whole answer within 50ms"
    silent.close()
    for writer in held:
        writer.close()
    monkeypatch.setattr(series, "TIMEOUT_S", 30.0)
    with pytest.raises(ConfigError) as caught:
        await pattern(url)
    assert str(caught.value) == f"{where}: Connection refused"


async def test_a_server_without_tls_is_named_as_one(prometheus):
    with pytest.raises(ConfigError, match="WRONG_VERSION_NUMBER"):
        await pattern(f"like:{prometheus.url.replace('http:', 'https:')}?query=x&{RANGE}")


async def test_parts_with_other_answers_are_other_plans(prometheus):
    """Two machines that ask at other times, or other servers, must not send parts of two plans as one."""

    async def plan(body, **settings):
        prometheus.body = body
        phase = Phase(pattern=await pattern(f"like:{prometheus.url}?query=x&{RANGE}"), duration_s=180.0)
        return replace(CurvePlan(phases=(phase,), mix=(("/", 1.0),), seed=1), **settings)

    first, again, other = [await plan(answered(*values)) for values in (("1", "2", "3"), ("1", "2", "3"), "124")]
    assert plan_digest(first) == plan_digest(again) != plan_digest(other)
    parts = [await plan(answered("1", "2", "3"), part=Part(number, 3)) for number in (1, 2, 3)]
    assert {plan_digest(part) for part in parts} == {plan_digest(first)}
    due = [[at for chunk in one.chunks() for at in chunk.due_ns] for one in (first, *parts)]
    assert len(due[0]) == 60 * (1 + 2 + 3)
    assert sorted(itertools.chain(*due[1:])) == due[0]


async def test_the_plan_is_printed_with_the_rates_of_the_series(prometheus):
    flags = ["plan", "--pattern", f"like:{prometheus.url}?query=x&{RANGE}", "--duration", "3m", "--seed", "1"]
    done = await asyncio.to_thread(CliRunner().invoke, cli, flags)
    assert done.exception is None, done.exception
    rows = [line.split(",") for line in done.stdout.splitlines()[1:]]
    assert [float(expected) for _, expected, _ in rows] == [1.0] * 60 + [2.0] * 60 + [3.0] * 60
