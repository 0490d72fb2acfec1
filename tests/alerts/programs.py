"""Real programs for the tests of the way from rule to reader, and how a test waits for them."""

import asyncio
import re
import shutil
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
from aiohttp import web

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
WITHIN_S = 60  # on a busy machine; a quiet one needs a few seconds


@asynccontextmanager
async def process(*command):
    """A child that is stopped, politely, at the end; what it says on stderr, errors at most, waits in a pipe."""
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.terminate()
        await child.communicate()


@asynccontextmanager
async def serving(routes):
    """A server on loopback with these routes; its port."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def until(what, wanted):
    """Ask `what` again until `wanted` of its answer is true; the answer. Another process has no event to wait for."""
    async with asyncio.timeout(WITHIN_S):
        while not wanted(answer := await what()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return answer


class Alertmanager:
    """A running Alertmanager, to which a test posts alerts as Prometheus does."""

    def __init__(self, session, url):
        self._session, self.url = session, url

    async def post(self, *alerts, over=False):
        """Alerts by (labels, annotations); `over`: they have ended."""
        now = datetime.now(UTC)
        body = [
            {
                "labels": labels,
                "annotations": annotations,
                "startsAt": now.isoformat(),
                "endsAt": (now if over else now + timedelta(hours=1)).isoformat(),
                "generatorURL": "http://127.0.0.1:9090/graph?g0.expr=up&g0.tab=1",
            }
            for labels, annotations in alerts
        ]
        async with self._session.post(f"{self.url}/api/v2/alerts", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def alerts(self):
        try:
            async with self._session.get(f"{self.url}/api/v2/alerts") as answer:
                return await answer.json()
        except aiohttp.ClientConnectionError:
            return []


@asynccontextmanager
async def alertmanager(folder, config):
    """A running Alertmanager of the configuration file `config`, with its data in `folder`."""
    async with (
        process(
            ALERTMANAGER,
            f"--config.file={config}",
            "--web.listen-address=127.0.0.1:0",
            f"--storage.path={folder}/alertmanager",
            "--cluster.listen-address=",
        ) as child,
        aiohttp.ClientSession() as session,
    ):
        said = b""
        while not (listening := re.search(rb'"Listening on" address=(\S+)', said)):
            said = await child.stderr.readline()
            assert said, "Alertmanager ended"
        yield Alertmanager(session, f"http://{listening[1].decode()}")
