"""The report API over HTTP, as the task words it, and what its users would expect beside.

Every answer but the CSV file and the page is JSON with a `status`. Bodies are bounded; polls that are posted go to a
file first, and from there the way of every other file.
"""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from exporter.stores.asking import RANGE_NAMES, Asked, MalformedError, choose, find_rows, parse_asked
from exporter.stores.formats import FORMATS, about, encode
from exporter.stores.jobs import TooManyJobs
from exporter.stores.live import Live
from exporter.stores.load import Input
from exporter.stores.openapi import DOCUMENT, SCRIPT
from exporter.stores.pages import docs_page, store_page, stores_page
from exporter.stores.parse import MAX_ID_CHARS
from exporter.stores.ranges import Wanted
from exporter.stores.render import to_json
from exporter.stores.report import Report, StoreReport
from exporter.stores.uploads import new_upload
from foundation.errors import BadRecord, ConfigError, SourceError, StoreError
from foundation.jsonread import read_json
from foundation.jsonslices import ArraySlices
from foundation.web import Guard, WebPolicy
from foundation.web.bodies import BodyError, aside, body_pieces, whole_body
from foundation.web.headers import PAGE_CSP

MAX_POLLS_BYTES = 256 << 20  # unpacked; about 4 million polls, on their way to a file
MAX_JSON_BYTES = 32 << 20  # the same as JSON
MAX_QUESTION_BYTES = 64 << 10
UPLOADS = 4  # at a time
RANGES = 4  # reports of ranges at a time; the others wait for their turn
RANGE_WAIT_S = 10.0  # and are asked to come again where it does not come
_FORMS = PAGE_CSP.replace("form-action 'none'", "form-action 'self'")  # the search works without the script, too
_CSP = f"{_FORMS}; connect-src 'self'; script-src 'self'"


class JsonPoll(msgspec.Struct):
    """One poll as JSON, by the names of the columns."""

    store_id: str | int
    status: str | int | bool
    timestamp_utc: str | int | float

    def line(self) -> str:
        """The poll as a line of CSV; a field that cannot be written in CSV makes the row a bad one."""
        return ",".join(" ".join(str(field).split()) for field in (self.store_id, self.status, self.timestamp_utc))


class Problem(Exception):  # noqa: N818, an answer, not a fault of ours
    """A request that gets another answer than it hoped for."""

    def __init__(self, status: int, text: str, **headers: str) -> None:
        """`status`: of HTTP. `text`: what is wrong, in the JSON body. `headers`: of the answer."""
        super().__init__(text)
        self.response = _json({"status": text}, status, headers)


def build_api(live: Live) -> web.Application:
    """The application, without metrics and health."""
    api = _Api(live)
    app = web.Application(client_max_size=MAX_QUESTION_BYTES, middlewares=[_problems])
    router = app.router
    for method in ("GET", "POST"):
        router.add_route(method, "/trigger_report", api.trigger)
        router.add_route(method, "/get_report", api.get_report)
        router.add_route(method, "/get_report/{report_id}", api.get_report)
    router.add_post("/polls", api.polls)
    router.add_get("/stores/{store_id}", api.store)
    router.add_get("/report", api.report)
    router.add_get("/view/{store_id}", api.view)
    router.add_get("/openapi.json", _constant(msgspec.json.encode(DOCUMENT), "application/json"))
    router.add_get("/docs", _constant(docs_page(DOCUMENT).encode(), "text/html"))
    router.add_get("/", api.index)
    router.add_get("/page.js", _constant(SCRIPT.encode(), "text/javascript"))
    return app


