"""The exporter's HTTP side: /metrics, health, reload and a landing page.

A scrape refreshes the systems that fetch, asks each for its families, and renders them in pieces with the event loop
free between. A system that fails costs only its own metrics.
"""

import asyncio
import contextlib
import logging
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from platform import python_version

from aiohttp import web

from exporter.catalogue import Family, itself
from exporter.supervisor import joined
from exporter.system import InParts, Keeping, Refreshing, System
from exporter.web.exposition import OPENMETRICS, Renderer, negotiate
from exporter.web.process import ProcessFamilies
from foundation.clock import Clock
from foundation.listen import BusyError, Slots
from foundation.page import relative, render
from foundation.version import VERSION
from foundation.web.headers import PAGE_CSP

log = logging.getLogger(__name__)

DEFAULT_SCRAPE_TIMEOUT_S = 10.0  # Prometheus' own default
PUT_AWAY_S = 0.5  # a disk in trouble holds no scrape up for longer
TIMEOUT_MARGIN_S = 0.5  # as blackbox_exporter: the answer must travel too
GZIP_LEVEL = 1  # level 9 costs fifty times as much for a fifth less
MAX_REQUEST_BYTES = 64 << 10

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Scraper:
    """Turns the systems' state into one answer."""

    def __init__(
        self,
        systems: Callable[[], Mapping[str, System]],
        own: Callable[[], list[Family]],
        clock: Clock,
        *,
        created: bool = False,
    ) -> None:
        """`systems` gives the running systems by name (a reload changes them), `own` the daemon's own families.

        `created`: tell in OpenMetrics when each counter was born.
        """
        self._systems = systems
        self._own = own
        self._clock = clock
        self._renderer = Renderer(created=created)
        self._process = ProcessFamilies()

    async def families(self, deadline_s: float) -> list[Family]:
        """Every family: of the exporter, of each system that can tell them, of the process; within about `deadline_s`.

        A scrape and a push are made of this alone, so they cannot differ.
        """
        systems = dict(self._systems())
        failed = await self._refresh(systems, deadline_s)
        families, seconds = [], {}
        for name, system in systems.items():
            started = self._clock.monotonic()
            try:
                families += await _collected(system)
            except Exception:
                log.exception("the system %s could not expose its metrics", name)
                failed.add(name)
            seconds[(name,)] = self._clock.monotonic() - started
        await self._put_away(systems)
        up = {(name,): int(name not in failed) for name in systems}
        info = itself.BUILD_INFO.family({(VERSION, python_version()): 1})
        told = [itself.SYSTEM_UP.family(up), itself.SYSTEM_COLLECT_SECONDS.family(seconds)] if systems else []
        return [info, *told, *self._own(), *families, *self._process.collect()]

    async def _put_away(self, systems: Mapping[str, System]) -> None:
        """Have what was collected on disk before it is shown, so that no kill takes it back; not for long."""
        waiting = [system.written() for system in systems.values() if isinstance(system, Keeping)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PUT_AWAY_S):
                await asyncio.gather(*waiting, return_exceptions=True)

    async def _refresh(self, systems: Mapping[str, System], deadline_s: float) -> set[str]:
        """Refresh what fetches, all at once; the names of those that failed."""
        fetching = [(name, system) for name, system in systems.items() if isinstance(system, Refreshing)]
        results = await asyncio.gather(
            *(
                asyncio.wait_for(system.refresh(deadline_s), deadline_s + TIMEOUT_MARGIN_S / 2)
                for _, system in fetching
            ),
            return_exceptions=True,
        )
        failed = set()
        for (name, _), result in zip(fetching, results, strict=True):
            if isinstance(result, BaseException):
                if not isinstance(result, Exception):
                    raise result
                log.error("the system %s could not refresh: %r", name, result)
                failed.add(name)
        return failed

    async def pieces(self, deadline_s: float, *, openmetrics: bool) -> AsyncIterator[bytes]:
        """The answer's body in pieces."""
        families = await self.families(deadline_s)
        for piece in self._renderer.render(families, openmetrics=openmetrics):
            yield piece.encode("utf-8", "replace")
            await asyncio.sleep(0)
        if openmetrics:
            yield b"# EOF\n"


async def _collected(system: System) -> list[Family]:
    """What the system has to tell; others run between its sources, which may have thousands of series each."""
    if not isinstance(system, InParts):
        return list(system.collect())
    parts = []
    for part in system.parts():
        parts.append(part)
        await asyncio.sleep(0)
    return joined(parts)


