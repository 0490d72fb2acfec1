"""One receiver at work, against a server on loopback that is down, slow, in trouble, or says no."""

import asyncio
import base64
import logging
import ssl
import time

import msgspec
import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from receiving import read, receiving, until

from exporter.catalogue import Metric
from exporter.push.settings import BasicAuth, Otlp, Queue, RemoteWrite, Tls
from exporter.push.system import Push
from foundation.clock import SystemClock

pytestmark = pytest.mark.slow  # each waits for several collections

FISH = Metric("t_fish_total", "counter", "Fish.", ("pond",))
QUICK = {"interval_s": 0.1, "flush_deadline_s": 0.1}


class Clock(SystemClock):
    """The machine's clock, as far off as a test wants."""

    off_s = 0.0

    def wall(self):
        return super().wall() + self.off_s


class Pond:
    """What is collected: one more fish each time."""

    def __init__(self):
        self.collections = 0
        self.ponds = ("north",)
        self.broken = False

    async def collect(self, deadline_s):
        self.collections += 1
        if self.broken:
            raise RuntimeError("no water")
        return [FISH.family({(pond,): self.collections for pond in self.ponds})]


@pytest.fixture
async def pushing():
    """Start pushing to a receiver; gives the `Push`, the pond, the clock, and a function that stops."""
    running = []

    async def start(address, off_s=0.0, kind=RemoteWrite, **settings):
        pond, clock = Pond(), Clock()
        clock.off_s = off_s
        push = Push(pond.collect, clock, lambda: "here:1")
        key = "url" if kind is RemoteWrite else "endpoint"
        push.reload({"": kind(**{key: address, "name": "r", **QUICK, **settings})})
        task = asyncio.create_task(push.run())
        running.append((push, task))
        return push, pond, clock, task

    yield start
    for push, task in running:
        await push.stop()
        await task


def values(push):
    """The metrics of the queue that are not 0, by name without its prefix, and by reason where there is one."""
    return {
        (family.metric.name.removeprefix("tidewatch_push_"), *labels[1:]): value
        for family in push.families()
        for labels, value in family.series
        if value
    }


async def test_collections_arrive_in_order_and_every_series_ends_at_the_stop(pushing):
    async with receiving() as server:
        push, pond, _, task = await pushing(server.address, flush_deadline_s=60)
        await server.until(lambda: len(server.taken) >= 3)
        await push.stop()
        await task
        got = read(server.taken)
        *collections, end = got
        assert len(collections) == pond.collections
        names = [[(name, value) for name, value, _ in rows] for rows in collections]
        assert names == [[("up", 1), ("t_fish_total", n)] for n in range(1, len(collections) + 1)]
        assert {(name, value) for name, value, _ in end} == {("up", None), ("t_fish_total", None)}
        times = [time for rows in got for _, _, time in rows]
        assert times == sorted(times)
        assert len(set(times)) == len(got)


async def test_the_headers_are_those_of_remote_write_1_0(pushing):
    async with receiving() as server:
        await pushing(server.address, headers={"X-Scope-OrgID": "a"})
        await server.until(lambda: server.requests)
        headers, _ = server.requests[0]
        assert headers["Content-Type"] == "application/x-protobuf"
        assert headers["Content-Encoding"] == "snappy"
        assert headers["X-Prometheus-Remote-Write-Version"] == "0.1.0"
        assert headers["X-Scope-OrgID"] == "a"
        assert headers["User-Agent"].startswith("tidewatch/")


async def hang(_):
    await asyncio.Event().wait()


async def cut(request):
    """An answer that ends before it is whole."""
    response = web.StreamResponse(status=200, headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"half")
    request.transport.abort()
    return response


