"""/probe: what a page says, what of it could not be read, and nothing for those who are not listed."""

import asyncio
import json
import socket

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.stats import Probe, Prober, probe
from exporter.stats.metrics import extract
from foundation.clock import SystemClock
from foundation.config import parse_config
from foundation.errors import SourceError

CONFIG = """
targets: ["http://127.0.0.1:{port}/*"]
modules:
  queue:
    credentials: {{token_file: {token}, targets: ["http://127.0.0.1:{port}/private"]}}
    metrics:
      - {{metric: queue_done_total, type: counter, key: "{{code:d}}s", labels: {{tier: front}}}}
      - {{metric: queue_wait_seconds, key: wait, unit: ms}}
      - {{metric: queue_up, key: state, values: {{ok: 1, broken: 0}}}}
  pools:
    max_bytes: 1000
    metrics:
      - {{metric: pool_size, pointer: "/pools/{{pool}}/size"}}
      - {{metric: pool_fill_ratio, pointer: "/pools/{{pool}}/fill", unit: percent}}
      - {{metric: pool_errors_total, type: counter, pointer: /errors, required: false}}
"""
QUEUE = "200s: 12\n404s: 3\nwait: 1500\nstate: ok\n"
POOLS = {"pools": {"a": {"size": 3, "fill": 50}, "b": {"size": 4, "fill": 12.5}}, "errors": 7}


class Site:
    """Pages to be probed, and the prober before them."""

    def __init__(self):
        self.pages, self.seen, self.port = {}, [], 0
        self.config = None

    async def page(self, request):
        self.seen.append((request.path, request.headers.get("Authorization")))
        page = self.pages[request.path]
        return page if isinstance(page, web.Response) else web.Response(text=page)

    async def ask(self, session, path="/stats", module="queue", query="", **headers):
        target = path if "://" in path else f"http://127.0.0.1:{self.port}{path}"
        url = f"http://127.0.0.1:{self.port}/probe?module={module}&target={target}{query}"
        async with session.get(url, headers=headers) as response:
            return response.status, await response.text()

    async def samples(self, session, path="/stats", module="queue"):
        status, text = await self.ask(session, path, module)
        assert status == 200, text
        found = [sample for family in parse_text(text) for sample in family.samples]
        return {
            (
                s.name.removeprefix("tidewatch_stats_"),
                *(v for k, v in sorted(s.labels.items()) if k != "source"),
            ): s.value
            for s in found
            if s.name != "tidewatch_stats_fetch_duration_seconds"
        }


