"""The preview's HTTP side: the page, the boards' files, and the answers to their panels' queries.

It is not an open proxy: a request names a board, a panel, and values that the board's variables offer; the PromQL comes
from the boards' files alone.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from aiohttp import web

from dashboards import asking
from dashboards.model import Board, BoardFile, Panel
from dashboards.preview import alerts as alert_list
from dashboards.preview.asked import Asked, read, renamed
from dashboards.preview.marks import POINTS, marks
from dashboards.prometheus import FALLBACK_SCRAPE_S, Prometheus
from dashboards.promql import Span, built_in, span, substitute
from foundation.errors import BadRecord, SourceError
from foundation.web import Guard
from foundation.web.headers import STRICT_CSP

STATIC = Path(__file__).parent / "static"
KEPT_S = 10.0  # how long offered values and the scrape interval are believed
MAX_KEPT = 500
_CSP = f"{STRICT_CSP}; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"


class Preview:
    """The boards of a folder over one Prometheus."""

    def __init__(
        self,
        boards: Mapping[str, BoardFile],
        prometheus: Prometheus,
        *,
        scrape_interval_s: float | None = None,
        silenced: Callable[[], Any] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Boards and their files, and what answers them.

        Args:
            boards: By uid.
            prometheus: Answers the queries.
            scrape_interval_s: As in Grafana's data source; None asks Prometheus.
            silenced: Gives the labels of silenced alerts, awaited.
            now: Unix time.
        """
        self._boards = boards
        self._prometheus = prometheus
        self._scrape_interval_s = scrape_interval_s
        self._silenced = silenced
        self._now = now
        self._kept: dict[tuple[str, ...], tuple[float, Any]] = {}

    def app(self, guard: Guard) -> web.Application:
        """The application, behind `guard`."""
        app = web.Application(client_max_size=1 << 10, middlewares=[_errors_as_json])
        app.on_response_prepare.append(_keep_for_a_while)
        guard.protect(app)
        app.router.add_get("/", _page)
        app.router.add_get("/-/healthy", _healthy)
        app.router.add_get("/d/{uid}", self._grafanas_address)
        app.router.add_get("/api/boards", self._list)
        app.router.add_get("/api/boards/{uid}", self._board)
        app.router.add_get("/api/boards/{uid}/variables", self._variables)
        app.router.add_get("/api/boards/{uid}/panels/{id}", self._panel)
        app.router.add_get("/api/boards/{uid}/annotations", self._annotations)
        app.router.add_get("/api/alerts", self._alerts)
        app.router.add_static("/static", STATIC)
        return app

    async def _list(self, _: web.Request) -> web.Response:
        return _json([{"uid": b.uid, "title": b.title, "description": b.description} for b, _ in self._boards.values()])

    async def _grafanas_address(self, request: web.Request) -> web.Response:
        """Links in alerts lead to /d/<uid>?var-...: they work here too."""
        query = [("board", self._known_board(request).uid)]
        query += [
            (name, value)
            for name, value in request.query.items()
            if name.startswith("var-") or name in {"from", "to", "viewPanel"}
        ]
        raise web.HTTPFound(f"../?{urlencode(query)}")  # a proxy may have cut off a prefix

    async def _board(self, request: web.Request) -> web.Response:
        text = self._boards[self._known_board(request).uid].text
        return web.Response(body=text, content_type="application/json")

    async def _variables(self, request: web.Request) -> web.Response:
        board = self._known_board(request)
        asked = renamed(read(request.query.items(), self._now()), board)
        found = await asking.resolve(self._prometheus, board, asked.chosen, await self._span(asked), strict=False)
        return _json({"offers": found.offers, "chosen": found.chosen})

    async def _panel(self, request: web.Request) -> web.Response:
        board = self._known_board(request)
        panel = self._known_panel(board, request)
        asked = renamed(read(request.query.items(), self._now()), board)
        found = await self._resolved(board, asked)
        scrape_s = await self._scrape_s()
        points = panel.max_data_points or asked.points
        around = span(asked.end_s, int(panel.range_s) or asked.range_s, points, scrape_s, panel.least_step_s)
        return _json(await asking.ask(self._prometheus, panel, found.texts, around, scrape_s))

    async def _annotations(self, request: web.Request) -> web.Response:
        """What the board's annotation queries mark, those that are off too: the page switches them on and off."""
        board = self._known_board(request)
        asked = renamed(read(request.query.items(), self._now()), board)
        found = await self._resolved(board, asked)
        scrape_s = await self._scrape_s()
        around = span(asked.end_s, asked.range_s, POINTS, scrape_s)
        queries = [query for query in board.annotations.queries if query.expr]
        texts = {**found.texts, **built_in(around, scrape_s)}  # the steps of the marks, not of the panels
        exprs = [substitute(query.expr, texts) for query in queries]
        answers = await asyncio.gather(*(self._prometheus.range(expr, around) for expr in exprs))
        return _json([marks(query, answer, around.step_s) for query, answer in zip(queries, answers, strict=True)])

    async def _alerts(self, _: web.Request) -> web.Response:
        active = await self._prometheus.alerts()
        if not active and not await self._prometheus.has_alert_rules():
            raise SourceError("Prometheus has no alert rules, so that none can fire")
        return _json(alert_list.firing(active, await self._silenced() if self._silenced else []))

    def _known_board(self, request: web.Request) -> Board:
        found = self._boards.get(request.match_info["uid"])
        if found is None:
            raise web.HTTPNotFound(text=f"no such board; there are {', '.join(self._boards)}")
        return found.board

    def _known_panel(self, board: Board, request: web.Request) -> Panel:
        number = request.match_info["id"]
        panel = board.panel(int(number)) if number.isascii() and number.isdigit() and len(number) < 10 else None
        if panel is None or not panel.targets:
            raise web.HTTPNotFound(text=f"{board.uid} has no panel {number[:20]} with a query")
        return panel

    async def _span(self, asked: Asked) -> Span:
        return span(asked.end_s, asked.range_s, asked.points, await self._scrape_s())

    async def _scrape_s(self) -> float:
        if self._scrape_interval_s is not None:
            return self._scrape_interval_s
        try:
            return float(await self._remember(("scrape",), self._prometheus.scrape_interval_s))
        except SourceError:  # the queries themselves will say what is wrong
            return FALLBACK_SCRAPE_S

    async def _resolved(self, board: Board, asked: Asked) -> asking.Resolved:
        """The variables, kept for a moment: a page of 25 panels asks 25 times."""
        around = await self._span(asked)
        chosen = (f"{name}={value}" for name in sorted(asked.chosen) for value in asked.chosen[name])
        key = ("variables", board.uid, str(asked.range_s), *chosen)
        found: asking.Resolved = await self._remember(
            key, lambda: asking.resolve(self._prometheus, board, asked.chosen, around, strict=True)
        )
        return found

    async def _remember(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """What `make` gave for this key within the last seconds; callers at the same moment wait for one answer."""
        made_s, task = self._kept.get(key, (0.0, None))
        failed = task is not None and task.done() and (task.cancelled() or task.exception() is not None)
        if task is None or failed or self._now() - made_s > KEPT_S:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            task = asyncio.ensure_future(make())  # its own task: a caller that goes away leaves the others their answer
            self._kept[key] = (self._now(), task)
        return await asyncio.shield(task)


def new_session() -> aiohttp.ClientSession:
    """The session that Prometheus and Alertmanager are asked with: no proxy, no cookies."""
    return aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar())


async def _page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html", headers={"Content-Security-Policy": _CSP})


async def _keep_for_a_while(request: web.Request, response: web.StreamResponse) -> None:
    """The page and its parts may stay in the browser if it asks each time whether they are still right."""
    if request.path == "/" or request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-cache")


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="Tidewatch preview is healthy.\n")


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


@web.middleware
async def _errors_as_json(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """What a caller did wrong, and what Prometheus would not do, as one line that the page shows in the panel."""
    try:
        response: web.StreamResponse = await handler(request)
    except BadRecord as exc:
        return _json({"error": str(exc)}, 400)
    except SourceError as exc:
        return _json({"error": str(exc)}, 502)
    except web.HTTPException as exc:
        if exc.status < 400:
            raise
        return _json({"error": exc.text or exc.reason}, exc.status)
    return response
