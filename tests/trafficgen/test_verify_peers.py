"""What the check reads from the other parts, and that a part which answers nonsense is named."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from trafficgen.verify.peers import Delivery, PeerError, Peers, codes_of, open_session

ANSWERS = {
    "/stats": "time: 1795325146\n200s: 17\n404s: 2\n500s: 0\n",
    "/metrics": 'x_total{source="site",code="200"} 3\nx_total{source="site",code="200",route="/"} 4\n'
    'x_total{source="other",code="200"} 100\n',
    "/api/v1/query": '{"data": {"result": [{"metric": {"code": "500"}, "value": [1.5, "12"]}]}}',
    "/api/v1/alerts": '{"data": {"alerts": [{"state": "firing", "labels": {"alertname": "A", "source": "site"}}, '
    '{"state": "pending", "labels": {"alertname": "B"}}]}}',
    "/notifications": '[{"received_at": "1970-01-01T00:00:20Z", "alerts": [{"status": "firing", '
    '"startsAt": "1970-01-01T00:00:10Z", "labels": {"alertname": "A", "source": "site"}}]}]',
}


@pytest.fixture
async def serve():
    """Starts a server that gives one text for every path; yields its URL and a client."""
    servers = []

    async def start(answers=ANSWERS):
        async def answer(request):
            return web.Response(text=answers[request.path]) if request.path in answers else web.Response(status=500)

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        server = TestServer(app)
        await server.start_server()
        servers.append(server)
        return str(server.make_url("")).rstrip("/")

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def peers():
    async with open_session() as session:
        yield Peers(session)


async def test_reads_every_part(serve, peers):
    url = await serve()
    assert await peers.stats(f"{url}/stats") == {200: 17, 404: 2, 500: 0}
    assert codes_of((await peers.metrics(url))["x_total"], "site") == {200: 7}
    assert await peers.query(url, "up") == [({"code": "500"}, 12.0)]
    assert await peers.firing(url, "A", "site")
    assert not await peers.firing(url, "A", "other")
    assert not await peers.firing(url, "B", "site")
    assert await peers.deliveries(url, "A", "site") == [Delivery("firing", 20.0, 10.0)]


READS = {
    "/metrics": lambda peers, url: peers.metrics(url),
    "/api/v1/query": lambda peers, url: peers.query(url, "up"),
    "/api/v1/alerts": lambda peers, url: peers.firing(url, "A", "site"),
    "/notifications": lambda peers, url: peers.deliveries(url, "A", "site"),
}


NONSENSE = ["200s: many\n{{{ no sample", "[1]", '{"data": []}', '{"data": {"result": [{}], "alerts": [7]}}', None]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("text", NONSENSE, ids=repr)
async def test_nonsense_is_the_parts_fault(serve, peers, path, text):
    url = await serve({} if text is None else {path: text})
    with pytest.raises(PeerError, match=path):
        await READS[path](peers, url)


@pytest.mark.parametrize("text", ["200s: many\n", "200s:\n", None], ids=repr)
async def test_a_stats_page_without_numbers_is_the_sites_fault(serve, peers, text):
    url = await serve({} if text is None else {"/stats": text})
    with pytest.raises(PeerError, match="/stats"):
        await peers.stats(f"{url}/stats")


async def test_a_part_that_is_not_there_is_named(peers):
    with pytest.raises(PeerError, match=r"http://127\.0\.0\.1:1/stats"):
        await peers.stats("http://127.0.0.1:1/stats")