@pytest_asyncio.fixture
async def site(tmp_path):
    site = Site()
    prober = Prober(lambda: site.config, SystemClock())
    app = web.Application()
    app.router.add_get("/probe", prober.handle)
    app.router.add_get("/{page:.*}", site.page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    token.chmod(0o600)
    site.config = parse_config(CONFIG.format(port=site.port, token=token), Probe)
    yield site
    await runner.cleanup()


@pytest_asyncio.fixture
async def session():
    async with ClientSession() as session:
        yield session


def failures(samples):
    return {key[1:]: value for key, value in samples.items() if key[0] == "field_failures" and value}


async def test_without_a_module_the_counts_by_code_are_read(site, session):
    site.pages["/stats"] = "time: 5\n200s: 12\n500s: 0\n"
    assert await site.samples(session, module="stats") == {
        ("up",): 1,
        ("page_bytes",): 25,
        ("resets_total", "tidewatch_stats_responses_total"): 0,
        ("responses_total", "200"): 12,
        ("responses_total", "500"): 0,
    }


async def test_a_text_page_becomes_the_metrics_of_its_module(site, session):
    site.pages["/stats"] = QUEUE
    samples = await site.samples(session)
    assert failures(samples) == {}
    assert {key: value for key, value in samples.items() if key[0].startswith("queue")} == {
        ("queue_done_total", "200", "front"): 12,
        ("queue_done_total", "404", "front"): 3,
        ("queue_wait_seconds",): 1.5,
        ("queue_up",): 1,
    }


async def test_a_json_page_is_read_by_pointers(site, session):
    site.pages["/pools"] = json.dumps(POOLS)
    samples = await site.samples(session, "/pools", "pools")
    assert failures(samples) == {}
    assert {key: value for key, value in samples.items() if key[0].startswith("pool_")} == {
        ("pool_size", "a"): 3,
        ("pool_size", "b"): 4,
        ("pool_fill_ratio", "a"): 0.5,
        ("pool_fill_ratio", "b"): 0.125,
        ("pool_errors_total",): 7,
    }


@pytest.mark.parametrize(
    ("page", "want"),
    [
        ("404s: 3\nwait: 5\n", {("queue_up", "missing"): 1}),
        ("200s: 1\nwait: soon\nstate: ok\n", {("queue_wait_seconds", "not_a_number"): 1}),
        ("200s: -1\n404s: 2\nwait: 5\nstate: ok\n", {("queue_done_total", "negative"): 1}),
        ("200s: 1\nwait: 5\nstate: odd\n", {("queue_up", "not_a_number"): 1}),
        (
            "".join(f"{n}s: 1\n" for n in range(1200)) + "wait: 5\nstate: ok\n",
            {("queue_done_total", "too_many"): 1},
        ),
        ("hello\n", {(m, "missing"): 1 for m in ("queue_done_total", "queue_wait_seconds", "queue_up")}),
    ],
    ids=["missing", "no-number", "negative", "unknown-word", "too-many", "nothing"],
)
async def test_what_cannot_be_taken_from_the_page_is_told_by_field(site, session, page, want):
    site.pages["/stats"] = page
    samples = await site.samples(session)
    assert (samples[("up",)], failures(samples)) == (1, want)


async def test_a_field_that_is_not_required_may_be_missing(site, session):
    site.pages["/pools"] = json.dumps({"pools": POOLS["pools"]})
    assert failures(await site.samples(session, "/pools", "pools")) == {}


@pytest.mark.parametrize(
    ("path", "page", "module"),
    [
        ("/stats", web.Response(status=503), "queue"),
        ("/stats", web.Response(status=302, headers={"Location": "/elsewhere"}), "queue"),
        ("/stats", "", "queue"),
        ("/stats", "no: counts\n", "stats"),
        ("/pools", "[" * 900, "pools"),
        ("/pools", json.dumps({"pools": "x" * 1000}), "pools"),
    ],
    ids=["unavailable", "redirect", "empty", "no-codes", "deep", "large"],
)
async def test_a_page_that_cannot_be_read_is_down_and_says_no_more(site, session, path, page, module):
    site.pages[path] = page
    samples = await site.samples(session, path, module)
    assert samples.pop(("up",)) == 0
    assert set(samples) <= {("page_bytes",)}
    assert [path for path, _ in site.seen] == [path]


async def test_a_counter_that_fell_is_told_as_a_reset_of_this_target(site, session):
    resets = []
    for count in (10, 12, 3, 3, 1):
        site.pages["/stats"] = site.pages["/other"] = QUEUE.replace("12", str(count))
        resets.append((await site.samples(session))["resets_total", "queue_done_total"])
    assert resets == [0, 0, 1, 1, 2]
    assert (await site.samples(session, "/other"))["resets_total", "queue_done_total"] == 0


async def test_credentials_go_to_listed_targets_only(site, session):
    site.pages["/private"] = site.pages["/stats"] = QUEUE
    for path in ("/private", "/stats", "/private/../stats"):
        await site.ask(session, path)
    assert site.seen == [("/private", "Bearer s3cret"), ("/stats", None), ("/stats", None)]


async def test_a_secret_that_others_may_read_is_warned_of(site, session, tmp_path, caplog):
    site.pages["/private"] = QUEUE
    (tmp_path / "token").chmod(0o644)
    for _ in range(2):
        await site.ask(session, "/private")
    assert caplog.text.count("token holds secrets, and others may read it (mode 644)") == 1
    assert "s3cret" not in caplog.text


async def test_credentials_that_are_gone_are_a_failed_probe(site, session, tmp_path):
    site.pages["/private"] = QUEUE
    (tmp_path / "token").unlink()
    assert (await site.samples(session, "/private"))["up",] == 0
    assert site.seen == []


@pytest.mark.parametrize(
    ("path", "module", "want"),
    [
        ("http://192.0.2.1/stats", "queue", "403: target http://192.0.2.1/stats matches none of `probe.targets`"),
        ("http://127.0.0.1:1/stats", "queue", "403: target http://127.0.0.1:1/stats matches none of `probe.targets`"),
        ("file:///etc/passwd", "queue", "400: target: invalid URL 'file:///etc/passwd': expected http"),
        ("/stats", "nosuch", "400: unknown module 'nosuch'; known are stats, queue, pools"),
    ],
)
async def test_what_is_not_listed_is_refused(site, session, path, module, want):
    status, text = await site.ask(session, path, module)
    assert f"{status}: {text}".startswith(want)
    assert site.seen == []


@pytest.fixture
def names(monkeypatch):
    """Addresses by name, for a resolver that is under nobody's control."""
    names, resolve = {}, socket.getaddrinfo

    def getaddrinfo(host, *args, **options):
        return resolve(names.get(host, host), *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


@pytest.mark.parametrize(
    ("address", "also", "asked"),
    [
        ("127.0.0.1", [], False),
        ("::ffff:127.0.0.1", [], False),
        ("169.254.169.254", [], False),
        ("0.0.0.0", [], False),
        ("127.0.0.1", ["http://127.0.0.1:{port}/stats"], True),
        ("127.0.0.1", ["http://127.0.0.1:{port}/other"], False),
    ],
)
async def test_where_a_name_leads_is_checked_when_it_is_asked(site, names, address, also, asked):
    names["metrics.example"] = address
    site.pages["/stats"] = "200s: 1\n"
    patterns = [pattern.format(port=site.port) for pattern in ["http://metrics.example:{port}/*", *also]]
    site.config = parse_config(f"targets: {json.dumps(patterns)}", Probe)
    async with ClientSession() as session:
        status, text = await site.ask(session, f"http://metrics.example:{site.port}/stats", "stats", "&debug=true")
    assert status == 200
    assert (f"the name resolves to {address}, which is not" in text) is not asked
    assert [path for path, _ in site.seen] == ["/stats"] * asked


async def test_a_name_that_is_pointed_elsewhere_between_two_probes_leads_nowhere(site, session, names):
    """No connection is kept, and no answer of a name server, from when the name led to where it may."""
    names["localhost"] = "127.0.0.1"
    site.pages["/stats"] = "200s: 1\n"
    site.config = parse_config(f"targets: ['http://localhost:{site.port}/*']", Probe)
    ups = []
    for address in ("127.0.0.1", "169.254.169.254", "127.0.0.1"):
        names["localhost"] = address
        _, text = await site.ask(session, f"http://localhost:{site.port}/stats", "stats")
        ups.append('tidewatch_stats_up{source="stats"} 1\n' in text)
    assert ups == [True, False, True]


async def test_a_query_string_is_a_new_target_only_where_a_pattern_has_one(site, session):
    site.pages["/stats"] = "200s: 1\n"
    assert (await site.ask(session, "/stats%3Fx=1", "stats"))[0] == 403
    site.config = parse_config(f"targets: ['http://127.0.0.1:{site.port}/stats?x=*']", Probe)
    assert (await site.ask(session, "/stats%3Fx=1", "stats"))[0] == 200
    assert (await site.ask(session, "/stats%3Fy=1", "stats"))[0] == 403


async def test_a_secret_in_a_query_string_is_not_shown(site, session, caplog):
    caplog.set_level("DEBUG")
    site.pages["/stats"] = "no counts\n"
    site.config = parse_config(f"targets: ['http://127.0.0.1:{site.port}/*?*']", Probe)
    for port in (site.port, 1):
        target = f"http://127.0.0.1:{port}/stats%3Faccess_token=hunter2"
        _, text = await site.ask(session, target, "stats", "&debug=true")
        assert "access_token=..." in text
        logged = [record.getMessage() for record in caplog.records if record.name.startswith("exporter")]
        assert "hunter2" not in f"{text}{logged}"


async def test_without_a_configuration_there_is_no_probe(site, session):
    site.config = None
    assert (await site.ask(session))[0] == 404


async def test_the_scrapers_timeout_ends_the_probe(site, session, monkeypatch):
    asked = {}

    async def fetch(*_, timeout_s, **__):
        asked["timeout_s"] = timeout_s
        raise SourceError("no whole answer")

    monkeypatch.setattr(probe, "fetch", fetch)
    await site.ask(session, **{"X-Prometheus-Scrape-Timeout-Seconds": "3"})
    assert asked == {"timeout_s": 2.5}


async def test_so_many_probes_are_under_way_at_a_time_and_no_more(site, session, monkeypatch):
    real, begun, go_on = probe.fetch, asyncio.Event(), asyncio.Event()

    async def slow(*args, **options):
        begun.set()
        await go_on.wait()
        return await real(*args, **options)

    monkeypatch.setattr(probe, "MAX_PROBES", 1)
    monkeypatch.setattr(probe, "fetch", slow)
    site.pages["/stats"] = QUEUE
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        first = group.create_task(site.ask(session))
        await begun.wait()
        assert await site.ask(session) == (503, "more than 1 probes at a time\n")
        go_on.set()
    assert first.result()[0] == 200
    assert (await site.ask(session))[0] == 200


async def test_both_formats_and_the_view_for_people(site, session):
    site.pages["/stats"] = QUEUE
    _, text = await site.ask(session, Accept="application/openmetrics-text")
    assert {family.name for family in parse_openmetrics(text)} >= {"queue_done", "tidewatch_stats_up"}
    _, text = await site.ask(session, query="&debug=true")
    assert text.startswith(f"target: http://127.0.0.1:{site.port}/stats\nmodule: queue\nread\n")


async def test_an_error_that_nobody_expected_is_a_failed_probe(site, session, monkeypatch, caplog):
    site.pages["/stats"] = QUEUE

    def broken(*_):
        raise ZeroDivisionError("never thought of")

    monkeypatch.setattr(probe, "extract", broken)
    status, text = await site.ask(session)
    assert (status, 'tidewatch_stats_up{source="queue"} 0' in text) == (200, True)
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError]
    monkeypatch.undo()
    assert 'tidewatch_stats_up{source="queue"} 1' in (await site.ask(session))[1]


def test_labels_of_a_page_are_printable_and_two_that_become_alike_are_one():
    module = parse_config(CONFIG.format(port=1, token="t"), Probe).modules["pools"]
    page = {"pools": {"a\x1b\r\0": {"size": 3, "fill": 50}, r"a\x1b\r\x00": {"size": 4, "fill": 25}}}
    size, fill, _ = extract(json.dumps(page).encode(), module, "pools").families
    assert [dict(family.series) for family in (size, fill)] == [{(r"a\x1b\r\x00",): 3}, {(r"a\x1b\r\x00",): 0.5}]
    assert extract(json.dumps(page).encode(), module, "pools").failures["pool_size", "twice"] == 1