class _Api:
    def __init__(self, live: Live) -> None:
        self._live = live
        self._uploads = asyncio.Semaphore(UPLOADS)
        self._reports = asyncio.Semaphore(RANGES)

    async def trigger(self, _: web.Request) -> web.Response:
        """`/trigger_report`."""
        try:
            report_id = await self._live.jobs.trigger()
        except TooManyJobs as exc:
            raise Problem(503, str(exc), **{"Retry-After": "10"}) from exc
        return _json({"status": "success", "report_id": report_id})

    async def get_report(self, request: web.Request) -> web.Response:
        """`/get_report`."""
        as_csv = _wants_csv(request)
        job = self._live.jobs.find(await _report_id(request))
        if job is None:
            raise Problem(404, "No such report Id!")
        if job.status == "running":
            return _json({"status": "Running"}, 202, {"Retry-After": "1"})
        if job.status == "failed":
            return _json({"status": "Failed", "reason": job.reason or ""}, 500)
        bodies = await self._live.jobs.bodies(job.report_id)
        if as_csv:
            name = f'attachment; filename="report-{job.report_id}.csv"'
            headers = {"Content-Disposition": name, "Vary": "Accept"}
            return web.Response(body=bodies.csv, content_type="text/csv", charset="utf-8", headers=headers)
        return web.Response(body=bodies.json, content_type="application/json", headers={"Vary": "Accept"})

    async def polls(self, request: web.Request) -> web.Response:
        """`/polls`."""
        if self._uploads.locked():
            raise Problem(503, f"{UPLOADS} uploads are already running", **{"Retry-After": "5"})
        folder = self._live.database.path.parent
        async with self._uploads:
            try:
                with new_upload(folder) as file:
                    await _receive(request, file)
                    loaded = await self._live.take(Input(Path(file.name), "body", "status"))
            except SourceError as exc:
                raise Problem(400, str(exc)) from exc
            except OSError as exc:  # of a full disk, which closing the file meets once more
                raise StoreError(f"{folder}: {exc.strerror}") from exc
        answer = msgspec.to_builtins(loaded)
        del answer["name"], answer["kind"]
        if not loaded.problems:
            del answer["problems"]
        return _json({"status": "success", **answer})

    async def store(self, request: web.Request) -> web.Response:
        """`/stores/{store_id}`, of the last hour, day and week or of a range."""
        store_id = request.match_info["store_id"]
        wanted = parse_asked(request.query, rows=False).wanted
        ranged = any(request.query.get(name) for name in RANGE_NAMES)
        found = await self._one(store_id, wanted if ranged else None)
        return _json(to_json(store_id, found))

    async def report(self, request: web.Request) -> web.Response:
        """`/report`: the figures of all stores or groups over a range."""
        asked = parse_asked(request.query)
        async with self._turn():
            report = await self._live.report(asked.wanted)
            body, total = await asyncio.to_thread(_table_body, report, asked)
        headers = {"X-Total-Count": str(total)}
        if asked.form in ("csv", "parquet"):
            headers["Content-Disposition"] = f'attachment; filename="stores.{asked.form}"'
        charset = "utf-8" if asked.form == "csv" else None
        return web.Response(body=body, content_type=FORMATS[asked.form], charset=charset, headers=headers)

    async def index(self, request: web.Request) -> web.Response:
        """`/`."""
        asked = parse_asked(request.query)
        async with self._turn():
            report = await self._live.report(asked.wanted)
            return _page(await asyncio.to_thread(stores_page, report, asked, request.query))

    async def view(self, request: web.Request) -> web.Response:
        """`/view/{store_id}`."""
        store_id = request.match_info["store_id"]
        found = await self._one(store_id, parse_asked(request.query, rows=False).wanted)
        return _page(await asyncio.to_thread(store_page, store_id, found, request.query))

    async def _one(self, store_id: str, wanted: Wanted | None) -> StoreReport:
        async with self._turn():
            found = await self._live.store(store_id, wanted) if len(store_id) <= MAX_ID_CHARS else None
        if found is None:
            raise Problem(404, "No such store!")
        return found

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One of the few reports that may be made at a time. Raises Problem."""
        try:
            async with asyncio.timeout(RANGE_WAIT_S):
                await self._reports.acquire()
        except TimeoutError as exc:
            raise Problem(503, f"{RANGES} reports of ranges are already running", **{"Retry-After": "2"}) from exc
        try:
            yield
        finally:
            self._reports.release()


def api_guard(policy: WebPolicy, host: str) -> Guard:
    """What lets requests through to the application. `host`: where it listens."""
    return Guard(
        policy,
        hosts=[host],
        acting=frozenset({"/trigger_report"}),
        asks={"/polls": "text/csv or application/json"},
        problem=lambda status, text: _json({"status": text}, status),
    )


async def _report_id(request: web.Request) -> str:
    """The id in the path, the query or a JSON body, whichever is there first. Raises Problem."""
    given: Any = request.match_info.get("report_id") or request.query.get("report_id")
    if given is None and request.can_read_body:
        try:
            async with whole_body(request, MAX_QUESTION_BYTES) as text:
                body = read_json(text)
        except BadRecord as exc:
            raise Problem(400, 'the body is not JSON such as {"report_id": "..."}') from exc
        given = body.get("report_id") if isinstance(body, dict) else None
    if given is None:
        raise Problem(400, "report_id is missing: give it in the path, the query or a JSON body")
    try:
        return str(uuid.UUID(given)) if isinstance(given, str) and len(given) == 36 else _malformed()
    except ValueError:
        return _malformed()


def _malformed() -> str:
    raise Problem(400, "report_id is malformed: expected, for example, 73267251-06ca-4a9f-9100-22fa83c231d3")


def _wants_csv(request: web.Request) -> bool:
    """By `format`, or where that is not given by Accept: `text/csv` is named, and not after JSON. Raises Problem."""
    wanted = request.query.get("format")
    if wanted not in (None, "csv", "json"):
        raise Problem(400, "format: expected csv or json")
    if wanted is not None:
        return wanted == "csv"
    accept = request.headers.get("Accept", "")
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return "text/csv" in kinds and "application/json" not in kinds[: kinds.index("text/csv")]


async def _receive(request: web.Request, file: Any) -> None:
    """Write a body to a file as CSV. Raises BodyError, Problem."""
    if request.content_type != "application/json":
        async for piece in body_pieces(request, MAX_POLLS_BYTES):
            await asyncio.to_thread(_write, file, piece)
        return
    slices = ArraySlices(JsonPoll)
    await asyncio.to_thread(_write, file, b"store_id,status,timestamp_utc\n")
    try:
        async for piece in body_pieces(request, MAX_JSON_BYTES):
            await asyncio.to_thread(_write, file, await aside(_csv_of, slices.feed(piece)))
        await asyncio.to_thread(_write, file, await aside(_csv_of, slices.finish()))
    except BadRecord as exc:
        raise Problem(400, f"not a JSON array of store_id, status and timestamp_utc: {exc}") from exc


def _csv_of(slices: Iterable[list[JsonPoll]]) -> bytes:
    text = "".join(f"{poll.line()}\n" for polls in slices for poll in polls)
    return text.encode("utf-8", "replace")


def _write(file: Any, text: bytes) -> None:
    file.write(text)
    file.flush()


def _table_body(report: Report, asked: Asked) -> tuple[bytes, int]:
    report, table = find_rows(report, asked)
    rows, total = choose(table, asked)
    return encode(rows, asked.form, {**about(report), "total": total}), total


def _page(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": _CSP})


@web.middleware
async def _problems(request: web.Request, handler: Any) -> web.StreamResponse:
    """Errors as JSON with a status."""
    try:
        response: web.StreamResponse = await handler(request)
    except Problem as problem:
        response = problem.response
    except ConfigError as exc:
        response = _json({"status": str(exc)}, 400 if isinstance(exc, MalformedError) else 422)
    except BodyError as exc:
        response = _json({"status": str(exc)}, exc.status, exc.headers)
    except web.RequestPayloadError:
        response = _json({"status": "the body cannot be read"}, 400)
    except StoreError as exc:
        response = _json({"status": "Failed", "reason": str(exc)}, 503, {"Retry-After": "60"})
    except web.HTTPException as exc:
        headers = {"Allow": exc.headers["Allow"]} if "Allow" in exc.headers else {}
        response = _json({"status": exc.reason}, exc.status, headers)
    return response


def _constant(body: bytes, kind: str) -> Any:
    async def answer(_: web.Request) -> web.Response:
        """The fixed body."""
        return web.Response(body=body, content_type=kind, charset="utf-8", headers={"Content-Security-Policy": _CSP})

    return answer


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json", headers=headers
    )