async def junk(request):
    request.transport.write(b"SSH-2.0-OpenSSH\r\n")
    request.transport.close()
    return web.Response()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((503, {}, b"later"), "status_5xx"),
        ((500, {}, b""), "status_5xx"),
        ((429, {"Retry-After": "0"}, b""), "status_429"),
        (hang, "timeout"),
        (cut, "unreachable"),
        (junk, "unreachable"),
    ],
    ids=["503", "500", "429", "hangs", "is cut", "is junk"],
)
async def test_what_may_pass_is_sent_again_in_its_place_and_nothing_is_lost(pushing, answer, reason):
    async with receiving() as server:
        server.answers = [(204, {}, b""), answer, answer]
        push, _, _, task = await pushing(
            server.address, remote_timeout_s=0.5 if answer is hang else 60, flush_deadline_s=60
        )
        await server.until(lambda: len(server.taken) >= 3)
        await push.stop()
        await task
        got = read(server.taken)
        fish = [value for rows in got[:-1] for name, value, _ in rows if name == "t_fish_total"]
        if answer is hang:  # on a busy machine others time out, too, that the server has taken
            fish = list(dict.fromkeys(fish))
        assert fish == list(range(1, len(fish) + 1))
        assert server.requests[1][1] == server.requests[2][1] == server.requests[3][1]
        found = values(push)
        failed = found["requests_failed_total", reason]
        assert failed >= 2 if answer is hang else failed == 2
        assert "samples_dropped_total" not in {key[0] for key in found}


async def test_a_receiver_that_comes_up_late_gets_all(pushing, unused_tcp_port):
    push, pond, _, task = await pushing(f"http://127.0.0.1:{unused_tcp_port}/write", flush_deadline_s=60)
    await until(lambda: pond.collections >= 4)
    found = values(push)
    assert found["requests_failed_total", "unreachable"] >= 1
    assert found["samples_pending",] == found["samples_total",] >= 6
    async with receiving(port=unused_tcp_port) as server:
        await server.until(lambda: len(server.taken) >= 4)
        await push.stop()
        await task
        fish = [value for rows in read(server.taken) for name, value, _ in rows if name == "t_fish_total"]
        assert fish[:-1] == list(range(1, len(fish)))


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        ((400, {}, b"no \x1b[31mthanks"), "status_4xx", r"answered 400 Bad Request: no \x1b[31mthanks; 2 samples"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "status_3xx", "redirects are not followed; 2 samples"),
        ((200, {"Content-Type": "text/html"}, b"<p>"), "answer", "this is not a receiver of samples; 2 samples"),
    ],
    ids=["400", "redirect", "page"],
)
async def test_what_is_refused_is_dropped_and_told_and_the_next_goes_on(pushing, caplog, answer, reason, words):
    caplog.set_level(logging.INFO)
    async with receiving() as server:
        server.answers = [answer, answer]
        push, *_ = await pushing(server.address)
        await server.until(lambda: len(server.requests) >= 3)
        await push.stop()
        found = values(push)
        assert found["samples_dropped_total", "rejected"] == 4
        assert found["requests_failed_total", reason] == 2
        said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert len(said) == 1
        assert words in said[0]
        assert server.requests[0][1] != server.requests[1][1]


async def test_a_pause_that_the_receiver_asks_for_is_kept(pushing):
    async with receiving() as server:
        server.answers = [(429, {"Retry-After": "1"}, b"")]
        _, _, clock, _ = await pushing(server.address)
        await server.until(lambda: len(server.requests) == 1)
        began_s = clock.monotonic()
        await server.until(lambda: len(server.requests) == 2)
        assert clock.monotonic() - began_s >= 0.9


async def test_a_queue_that_is_full_drops_the_oldest_and_counts_it(pushing):
    async with receiving() as server:
        server.answers = [(503, {}, b"")] * 1000
        queue = Queue(capacity=100, max_samples_per_send=50)
        push, pond, *_ = await pushing(server.address, queue_config=queue)
        pond.ponds = tuple(map(str, range(49)))
        await until(lambda: values(push).get(("samples_dropped_total", "max_samples"), 0) >= 100)
        assert values(push)["samples_pending",] <= 100
        server.answers = []
        await server.until(lambda: server.taken)
        first = read(server.taken)[0]
        assert first[-1][1] > 1  # the oldest is not among them