def scrape_deadline_s(request: web.Request) -> float:
    """How long the scraper waits for this answer, less a margin."""
    try:
        asked = float(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds", ""))
    except ValueError:
        asked = DEFAULT_SCRAPE_TIMEOUT_S
    return max(TIMEOUT_MARGIN_S, min(asked, 120.0) - TIMEOUT_MARGIN_S)


def build_app(
    scraper: Scraper,
    *,
    ready: Callable[[], bool],
    reload: Callable[[], Awaitable[None]] | None,
    describe: Callable[[], Iterator[tuple[str, str]]],
    handlers: Mapping[str, Handler],
    listed: Callable[[], Iterable[str]],
    telemetry_path: str = "/metrics",
    max_requests: int = 40,
) -> web.Application:
    """The application.

    Args:
        scraper: Answers `telemetry_path`.
        ready: Whether every system has started.
        reload: Reads the configuration again; None where the lifecycle API is off.
        describe: (system, source) pairs for the landing page.
        handlers: Further GET paths, /probe for one.
        listed: Those of `handlers` that the configuration uses now, for the landing page.
        telemetry_path: Where the metrics are.
        max_requests: Scrapes answered at a time; more get 503. 0 is no limit.
    """
    app = web.Application(client_max_size=MAX_REQUEST_BYTES)
    app.router.add_get(telemetry_path, _metrics(scraper, max_requests))
    app.router.add_get("/-/healthy", _healthy)
    app.router.add_get("/-/ready", _ready(ready))
    for add in (app.router.add_post, app.router.add_put):
        add("/-/reload", _reload(reload))
    for path, handler in handlers.items():
        app.router.add_get(path, handler)
    if telemetry_path != "/":
        app.router.add_get("/", _landing(lambda: [telemetry_path, *listed(), "/-/healthy", "/-/ready"], describe))
    return app


def _metrics(scraper: Scraper, max_requests: int) -> Handler:
    slots = Slots(max_requests)

    async def metrics(request: web.Request) -> web.StreamResponse:
        """A scrape; 503 where too many run."""
        try:
            async with slots.slot(request):
                return await _answer(request, scraper)
        except BusyError:
            return web.Response(status=503, text=f"more than {max_requests} scrapes at a time\n")

    return metrics


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="Tidewatch exporter is healthy.\n")


def _ready(ready: Callable[[], bool]) -> Handler:
    async def is_ready(_: web.Request) -> web.Response:
        """200 when all systems have started, 503 before."""
        if ready():
            return web.Response(text="Tidewatch exporter is ready.\n")
        return web.Response(status=503, text="Tidewatch exporter is starting.\n")

    return is_ready


def _reload(reload: Callable[[], Awaitable[None]] | None) -> Handler:
    async def do_reload(_: web.Request) -> web.Response:
        """Reload; 403 where that is off, 500 with the reason where it failed."""
        if reload is None:
            return web.Response(status=403, text="the lifecycle API is off: start with --web.enable-lifecycle\n")
        try:
            await reload()
        except Exception as exc:  # noqa: BLE001, whatever was wrong, the caller is told and the old configuration runs on
            return web.Response(status=500, text=f"{exc}\n")
        return web.Response(text="reloaded\n")

    return do_reload


def _landing(paths: Callable[[], list[str]], describe: Callable[[], Iterator[tuple[str, str]]]) -> Handler:
    async def landing(_: web.Request) -> web.Response:
        """The page that lists the sources and paths."""
        links, sources = {path: relative(path) for path in paths()}, list(describe())
        page = render("exporter.web", "landing.html", version=VERSION, links=links, sources=sources)
        return web.Response(text=page, content_type="text/html", headers={"Content-Security-Policy": PAGE_CSP})

    return landing


async def _answer(request: web.Request, scraper: Scraper) -> web.StreamResponse:
    kind = negotiate(request.headers.get("Accept", ""))
    zipped = "gzip" in request.headers.get("Accept-Encoding", "")
    response = web.StreamResponse(headers={"Content-Type": kind, "Vary": "Accept, Accept-Encoding"})
    pieces = scraper.pieces(scrape_deadline_s(request), openmetrics=kind == OPENMETRICS)
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
        pieces = _zipped(pieces)
    first = await anext(pieces)  # whatever fails, fails before a status line has promised success
    await response.prepare(request)
    await response.write(first)
    async for piece in pieces:
        if piece:
            await response.write(piece)
    await response.write_eof()
    return response


async def _zipped(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)  # 31: a gzip header
    async for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
