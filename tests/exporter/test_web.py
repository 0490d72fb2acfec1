"""The web side over real HTTP on loopback."""

import asyncio
import base64
import gzip
import os
import re
import ssl
from urllib.parse import urljoin

import bcrypt
import pytest
from aiohttp import ClientSession, TCPConnector
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter import daemon as daemon_module
from exporter.catalogue import Metric
from exporter.daemon import Daemon, Options
from exporter.web import app as web_app
from foundation.errors import SourceError

FISH = Metric("t_fish_total", "counter", "Fish.", ("pond",))


class Pond:
    """A system that counts fish, or breaks when told to."""

    def __init__(self, sources, context):
        self.sources = sources
        self.broken = self.hangs = False
        self.refreshed = 0

    async def run(self):
        await asyncio.Event().wait()

    async def refresh(self, deadline_s):
        self.refreshed += 1
        if self.hangs:
            await asyncio.Event().wait()

    def collect(self):
        if self.broken:
            raise RuntimeError("no water")
        yield FISH.family({("north",): 3 + self.refreshed}, created={("north",): 5.5})


class Source:
    source = "a"


@pytest.fixture
def ponds(monkeypatch):
    """The daemon's systems: two ponds under the names `good` and `bad`."""
    monkeypatch.setattr(daemon_module, "doors", lambda _: {"good": (Pond, [Source()]), "bad": (BadPond, [Source()])})


class BadPond(Pond):
    def collect(self):
        raise RuntimeError("no water")


@pytest.fixture
async def serve():
    """Start a daemon on a free port; gives it and its base URL."""
    running = []

    async def start(**options):
        daemon = Daemon(Options(**{"config_file": None, "listen": (("127.0.0.1", 0),), **options}))
        stop = asyncio.Event()
        task = asyncio.create_task(daemon.run(stop))
        running.append((stop, task))
        await daemon.started.wait()
        return daemon, f"{'https' if options.get('web_config_file') else 'http'}://127.0.0.1:{daemon.addresses[0][1]}"

    yield start
    for stop, task in running:
        stop.set()
        await task


async def test_one_failing_system_costs_only_its_own_metrics(ponds, serve):
    _, url = await serve()
    async with ClientSession() as client, client.get(f"{url}/metrics") as response:
        text = await response.text()
    families = {f.name: f for f in parse_text(text)}
    assert families["t_fish"].samples[0].value == 4
    assert {s.labels["system"]: s.value for s in families["tidewatch_system_up"].samples} == {"good": 1, "bad": 0}
    assert "process_cpu_seconds" in families


async def test_a_system_that_hangs_is_cut_off_at_the_scrapers_timeout(ponds, serve, monkeypatch):
    monkeypatch.setattr(web_app, "TIMEOUT_MARGIN_S", 0.02)
    daemon, url = await serve()
    daemon.systems["good"].hangs = True
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "0.04"}
    async with ClientSession() as client, client.get(f"{url}/metrics", headers=headers) as response:
        text = await response.text()
    assert 'tidewatch_system_up{system="good"} 0' in text
    assert 't_fish_total{pond="north"}' in text


async def test_openmetrics_and_gzip_are_given_to_who_asks(ponds, serve):
    _, url = await serve()
    headers = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}
    async with (
        ClientSession(auto_decompress=False) as client,
        client.get(f"{url}/metrics", headers=headers) as response,
    ):
        assert response.headers["Content-Encoding"] == "gzip"
        text = gzip.decompress(await response.read()).decode()
    assert text.count("# EOF") == 1
    assert "t_fish" in {f.name for f in parse_openmetrics(text)}


@pytest.mark.parametrize("created", [False, True])
async def test_a_counters_birth_is_told_where_asked_for(ponds, serve, created):
    _, url = await serve(created=created)
    headers = {"Accept": "application/openmetrics-text;version=1.0.0"}
    async with ClientSession() as client, client.get(f"{url}/metrics", headers=headers) as response:
        assert ('t_fish_created{pond="north"} 5.5\n' in await response.text()) is created


async def test_health_readiness_landing_and_reload(ponds, serve):
    _, url = await serve()
    async with ClientSession() as client:
        for path, status, words in [
            ("/-/healthy", 200, "healthy"),
            ("/-/ready", 200, "ready"),
            ("/", 200, "Exporter"),
            ("/nothing", 404, ""),
        ]:
            async with client.get(url + path) as response:
                assert (response.status, words in await response.text()) == (status, True), path
        async with client.post(f"{url}/-/reload") as response:
            assert (response.status, await response.text()) == (
                403,
                "the lifecycle API is off: start with --web.enable-lifecycle\n",
            )


@pytest.mark.parametrize("path", ["/metrics", "/deep/er/metrics", "/a:b"])
@pytest.mark.parametrize("prefix", ["", "/exporter", "/a/b"])
async def test_the_links_of_the_landing_page_hold_under_the_prefix_of_a_proxy(ponds, serve, path, prefix):
    _, url = await serve(telemetry_path=path)
    async with ClientSession() as client, client.get(f"{url}/") as response:
        links = re.findall(r'<a href="([^"]*)">', await response.text())
    resolved = [urljoin(f"http://h{prefix}/", link) for link in links]
    assert resolved == [f"http://h{prefix}{one}" for one in (path, "/-/healthy", "/-/ready")]