async def test_a_receiver_that_stays_away_holds_up_the_end_no_longer_than_the_deadline(pushing, caplog):
    async with receiving() as server:
        server.answers = [hang] * 1000
        push, _, _, task = await pushing(server.address, flush_deadline_s=0.1)
        await until(lambda: server.requests)
        await push.stop()
        async with asyncio.timeout(10):
            await task
        found = values(push)
        assert found["samples_dropped_total", "stopped"] == found["samples_total",]
        assert "samples were not delivered before the end" in caplog.text


async def test_a_collection_that_fails_is_up_0_and_ends_the_others(pushing):
    async with receiving() as server:
        push, pond, *_ = await pushing(server.address)
        await server.until(lambda: server.taken)
        pond.broken = True
        done = len(server.taken)
        await server.until(lambda: len(server.taken) >= done + 2)
        assert [[(name, value) for name, value, _ in rows] for rows in read(server.taken)][-2:] in (
            [[("up", 0), ("t_fish_total", None)], [("up", 0)]],
            [[("up", 0)], [("up", 0)]],
        )
        assert values(push)["collections_failed_total",] >= 2


async def test_a_family_that_cannot_be_encoded_costs_its_collection_and_no_more(pushing, caplog):
    async with receiving() as server:
        push, pond, _, task = await pushing(server.address)
        pond.ponds = (7,)  # no text
        await until(lambda: values(push).get(("collections_failed_total",), 0) >= 2)
        pond.ponds = ("north",)
        await server.until(lambda: any(name == "t_fish_total" for rows in read(server.taken) for name, *_ in rows))
        assert not task.done()
        assert "a collection could not be encoded" in caplog.text


async def test_a_clock_that_goes_back_costs_samples_until_it_is_later_and_says_so(pushing, caplog):
    async with receiving() as server:
        push, _, clock, _ = await pushing(server.address)
        await server.until(lambda: server.taken)
        clock.off_s = -3600
        await until(lambda: values(push).get(("samples_dropped_total", "clock")))
        clock.off_s = 1
        done = len(server.taken)
        await server.until(lambda: len(server.taken) > done)
        times = [time for rows in read(server.taken) for _, _, time in rows]
        assert times == sorted(times)
        assert "the clock went back or is not set" in caplog.text


async def test_a_clock_that_is_not_set_sends_nothing(pushing):
    async with receiving() as server:
        push, *_ = await pushing(server.address, off_s=1000 - time.time())  # a thousand seconds after 1970
        await until(lambda: values(push).get(("samples_dropped_total", "clock"), 0) >= 4)
        assert server.requests == []


async def test_a_proxy_is_asked_where_one_is_named(pushing):
    async with receiving() as proxy:  # which gets the whole address, and answers in the receiver's place
        await pushing("http://receiver.example.org/write", proxy_url=proxy.address.removesuffix("/write"))
        await proxy.until(lambda: proxy.taken)
        headers, _ = proxy.requests[0]
        assert headers["Host"] == "receiver.example.org"