@pytest.mark.parametrize(("config", "want"), [("", 404), ("probe: {targets: ['http://127.0.0.1/']}", 400)])
async def test_the_landing_page_lists_probe_where_it_is_configured(tmp_path, serve, config, want):
    """Without a target, a configured /probe asks for one."""
    file = tmp_path / "exporter.yml"
    file.write_text(f"state_dir: {tmp_path}\n{config}")
    _, url = await serve(config_file=file)
    async with ClientSession() as client:
        async with client.get(f"{url}/") as response:
            assert ('href="./probe"' in await response.text()) is (want == 400)
        async with client.get(f"{url}/probe") as response:
            assert response.status == want


async def test_a_configuration_that_becomes_a_pipe_holds_up_nobody(tmp_path, serve):
    path = tmp_path / "exporter.yml"
    os.mkfifo(path)
    daemon, url = await serve(lifecycle=True)
    daemon.options = Options(config_file=path)
    async with ClientSession() as client, client.post(f"{url}/-/reload") as response:
        assert response.status == 500
        assert "expected a regular file" in await response.text()


async def test_a_bad_file_changes_nothing_on_reload_and_is_a_metric(tmp_path, serve):
    path = tmp_path / "exporter.yml"
    path.write_text("state_dir: a\n")
    daemon, url = await serve(lifecycle=True)
    daemon.options = Options(config_file=path)
    daemon.config = daemon_module.load(path)
    path.write_text("state_dri: a\n")
    async with ClientSession() as client:
        async with client.post(f"{url}/-/reload") as response:
            assert response.status == 500
            assert "did you mean state_dir?" in await response.text()
        async with client.get(f"{url}/metrics") as response:
            assert "tidewatch_config_last_reload_successful 0\n" in await response.text()
        path.write_text("state_dir: a\n")
        async with client.post(f"{url}/-/reload") as response:
            assert response.status == 200
        async with client.get(f"{url}/metrics") as response:
            assert "tidewatch_config_last_reload_successful 1\n" in await response.text()


async def test_a_taken_port_is_one_clear_error(serve):
    daemon, _ = await serve()
    second = Daemon(Options(config_file=None, listen=(("127.0.0.1", daemon.addresses[0][1]),)))
    with pytest.raises(SourceError, match="the port is taken; choose another"):
        await second.run(asyncio.Event())


@pytest.fixture
def web_config(tmp_path):
    """Write a web configuration file with one user, `alice`, and give its path."""

    def write(password="wonder", extra=""):
        path = tmp_path / "web.yml"
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        path.write_text(f"basic_auth_users:\n  alice: {hashed}\n{extra}")
        return path

    return write


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (basic("alice", "wonder"), 200),
        (basic("alice", "wrong"), 401),
        (basic("bob", "wonder"), 401),
        (basic("bob", "nobody"), 401),
        (basic("alice", "nul\0"), 401),
        ({"Authorization": "Basic !!"}, 401),
        ({"Authorization": "Bearer x"}, 401),
    ],
    ids=["none", "right", "wrong", "unknown", "unknown-guess", "nul", "junk", "scheme"],
)
async def test_passwords_are_asked_for_on_every_path(web_config, serve, headers, status):
    _, url = await serve(
        web_config_file=web_config(extra="http_server_config:\n  headers: {X-Frame-Options: sameorigin}\n")
    )
    url = url.replace("https", "http")
    async with ClientSession() as client, client.get(f"{url}/metrics", headers=headers) as response:
        assert response.status == status
        assert response.headers["X-Frame-Options"] == "sameorigin"


async def test_a_new_password_needs_no_restart(web_config, serve):
    _, url = await serve(web_config_file=web_config())
    url = url.replace("https", "http")
    web_config(password="other")
    async with ClientSession() as client, client.get(f"{url}/metrics", headers=basic("alice", "other")) as response:
        assert response.status == 200


async def test_tls_serves_with_the_certificate_of_the_file(tmp_path, certificates, serve):
    cert, key = certificates("exporter")
    path = tmp_path / "web.yml"
    path.write_text(f"tls_server_config:\n  cert_file: {cert}\n  key_file: {key}\n  min_version: TLS13\n")
    _, url = await serve(web_config_file=path)
    connector = TCPConnector(ssl=ssl.create_default_context(cafile=cert))
    async with ClientSession(connector=connector) as client, client.get(f"{url}/-/healthy") as response:
        assert response.status == 200


async def test_how_the_web_configuration_was_read_is_a_metric(web_config, serve):
    path = web_config()
    _, url = await serve(web_config_file=path)
    url = url.replace("https", "http")
    async with ClientSession(headers=basic("alice", "wonder")) as client:
        for extra, ok in [("", 1), ("junk: 1", 0), ("", 1)]:
            web_config(extra=extra)
            async with client.get(f"{url}/metrics", headers=basic("alice", "wrong")) as response:
                assert response.status == 401
            async with client.get(f"{url}/metrics", headers=basic("alice", "wonder")) as response:
                assert f'last_reload_successful{{file="{path}"}} {ok}\n' in await response.text()