async def test_proxies_of_the_environment_are_not_used(pushing, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with receiving() as server:
        await pushing(server.address)
        await server.until(lambda: server.taken)


# OTLP.


async def test_otlp_counts_the_points_that_a_receiver_did_not_take(pushing, caplog):
    partial = ExportMetricsServiceResponse()
    partial.partial_success.rejected_data_points = 1
    partial.partial_success.error_message = "too old"
    headers = {"Content-Type": "application/x-protobuf"}
    async with receiving() as server:
        server.answers = [(200, headers, partial.SerializeToString()), (500, {}, b""), (503, {}, b"")]
        push, *_ = await pushing(server.address, kind=Otlp)
        await server.until(lambda: len(server.taken) >= 3)
        await push.stop()
        found = values(push)
        assert found["samples_dropped_total", "rejected"] == 1 + 2  # of an answer of 500, which OTLP does not repeat
        assert (found["requests_failed_total", "partial"], found["requests_failed_total", "status_5xx"]) == (1, 2)
        assert server.requests[2][1] == server.requests[3][1]
        assert "did not take 1 points: too old" in caplog.text
        sent_headers, body = server.requests[0]
        assert (sent_headers["Content-Type"], sent_headers["Content-Encoding"]) == ("application/x-protobuf", "gzip")
        (resource,) = ExportMetricsServiceRequest.FromString(body).resource_metrics
        assert {pair.key: pair.value.string_value for pair in resource.resource.attributes} == {
            "service.name": "exporter",
            "service.instance.id": "here:1",
        }
        assert [metric.name for metric in resource.scope_metrics[0].metrics] == ["up", "t_fish_total"]


# Secrets and TLS.


async def test_a_token_is_read_anew_and_shown_nowhere(pushing, tmp_path, caplog):
    token = tmp_path / "token"
    token.write_text("hunter2\n")
    token.chmod(0o600)

    async def echo(request):
        return web.Response(status=400, text=f"bad {request.headers['Authorization']}")

    async with receiving() as server:
        server.answers = [echo]
        push, *_ = await pushing(server.address, bearer_token_file=str(token))
        await server.until(lambda: server.requests)
        token.write_text("hunter3\n")
        await server.until(lambda: server.requests[-1][0]["Authorization"] == "Bearer hunter3")
        assert server.requests[0][0]["Authorization"] == "Bearer hunter2"
        token.unlink()
        await until(lambda: values(push).get(("requests_failed_total", "secret")))
        token.write_text("hunter4\n")
        await server.until(lambda: server.requests[-1][0]["Authorization"] == "Bearer hunter4")
    assert "bad Bearer ..." in caplog.text
    assert "hunter" not in caplog.text


async def test_a_user_and_further_headers_come_from_files(pushing, tmp_path):
    for name, content in {"password": "se:cret\n", "headers": "api-key: k\n\nX-A:b\n"}.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    auth = BasicAuth(username="me", password_file=str(tmp_path / "password"))
    async with receiving() as server:
        await pushing(server.address, basic_auth=auth, headers_file=str(tmp_path / "headers"))
        await server.until(lambda: server.requests)
        headers, _ = server.requests[0]
        assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"me:se:cret"
        assert (headers["api-key"], headers["X-A"]) == ("k", "b")


def server_context(cert, key, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def test_tls_with_a_client_certificate(pushing, certificates):
    (authority, _), (cert, key) = certificates("ca", san=None), certificates("receiver", by="ca")
    client, client_key = certificates("client", by="ca")
    tls = Tls(ca_file=str(authority), cert_file=str(client), key_file=str(client_key), min_version="TLS13")
    async with receiving(server_context(cert, key, authority)) as server:
        await pushing(server.address, tls_config=tls)
        await server.until(lambda: server.taken)


async def test_a_certificate_that_is_not_trusted_gets_nothing_until_its_authority_is_named(
    pushing, certificates, tmp_path, caplog
):
    (authority, _), (cert, key) = certificates("ca", san=None), certificates("receiver", by="ca")
    other, _ = certificates("other-ca", san=None)
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(other.read_bytes())
    async with receiving(server_context(cert, key)) as server:
        push, *_ = await pushing(server.address, tls_config=Tls(ca_file=str(ca_file)))
        await until(lambda: values(push).get(("requests_failed_total", "tls")))
        assert server.requests == []
        assert "the certificate is not trusted" in caplog.text
        ca_file.write_bytes(authority.read_bytes())
        await server.until(lambda: server.taken)


@pytest.mark.parametrize(
    "tls", [Tls(server_name="receiver.example.org"), Tls(insecure_skip_verify=True)], ids=["name", "unverified"]
)
async def test_a_certificate_of_another_name_is_taken_where_the_settings_say_so(pushing, certificates, tls):
    (authority, _) = certificates("ca", san=None)
    cert, key = certificates("named", by="ca", san="DNS:receiver.example.org")
    if not tls.insecure_skip_verify:
        tls = msgspec.structs.replace(tls, ca_file=str(authority))
    async with receiving(server_context(cert, key)) as server:
        await pushing(server.address, tls_config=tls)
        await server.until(lambda: server.taken)
